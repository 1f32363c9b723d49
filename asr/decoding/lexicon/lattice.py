"""N-best lists from what a beam search recombined: where a prefix lost to a better one, there is another way back."""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from asr.decoding.lexicon.beams import Lost, WordStep
from asr.decoding.lexicon.trie import NO_WORD

_TRIES = 4
"""Ways back that are tried for each hypothesis that is wanted; some have the words of another."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Ends:
    """Where N word sequences of each utterance end, best first; shapes (B, N).

    Attributes:
        scores: natural-log scores, -inf where there is no sequence.
        bonuses: the part of them that is not of what was heard.
        slots: places in the last beams.
        last_words: the word that the end of the utterance ended, -1 for none.
    """

    scores: Tensor
    bonuses: Tensor
    slots: Tensor
    last_words: Tensor


@dataclass(frozen=True)
class WordPath:
    """A word sequence, frame by frame.

    Attributes:
        score: natural-log score, nearly.
        bonus: the part of it that is not of what was heard.
        token_ids: the token that each frame added, or -1, shape (N,).
        words: the word that this ended, or -1, shape (N,).
        last_word: the word that the end of the utterance ended, -1 for none.
    """

    score: float
    bonus: float
    token_ids: Ints
    words: Ints
    last_word: int


class Lattice:
    """The beams of one utterance and what they recombined.

    Args:
        steps: what each frame did, for the utterances that have it.
        row: the utterance.
        unknown: the word that stands for all unknown ones.
    """

    def __init__(self, steps: Sequence[WordStep], row: int, unknown: int) -> None:
        self.unknown = unknown
        steps = [step for step in steps if len(step.sources) > row]
        self.sources, self.token_ids, self.words = (
            _stacked([getattr(step, name)[row] for step in steps]) for name in ("sources", "token_ids", "words")
        )
        lost = [step.lost for step in steps if step.lost is not None]
        self.winners, self.lost_sources, self.lost_token_ids, self.lost_words, self.margins, self.bonus_margins = (
            _stacked([getattr(each, field.name)[row] for each in lost]) for field in fields(Lost)
        )
        self._rows = self.sources.tolist()

    def best(self, ends: Sequence[tuple[float, float, int, int]], nbest: int) -> list[WordPath]:
        """Returns up to ``nbest`` sequences of different words, best first.

        The score of one that lost to another is that other's less what it lost by, as if both gained alike from there
        on: they do but for a token that comes twice, and for alignments that the beams have lost sight of.

        Args:
            ends: score, bonus, place in the last beams and last word of sequences, best first.
            nbest: how many are wanted.
        """
        heap: list[tuple[float, int, _Way]] = []
        for score, bonus, slot, last_word in ends:
            heapq.heappush(heap, (-score, len(heap), _Way(None, len(self._rows), -1, slot, bonus, last_word)))
        pushed, seen, found = len(heap), set[tuple[int, ...]](), list[WordPath]()
        for _ in range(_TRIES * nbest):
            if not heap or len(found) == nbest:
                break
            cost, _, way = heapq.heappop(heap)
            path, slots = self._follow(way, -cost)
            key = self._told(path)
            if key in seen:
                continue
            seen.add(key)
            found.append(path)
            for frame, place in self._branches(slots, nbest):
                after = float(self.margins[frame, place]), float(self.bonus_margins[frame, place])
                branch = _Way(path, frame, place, -1, path.bonus - after[1], path.last_word)
                heapq.heappush(heap, (cost + after[0], pushed, branch))
                pushed += 1
        return found

    def _follow(self, way: _Way, score: float) -> tuple[WordPath, Ints]:
        """Returns a path, and its places in the beams after each of the frames that it shares with no better one."""
        frame, slot, rest = way.frame, way.slot, way.instead_of
        if rest is not None:
            slot = int(self.lost_sources[frame, way.place])
        slots = np.empty(frame, dtype=np.int64)
        for before in reversed(range(frame)):
            slots[before] = slot
            slot = self._rows[before][slot]
        own = np.arange(frame), slots
        token_ids, words = self.token_ids[own], self.words[own]
        if rest is not None:
            here = frame, slice(way.place, way.place + 1)
            token_ids = np.concatenate([token_ids, self.lost_token_ids[here], rest.token_ids[frame + 1 :]])
            words = np.concatenate([words, self.lost_words[here], rest.words[frame + 1 :]])
        return WordPath(score, way.bonus, token_ids, words, way.last_word), slots

    def _branches(self, slots: Ints, most: int) -> list[tuple[int, int]]:
        """Returns frames and places of those that lost to a path with these places in the beams, the closest ones."""
        margins = np.where(self.winners[: len(slots)] == slots[:, None], self.margins[: len(slots)], math.inf)
        frames, places = np.isfinite(margins).nonzero()
        if len(frames) > most:
            least = np.argpartition(margins[frames, places], most)[:most]
            frames, places = frames[least], places[least]
        return list(zip(frames.tolist(), places.tolist(), strict=True))

    def _told(self, path: WordPath) -> tuple[int, ...]:
        """Returns what the words of a path are told apart by: the tokens, too, where one is unknown."""
        words = *path.words[path.words != NO_WORD].tolist(), *([path.last_word] if path.last_word != NO_WORD else [])
        return (*words, NO_WORD, *path.token_ids[path.token_ids >= 0].tolist()) if self.unknown in words else words


@dataclass(frozen=True)
class _Way:
    """One way back: from the end, or from where it lost to a sequence.

    Attributes:
        instead_of: the path that it lost to; None for one that ends in the last beams.
        frame: the frame in which it lost, or the number of frames.
        place: its place among those that lost in this frame.
        slot: its place in the last beams, if it ends there.
        bonus: the part of its score that is not of what was heard.
        last_word: the word that the end of the utterance ended.
    """

    instead_of: WordPath | None
    frame: int
    place: int
    slot: int
    bonus: float
    last_word: int


def _stacked(rows: Sequence[Tensor]) -> npt.NDArray[Any]:
    stacked: npt.NDArray[Any] = torch.stack(list(rows)).cpu().numpy() if rows else np.zeros((0, 0), dtype=np.int64)
    return stacked


def padded(found: Sequence[Sequence[WordPath]], most: int) -> dict[str, Tensor]:
    """Returns paths as the fields of :class:`asr.decoding.lexicon.endings.WordSequences`, by name.

    Args:
        found: of each utterance up to ``most`` paths.
        most: places for paths.
    """
    kept = [[each.token_ids >= 0 for each in paths] for paths in found]
    longest = max((int(is_token.sum()) for rows in kept for is_token in rows), default=0)
    shape = len(found), most
    token_ids, words = np.zeros((*shape, longest), dtype=np.int64), np.full((*shape, longest), NO_WORD)
    lengths, last_words = np.zeros(shape, dtype=np.int64), np.full(shape, NO_WORD)
    scores, bonuses = np.full(shape, -math.inf), np.zeros(shape)
    for row, paths in enumerate(found):
        for rank, (path, is_token) in enumerate(zip(paths, kept[row], strict=True)):
            count = lengths[row, rank] = int(is_token.sum())
            token_ids[row, rank, :count], words[row, rank, :count] = path.token_ids[is_token], path.words[is_token]
            last_words[row, rank], scores[row, rank], bonuses[row, rank] = path.last_word, path.score, path.bonus
    columns = {"token_ids": token_ids, "token_lengths": lengths, "words": words, "last_words": last_words}
    return {name: torch.from_numpy(each) for name, each in {**columns, "scores": scores, "bonuses": bonuses}.items()}
