"""Reads the audio or the cached features of a planned batch; this is what loader processes run."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from lhotse.audio import AudioLoadingError
from lhotse.cut import Cut
from torch import Tensor
from torch.utils.data import Dataset

import asr.corpora.manifests  # noqa: F401 - sets the audio backend, in spawned loader processes too
from asr.corpora.listening import audio_path
from asr.data.batch import Batch, Share, pad
from asr.data.plan import PlannedBatch
from asr.data.shards import ReadAhead, in_memory
from asr.data.utterances import Utterance
from asr.errors import DataError, first_of_ours
from asr.features.random import utterance_seed


class SpeechDataset(Dataset[Batch]):
    """Utterances to batches."""

    def __init__(
        self,
        utterances: Sequence[Utterance],
        sample_rate: int,
        cached: bool,
        seed: int,
        window_shards: int | None = None,
    ) -> None:
        """Keeps the utterances.

        Args:
            utterances: all of the set.
            sample_rate: of the front end, in Hz.
            cached: whether features are read in place of audio.
            seed: of the whole training.
            window_shards: shards of a window of the plan, which are read ahead as wholes; None reads utterances alone.
        """
        self.utterances, self.sample_rate, self.cached, self.seed = utterances, sample_rate, cached, seed
        self._ahead = None if window_shards is None else ReadAhead(2 * window_shards)

    @property
    def lengths(self) -> list[float]:
        """The length of each utterance, in seconds."""
        return [utterance.seconds for utterance in self.utterances]

    def __getitem__(self, planned: PlannedBatch) -> Batch:
        """Reads one batch.

        Raises:
            DataError: naming the utterance whose audio or features cannot be read.
        """
        utterances = [self.utterances[index] for index in planned.indices]
        if self._ahead is not None and not self.cached:
            self._ahead.ask(utterance.cut for utterance in utterances)
        read = self._features if self.cached else self._waveform
        inputs, lengths = pad([read(utterance, planned.speed) for utterance in utterances])
        token_ids = [token_id for utterance in utterances for token_id in utterance.token_ids]
        return Batch(
            utterance_ids=[utterance.cut.id for utterance in utterances],
            texts=[utterance.text for utterance in utterances],
            waveforms=None if self.cached else inputs,
            features=inputs if self.cached else None,
            lengths=lengths,
            targets=torch.tensor(token_ids),
            target_lengths=torch.tensor([len(utterance.token_ids) for utterance in utterances]),
            seeds=torch.tensor(
                [utterance_seed(self.seed, planned.epoch, name) for name in _names(planned, utterances)]
            ),
            share=Share.of(planned, lambda index: len(self.utterances[index].token_ids)),
        )

    def _features(self, utterance: Utterance, speed: float) -> Tensor:
        cut = utterance.cut if speed == 1.0 else utterance.copies[speed]
        try:
            return torch.from_numpy(cut.load_features())
        except Exception as error:  # whatever the storage raises, the user needs to know which utterance it was
            raise DataError(cut.id, f"cached features cannot be read ({error})", "run asr features again") from error

    def _waveform(self, utterance: Utterance, speed: float) -> Tensor:
        return read_waveform(utterance.cut if speed == 1.0 else utterance.cut.perturb_speed(speed), self.sample_rate)


def _names(planned: PlannedBatch, utterances: Sequence[Utterance]) -> list[str]:
    """Names what is augmented: an utterance that comes again in an epoch is not augmented in the same way."""
    occurrences = planned.occurrences or (0,) * len(utterances)
    return [
        f"{utterance.cut.id}/{before}" if before else utterance.cut.id
        for utterance, before in zip(utterances, occurrences, strict=True)
    ]


def read_waveform(cut: Cut, sample_rate: int) -> Tensor:
    """Reads the audio of a cut as one channel.

    Args:
        cut: what to read.
        sample_rate: to resample to, in Hz.

    Returns:
        Samples in [-1, 1], shape (S,).

    Raises:
        DataError: if it cannot be read.
    """
    read = in_memory(cut)
    where = ": ".join(part for part in (cut.id, audio_path(cut)) if part)
    try:
        read = read if read.sampling_rate == sample_rate else read.resample(sample_rate)
        audio = read.load_audio()
    except Exception as error:  # Lhotse raises many kinds, pages long, with ours at their root
        found = first_of_ours(error)
        if found is not None:
            raise DataError(where, found.found, found.remedy) from None
        reason = f"audio cannot be read ({type(error).__name__})"
        if isinstance(error, AudioLoadingError):
            reason = f"is not as long as its manifest says, {cut.num_samples:,} samples"
        raise DataError(where, reason, "run asr prepare again") from error
    return torch.from_numpy(audio).mean(dim=0)
