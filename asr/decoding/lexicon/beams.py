"""The beams of the lexicon search, those of a whole batch as tensors, and what a frame did to them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from asr.decoding.beams import DEAD, NOBODY, Step
from asr.decoding.lexicon.trie import ROOT

_NO_PREFIX = 0x452821E638D01377
"""The number of the empty prefix (digits of pi)."""


class Masses(NamedTuple):
    """Scores of the K best prefixes of each utterance, each (B, K).

    Attributes:
        total: natural-log probability of all alignments of the prefix with the frames so far.
        ends_blank: the part of it that ends in blank.
        ends_token: the part of it that ends in the last token.
        bonus: scores of words and look-ahead.
    """

    total: Tensor
    ends_blank: Tensor
    ends_token: Tensor
    bonus: Tensor


class Marks(NamedTuple):
    """What tells the K best prefixes of each utterance apart, integers, each (B, K).

    Attributes:
        last: last token.
        states: state in the trie.
        lm_states: state of the language model.
        options: which arc of its pair led there.
        hashes: a number that stands for the prefix.
        parents: the number of the prefix without its last token.
        words: a number that stands for its words.
    """

    last: Tensor
    states: Tensor
    lm_states: Tensor
    options: Tensor
    hashes: Tensor
    parents: Tensor
    words: Tensor


@dataclass(frozen=True)
class LexiconBeams:
    """The K best prefixes of each utterance, in no order. A prefix is a token sequence and how it is cut into words.

    Attributes:
        scores: ``total + bonus``, by which the beam is kept; -inf marks a place without a prefix, shape (B, K).
        stacked_masses: :class:`Masses`, in one tensor because they are gathered together, shape (4, B, K).
        stacked_marks: :class:`Marks`, shape (7, B, K).
    """

    scores: Tensor
    stacked_masses: Tensor
    stacked_marks: Tensor

    @property
    def masses(self) -> Masses:
        """Views of the masses."""
        return Masses(*self.stacked_masses.unbind())

    @property
    def marks(self) -> Marks:
        """Views of the marks."""
        return Marks(*self.stacked_marks.unbind())

    @classmethod
    def start(cls, batch_size: int, beam_size: int, last: int, lm_state: int, like: Tensor) -> LexiconBeams:
        """Returns beams that hold the empty prefix alone.

        Args:
            batch_size: B.
            beam_size: K.
            last: what stands as its last token, the separator or blank.
            lm_state: state of the language model at the beginning of a sentence.
            like: a tensor of the scores' dtype, on the device of the search.
        """
        scores = like.new_full((batch_size, beam_size), -math.inf)
        scores[:, 0] = 0.0
        never, zero = torch.full_like(scores, -math.inf), torch.zeros_like(scores)
        masses = Masses(total=scores, ends_blank=scores, ends_token=never, bonus=zero)
        one = torch.ones_like(scores, dtype=torch.int64)
        marks = Marks(
            last=last * one,
            states=ROOT * one,
            lm_states=lm_state * one,
            options=0 * one,
            hashes=DEAD * one,
            parents=NOBODY * one,
            words=0 * one,
        )
        marks.hashes[:, 0] = _NO_PREFIX
        return cls(scores, torch.stack(masses), torch.stack(marks))

    def rows(self, begin: int, end: int) -> LexiconBeams:
        """Returns the beams of some of the utterances."""
        masses, marks = self.stacked_masses[:, begin:end], self.stacked_marks[:, begin:end]
        return LexiconBeams(self.scores[begin:end], masses, marks)

    @classmethod
    def join(cls, parts: list[LexiconBeams]) -> LexiconBeams:
        """Returns the concatenated beams of all utterances."""
        return cls(
            torch.cat([part.scores for part in parts]),
            torch.cat([part.stacked_masses for part in parts], dim=1),
            torch.cat([part.stacked_marks for part in parts], dim=1),
        )


@dataclass(frozen=True)
class Lost:
    """Prefixes that a frame left out because a better one has the same continuations, and other words; shapes (B, J).

    Attributes:
        winners: place of the better one in the beams after the frame.
        sources: place, in the beams before the frame, of the prefix that it is or grew from.
        token_ids: the token that the frame added to it, or -1.
        words: the word that this ended, or -1.
        margins: how much better the other one is, natural log; inf where there is none left out.
        bonus_margins: the part of this that is of words and look-ahead.
    """

    winners: Tensor
    sources: Tensor
    token_ids: Tensor
    words: Tensor
    margins: Tensor
    bonus_margins: Tensor


@dataclass(frozen=True)
class WordStep(Step):
    """A step, and the word that each prefix's new token ended, or -1, shape (B, K).

    Attributes:
        words: these words.
        lost: what was recombined, where that is kept.
    """

    words: Tensor
    lost: Lost | None = None
