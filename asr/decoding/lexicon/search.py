"""One frame of the lexicon beam search, for the beams of a whole batch."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asr.decoding.beams import (
    DEAD,
    HASH_FACTOR,
    NOBODY,
    Surplus,
    TokenFrames,
    best_and_surplus,
    best_of_each,
    locate,
)
from asr.decoding.lexicon.arcs import WeightedTrie
from asr.decoding.lexicon.beams import LexiconBeams, Lost, Marks, Masses, WordStep
from asr.decoding.lexicon.trie import NO_WORD


@dataclass(frozen=True)
class _Extensions:
    """The M extensions that are scored exactly, with O arcs each; shapes (B, M) and, from ``arcs`` on, (B, M*O).

    A stem is the score of an extension before what its arc weighs. The states are those of the trie and of the language
    model after the arc, which ends a word or none.
    """

    stems: Tensor
    sources: Tensor
    token_ids: Tensor
    arcs: Tensor
    words: Tensor
    scores: Tensor
    states: Tensor
    lm_states: Tensor | None


class LexiconSearch:
    """Moves the beams of a batch on by one frame; all merging of equal prefixes happens here."""

    def __init__(
        self, arcs: WeightedTrie, blank: int, beam_threshold: float, hyps_per_state: int | None, num_lost: int = 0
    ) -> None:
        """Keeps what is the same for all frames; see :class:`asr.decoding.lexicon.decoder.LexiconBeamDecoder`.

        Args:
            arcs: the trie with its weights.
            blank: index of blank.
            beam_threshold: prefixes so much below the best are dropped.
            hyps_per_state: prefixes kept of those with the same continuations; None for all.
            num_lost: most of the others of a frame that steps remember.
        """
        self.num_lost = num_lost
        self.arcs, self.blank, self.beam_threshold = arcs, blank, beam_threshold
        self.hyps_per_state = hyps_per_state
        self.highest = 0.0 if arcs.lm is None else arcs.lm_weight * arcs.lm.highest
        self.separator = arcs.trie.separator
        self.options = torch.arange(arcs.trie.most_arcs, device=arcs.weights.device)

    def advance(self, beams: LexiconBeams, frames: TokenFrames, frame: int) -> tuple[LexiconBeams, WordStep]:
        """Returns the beams after one more frame; they are of the longest utterances, which come first."""
        batch = len(beams.scores)
        log_probs, ids, best, ranks = (
            column[frame][:batch] for column in (frames.log_probs, frames.best_ids, frames.best_log_probs, frames.ranks)
        )
        total, ends_blank, ends_token, bonus = beams.masses
        last = beams.marks.last
        slots, has_parent = locate(beams.marks.hashes, beams.marks.parents)
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
        grown = self._extend(beams, ids, best, place=place, is_counted=is_counted, stay=stay)

        scores, choice, surplus = self._best(beams, torch.cat([stay, grown.scores], dim=1), grown)
        is_alive = scores > scores.amax(dim=1, keepdim=True) - self.beam_threshold
        scores = scores.masked_fill_(~is_alive, -math.inf)
        kept = Masses(total=stay_total, ends_blank=stay_blank, ends_token=stay_token, bonus=bonus)
        after, step = self._choose(beams, kept, grown, scores=scores, choice=choice)
        return after, step if surplus is None else replace(step, lost=self._lost(beams, grown, surplus, after))

    def _extend(
        self, beams: LexiconBeams, ids: Tensor, best: Tensor, place: Tensor, is_counted: Tensor, stay: Tensor
    ) -> _Extensions:
        """Scores extensions by look-ahead, and the 2K best of them, arc by arc, by the language model.

        At most K prefixes of the beam have their parent in it, so 2K lose nothing unless K new ones are better.
        """
        masses, marks, num_arcs = beams.masses, beams.marks, len(self.options)
        cells = (marks.states * self.arcs.trie.num_tokens)[:, :, None] + ids[:, None]  # (B, K, C)
        is_repeat = ids[:, None] == marks.last[:, :, None]
        repeated = masses.ends_blank + masses.bonus
        if self.separator is not None:  # repeating it makes no other prefix
            repeated.masked_fill_(marks.last == self.separator, -math.inf)
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
            where = _places_among(choice, place, ahead.shape[1])
            is_counted = is_counted & (where < choice.shape[1])
            where = where.clamp_(max=choice.shape[1] - 1) * num_arcs + marks.options
            exact.scatter_add_(1, where, _impossible(is_counted, exact))
        words, states = self.arcs.trie.arc_words[arcs], self.arcs.trie.arc_next_states[arcs]
        lm_states = self._add_words(marks.lm_states, sources, words, exact=exact, stay=stay)
        return _Extensions(
            stems=stems,
            sources=sources,
            token_ids=token_ids,
            arcs=arcs,
            words=words,
            scores=exact,
            states=states,
            lm_states=lm_states,
        )

    def _arcs_of(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the arcs of pairs, (B, M*O), and which of these places hold one."""
        first, counts = self.arcs.trie.pair_first[pairs], self.arcs.trie.pair_counts[pairs]
        if len(self.options) == 1:
            return first, counts > 0
        is_arc = (self.options < counts[:, :, None]).flatten(1)
        return (first[:, :, None] + self.options).flatten(1).masked_fill_(~is_arc, 0), is_arc

    def _add_words(
        self, lm_states: Tensor, sources: Tensor, words: Tensor, exact: Tensor, stay: Tensor
    ) -> Tensor | None:
        """Adds the language model's scores of the words that are ended, and returns its states after all arcs."""
        if self.arcs.lm is None:
            return None
        after = lm_states.gather(1, sources)
        if len(self.options) > 1:
            after = after.repeat_interleave(len(self.options), dim=1)
        # What is below the threshold with the highest score of a word, 0 for a language model, need not be looked up.
        least = stay.amax(dim=1, keepdim=True) - self.beam_threshold - self.highest
        rows, columns = ((words != NO_WORD) & (exact > least)).nonzero(as_tuple=True)
        log_probs, states = self.arcs.lm.lookup(after[rows, columns], words[rows, columns])
        after[rows, columns] = states
        exact[rows, columns] += self.arcs.lm_weight * log_probs.to(exact.dtype)
        return after

    def _best(self, beams: LexiconBeams, scores: Tensor, grown: _Extensions) -> tuple[Tensor, Tensor, Surplus | None]:
        """Returns the K best scores and their places among the beams and their extensions, recombined, and the rest.

        Prefixes with the same last token and the same states of trie and language model have the same continuations.
        They are sought among the best 2K, which loses nothing unless more than half of these are dropped.
        """
        beam_size, marks = beams.scores.shape[1], beams.marks
        if self.hyps_per_state is None:
            return *scores.topk(beam_size, dim=1, sorted=False), None
        states = marks.last * HASH_FACTOR + marks.states
        token_ids = grown.token_ids
        if len(self.options) > 1:
            token_ids = token_ids.repeat_interleave(len(self.options), dim=1)
        grown_states = token_ids * HASH_FACTOR + grown.states
        if grown.lm_states is not None:
            states = states * HASH_FACTOR + marks.lm_states
            grown_states = grown_states * HASH_FACTOR + grown.lm_states
        states = torch.cat([states, grown_states], dim=1)
        if self.num_lost:
            return best_and_surplus(
                scores, states, beam_size, self.hyps_per_state, among=2 * beam_size, num_surplus=self.num_lost
            )
        return *best_of_each(scores, states, beam_size, self.hyps_per_state, among=2 * beam_size), None

    def _choose(
        self, beams: LexiconBeams, kept: Masses, grown: _Extensions, scores: Tensor, choice: Tensor
    ) -> tuple[LexiconBeams, WordStep]:
        beam_size, num_arcs = scores.shape[1], len(self.options)
        is_new, is_alive = choice >= beam_size, scores > -math.inf
        place = (choice - beam_size).clamp_(min=0)
        extension = place if num_arcs == 1 else place // num_arcs
        sources = torch.where(is_new, grown.sources.gather(1, extension), choice)
        token_ids, arcs = grown.token_ids.gather(1, extension), grown.arcs.gather(1, place)

        masses = torch.stack(kept).gather(2, sources.expand(len(kept), -1, -1))
        total = grown.stems.gather(1, extension) - Masses(*masses.unbind()).bonus
        never = torch.full_like(total, -math.inf)
        new_masses = Masses(total=total, ends_blank=never, ends_token=total, bonus=scores - total)
        masses = torch.where(is_new, torch.stack(new_masses), masses).masked_fill_(~is_alive, -math.inf)
        Masses(*masses.unbind()).bonus.masked_fill_(~is_alive, 0.0)

        old_marks = beams.stacked_marks.gather(2, sources.expand(len(beams.stacked_marks), -1, -1))
        words, old = grown.words.gather(1, place), Marks(*old_marks.unbind())
        new_marks = Marks(
            last=token_ids,
            states=grown.states.gather(1, place),
            lm_states=old.lm_states if grown.lm_states is None else grown.lm_states.gather(1, place),
            options=place - extension * num_arcs,
            hashes=old.hashes * HASH_FACTOR + self.arcs.hashes[arcs],
            parents=old.hashes,
            words=self.arcs.hash_words(old.hashes, old.words, ended=words, places=arcs),
        )
        marks = torch.where(is_new, torch.stack(new_marks), old_marks)
        after = LexiconBeams(scores, masses, marks)
        after.marks.hashes.masked_fill_(~is_alive, DEAD)
        after.marks.parents.masked_fill_(~is_alive, NOBODY)
        is_grown = is_new & is_alive
        step = WordStep(sources, token_ids.masked_fill_(~is_grown, -1), words.masked_fill(~is_grown, NO_WORD))
        return after, step

    def _lost(self, beams: LexiconBeams, grown: _Extensions, surplus: Surplus, after: LexiconBeams) -> Lost:
        """Returns what was left out for better ones, as far as these are in the beams and have other words."""
        beam_size, marks = after.scores.shape[1], beams.marks
        is_new = surplus.places >= beam_size
        place = (surplus.places - beam_size).clamp_(min=0)
        extension = place // len(self.options)
        sources = torch.where(is_new, grown.sources.gather(1, extension), surplus.places)
        words = torch.where(is_new, grown.words.gather(1, place), NO_WORD)
        hashes, before = marks.hashes.gather(1, sources), marks.words.gather(1, sources)
        told = self.arcs.hash_words(hashes, before, ended=words, places=grown.arcs.gather(1, place))
        is_same = told == after.marks.words.gather(1, surplus.winners)
        is_dead = after.scores.gather(1, surplus.winners) == -math.inf
        old_bonus = beams.masses.bonus.gather(1, sources)
        grown_bonus = grown.scores.gather(1, place) - (grown.stems.gather(1, extension) - old_bonus)
        bonus = torch.where(is_new, grown_bonus, old_bonus)
        return Lost(
            winners=surplus.winners,
            sources=sources,
            token_ids=torch.where(is_new, grown.token_ids.gather(1, extension), -1),
            words=words,
            margins=surplus.margins.masked_fill(is_same | is_dead, math.inf),
            bonus_margins=after.masses.bonus.gather(1, surplus.winners) - bonus,
        )


def _places_among(choice: Tensor, wanted: Tensor, count: int) -> Tensor:
    """Returns where each wanted one of ``count`` numbers is among the M chosen, M if it is not there, shape (B, K)."""
    where = torch.full((len(choice), count), choice.shape[1], device=choice.device)
    where.scatter_(1, choice, torch.arange(choice.shape[1], device=choice.device).expand(choice.shape))
    return where.gather(1, wanted)


def _impossible(where: Tensor, like: Tensor) -> Tensor:
    return torch.zeros_like(like[:, : where.shape[1]]).masked_fill_(where, -math.inf)
