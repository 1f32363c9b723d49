"""The tensors of the lexicon beam search: the beams of a whole batch and one frame's step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from asr.decoding.beams import DEAD, HASH_FACTOR, NOBODY, TokenFrames, best_of_each, locate
from asr.decoding.lexicon.arcs import WeightedTrie
from asr.decoding.lexicon.trie import NO_WORD, ROOT

_NO_PREFIX = 0x452821E638D01377
"""The number of the empty prefix (digits of pi)."""

LAST, STATE, LM_STATE, OPTION, HASH, PARENT, WORDS = range(7)
"""Rows of :attr:`LexiconBeams.marks`."""


@dataclass(frozen=True)
class LexiconBeams:
    """The K best prefixes of each utterance, in no order. A prefix is a token sequence and how it is cut into words.

    Attributes:
        scores: ``total + bonus``, by which the beam is kept; -inf marks a place without a prefix, shape (B, K).
        masses: natural-log probability of all alignments of the prefix with the frames so far; the part of it that ends
            in blank; the part that ends in the last token; and the bonus: scores of words and look-ahead, (4, B, K).
        marks: last token; state in the trie; state of the language model; which arc of its
            pair led there; a number that stands for the prefix; that of the prefix without its last token; and a number
            that stands for its words, shape (7, B, K).
    """

    scores: torch.Tensor
    masses: torch.Tensor
    marks: torch.Tensor

    @classmethod
    def start(
        cls, batch_size: int, beam_size: int, last: int, lm_state: int, dtype: torch.dtype, device: torch.device
    ) -> LexiconBeams:
        """Gives beams that hold the empty prefix alone; as its last token stands the separator or blank."""
        scores = torch.full((batch_size, beam_size), -math.inf, dtype=dtype, device=device)
        masses = scores.repeat(4, 1, 1)
        masses[3] = 0.0
        scores[:, 0] = 0.0
        masses[:2, :, 0] = 0.0
        first = torch.tensor([last, ROOT, lm_state, 0, DEAD, NOBODY, 0], device=device)
        marks = first[:, None, None].repeat(1, batch_size, beam_size)
        marks[HASH, :, 0] = _NO_PREFIX
        return cls(scores, masses, marks)

    def rows(self, begin: int, end: int) -> LexiconBeams:
        """Gives the beams of some of the utterances."""
        return LexiconBeams(self.scores[begin:end], self.masses[:, begin:end], self.marks[:, begin:end])

    @classmethod
    def join(cls, parts: list[LexiconBeams]) -> LexiconBeams:
        """Gives the beams of all utterances, one part after the other."""
        return cls(
            torch.cat([part.scores for part in parts]),
            torch.cat([part.masses for part in parts], dim=1),
            torch.cat([part.marks for part in parts], dim=1),
        )

    def find_parents(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Finds for each prefix where in the beam the prefix without its last token is, and whether it is there."""
        return locate(self.marks[HASH], self.marks[PARENT])


@dataclass(frozen=True)
class WordStep:
    """What one frame did to the beams, to find the way back by. Shapes (B, K).

    Attributes:
        sources: which of the prefixes before the frame each prefix comes from.
        token_ids: the token that the frame added to it, or -1.
        words: the word that this token ended, or -1.
    """

    sources: torch.Tensor
    token_ids: torch.Tensor
    words: torch.Tensor


@dataclass(frozen=True)
class _Extensions:
    """The M extensions that are looked at closely, with O arcs each; shapes (B, M) and, from ``arcs`` on, (B, M*O).

    A stem is the score of an extension before what its arc weighs. The states are those of the trie and of the language
    model behind the arc, which ends a word or none.
    """

    stems: torch.Tensor
    sources: torch.Tensor
    token_ids: torch.Tensor
    arcs: torch.Tensor
    words: torch.Tensor
    scores: torch.Tensor
    states: torch.Tensor
    lm_states: torch.Tensor | None


class LexiconSearch:
    """Moves the beams of a batch on by one frame; all merging of equal prefixes happens here."""

    def __init__(self, arcs: WeightedTrie, blank: int, beam_threshold: float, hyps_per_state: int | None) -> None:
        """Keeps what is the same for all frames.

        Args:
            arcs: the trie with its weights.
            blank: index of blank.
            beam_threshold: prefixes whose score is this much below the best are dropped.
            hyps_per_state: prefixes kept of those that nothing to come can tell apart; None for all.
        """
        self.arcs, self.blank, self.beam_threshold = arcs, blank, beam_threshold
        self.hyps_per_state = hyps_per_state
        self.separator = arcs.trie.separator
        self.options = torch.arange(arcs.trie.most_arcs, device=arcs.weights.device)

    def advance(self, beams: LexiconBeams, frames: TokenFrames, frame: int) -> tuple[LexiconBeams, WordStep]:
        """Gives the beams after one more frame, for the first of the utterances, as many as the beams are of."""
        batch = len(beams.scores)
        log_probs, ids, best, ranks = (
            column[frame][:batch] for column in (frames.log_probs, frames.best_ids, frames.best_log_probs, frames.ranks)
        )
        total, ends_blank, ends_token, bonus = beams.masses.unbind()
        last = beams.marks[LAST]
        slots, has_parent = beams.find_parents()
        # A prefix of the beam also gains what its parent passes on by growing into it. To repeat its own last token,
        # the parent must have ended in blank.
        passed = torch.where(last == last.gather(1, slots), ends_blank.gather(1, slots), total.gather(1, slots))
        gained = passed.masked_fill_(~has_parent, -math.inf)
        if self.separator is not None:  # which may come again after a blank
            ends_token = torch.where(last == self.separator, total, ends_token)
        stay_token = torch.logaddexp(ends_token, gained) + log_probs.gather(1, last)
        stay_blank = total + log_probs[:, self.blank, None]
        stay_total = torch.logaddexp(stay_blank, stay_token)
        stay = stay_total + bonus

        # Of a prefix whose parent is in the beam, the parent's extension into it has been counted above.
        rank = ranks.gather(1, last)
        is_counted = has_parent & (rank < ids.shape[1])
        place = slots * ids.shape[1] + rank.clamp_(max=ids.shape[1] - 1)
        grown = self._extend(beams, ids, best, place, is_counted, stay)

        scores, choice = self._best(beams, torch.cat([stay, grown.scores], dim=1), grown)
        is_alive = scores > scores.amax(dim=1, keepdim=True) - self.beam_threshold
        scores = scores.masked_fill_(~is_alive, -math.inf)
        kept = torch.stack([stay_total, stay_blank, stay_token, bonus])
        return self._choose(beams, kept, grown, scores, choice)

    def _extend(
        self,
        beams: LexiconBeams,
        ids: torch.Tensor,
        best: torch.Tensor,
        place: torch.Tensor,
        is_counted: torch.Tensor,
        stay: torch.Tensor,
    ) -> _Extensions:
        """Scores extensions by look-ahead, and the 2K best of them, arc by arc, by the language model.

        At most K prefixes of the beam have their parent in it, so 2K lose nothing unless K new ones are better.
        """
        _, ends_blank, _, bonus = beams.masses.unbind()
        marks, num_arcs = beams.marks, len(self.options)
        cells = (marks[STATE] * self.arcs.trie.num_tokens)[:, :, None] + ids[:, None]  # (B, K, C)
        is_repeat = ids[:, None] == marks[LAST][:, :, None]
        repeated = ends_blank + bonus
        if self.separator is not None:  # repeating it makes no other prefix
            repeated.masked_fill_(marks[LAST] == self.separator, -math.inf)
        stems = torch.where(is_repeat, repeated[:, :, None], beams.scores[:, :, None]) + best[:, None]
        stems, cells = stems.flatten(1), cells.flatten(1)
        ahead = stems + self.arcs.look_ahead(cells)
        if num_arcs == 1:
            ahead.scatter_add_(1, place, _impossible(is_counted, ahead))
        found, choice = ahead.topk(min(2 * beams.scores.shape[1], ahead.shape[1]), dim=1, sorted=False)
        stems, pairs = stems.gather(1, choice), self.arcs.trie.find_cells(cells.gather(1, choice))
        sources = choice // ids.shape[1]
        token_ids = ids.gather(1, choice - sources * ids.shape[1])
        arcs, is_arc = self._arcs_of(pairs)
        exact = stems if num_arcs == 1 else stems.repeat_interleave(num_arcs, dim=1)
        exact = (exact + self.arcs.weights[arcs]).masked_fill_(~is_arc, -math.inf)
        if num_arcs == 1:
            exact.masked_fill_(found == -math.inf, -math.inf)
        else:
            # Where each counted extension is among those chosen, if it is there at all: the last column is for none.
            where = torch.full_like(ahead, choice.shape[1], dtype=torch.int64)
            where.scatter_(1, choice, torch.arange(choice.shape[1], device=choice.device).expand(choice.shape))
            where = where.gather(1, place)
            is_counted = is_counted & (where < choice.shape[1])
            where = where.clamp_(max=choice.shape[1] - 1) * num_arcs + marks[OPTION]
            exact.scatter_add_(1, where, _impossible(is_counted, exact))
        words, states = self.arcs.trie.arc_words[arcs], self.arcs.trie.arc_next_states[arcs]
        lm_states = self._add_words(marks[LM_STATE], sources, words, exact, stay)
        return _Extensions(stems, sources, token_ids, arcs, words, exact, states, lm_states)

    def _arcs_of(self, pairs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gives the arcs of pairs, (B, M*O), and which of these places hold one."""
        first, counts = self.arcs.trie.pair_first[pairs], self.arcs.trie.pair_counts[pairs]
        if len(self.options) == 1:
            return first, counts > 0
        is_arc = (self.options < counts[:, :, None]).flatten(1)
        return (first[:, :, None] + self.options).flatten(1).masked_fill_(~is_arc, 0), is_arc

    def _add_words(
        self,
        lm_states: torch.Tensor,
        sources: torch.Tensor,
        words: torch.Tensor,
        exact: torch.Tensor,
        stay: torch.Tensor,
    ) -> torch.Tensor | None:
        """Adds the language model's scores of the words that are ended, and gives its states behind all arcs."""
        if self.arcs.lm is None:
            return None
        after = lm_states.gather(1, sources)
        if len(self.options) > 1:
            after = after.repeat_interleave(len(self.options), dim=1)
        # A word's score is never above 0, so what is below the threshold without it need not be looked up.
        least = stay.amax(dim=1, keepdim=True) - self.beam_threshold
        rows, columns = ((words != NO_WORD) & (exact > least)).nonzero(as_tuple=True)
        log_probs, states = self.arcs.lm.lookup(after[rows, columns], words[rows, columns])
        after[rows, columns] = states
        exact[rows, columns] += self.arcs.lm_weight * log_probs.to(exact.dtype)
        return after

    def _best(self, beams: LexiconBeams, scores: torch.Tensor, grown: _Extensions) -> tuple[torch.Tensor, torch.Tensor]:
        """Gives the K best scores and their places among the beams and their extensions, recombined.

        Prefixes of the same last token and the same states of trie and language model go the same ways from here. They
        are looked for among the best 2K, which lose nothing unless more than half of these are dropped.
        """
        beam_size = beams.scores.shape[1]
        if self.hyps_per_state is None:
            return scores.topk(beam_size, dim=1, sorted=False)
        states = beams.marks[LAST] * HASH_FACTOR + beams.marks[STATE]
        token_ids = grown.token_ids
        if len(self.options) > 1:
            token_ids = token_ids.repeat_interleave(len(self.options), dim=1)
        grown_states = token_ids * HASH_FACTOR + grown.states
        if grown.lm_states is not None:
            states = states * HASH_FACTOR + beams.marks[LM_STATE]
            grown_states = grown_states * HASH_FACTOR + grown.lm_states
        states = torch.cat([states, grown_states], dim=1)
        return best_of_each(scores, states, beam_size, self.hyps_per_state, among=2 * beam_size)

    def _choose(
        self,
        beams: LexiconBeams,
        kept: torch.Tensor,
        grown: _Extensions,
        scores: torch.Tensor,
        choice: torch.Tensor,
    ) -> tuple[LexiconBeams, WordStep]:
        beam_size, num_arcs = scores.shape[1], len(self.options)
        is_new, is_alive = choice >= beam_size, scores > -math.inf
        place = (choice - beam_size).clamp_(min=0)
        extension = place if num_arcs == 1 else place // num_arcs
        sources = torch.where(is_new, grown.sources.gather(1, extension), choice)
        token_ids, arcs = grown.token_ids.gather(1, extension), grown.arcs.gather(1, place)

        masses, old = kept.gather(2, sources.expand(4, -1, -1)), beams.marks.gather(2, sources.expand(7, -1, -1))
        total = grown.stems.gather(1, extension) - masses[3]
        never = torch.full_like(total, -math.inf)
        masses = torch.where(is_new, torch.stack([total, never, total, scores - total]), masses)
        masses[:3].masked_fill_(~is_alive, -math.inf)
        masses[3].masked_fill_(~is_alive, 0.0)

        words = grown.words.gather(1, place)
        new = [
            token_ids,
            grown.states.gather(1, place),
            old[LM_STATE] if grown.lm_states is None else grown.lm_states.gather(1, place),
            place - extension * num_arcs,
            old[HASH] * HASH_FACTOR + self.arcs.hashes[arcs],
            old[HASH],
            hashes_of_words(old[HASH], old[WORDS], words, arcs, self.arcs),
        ]
        marks = torch.where(is_new, torch.stack(new), old)
        marks[HASH].masked_fill_(~is_alive, DEAD)
        marks[PARENT].masked_fill_(~is_alive, NOBODY)
        is_grown = is_new & is_alive
        step = WordStep(sources, token_ids.masked_fill_(~is_grown, -1), words.masked_fill(~is_grown, NO_WORD))
        return LexiconBeams(scores, masses, marks), step


def hashes_of_words(
    prefixes: torch.Tensor, words: torch.Tensor, ended: torch.Tensor, places: torch.Tensor, arcs: WeightedTrie
) -> torch.Tensor:
    """Gives numbers that stand for the words of prefixes, an unknown word's for its tokens.

    Args:
        prefixes: numbers that stand for the prefixes before an arc, shape (B, K).
        words: numbers that stand for their words, shape (B, K).
        ended: the words that the arcs end, shape (B, K) or (B, K, O).
        places: the arcs, same shape.
        arcs: the trie with its weights.
    """
    if places.dim() > prefixes.dim():
        prefixes, words = prefixes[..., None], words[..., None]
    spelled = prefixes * HASH_FACTOR + arcs.hashes[places]
    more = torch.where(ended == arcs.unknown, spelled, words * HASH_FACTOR + arcs.word_hashes[ended])
    return torch.where(ended == NO_WORD, words, more)


def _impossible(where: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return torch.zeros_like(like[:, : where.shape[1]]).masked_fill_(where, -math.inf)
