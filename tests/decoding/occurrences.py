"""The slow truth of hot words: every occurrence of every phrase in a text, as whole words."""

from __future__ import annotations

from collections.abc import Iterable

from asr.decoding.phrases import Phrase


def paid(text: str, phrases: Iterable[Phrase]) -> float:
    words = text.split()
    total = 0.0
    for phrase in phrases:
        size = len(phrase.words)
        total += phrase.bonus * sum(tuple(words[at : at + size]) == phrase.words for at in range(len(words)))
    return total
