"""How the lexicon beam search ends: whole word sequences from the last beams, traced back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from asr.decoding.beams import best_of_each, walk_back
from asr.decoding.lexicon.arcs import WeightedTrie
from asr.decoding.lexicon.beams import LexiconBeams, WordStep
from asr.decoding.lexicon.lattice import Ends, Lattice, padded
from asr.decoding.lexicon.trie import NO_WORD, ROOT
from asr.errors import DataError


@dataclass(frozen=True)
class WordSequences:
    """The best sequences of each utterance, best first.

    Attributes:
        token_ids: the tokens without blanks, padded, shape (B, nbest, L).
        token_lengths: tokens of each, shape (B, nbest).
        words: the word that each token ended, -1 for none, shape (B, nbest, L).
        last_words: the word that the end of the utterance ended, -1 for none, shape (B, nbest).
        scores: natural-log scores, -inf where there is no sequence, shape (B, nbest).
        bonuses: the part of the scores that is not of what was heard, where it is known, shape (B, nbest).
    """

    token_ids: Tensor
    token_lengths: Tensor
    words: Tensor
    last_words: Tensor
    scores: Tensor
    bonuses: Tensor | None = None

    def rows(self, order: Tensor) -> WordSequences:
        """Returns the utterances in another order."""
        return self._each(lambda values: values[order])

    def best_by(self, heard: Tensor, nbest: int) -> WordSequences:
        """Returns the ``nbest`` sequences that are best by the bonuses and natural-log probabilities of what was heard.

        Args:
            heard: the probabilities, shape (B, nbest).
            nbest: how many are kept.
        """
        assert self.bonuses is not None
        scores = torch.where(self.scores > -math.inf, heard + self.bonuses, -math.inf)
        scores, order = scores.topk(min(nbest, scores.shape[1]), dim=1)

        def reordered(values: Tensor) -> Tensor:
            places = order if values.dim() == 2 else order[..., None].expand(-1, -1, values.shape[2])
            return values.gather(1, places)

        return replace(self._each(reordered), scores=scores)

    def _each(self, change: Callable[[Tensor], Tensor]) -> WordSequences:
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: change(column) for name, column in columns.items() if column is not None})


def best_sequences(beams: LexiconBeams, steps: list[WordStep], arcs: WeightedTrie, nbest: int) -> WordSequences:
    """Ends the search.

    Args:
        beams: the beams after the last frame of each utterance, longest utterance first.
        steps: what each frame did to them, for the utterances that have it.
        arcs: the trie with its weights.
        nbest: most sequences of an utterance.

    Raises:
        DataError: an utterance leaves no path possible.
    """
    marks = beams.marks
    states = marks.states
    ended, words, hashes = _ended_words(beams, arcs)
    between = torch.where(states == ROOT, beams.scores, -math.inf)
    if arcs.lm is not None:
        between = between + arcs.lm_weight * arcs.lm.finish(marks.lm_states).to(between.dtype)
    # An unfinished word counts only where nothing is finished. It stands as an unknown word.
    is_cut = (between.amax(dim=1) == -math.inf) & ~(ended > -math.inf).flatten(1).any(dim=1)
    between = torch.where(is_cut[:, None], beams.scores - arcs.ahead[states], between)
    cut_words = torch.where(is_cut[:, None] & (states != ROOT), arcs.unknown, NO_WORD)
    whose = torch.where(is_cut[:, None], marks.hashes, marks.words)

    scores = torch.cat([between[..., None], ended], dim=2)  # (B, K, 1+O)
    words = torch.cat([cut_words[..., None], words], dim=2)
    hashes = torch.cat([whose[..., None], hashes], dim=2)
    options = scores.shape[2]
    scores, hashes = scores.flatten(1), hashes.flatten(1)
    scores, choice = best_of_each(scores, hashes, min(nbest, scores.shape[1]))
    impossible = (scores[:, 0] == -math.inf).nonzero()[:, 0].tolist()
    if impossible:
        raise DataError("log_probs", f"no path is possible in rows {impossible} of the batch", "check the model")
    last_words = words.flatten(1).gather(1, choice)
    if any(step.lost is not None for step in steps):
        slots = choice // options
        ends = Ends(scores, scores - beams.masses.total.gather(1, slots), slots, last_words)
        return _through_lattices(ends, steps, arcs.unknown, nbest)
    is_found = scores > -math.inf
    columns = [[step.token_ids for step in steps], [step.words for step in steps]]
    (token_ids, ends), token_lengths = walk_back([step.sources for step in steps], columns, choice // options)
    return WordSequences(
        token_ids=token_ids,
        token_lengths=torch.where(is_found, token_lengths, 0),
        words=ends,
        last_words=last_words,
        scores=scores,
    )


def _through_lattices(ends: Ends, steps: list[WordStep], unknown: int, nbest: int) -> WordSequences:
    """Returns the best sequences among those that end in the last beams and those that were recombined."""
    found = []
    columns = ends.scores, ends.bonuses, ends.slots, ends.last_words
    for row, own in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        possible = [end for end in zip(*own, strict=True) if end[0] > -math.inf]
        found.append(Lattice(steps, row, unknown).best(possible, nbest))
    return WordSequences(**{name: values.to(ends.slots.device) for name, values in padded(found, nbest).items()})


def _ended_words(beams: LexiconBeams, arcs: WeightedTrie) -> tuple[Tensor, Tensor, Tensor]:
    """Ends the words that are waiting for a separator: scores, words and what stands for all words, (B, K, O)."""
    trie, marks = arcs.trie, beams.marks
    states = marks.states
    if not trie.is_separated:
        none = states[..., None][..., :0]
        return none.to(beams.scores.dtype), none, none
    assert trie.separator is not None
    pairs = trie.find(states, torch.full_like(states, trie.separator))
    options = torch.arange(trie.most_arcs, device=states.device)
    is_arc = options < trie.pair_counts[pairs][..., None]
    places = torch.where(is_arc, trie.pair_first[pairs][..., None] + options, 0)
    words = trie.arc_words[places]
    is_arc &= words != NO_WORD
    scores = beams.scores[..., None] + arcs.weights[places]
    if arcs.lm is not None:
        before = marks.lm_states[..., None].expand(words.shape)
        log_probs, after = arcs.lm.lookup(before, words.clamp(min=0))
        scores = scores + arcs.lm_weight * (log_probs + arcs.lm.finish(after)).to(scores.dtype)
    hashes = arcs.hash_words(marks.hashes, marks.words, ended=words, places=places)
    return torch.where(is_arc, scores, -math.inf), torch.where(is_arc, words, NO_WORD), hashes
