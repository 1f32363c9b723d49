"""Noise from the user's own recordings."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.augmentation.noise import Noise
from asr.augmentation.recordings import Recordings
from asr.features.frontend import FrontEnd
from asr.features.random import uniform

_STREAM = 231


class AddRecordedNoise(Noise):
    """Adds a random stretch of a random recording.

    All recordings are equally likely. A recording shorter than the utterance is repeated. The recording, the stretch
    and the ratio depend only on the utterance's seed and length. If the whole stretch is silent, nothing is added.

    The recordings stay in memory as 16-bit integers, 0.12 GB an hour at 16 kHz, on each device.

    Args:
        frontend: of the model.
        manifest: list of recordings, one audio file a line; see :func:`asr.augmentation.recordings.read_list`.
        snr_db: lowest and highest signal-to-noise ratio in dB, drawn uniformly between.
        probability: share of the utterances that get noise.

    Raises:
        ConfigError: a setting is invalid.
    """

    choice = (_STREAM, 3)
    recordings: Recordings

    def __init__(
        self, frontend: FrontEnd, manifest: str, snr_db: tuple[float, float], probability: float = 1.0
    ) -> None:
        """Checks the settings; ``recordings.read()`` or the first batch reads the recordings."""
        super().__init__(snr_db, probability)
        self.recordings = Recordings(manifest, frontend.sample_rate)

    def make(self, lengths: Tensor, seeds: Tensor, num_samples: int) -> Tensor:
        """Takes a stretch for each utterance: (B,), (B,) -> (B, num_samples).

        Raises:
            DataError: the recordings cannot be read.
        """
        bank = self.recordings.on(seeds.device)
        draws = uniform(seeds, 2, _STREAM)
        chosen = bank.choose(draws[:, 0])
        room = bank.lengths[chosen] - lengths  # samples by which the stretch can move without a jump
        room = torch.where(room >= 0, room + 1, bank.lengths[chosen])
        return bank.cut(chosen, (draws[:, 1].double() * room).long(), num_samples)
