"""Phones and words with their times, out of espeak-ng's events and its samples.

espeak-ng reports where each phone begins, to the sample, with two exceptions. A stop's closure is not a phone of its
own: the silence before a burst ends the preceding phone, and the voicing before the burst of b, d, g and jh begins the
stop. Both are measured in the samples: the voices in use are silent to the last bit in closures and pauses, and a voice
bar, unlike a burst, has no energy above :data:`_BAR_CUTOFF`. And l after a vowel (in Scotland r, too) is spoken as the
end of the vowel and reported when it is over: it gets the last :data:`_TAIL` of the two.

Silences become labels as in TIMIT: ``h#`` at both ends, ``pau`` at a pause, a closure before a stop, a part of ``q``
before a glottal stop. Any other (10 to 30 ms between words) belongs to the phone before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from asr.corpora.synth.espeak import Spoken
from asr.corpora.synth.phone_map import CLOSURES, FIRST_SHARE, GLOTTAL_STOP, STRESS_MARKS, TIMIT_PHONES
from asr.errors import AsrError

BEGIN_END = "h#"
PAUSE = "pau"

_SILENCE = 4  # largest absolute 16-bit sample of a silence: what the rounding of a fading vowel leaves
_SHORTEST_GAP = 0.004  # seconds; the pulses of a deep voice are closer than that

# Seconds from where the spectrum is halfway between vowel and l to the end: median 60 to 79 ms from the fastest to the
# slowest speaker, half of all within 10 ms of it.
_TAIL = 0.070
_LARGEST_TAIL = 0.5  # of the two

_VOICED_STOPS = {"b", "d", "g", "jh"}
_BAR_CUTOFF = 1000.0  # Hz
_BAR_CONTRAST = 4.0  # dB by which a burst exceeds its voice bar above the cutoff; measured: 5 to 30, half above 20
_SHORTEST_BAR = 0.027  # seconds; measured: 31 to 70 ms, half of them 42, and none at all after nasals and l
_BAR_WINDOW, _BAR_HOP = 0.002, 0.0005  # seconds
_BAR_FLOOR = 30.0  # power that keeps the logarithm finite: samples of about 5

_MERGED = {"a": 1, "an": 2, "the": 2}
"""Words that espeak-ng may merge with the word before (*of the*), and their numbers of phones."""


@dataclass(frozen=True)
class Label:
    """A phone or word and its place, ``start`` included and ``end`` not, in samples."""

    symbol: str
    start: int
    end: int


@dataclass(frozen=True)
class Labels:
    """The phones of an utterance, without gaps between them, and its words."""

    phones: tuple[Label, ...]
    words: tuple[Label, ...]


@dataclass(frozen=True)
class _Piece:
    """An interval of sound or silence.

    Attributes:
        phones: its TIMIT phones; none for a glide without a name, or a silence without a label yet.
        start: first sample.
        end: sample after the last.
        word: index of its word; None for silence outside words.
        silent: whether nothing is heard in it.
        is_pause: whether espeak-ng means it as a pause.
    """

    phones: tuple[str, ...]
    start: int
    end: int
    word: int | None
    silent: bool = False
    is_pause: bool = False


def label(text: str, spoken: Spoken) -> Labels:
    """Returns the TIMIT phones and the words of a sentence with their samples.

    Args:
        text: the sentence; its words are separated by blanks.
        spoken: what espeak-ng made of it.

    Raises:
        AsrError: espeak-ng named a phone that the table lacks, or a word has no phone of its own.
    """
    spans = _separate_words(text, spoken, _share_tails(list(_spans(text, spoken)), spoken))
    pieces = _name_silences(_join(_cut_silences(spans, spoken)))
    phones: list[Label] = []
    owners: list[int | None] = []
    for index, piece in enumerate(pieces):
        own = list(_phones(piece, index > 0 and pieces[index - 1].silent, spoken))
        phones += own
        owners += [piece.word] * len(own)
    return Labels(tuple(phones), tuple(_words(text, phones, owners)))


def _spans(text: str, spoken: Spoken) -> Iterator[_Piece]:
    """Yields a piece for each phone event, up to the next event."""
    places = _word_places(text)
    heard = [(start, places[position]) for start, position, _ in spoken.words if position in places]
    ends = [start for start, _ in spoken.phones[1:]] + [len(spoken.samples)]
    if spoken.phones[0][0]:
        yield _Piece((), 0, spoken.phones[0][0], None)
    for (start, ipa), end in zip(spoken.phones, ends, strict=True):
        name = ipa.lstrip(STRESS_MARKS)
        if name and name not in TIMIT_PHONES:
            raise AsrError("espeak-ng", f"unknown phone {name!r} in {text!r}", "add it to asr.corpora.synth.phone_map")
        word = max((index for at, index in heard if at <= start), default=0)
        yield _Piece(TIMIT_PHONES.get(name, ()), start, end, word, is_pause=not name)


def _word_places(text: str) -> dict[int, int]:
    """Returns the index of the word that begins at each place in the text."""
    begins = [place for place, sign in enumerate(text) if sign != " " and (not place or text[place - 1] == " ")]
    return {place: index for index, place in enumerate(begins)}


def _separate_words(text: str, spoken: Spoken, spans: list[_Piece]) -> list[_Piece]:
    """Assigns the last phones of two merged words to the second."""
    places = _word_places(text)
    heard = {places[position] for _, position, _ in spoken.words if position in places}
    words = text.split()
    for index in sorted(set(range(len(words))) - heard):
        count = _MERGED.get(words[index].lower(), 0)
        shared = [place for place, span in enumerate(spans) if span.word == index - 1]
        named = [place for place in shared if spans[place].phones]
        if not count or len(named) <= count:
            raise AsrError("espeak-ng", f"the word {words[index]!r} of {text!r} is merged with the one before it")
        for place in shared:
            if place >= named[-count]:
                spans[place] = replace(spans[place], word=index)
    return spans


def _share_tails(spans: list[_Piece], spoken: Spoken) -> list[_Piece]:
    """Assigns the end of a sound to the phone after it if that is silent in its own span."""
    for index in range(1, len(spans)):
        before, span = spans[index - 1], spans[index]
        if not span.phones or span.phones == (GLOTTAL_STOP,) or len(_loud(span, spoken)):
            continue
        loud = _loud(before, spoken)
        if len(loud):
            end = before.start + int(loud[-1]) + 1
            tail = round(min(_TAIL * spoken.sample_rate, _LARGEST_TAIL * (end - before.start)))
            spans[index - 1 : index + 1] = replace(before, end=end - tail), replace(span, start=end - tail)
    return spans


def _loud(span: _Piece, spoken: Spoken) -> NDArray[np.intp]:
    return np.flatnonzero(np.abs(spoken.samples[span.start : span.end].astype(np.int32)) > _SILENCE)


def _cut_silences(spans: Iterable[_Piece], spoken: Spoken) -> Iterator[_Piece]:
    """Splits the silence at both edges of each span off, as pieces of their own; some are empty."""
    shortest = round(_SHORTEST_GAP * spoken.sample_rate)
    for span in spans:
        loud = _loud(span, spoken)
        if not len(loud):
            is_stop = span.phones == (GLOTTAL_STOP,)
            yield span if is_stop else replace(span, phones=(), word=None, silent=True)
            continue
        start, end = span.start + int(loud[0]), span.start + int(loud[-1]) + 1
        start = start if start - span.start >= shortest else span.start
        end = end if span.end - end >= shortest else span.end
        yield _Piece((), span.start, start, None, silent=True)
        yield replace(span, start=start, end=end, is_pause=False)
        yield _Piece((), end, span.end, None, silent=True)


def _join(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Joins neighbouring silences, and a glide to what precedes it; drops empty pieces."""
    joined: list[_Piece] = []
    for piece in pieces:
        if piece.start == piece.end:
            continue
        last = joined[-1] if joined else None
        if last and not piece.phones and (last.silent or not piece.silent):
            joined[-1] = replace(last, end=piece.end, is_pause=last.is_pause or piece.is_pause)
        else:
            joined.append(piece)
    return joined


def _name_silences(pieces: list[_Piece]) -> list[_Piece]:
    """Labels the silences, or merges them with the phone before or the glottal stop after them."""
    named: list[_Piece] = []
    for index, piece in enumerate(pieces):
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        if not piece.silent:
            start = named[-1].end if named else 0
            named.append(replace(piece, start=start))
        elif not named or following is None:
            named.append(replace(piece, phones=(BEGIN_END,)))
        elif piece.is_pause:
            named.append(replace(piece, phones=(PAUSE,)))
        elif following.phones[0] in CLOSURES:
            named.append(replace(piece, phones=(CLOSURES[following.phones[0]],), word=following.word))
        elif following.phones[0] != GLOTTAL_STOP:
            named[-1] = replace(named[-1], end=piece.end)
    return named


def _phones(piece: _Piece, is_after_silence: bool, spoken: Spoken) -> Iterator[Label]:
    if len(piece.phones) == 2:
        middle = piece.start + round(FIRST_SHARE * (piece.end - piece.start))
        yield Label(piece.phones[0], piece.start, middle)
        yield Label(piece.phones[1], middle, piece.end)
        return
    (phone,) = piece.phones
    burst = piece.start
    if phone in _VOICED_STOPS and not is_after_silence:
        burst += _voice_bar(spoken.samples, piece.start, piece.end, spoken.sample_rate)
    if burst > piece.start:
        yield Label(CLOSURES[phone], piece.start, burst)
    yield Label(phone, burst, piece.end)


def _voice_bar(samples: NDArray[np.int16], start: int, end: int, sample_rate: int) -> int:
    """Returns the length of the voicing before the burst of a stop, in samples; 0 if there is none.

    It ends where a single upward step fits the logarithm of the energy above the cutoff best (least squares).
    """
    window, hop = round(_BAR_WINDOW * sample_rate), round(_BAR_HOP * sample_rate)
    margin = round(0.02 * sample_rate)
    first = max(0, start - margin)
    high = _high_pass(samples[first : end + margin], sample_rate)[start - first : end - first]
    num = (len(high) - window) // hop + 1
    if num < 2:
        return 0
    power = np.add.reduceat(high**2, np.arange(0, len(high), hop))
    levels = np.log10(np.convolve(power, np.ones(window // hop), "valid")[:num] / window + _BAR_FLOOR)
    counts = np.arange(1, num)
    sums = np.cumsum(levels)
    left, right = sums[:-1] / counts, (sums[-1] - sums[:-1]) / (num - counts)
    best = int(np.argmax(np.where(right > left, counts * (num - counts) * (right - left) ** 2, 0.0)))
    length = int(counts[best]) * hop + window // 2
    if 10 * (right - left)[best] < _BAR_CONTRAST or length < _SHORTEST_BAR * sample_rate:
        return 0
    return length


def _high_pass(samples: NDArray[np.int16], sample_rate: int) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(samples.astype(np.float64))
    frequencies = np.fft.rfftfreq(len(samples), 1 / sample_rate)
    gains = 1 / (1 + (_BAR_CUTOFF / np.maximum(frequencies, 1.0)) ** 8)
    return np.fft.irfft(spectrum * gains, len(samples))


def _words(text: str, phones: list[Label], owners: list[int | None]) -> Iterator[Label]:
    for index, word in enumerate(text.split()):
        own = [phone for phone, owner in zip(phones, owners, strict=True) if owner == index]
        if not own:
            raise AsrError("espeak-ng", f"no phone is heard for the word {word!r} of {text!r}", "leave it out")
        yield Label(word.strip(".,?!").lower(), own[0].start, own[-1].end)
