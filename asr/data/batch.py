"""What a training step is fed with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.data.plan import PlannedBatch
from asr.text.writing import MAIN


@dataclass(frozen=True)
class Share:
    """What a rank's batch is of the step that all ranks take together.

    Attributes:
        num_ranks: ranks that share the step.
        num_utterances: utterances of the whole step, sentences or words for other models.
        num_targets: tokens that are learned in the whole step.
        counts: False where the batch lies with another rank, too, and is here only so that this one takes part.
    """

    num_ranks: int
    num_utterances: int
    num_targets: int
    counts: bool = True

    @classmethod
    def of(cls, planned: PlannedBatch, num_targets: Callable[[int], int]) -> Share:
        """Returns the share of a planned batch.

        Args:
            planned: the rank's batch.
            num_targets: returns the tokens of an utterance.
        """
        of_step = planned.of_step or planned.indices
        return cls(planned.num_ranks, len(of_step), sum(map(num_targets, of_step)), planned.counts)

    def part(self, total: Tensor, count: int) -> Tensor:
        """Returns this rank's part of a mean over the step; the mean of all ranks' parts is the step's mean.

        So the gradients that ranks average are those of one batch, however many ranks there are.

        Args:
            total: sum over this rank's batch, a scalar.
            count: what the step has of what is summed.
        """
        return total * (self.num_ranks if self.counts else 0) / count


@dataclass(frozen=True)
class Moving:
    """Tensors, and what is known of them, that go to a device together."""

    def to(self, *arguments: object, **options: object) -> Self:
        """Returns the batch on another device, as ``Tensor.to`` does."""
        return self._map_tensors("to", *arguments, **options)

    def pin_memory(self) -> Self:
        """Returns the batch in pinned memory, for a loader that feeds a GPU."""
        return self._map_tensors("pin_memory")

    def _map_tensors(self, function: str, *arguments: object, **options: object) -> Self:
        def moved(value: object) -> object:
            if isinstance(value, Mapping):
                return {name: moved(inner) for name, inner in value.items()}
            is_movable = isinstance(value, Tensor | Moving)
            return getattr(value, function)(*arguments, **options) if is_movable else value

        values = {each.name: moved(getattr(self, each.name)) for each in fields(self)}
        return replace(self, **values)


@dataclass(frozen=True)
class Targets(Moving):
    """What a head beside the main one learns of the utterances of a batch.

    Attributes:
        texts: B transcripts, after the head's text policy.
        targets: token ids of all utterances, concatenated, shape (sum of target_lengths,).
        target_lengths: tokens of each utterance, shape (B,).
        num_targets: tokens that are learned in the whole step, by all ranks.
    """

    texts: list[str]
    targets: Tensor
    target_lengths: Tensor
    num_targets: int


@dataclass(frozen=True)
class Batch(Moving):
    """Utterances padded to one length, with their targets.

    Attributes:
        utterance_ids: B names.
        texts: B transcripts, after the text policy.
        kind: what ``inputs`` are.
        inputs: waveforms, samples in [-1, 1], shape (B, S), or the front end's static values, shape (B, T, static_dim).
        lengths: samples or frames of each utterance, shape (B,).
        targets: token ids of all utterances, concatenated, shape (sum of target_lengths,).
        target_lengths: tokens of each utterance, shape (B,).
        seeds: seed of each utterance's augmentation in this epoch, shape (B,).
        joints: sample or frame at which the second of two joined utterances begins, 0 where one is alone, shape (B,);
            None in steps that join none.
        share: what the batch is of a step that several ranks take together.
        beside: targets of the heads beside the main one, by name.
    """

    utterance_ids: list[str]
    texts: list[str]
    kind: Literal["waveforms", "static"]
    inputs: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    seeds: Tensor
    share: Share
    joints: Tensor | None = None
    beside: Mapping[str, Targets] = field(default_factory=dict)

    def of_head(self, name: str) -> Batch:
        """Returns the batch with the targets of a head; ``main`` is the batch itself."""
        if name == MAIN:
            return self
        own = self.beside[name]
        share = replace(self.share, num_targets=own.num_targets)
        return replace(
            self, texts=own.texts, targets=own.targets, target_lengths=own.target_lengths, share=share, beside={}
        )

    def __len__(self) -> int:
        """Returns the number of utterances, B."""
        return len(self.utterance_ids)


def pad(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Pads B rows of shape (T_b, ...) with zeros to (B, T, ...); returns also their lengths T_b, shape (B,).

    Example:
        >>> pad([torch.ones(1), torch.ones(2)])
        (tensor([[1., 0.],
                [1., 1.]]), tensor([1, 2]))
    """
    return pad_sequence(list(rows), batch_first=True), torch.tensor([len(row) for row in rows])
