"""The slow truth of lexicon decoding: every way to cut every token sequence into words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch

from asr.decoding.lexicon.spellings import Spellings
from asr.lm.ngram import NGramModel
from asr.text.tokens import TokenTable
from tests.decoding.enumeration import sequence_log_probs

Cut = tuple[tuple[str, int], ...]  # words with the number of tokens of each unknown one, 0 for those of the lexicon


class Truth:
    """Scores all word sequences of an utterance."""

    def __init__(
        self,
        tokens: TokenTable,
        spellings: Spellings,
        lm: NGramModel | None,
        lm_weight: float,
        word_score: float,
        unknown: float | None,
        silence: str = "",
    ) -> None:
        self.tokens, self.lm, self.lm_weight, self.word_score = tokens, lm, lm_weight, word_score
        self.unknown, self.is_separated = unknown, tokens.unit == "char"
        name = "|" if self.is_separated else silence
        self.separator = tokens.ids[name] if name else -1
        self.words: dict[tuple[int, ...], list[str]] = {}
        for place, ids in spellings.entries:
            self.words.setdefault(ids, []).append(spellings.words[place])

    def readings(self, ids: Sequence[int]) -> list[tuple[str, int]]:
        found = [(word, 0) for word in self.words.get(tuple(ids), [])]
        if self.unknown is not None and ids and self.separator not in ids:
            text = "<unk>" if self.tokens.unit == "phone" else self.tokens.decode(ids)
            found.append((text, len(ids)))
        return found

    def cuts(self, ids: tuple[int, ...]) -> Iterator[Cut]:
        if not ids:
            yield ()
        elif ids[0] == self.separator:
            yield from self.cuts(ids[1:])
        else:
            for end in range(1, len(ids) + 1):
                is_over = not self.is_separated or end == len(ids) or ids[end] == self.separator
                for reading in self.readings(ids[:end]) if is_over else []:
                    for rest in self.cuts(ids[end:]):
                        yield (reading, *rest)

    def reduced(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        """Takes separators out that repeat one or stand at the beginning."""
        pairs = zip((self.separator, *ids), ids, strict=False)
        return tuple(token for before, token in pairs if not before == token == self.separator)

    def score(self, heard: float, cut: Cut) -> float:
        score = heard + self.word_score * len(cut)
        for _, length in cut:
            if length and self.unknown is not None:
                score += self.unknown
        if self.lm is not None:
            score += self.lm_weight * self.lm.log_prob(["<unk>" if length else word for word, length in cut])
        return score

    def best(self, log_probs: torch.Tensor) -> dict[str, float]:
        """Returns the best score of each text, best first."""
        scores: dict[str, float] = {}
        totals: dict[tuple[int, ...], float] = {}
        for ids, heard in sequence_log_probs(log_probs).items():
            totals[self.reduced(ids)] = totals.get(self.reduced(ids), 0.0) + math.exp(heard)
        for ids, total in totals.items():
            heard = math.log(total)
            for cut in self.cuts(ids):
                text, score = " ".join(word for word, _ in cut), self.score(heard, cut)
                scores[text] = max(score, scores.get(text, score))
        return dict(sorted(scores.items(), key=lambda item: -item[1]))
