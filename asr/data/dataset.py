"""Reads the audio or the cached features of a planned batch; this is what loader processes run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from lhotse.audio import AudioLoadingError
from lhotse.cut import Cut
from torch import Tensor

import asr.corpora.manifests  # noqa: F401 - sets the audio backend, in spawned loader processes too
from asr.corpora.listening import audio_path
from asr.data.batch import Batch, Share, Targets, pad
from asr.data.joining import Joint, Row, make_rows
from asr.data.loader import PlannedSet
from asr.data.plan import PlannedBatch
from asr.data.shards import ReadAhead, in_memory
from asr.data.utterances import Utterance
from asr.errors import DataError, first_of_ours
from asr.features.random import utterance_seed
from asr.text.writing import MAIN


class SpeechDataset(PlannedSet[Batch]):
    """Utterances to batches.

    Args:
        utterances: all of the set.
        sample_rate: of the front end, in Hz.
        cached: whether features are read in place of audio.
        seed: of the whole training.
        window_shards: shards of a window of the plan, which are read ahead as wholes; None reads utterances alone.
        joints: what stands between the tokens of utterances that the plan joins, for each head; None joins none.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        sample_rate: int,
        cached: bool,
        seed: int,
        window_shards: int | None = None,
        joints: Mapping[str, Joint] | None = None,
    ) -> None:
        self.utterances, self.sample_rate, self.cached, self.seed = utterances, sample_rate, cached, seed
        self._joints = joints
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
        rows = self._rows(planned, planned.indices, planned.occurrences)
        if self._ahead is not None and not self.cached:
            self._ahead.ask(utterance.cut for row in rows for utterance in row.utterances)
        read = self._features if self.cached else self._waveform
        parts = [[read(utterance, planned.speed) for utterance in row.utterances] for row in rows]
        inputs, lengths = pad([torch.cat(row) for row in parts])
        joints = torch.tensor([len(row[0]) if len(row) > 1 else 0 for row in parts]) if planned.joined else None
        of_step = self._rows(planned, planned.of_step) if planned.of_step else rows
        targets = {name: _targets(name, rows, of_step) for name in rows[0].labels}
        main = targets.pop(MAIN)
        return Batch(
            utterance_ids=[row.name for row in rows],
            texts=main.texts,
            kind="static" if self.cached else "waveforms",
            inputs=inputs,
            lengths=lengths,
            targets=main.targets,
            target_lengths=main.target_lengths,
            seeds=torch.tensor([utterance_seed(self.seed, planned.epoch, row.seed_name) for row in rows]),
            share=Share(planned.num_ranks, len(of_step), main.num_targets, planned.counts),
            joints=joints,
            beside=targets,
        )

    def _rows(self, planned: PlannedBatch, indices: Sequence[int], occurrences: Sequence[int] = ()) -> list[Row]:
        """Returns the rows of a planned batch, or of all that its step sees."""
        utterances = [self.utterances[index] for index in indices]
        before = occurrences or (0,) * len(utterances)
        pairs = zip(planned.rows(utterances), planned.rows(before), strict=True)
        return [row for found, times in pairs for row in make_rows(found, times, self._joints)]

    def _features(self, utterance: Utterance, speed: float) -> Tensor:
        cut = utterance.cut if speed == 1.0 else utterance.copies[speed]
        try:
            return torch.from_numpy(cut.load_features())
        except Exception as error:  # whatever the storage raises, the user needs to know which utterance it was
            raise DataError(cut.id, f"cached features cannot be read ({error})", "run asr features again") from error

    def _waveform(self, utterance: Utterance, speed: float) -> Tensor:
        return read_waveform(utterance.cut if speed == 1.0 else utterance.cut.perturb_speed(speed), self.sample_rate)


def _targets(head: str, rows: Sequence[Row], of_step: Sequence[Row]) -> Targets:
    """Returns what a head learns of the rows of a batch, and how many tokens it learns in the whole step."""
    labels = [row.labels[head] for row in rows]
    return Targets(
        texts=[each.text for each in labels],
        targets=torch.tensor([token_id for each in labels for token_id in each.token_ids], dtype=torch.long),
        target_lengths=torch.tensor([len(each.token_ids) for each in labels]),
        num_targets=sum(len(row.labels[head].token_ids) for row in of_step),
    )


def read_waveform(cut: Cut, sample_rate: int) -> Tensor:
    """Reads the audio of a cut as one channel, resampled to ``sample_rate`` Hz.

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
