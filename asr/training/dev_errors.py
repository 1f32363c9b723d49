"""Errors of greedy decoding on the dev set, and the loss there, while a model that hears is trained."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from asr.data.batch import Batch
from asr.decoding.hypothesis import Hypothesis
from asr.models.acoustic import AcousticModel
from asr.scoring.counts import ErrorCounts, Unit, count_errors
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN

_RATES: Mapping[Unit, str] = {"char": "cer", "word": "wer", "phone": "per"}


class DevErrors:
    """The loss and the errors of one head on a dev set.

    Args:
        name: of the head, which is part of the names of its metrics; that of the main head is not.
        tokens: the table of its outputs.

    Attributes:
        prefix: of its metrics: nothing for the main head, the name and an underscore for others.
        samples: transcripts and hypotheses that were counted.
    """

    def __init__(self, name: str, tokens: TokenTable) -> None:
        self.prefix = "" if name == MAIN else f"{name}_"
        self._units: tuple[Unit, ...] = ("phone",) if tokens.unit == "phone" else ("char", "word")
        self.reset(torch.device("cpu"))

    def reset(self, device: torch.device) -> None:
        """Forgets what was counted, and counts on a device from now on."""
        self._counts = {unit: ErrorCounts() for unit in self._units}
        self._loss_and_tokens = torch.zeros(2, dtype=torch.float64, device=device)
        self.samples: list[tuple[str, str]] = []

    def add(self, losses: Tensor, nbests: Sequence[Sequence[Hypothesis]], batch: Batch) -> None:
        """Counts the errors of the first hypotheses of a batch.

        Args:
            losses: loss of each utterance in nats, shape (B,).
            nbests: B N-best lists.
            batch: the batch with the targets of the head.
        """
        self._loss_and_tokens += torch.stack([losses.double().sum(), batch.target_lengths.sum().double()])
        hyps = [nbest[0].text for nbest in nbests]
        for unit in self._units:
            self._counts[unit] = sum(count_errors(batch.texts, hyps, unit), self._counts[unit])
        self.samples += zip(batch.texts, hyps, strict=True)

    def fractions(self) -> Iterator[tuple[str, Tensor]]:
        """Yields the name of each metric, and its numerator and denominator on this rank, shape (2,)."""
        yield f"val/{self.prefix}loss", self._loss_and_tokens
        for unit, counts in self._counts.items():
            yield f"val/{self.prefix}{_RATES[unit]}", self._loss_and_tokens.new_tensor([counts.errors, counts.num_ref])


class AcousticErrors(DevErrors, ABC):
    """The loss and the errors of what reads the encoded frames of an acoustic model on a dev set."""

    @abstractmethod
    def count(self, model: AcousticModel, encoded: Mapping[str, list[Tensor]], lengths: Tensor, batch: Batch) -> None:
        """Counts the errors of greedy decoding on a batch.

        Args:
            model: the model.
            encoded: the frames that each head reads, as :meth:`AcousticModel.encode_heads` returns them.
            lengths: encoder frames of each utterance, shape (B,).
            batch: the batch with the targets of all heads.
        """
