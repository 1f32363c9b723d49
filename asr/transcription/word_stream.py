"""Words of posteriors that come piece by piece: partial ones, and final ones that nothing can change any more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal, Protocol

import torch
from torch import Tensor

from asr.audio.rates import Seconds
from asr.decoding.decoder import Decoder
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.hypothesis import NOTHING, Hypothesis, Span
from asr.decoding.lexicon.decoder import LexiconBeamDecoder
from asr.text.tokens import BLANK, TokenTable
from asr.transcription.heard import find_pause

PAUSE: Seconds = 0.5
"""Seconds of blanks after which all words before them are final."""
LONGEST: Seconds = 16.0
"""Seconds without such a pause after which words are final, as chunks of recordings are no longer."""
_SHORTEST: Seconds = 5.0  # of what is final then


@dataclass(frozen=True)
class LiveWord:
    """A word that was heard.

    Attributes:
        kind: "final", or "partial" where it may still change or grow.
        word: with its place in the stream.
        delay: seconds of audio that had come since its end when it was found.
    """

    kind: Literal["partial", "final"]
    word: Span
    delay: Seconds


class Delays:
    """Delays of words, in hundredths of a second."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, delay: Seconds) -> None:
        """Counts a delay."""
        self._counts[round(100 * delay)] += 1

    def __len__(self) -> int:
        """Returns how many there are."""
        return self._counts.total()

    def quantile(self, share: float) -> Seconds:
        """Returns the smallest delay that a share of all do not exceed; 0 if there are none.

        Example:
            >>> delays = Delays()
            >>> for delay in (0.5, 0.7, 2.0): delays.add(delay)
            >>> delays.quantile(0.5), delays.quantile(1.0)
            (0.7, 2.0)
        """
        seen = 0
        for delay in sorted(self._counts):
            seen += self._counts[delay]
            if seen >= share * len(self):
                return delay / 100
        return 0.0


class WordStream:
    """Decodes posteriors as they come, by any decoder.

    What has come since the last final words is decoded whenever there is more of it: a search over words goes on from
    where it was, other decoders read it again. After half a second of blanks all words are final. Greedy decoding never
    takes back what it has read: its words are final as soon as nothing can be added to them; those of a search over
    words as soon as all hypotheses that are kept have them. With other decoders, words are final after 16 seconds
    without such a pause, up to the longest run of blanks between them. Memory holds no more than those 16 seconds and
    what came last.

    Args:
        decoder: turns posteriors into hypotheses.
        tokens: names the V tokens.
        frame_seconds: seconds from one frame to the next.

    Attributes:
        first: delays with which words were first found, as partial or final ones.
        final: delays with which words were final.
    """

    def __init__(self, decoder: Decoder, tokens: TokenTable, frame_seconds: Seconds) -> None:
        self._decoder, self._tokens, self._frame_seconds = decoder, tokens, frame_seconds
        self._is_greedy = isinstance(decoder, GreedyDecoder)
        self.first, self.final = Delays(), Delays()
        self._held = torch.empty(0, len(tokens))
        self._reading = self._begin()  # of those held
        self._place = 0  # frames before those held
        self._shown: list[str] = []  # words of those held, as they were found last
        self._num_final = 0  # of them

    def advance(self, rows: Tensor, heard: Seconds) -> Iterator[LiveWord]:
        """Yields the words that are final with more posteriors, and then those that are new or have changed.

        Args:
            rows: natural-log posteriors of the frames that follow, shape (*, V).
            heard: seconds of audio that have come, those included that the frames do not show yet.
        """
        self._held = torch.cat([self._held.to(rows.device), rows])
        self._reading.push(rows)
        yield from self._settle(self._num_settled(), heard)
        found, num_final = self._found(self._reading), self._reading.num_settled()
        words = found.words
        yield from self._final(words[:num_final], heard)
        for word, shown in zip_longest(words[num_final:], self._shown[num_final : len(words)]):
            if shown is None:
                self.first.add(heard - word.end)
            if word.text != shown:
                yield LiveWord("partial", word, heard - word.end)
        self._shown[: len(words)] = [word.text for word in words]
        if num_final and len(self._held) >= self._frames(LONGEST):
            begin = words[num_final].start if num_final < len(words) else heard  # of what is not final
            end = max(token.end for token in found.tokens if token.start < begin)
            self._drop(round(end / self._frame_seconds) - self._place, num_final)

    def finish(self, heard: Seconds) -> Iterator[LiveWord]:
        """Yields the last words as final ones, after so many seconds of audio."""
        yield from self._settle(len(self._held), heard)

    def _frames(self, seconds: Seconds) -> int:
        return max(1, round(seconds / self._frame_seconds))

    def _num_settled(self) -> int:
        """Returns the frames held whose words are final now."""
        last = self._held[-self._frames(PAUSE) :]
        if len(last) == self._frames(PAUSE) and bool((last.argmax(dim=1) == BLANK).all()):
            return len(self._held)
        if self._is_greedy:
            found = self._found(self._reading)
            is_open = bool(found.words) and found.tokens[-1].end <= found.words[-1].end
            settled = found.words[: len(found.words) - is_open]
            if settled:
                return round(settled[-1].end / self._frame_seconds) - self._place
        is_long = len(self._held) >= self._frames(LONGEST) and not self._num_final
        return self._place_to_cut() if is_long else 0

    def _place_to_cut(self) -> int:
        least = self._frames(_SHORTEST)
        place = find_pause(self._held, self._tokens, least, len(self._held))
        return least + int(self._held[least:, BLANK].argmax()) if place is None else place

    def _begin(self) -> _Reading:
        return self._decoder.stream() if isinstance(self._decoder, LexiconBeamDecoder) else _Again(self._decoder)

    def _found(self, reading: _Reading) -> Hypothesis:
        return reading.best().shift(self._place * self._frame_seconds)

    def _settle(self, place: int, heard: Seconds) -> Iterator[LiveWord]:
        """Yields the words of the first frames held, which are then dropped, as final ones."""
        if not place:
            return
        reading = self._reading
        if place < len(self._held):
            reading = self._begin()
            reading.push(self._held[:place])
        words = self._found(reading).words
        yield from self._final(words, heard)
        self._drop(place, len(words))

    def _final(self, words: tuple[Span, ...], heard: Seconds) -> Iterator[LiveWord]:
        """Yields as final those of the first words held that have not been final before."""
        for number, word in enumerate(words[self._num_final :], self._num_final):
            if number >= len(self._shown):
                self.first.add(heard - word.end)
            self.final.add(heard - word.end)
            yield LiveWord("final", word, heard - word.end)
        self._num_final = max(self._num_final, len(words))

    def _drop(self, place: int, num_words: int) -> None:
        """Goes on after the first frames held, and their words."""
        self._shown = self._shown[num_words:] if place < len(self._held) else []
        self._held, self._place, self._num_final = self._held[place:].clone(), self._place + place, 0
        self._reading = self._begin()
        self._reading.push(self._held)


class _Reading(Protocol):
    """Finds the words of posteriors that come piece by piece."""

    def push(self, log_probs: Tensor, /) -> None:
        """Takes the posteriors of the frames that follow, shape (N, V)."""

    def best(self) -> Hypothesis:
        """Returns the best hypothesis of all that has come."""

    def num_settled(self) -> int:
        """Returns how many of its first words nothing can change."""


class _Again:
    """Decodes all that has come, once for each piece."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._pieces: list[Tensor] = []
        self._best: Hypothesis | None = NOTHING

    def push(self, log_probs: Tensor) -> None:
        """Takes the posteriors of the frames that follow, shape (N, V)."""
        if len(log_probs):
            self._pieces.append(log_probs)
            self._best = None

    def best(self) -> Hypothesis:
        """Returns the best hypothesis of all that has come."""
        if self._best is None:
            rows = torch.cat(self._pieces)
            self._best = self._decoder(rows.unsqueeze(0), torch.tensor([len(rows)]))[0][0]
        return self._best

    def num_settled(self) -> int:
        """Returns 0: what comes may change every word."""
        return 0
