"""Beam search with a transducer, synchronous with the length of alignments, the beams of a whole batch as tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.decoding.beams import DEAD, HASH_FACTOR, NOBODY, locate, random_numbers, require, walk_back
from asr.decoding.transducer.emissions import Emissions
from asr.decoding.transducer.prefixes import Prefixes
from asr.decoding.transducer.search import TransducerSearch
from asr.errors import DataError
from asr.models.transducer import Transducer
from asr.text.tokens import BLANK, TokenTable

_ROOT = 0x243F6A8885A308D3
"""The number of the empty sequence (digits of pi)."""


@dataclass(frozen=True, eq=False)
class _Beams:
    """The K sequences that each utterance may still go on with, best first; all fields have shape (B, K).

    Attributes:
        scores: natural-log probability of all ways to the node that is as many steps along; -inf for an empty place.
        lengths: tokens of each.
        last: the last token of each, blank for the empty one.
        hashes: a number that stands for the sequence.
        parents: the hash of the sequence without its last token.
    """

    scores: Tensor
    lengths: Tensor
    last: Tensor
    hashes: Tensor
    parents: Tensor

    @classmethod
    def start(cls, input_lengths: Tensor, beam_size: int, blank: int) -> _Beams:
        """Returns the empty sequence for utterances that have a frame."""
        shape, device = (len(input_lengths), beam_size), input_lengths.device
        scores = torch.full(shape, -math.inf, dtype=torch.float64, device=device)
        scores[:, 0] = torch.where(input_lengths > 0, 0.0, -math.inf)
        lengths, last, hashes, parents = (torch.full(shape, each, device=device) for each in (0, blank, DEAD, NOBODY))
        hashes[:, 0] = _ROOT
        return cls(scores, lengths, last, hashes, parents)


@dataclass(frozen=True, eq=False)
class _Step:
    """What a step did, to find the way back by; of K sequences that go on and M that have ended, shape (B, K + M).

    Attributes:
        sources: the place, among those before the step, that the likeliest way came from.
        token_ids: the token that it added, or -1.
        frames: the frame in which it did.
    """

    sources: Tensor
    token_ids: Tensor
    frames: Tensor


class TransducerBeamDecoder(TransducerSearch):
    """Finds the token sequences whose alignments are likeliest in sum.

    All sequences of a beam are as many steps along, tokens and blanks alike: with equal sequences merged, each is one
    node of the lattice and its score the sum of the ways there that stayed in the beam. The search is exact when none
    ever leaves it. It ends when nothing in the beam, all together, can overtake what has ended. An utterance gets as
    many tokens as it has frames at most. Utterances of a batch do not affect each other. Times are those of the
    likelier way wherever two meet.

    **Source**: Saon, Tüske & Audhkhasi 2020, "Alignment-length synchronous decoding for RNN transducer", algorithm 1;
    the sum over ways is Graves 2012, section 2.6.

    Args:
        model: the transducer.
        tokens: names the V tokens.
        beam_size: K, sequences kept at each step; larger is slower and more exact.
        nbest: M, hypotheses returned for each utterance, at most ``beam_size``.
        blank: index of blank.

    Raises:
        ConfigError: a number is out of its range.
    """

    def __init__(
        self, model: Transducer, tokens: TokenTable, beam_size: int, nbest: int = 1, blank: int = BLANK
    ) -> None:
        require("beam_size", beam_size, beam_size >= 1, "1 or more")
        require("nbest", nbest, 1 <= nbest <= beam_size, f"from 1 to beam_size, which is {beam_size}")
        super().__init__(model, tokens, blank)
        self.beam_size, self.nbest = beam_size, nbest
        self._token_hashes = random_numbers(len(tokens), 0)

    def search(self, heard: Tensor, input_lengths: Tensor) -> Emissions:
        """Returns the tokens of a batch, and the frames that they are said in."""
        beams = _Beams.start(input_lengths, self.beam_size, self.blank)
        prefixes = Prefixes.empty(self.model, beams.scores.numel(), self.blank)
        ended = beams.scores.new_full((len(heard), self.nbest), -math.inf)
        ended[:, 0] = torch.where(input_lengths > 0, -math.inf, 0.0)  # no frames, no tokens
        steps: list[_Step] = []
        while bool((beams.scores[:, 0] > -math.inf).any()):
            beams, prefixes, ended, step = self._advance(beams, prefixes, ended, heard, input_lengths, len(steps))
            steps.append(step)
        impossible = ended[:, 0].isinf().nonzero()[:, 0].tolist()
        if impossible:
            raise DataError("encoder", f"no path is possible in rows {impossible} of the batch", "check the model")
        slots = torch.arange(self.nbest, device=heard.device).expand(len(heard), -1) + self.beam_size
        added = [[step.token_ids for step in steps], [step.frames for step in steps]]
        (token_ids, frames), lengths = walk_back([step.sources for step in steps], added, slots)
        return Emissions(token_ids, frames.clamp(min=0), torch.where(ended.isinf(), 0, lengths), ended)

    def _advance(
        self, beams: _Beams, prefixes: Prefixes, ended: Tensor, heard: Tensor, input_lengths: Tensor, number: int
    ) -> tuple[_Beams, Prefixes, Tensor, _Step]:
        """Takes the beams of a batch one step further: by a token in the same frame, or on to the next one."""
        frames = (number - beams.lengths).clamp(0, heard.size(1) - 1)
        log_probs = self._log_probs(heard, frames, prefixes)
        silent = beams.scores + log_probs[:, :, self.blank]
        spoken = beams.scores[:, :, None] + log_probs  # (B, K, V)
        spoken[:, :, self.blank] = -math.inf
        spoken.masked_fill_((beams.lengths >= input_lengths[:, None])[:, :, None], -math.inf)
        is_end = frames == input_lengths[:, None] - 1
        ended, end_sources = _with_ended(ended, silent.masked_fill(is_end.logical_not(), -math.inf), self.beam_size)
        silent = silent.masked_fill(is_end, -math.inf)

        parents, has_parent = locate(beams.hashes, beams.parents)
        arrivals = parents * spoken.size(2) + beams.last  # by its last token from the sequence before it
        arriving = spoken.flatten(1).gather(1, arrivals).masked_fill(~has_parent, -math.inf)
        spoken = _without(spoken.flatten(1), arrivals, has_parent)
        scores, choice = torch.cat([torch.logaddexp(silent, arriving), spoken], dim=1).topk(self.beam_size, dim=1)
        is_new = choice >= self.beam_size
        sources = torch.where(is_new, (choice - self.beam_size) // log_probs.size(2), choice)
        token_ids = torch.where(is_new, (choice - self.beam_size) % log_probs.size(2), beams.last.gather(1, sources))
        by_token = is_new | (arriving > silent).gather(1, sources)
        way = torch.where(is_new, sources, torch.where(by_token, parents.gather(1, sources), sources))
        step = _Step(
            torch.cat([way, end_sources], dim=1),
            torch.cat([torch.where(by_token, token_ids, -1), torch.full_like(end_sources, -1)], dim=1),
            torch.cat([frames.gather(1, way), torch.zeros_like(end_sources)], dim=1),
        )
        is_over = scores.logsumexp(dim=1, keepdim=True) <= ended[:, -1:]
        scores = scores.masked_fill(is_over, -math.inf)
        after = self._grown(beams, scores, sources, token_ids, is_new)
        rows = (torch.arange(len(scores), device=scores.device)[:, None] * self.beam_size + sources).flatten()
        prefixes = prefixes.take(rows)
        prefixes.extend((is_new & (scores > -math.inf)).flatten(), token_ids.flatten())
        return after, prefixes, ended, step

    def _log_probs(self, heard: Tensor, frames: Tensor, prefixes: Prefixes) -> Tensor:
        """Returns the natural-log probabilities of all tokens after each sequence in its frame, shape (B, K, V)."""
        here = heard.gather(1, frames[:, :, None].expand(-1, -1, heard.size(2)))  # (B, K, J)
        return self.model.join(here, prefixes.said.view(here.shape)).log_softmax(dim=2).double()

    def _grown(self, beams: _Beams, scores: Tensor, sources: Tensor, token_ids: Tensor, is_new: Tensor) -> _Beams:
        """Returns the sequences that stay in the beam, some of them with a new token."""
        is_alive = scores > -math.inf
        hashes = beams.hashes.gather(1, sources)
        grown = hashes * HASH_FACTOR + self._token_hashes.to(hashes.device)[token_ids]
        parents = torch.where(is_new, hashes, beams.parents.gather(1, sources))
        return _Beams(
            scores,
            beams.lengths.gather(1, sources) + is_new,
            token_ids,
            torch.where(is_alive, torch.where(is_new, grown, hashes), DEAD),
            torch.where(is_alive, parents, NOBODY),
        )


def _with_ended(ended: Tensor, ending: Tensor, beam_size: int) -> tuple[Tensor, Tensor]:
    """Returns the best of the sequences that have ended and those that end now, and the place of each before.

    Args:
        ended: natural-log probabilities of those that have, best first, shape (B, M).
        ending: of those that do now, -inf for the others, shape (B, K).
        beam_size: K.
    """
    scores, choice = torch.cat([ended, ending], dim=1).topk(ended.size(1), dim=1)
    return scores, torch.where(choice < ended.size(1), beam_size + choice, choice - ended.size(1))


def _without(spoken: Tensor, places: Tensor, where: Tensor) -> Tensor:
    """Returns scores, shape (B, C), with -inf at some of the places, shape (B, K), those where ``where`` says so."""
    is_taken = torch.zeros_like(spoken, dtype=torch.bool)
    return spoken.masked_fill(is_taken.scatter_reduce_(1, places, where, "amax"), -math.inf)
