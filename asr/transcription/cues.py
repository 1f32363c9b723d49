"""Subtitles by rule: the words of each, its lines, and how long it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf

from asr.audio.rates import Seconds
from asr.decoding.hypothesis import Span
from asr.text.graphemes import graphemes, num_graphemes
from asr.transcription.turns import LONG_PAUSE, between_pauses

LINE_WIDTH = 42  # graphemes in a line of subtitles, as in the guides of broadcasters
NUM_LINES = 2
LONGEST_CUE: Seconds = 7.0
SHORTEST_CUE: Seconds = 1.0  # shown at least this long if the next cue allows it
FASTEST = 20.0  # characters a second that people can read, if the next cue allows it

_LINE_PAUSE: Seconds = 0.4  # between words, at which a line may end at no cost
_ENDS_SENTENCE = tuple(".?!…。？！؟।")  # noqa: RUF001 - full-width ones are meant
_ENDS_CLAUSE = tuple(",;:，、；：،")  # noqa: RUF001
_LEAN_ON_THE_NEXT = frozenset(
    "a an the this these those my your his her its our their of to in on at by for from with into about and or but nor "  # noqa: SIM905
    "so as if than that which who whose because when while where although is are was were be been am has have had do "
    "does did can could will would shall should may might must not no very more most mr mrs ms dr".split()
)
"""English words that belong to the next word; a line ends with one only if no other break is as good."""


@dataclass(frozen=True)
class Cue:
    """A subtitle.

    Attributes:
        lines: words of each line, with a trailing blank except for the last.
        start: seconds from the start of the recording.
        end: seconds; no later than the start of the next cue.
    """

    lines: tuple[tuple[Span, ...], ...]
    start: Seconds
    end: Seconds

    @property
    def text(self) -> str:
        """The lines, with line ends between them."""
        return "\n".join("".join(word.text for word in line) for line in self.lines)


@dataclass(frozen=True)
class _Words:
    """Words without long pauses between them.

    Attributes:
        spans: in order of time, each no wider than a line and no longer than a cue.
        widths: width of each word in graphemes.
        room: graphemes allowed in a line.
        next_start: start of the word that follows them, in seconds; infinity if there is none.
    """

    spans: Sequence[Span]
    widths: Sequence[int]
    room: int
    next_start: Seconds

    def start(self, place: int) -> Seconds:
        """Returns the start of a word, or of the word that follows the last."""
        return self.spans[place].start if place < len(self.spans) else self.next_start

    def pause_after(self, place: int) -> Seconds:
        return self.start(place + 1) - self.spans[place].end

    def width(self, first: int, stop: int) -> int:
        """Returns the width of words on one line."""
        return sum(self.widths[first:stop]) + max(0, stop - first - 1)

    def seconds_to_read(self, first: int, stop: int) -> Seconds:
        return (self.width(first, stop) + LINE_WIDTH - self.room) / FASTEST


def cues_of(words: Sequence[Span], lead: int = 0) -> list[Cue]:
    """Divides words into subtitles.

    A cue has at most two lines of 42 graphemes and lasts at most 7 seconds. If the next cue allows it, it lasts at
    least a second, and long enough for 20 characters a second. A pause of 0.8 seconds ends a cue. Between such pauses,
    words are divided in the way that costs least: breaks should be at pauses and after punctuation, not after words
    that belong to the next one, and leave enough time to read. The lines of a cue have about the same width.

    Args:
        words: in order of time.
        lead: graphemes shown before the first word of each cue, such as a speaker's name.

    **Source**: the limits are those of Netflix's "Timed Text Style Guide" and of the BBC's "Subtitle Guidelines".

    Example:
        >>> words = [Span("ONE", 0.0, 0.3, 1.0), Span("TWO", 0.4, 0.7, 1.0), Span("THREE", 3.0, 3.2, 1.0)]
        >>> [(cue.text, cue.start, cue.end) for cue in cues_of(words)]
        [('ONE TWO', 0.0, 1.0), ('THREE', 3.0, 4.0)]
    """
    room = LINE_WIDTH - lead
    parts = between_pauses(_short_words(words, room))
    next_starts = [*(part[0].start for part in parts), inf][1:]
    cues = []
    for spans, next_start in zip(parts, next_starts, strict=True):
        block = _Words(spans, [num_graphemes(span.text) for span in spans], room, next_start)
        cues += [_cue(block, first, stop) for first, stop in _divide(block)]
    return cues


def _short_words(words: Sequence[Span], room: int) -> Iterator[Span]:
    """Splits words that are wider than a line, as text without blanks is, or longer than a cue, into equal parts.

    No two parts of a word fit on one line of one cue, so that no blank comes between them.
    """
    for word in words:
        shown = list(graphemes(word.text))
        num_parts = max(-(-len(shown) // room), min(len(shown), int(-(-(word.end - word.start) // LONGEST_CUE))))
        seconds = (word.end - word.start) / max(1, num_parts)
        for part in range(num_parts):
            first, last = (len(shown) * place // num_parts for place in (part, part + 1))
            start = word.start + part * seconds
            yield Span("".join(shown[first:last]), start, start + seconds, word.confidence)


def _divide(words: _Words) -> list[tuple[int, int]]:
    """Returns the first word and the end of each cue, with the lowest total cost."""
    count = len(words.spans)
    best: list[tuple[float, int]] = [(inf, 0)] * count + [(0.0, count)]  # cost of all from a word on, end of its cue
    for first in reversed(range(count)):
        choices = ((_cost(words, first, stop) + best[stop][0], -stop) for stop in _possible_stops(words, first))
        cost, negative = min(choices)
        best[first] = (cost, -negative)
    found, first = [], 0
    while first < count:
        found.append((first, best[first][1]))
        first = best[first][1]
    return found


def _possible_stops(words: _Words, first: int) -> Iterator[int]:
    """Yields the possible ends of a cue that starts with a word: it fits its lines and is not too long."""
    num_lines, room = 1, words.room
    for place in range(first, len(words.spans)):
        needed = words.widths[place] + (place > first)
        if needed > room:
            num_lines, needed, room = num_lines + 1, words.widths[place], words.room
        room -= needed
        is_short = words.spans[place].end - words.spans[first].start <= LONGEST_CUE
        if place > first and not (num_lines <= NUM_LINES and is_short):
            return
        yield place + 1


def _cost(words: _Words, first: int, stop: int) -> float:
    """Returns the cost of a cue: 1, and about as much for each defect."""
    seconds = max(0.001, min(LONGEST_CUE, words.start(stop) - words.start(first)))
    cost = 1 + 0.3 * (1 - words.width(first, stop) / (NUM_LINES * words.room)) ** 2
    cost += 4 * min(5.0, max(0.0, words.seconds_to_read(first, stop) / seconds - 1)) + 2 * max(
        0.0, SHORTEST_CUE - seconds
    )
    if stop < len(words.spans):
        cost += _break_cost(words, stop - 1, LONG_PAUSE)
    return cost


def _break_cost(words: _Words, place: int, pause: Seconds) -> float:
    """Returns the cost of a break after a word: 0 at a pause, 1 within speech."""
    text = words.spans[place].text
    cost = 1 - min(1.0, max(0.0, words.pause_after(place)) / pause)
    if text.endswith(_ENDS_SENTENCE):
        return cost - 0.5
    if text.endswith(_ENDS_CLAUSE):
        return cost - 0.25
    return cost + 0.5 * (text.casefold() in _LEAN_ON_THE_NEXT)


def _cue(words: _Words, first: int, stop: int) -> Cue:
    spans = words.spans[first:stop]
    start = spans[0].start
    wanted = max(*(span.end for span in spans), start + SHORTEST_CUE, start + words.seconds_to_read(first, stop))
    end = max(start, min(wanted, start + LONGEST_CUE, words.start(stop)))
    middle = _line_break(words, first, stop) if words.width(first, stop) > words.room else stop
    lines = (words.spans[first:middle], words.spans[middle:stop])
    return Cue(tuple(_with_blanks(line) for line in lines if line), start, end)


def _line_break(words: _Words, first: int, stop: int) -> int:
    """Returns the first word of the second line; of two equally good breaks, the later."""

    def cost(middle: int) -> float:
        upper, lower = words.width(first, middle), words.width(middle, stop)
        if max(upper, lower) > words.room:
            return inf
        return abs(upper - lower) / words.room + 0.3 * _break_cost(words, middle - 1, _LINE_PAUSE)

    return min(range(first + 1, stop), key=lambda middle: (cost(middle), -middle), default=stop)


def _with_blanks(line: Sequence[Span]) -> tuple[Span, ...]:
    spaced = (Span(f"{word.text} ", word.start, word.end, word.confidence) for word in line[:-1])
    return (*spaced, *line[-1:])
