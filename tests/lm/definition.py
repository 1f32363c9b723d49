"""Modified Kneser-Ney and back-off as they are defined, with dictionaries and recursion, for tiny texts."""

from __future__ import annotations

import gzip
import math
from collections import Counter, defaultdict
from pathlib import Path

NGram = tuple[str, ...]


class KneserNey:
    """Interpolated probabilities straight from the equations; no arrays, no back-off weights."""

    def __init__(self, sentences: list[list[str]], order: int, discounts: list[tuple[float, ...]], prune=None) -> None:
        self.order, self.discounts, self.prune = order, discounts, prune or [0] * order
        self.raw: list[Counter[NGram]] = [Counter() for _ in range(order + 1)]
        for sentence in sentences:
            text = ("<s>", *sentence, "</s>")
            for n in range(1, order + 1):
                self.raw[n].update(text[i : i + n] for i in range(len(text) - n + 1))
        self.adjusted = [self._adjusted(n) for n in range(order + 1)]
        self.words = {word for sentence in sentences for word in sentence} | {"<unk>", "</s>"}
        self.children: dict[NGram, dict[str, int]] = defaultdict(dict)
        for counts in self.adjusted[1:]:
            for ngram, count in counts.items():
                self.children[ngram[:-1]][ngram[-1]] = count

    def _adjusted(self, n: int) -> Counter[NGram]:
        if n in (0, self.order):
            return Counter({ngram: count for ngram, count in self.raw[n].items() if ngram != ("<s>",)})
        before = Counter(ngram[1:] for ngram in self.raw[n + 1])
        starts = {ngram: count for ngram, count in self.raw[n].items() if ngram[0] == "<s>" and n > 1}
        return Counter({**before, **starts})

    def prob(self, word: str, context: NGram) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        lower = 1 / len(self.words) if not context else self.prob(word, context[1:])
        children = self.children.get(context)
        if not children:
            return lower
        total, kept, gamma = sum(children.values()), 0.0, 0.0
        for child, count in children.items():
            n = len(context) + 1
            is_kept = n == 1 or self.raw[n][(*context, child)] > self.prune[n - 1]
            taken = self.discounts[n - 1][min(count, 3) - 1] if is_kept else count
            gamma += taken / total
            if child == word:
                kept = (count - taken) / total
        return kept + gamma * lower

    def log_prob(self, sentence: list[str]) -> float:
        text = ("<s>", *sentence, "</s>")
        return sum(math.log(self.prob(text[i], text[:i])) for i in range(1, len(text)))


class BackOff:
    """An ARPA file as dictionaries, scored by the recursive definition, in natural logarithms."""

    def __init__(self, path: Path) -> None:
        self.log_probs: dict[NGram, float] = {}
        self.backoffs: dict[NGram, float] = {}
        text = (gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()).decode()
        order = 0
        for line in text.splitlines():
            if line.endswith("-grams:"):
                order = int(line[1:-7])
            elif order and line and not line.startswith("\\"):
                fields = line.split()
                ngram = tuple(fields[1 : order + 1])
                self.log_probs[ngram] = float(fields[0]) * math.log(10)
                self.backoffs[ngram] = float((fields[order + 1 :] or ["0"])[0]) * math.log(10)
        self.order = order
        self.words = [ngram[0] for ngram in self.log_probs if len(ngram) == 1]

    def log_prob(self, word: str, context: NGram) -> float:
        context = context[max(0, len(context) - self.order + 1) :]
        if (*context, word) in self.log_probs:
            return self.log_probs[(*context, word)]
        return self.backoffs.get(context, 0.0) + self.log_prob(word, context[1:])
