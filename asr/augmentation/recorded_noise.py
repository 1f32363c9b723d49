"""Noise from the user's own recordings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from asr.augmentation.levels import add_at_ratio, own_samples
from asr.augmentation.recordings import Recordings
from asr.errors import ConfigError
from asr.features.random import uniform

_STREAM = 231


class AddRecordedNoise(nn.Module):
    """Adds a random stretch of a random recording at a random signal-to-noise ratio, exact over the own samples.

    All recordings are equally likely. A recording that is shorter than the utterance is repeated. Which recording,
    stretch and ratio it is depends on the utterance's seed and length alone. Where a recording is silent for the whole
    stretch, nothing is added.

    The recordings are kept in memory as 16-bit integers, 0.12 GB an hour at 16 kHz, on each device.
    """

    def __init__(
        self, manifest: str, snr_db: tuple[float, float], probability: float = 1.0, sample_rate: int = 16000
    ) -> None:
        """Checks the settings; the recordings are read by ``recordings.read()``, or when the first batch comes.

        Args:
            manifest: list of recordings, one audio file a line; see :func:`asr.augmentation.recordings.read_list`.
            snr_db: lowest and highest signal-to-noise ratio in dB, drawn uniformly between.
            probability: part of the utterances that get noise.
            sample_rate: Hz of the waveforms.

        Raises:
            ConfigError: a setting is not possible.
        """
        super().__init__()
        if len(snr_db) != 2 or snr_db[0] > snr_db[1] or not 0 <= probability <= 1:
            remedy = "snr_db is lowest and highest, probability in 0..1"
            raise ConfigError("AddRecordedNoise", f"snr_db is {list(snr_db)}, probability {probability}", remedy)
        self.snr_db, self.probability, self.sample_rate = snr_db, probability, sample_rate
        self.recordings = Recordings(manifest, sample_rate)

    def forward(self, waveforms: Tensor, lengths: Tensor, seeds: Tensor) -> Tensor:
        """Adds noise to a batch.

        Args:
            waveforms: shape (B, S).
            lengths: samples of each utterance, shape (B,).
            seeds: int64, shape (B,), from :func:`asr.features.random.utterance_seed`.

        Returns:
            Waveforms, shape (B, S), with padding as it was; the same object outside training.

        Raises:
            DataError: the recordings cannot be read.
        """
        if not self.training or self.probability == 0 or waveforms.shape[1] == 0:
            return waveforms
        lengths, seeds = lengths.to(waveforms.device), seeds.to(waveforms.device)
        bank = self.recordings.on(waveforms.device)
        draws = uniform(seeds, 4, _STREAM)
        with torch.autocast(waveforms.device.type, enabled=False):
            chosen = bank.choose(draws[:, 0])
            room = bank.lengths[chosen] - lengths  # samples by which the stretch can be moved without a jump in it
            room = torch.where(room >= 0, room + 1, bank.lengths[chosen])
            offsets = (draws[:, 1].double() * room).long()
            noise = bank.cut(chosen, offsets, waveforms.shape[1])
            snr = self.snr_db[0] + (self.snr_db[1] - self.snr_db[0]) * draws[:, 2]
            is_chosen = draws[:, 3] < self.probability
            return add_at_ratio(waveforms, noise, own_samples(waveforms, lengths), snr, is_chosen)
