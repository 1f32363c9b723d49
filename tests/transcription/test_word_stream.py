from __future__ import annotations

import pytest

from asr.decoding.greedy import GreedyDecoder
from asr.decoding.lexicon.arcs import LexiconScores
from asr.decoding.lexicon.decoder import LexiconBeamDecoder
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.transcription.word_stream import LiveWord, WordStream
from tests.transcription.paths import FRAME, TOKENS, greedy, posteriors

SPOKEN = "..AA.B.|.C..D|...AAA.A..|." + 30 * "." + "B.C." + 30 * "." + "|D|A"
SLOW = 0.1  # seconds of a frame
WORDS = ["AB", "CD", "AA", "BC", "D", "A"]


def read(
    decoder: object, text: str, size: int, late: float = 0.0, frame: float = FRAME
) -> tuple[WordStream, list[LiveWord]]:
    """Reads a path in pieces of so many frames, each of which comes ``late`` seconds after its end."""
    stream, rows = WordStream(decoder, TOKENS, frame), posteriors(text)  # type: ignore[arg-type]
    found: list[LiveWord] = []
    for first in range(0, len(rows), size):
        found += stream.advance(rows[first : first + size], min(first + size, len(rows)) * frame + late)
    return stream, [*found, *stream.finish(len(rows) * frame + late)]


def over_words(frame: float) -> LexiconBeamDecoder:
    trie = LexiconTrie(Spellings.of(WORDS, TOKENS), TOKENS)
    return LexiconBeamDecoder(TOKENS, frame, trie, 8, LexiconScores())


def final(found: list[LiveWord]) -> list[str]:
    return [each.word.text for each in found if each.kind == "final"]


@pytest.mark.parametrize("size", [1, 5, 16, 1000])
def test_final_words_are_those_of_the_whole(size: int) -> None:
    _, found = read(GreedyDecoder(TOKENS, FRAME), SPOKEN, size)
    expected = greedy(posteriors(SPOKEN)).words
    spans = [each.word for each in found if each.kind == "final"]
    assert [word.text for word in spans] == [word.text for word in expected] == WORDS
    for one, other in zip(spans, expected, strict=True):
        assert (one.start, one.end) == pytest.approx((other.start, other.end))
        assert one.confidence == pytest.approx(other.confidence)
    _, found = read(PrefixBeamDecoder(TOKENS, FRAME, beam_size=4), SPOKEN, size)
    assert final(found) == WORDS
    _, found = read(over_words(FRAME), SPOKEN, size)
    assert final(found) == WORDS


def test_greedy_words_grow_and_are_final_when_nothing_can_be_added() -> None:
    stream, found = read(GreedyDecoder(TOKENS, FRAME), "A.B.|" + 4 * "." + "C" + 25 * ".", 1, late=0.1)
    assert [(each.kind, each.word.text, round(each.delay, 2)) for each in found] == [
        ("partial", "A", 0.1),
        ("partial", "AB", 0.1),
        ("final", "AB", 0.14),  # with the space, two frames after B
        ("partial", "C", 0.1),
        ("final", "C", 0.6),  # after half a second
    ]
    assert (len(stream.first), len(stream.final)) == (2, 2)
    assert (stream.first.quantile(1.0), stream.final.quantile(1.0)) == (0.1, 0.6)


def test_a_beam_holds_words_until_a_pause_and_not_much_longer_than_16_seconds() -> None:
    decoder = PrefixBeamDecoder(TOKENS, SLOW, beam_size=2)
    _, found = read(decoder, "A.B|C.|" + 5 * ".", 1, frame=SLOW)
    assert [each.kind for each in found if each.word.text == "AB"][-1] == "final"
    assert [each.word.text for each in found if each.kind == "final"] == ["AB", "C"]
    assert all(each.delay >= 0.5 - 1e-6 for each in found if each.kind == "final")
    stream, found = read(decoder, "A.B|C.D...|" * 20, 40, frame=SLOW)  # 22 s without a pause
    assert final(found) == ["AB", "CD"] * 20
    assert stream.final.quantile(1.0) < 20
    _, found = read(over_words(SLOW), "A.B|C.D...|" * 20, 40, frame=SLOW)
    assert final(found) == ["AB", "CD"] * 20
    stream, found = read(decoder, "A" * 200, 40, frame=SLOW)  # a single word without an end
    assert set(final(found)) == {"A"}


def test_words_that_were_searched_are_final_when_nothing_else_is_kept() -> None:
    stream, found = read(over_words(SLOW), "A.B|C.D..|" * 40, 4, frame=SLOW)  # 40 s without a pause
    assert final(found) == ["AB", "CD"] * 40
    assert stream.final.quantile(1.0) < 3
    starts = [each.word.start for each in found if each.kind == "final"]
    assert starts == pytest.approx([start + SLOW * place for start in range(40) for place in (0, 4)])
    assert len(stream.first) == len(stream.final) == 80
    assert len(stream._held) == 0


def test_memory_holds_what_is_not_final() -> None:
    stream = WordStream(GreedyDecoder(TOKENS, FRAME), TOKENS, FRAME)
    most = 0
    for number in range(400):  # a minute and a half of silence, words and silence
        text = 10 * "." if number % 100 < 50 else "A.B|.C.D|."
        list(stream.advance(posteriors(text), number * 10 * FRAME))
        most = max(most, len(stream._held))
        assert stream._held.untyped_storage().nbytes() == stream._held.numel() * 4
    assert most <= 25 + 10
    assert len(stream.final) == 2 * 200
