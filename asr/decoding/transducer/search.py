"""What the searches of a transducer have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from asr.decoding.decoder import check_log_probs
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.transducer.emissions import Emissions, hypotheses_of
from asr.models.transducer import Transducer
from asr.text.tokens import BLANK, TokenTable


class TransducerSearch(ABC):
    """Turns what a transducer hears into hypotheses.

    Args:
        model: the transducer.
        tokens: names the V tokens.
        blank: index of blank.
    """

    def __init__(self, model: Transducer, tokens: TokenTable, blank: int = BLANK) -> None:
        self.model, self.tokens, self.blank = model, tokens, blank

    @torch.inference_mode()
    def __call__(self, heard: Tensor, input_lengths: Tensor, /) -> list[list[Hypothesis]]:
        """Decodes a batch.

        Args:
            heard: the part of the audio in the joint, shape (B, N, J).
            input_lengths: frames of each utterance, shape (B,).

        Returns:
            For each utterance its N-best list, best first, at least one hypothesis long.

        Raises:
            DataError: an utterance's frames are not numbers.
        """
        input_lengths = input_lengths.to(heard.device)
        check_log_probs(heard, input_lengths, self.model.output.in_features)
        return hypotheses_of(self.search(heard, input_lengths), heard, self.model, self.tokens, self.blank)

    @abstractmethod
    def search(self, heard: Tensor, input_lengths: Tensor) -> Emissions:
        """Returns the tokens of a batch, and the frames that they are said in."""
