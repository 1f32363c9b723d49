import pytest

from asr.decoding.hypothesis import Hypothesis, Span
from asr.transcription.transcript import join, stitch


def reading(words: str, *starts: float, length: float = 0.2) -> Hypothesis:
    """Returns words of two tokens each, and the mark between words as a third."""
    spans, tokens = [], []
    for number, (word, start) in enumerate(zip(words.split(), starts, strict=True)):
        spans.append(Span(word, start, start + length, 0.5 + number / 100))
        tokens += [Span(word[0], start, start, 0.9), Span(word[-1], start + length, start + length, 0.9)]
        tokens.append(Span("|", start + length + 0.02, start + length + 0.04, 0.9))
    return Hypothesis(words, tuple(tokens[:-1]), tuple(spans), -1.0, 0.5)


def test_join_puts_parts_together_and_leaves_out_empty_ones() -> None:
    nothing = Hypothesis("", (), (), 0.0, 1.0)
    whole = join([reading("one two", 0, 1), nothing, reading("three", 5)])
    assert whole.text == "one two three"
    assert [word.start for word in whole.words] == [0, 1, 5]
    assert len(whole.tokens) == 7
    assert (whole.score, whole.confidence) == (-2.0, 0.5)
    assert join([]) == nothing


@pytest.mark.parametrize("shift", [-0.08, 0.0, 0.08])
def test_words_near_the_join_are_neither_lost_nor_doubled(shift: float) -> None:
    for first in (9.0, 9.1, 9.2, 9.3, 9.4, 9.5):
        starts = [first + 0.3 * place for place in range(6)]
        left = reading("a1 b2 c3 d4 e5 f6", *starts)
        right = reading("b2 c3 d4 e5 f6 g7", *(start + shift for start in [*starts[1:], starts[-1] + 0.3]))
        assert join(stitch(left, right, 9.5, 10.5)).text == "a1 b2 c3 d4 e5 f6 g7"


def test_tokens_go_with_their_words() -> None:
    left, right = stitch(reading("aa bb cc", 1, 2, 3), reading("bb cc dd", 2, 3, 4), 2.2, 3.2)
    assert "".join(token.text for token in left.tokens + right.tokens) == "aa|bb|cc|dd"
    assert (left.words[0].text, right.words[-1].text) == ("aa", "dd")
    assert right.confidence == min(word.confidence for word in right.words)


def test_where_one_reading_says_nothing_the_other_is_kept() -> None:
    nothing = Hypothesis("", (), (), 0.0, 1.0)
    said = reading("aa bb", 1, 3)
    assert [part.text for part in stitch(nothing, said, 1.9, 2.1)] == ["", "bb"]
    assert [part.text for part in stitch(said, nothing, 1.9, 2.1)] == ["aa", ""]
    assert stitch(nothing, nothing, 1.9, 2.1) == (nothing, nothing)


def test_words_far_from_the_join_stay_as_they_are() -> None:
    left, right = reading("aa", 1), reading("bb", 5)
    assert stitch(left, right, 2.5, 3.5) == (left, right)


def letters(text: str, start: float, step: float = 0.2, lag: float = 0.0) -> Hypothesis:
    """Returns one word for each part between marks, a letter every ``step`` seconds."""
    times = [start + lag + step * place for place in range(len(text))]
    tokens = tuple(Span(token, at, at + 0.04, 0.9) for token, at in zip(text, times, strict=True))
    words, place = [], 0
    for word in text.split("|"):
        if word:
            words.append(Span(word, times[place], times[place + len(word) - 1] + 0.04, 0.9))
        place += len(word) + 1
    return Hypothesis(" ".join(word.text for word in words), tokens, tuple(words), -1.0, 0.9)


@pytest.mark.parametrize("lag", [-0.05, 0.0, 0.05])
def test_text_without_blanks_is_joined_inside_its_only_word(lag: float) -> None:
    script = "abcdefghijklmnopqrstuvwxyz0123456789"
    left, right = stitch(letters(script[:20], 0.0), letters(script[10:], 2.0, lag=lag), 2.5, 3.5)
    assert (left.text, right.text) == ("", script)
    assert "".join(token.text for token in left.tokens + right.tokens) == script
    (word,) = right.words
    assert (word.start, word.end) == (pytest.approx(0.0), pytest.approx(7.04 + lag))


@pytest.mark.parametrize("lag", [-0.05, 0.0, 0.05])
def test_a_word_longer_than_the_overlap_is_made_of_both_readings(lag: float) -> None:
    script = "ab|cdefghijklmnopqrstuvw|xyz|01"
    left, right = stitch(letters(script[:20], 0.0), letters(script[10:], 2.0, lag=lag), 2.5, 3.5)
    assert join([left, right]).text == script.replace("|", " ")
    assert "".join(token.text for token in left.tokens + right.tokens) == script


def test_the_right_reading_may_end_the_word() -> None:
    left, right = letters("abcdefghijklmnopqrst", 0.0), letters("klm|pqrstuvw|x", 2.0)
    assert join(stitch(left, right, 2.5, 3.5)).text.startswith("abcdefghijkl")
    alone = join(stitch(left, Hypothesis("", (), (), 0.0, 1.0), 2.5, 3.5)).text
    assert alone in ("abcdefghijklmnopqrst"[:length] for length in range(12, 19))


def test_a_token_longer_than_the_overlap_is_said_once() -> None:
    left = Hypothesis("sil", (Span("sil", 0, 4, 1),), (Span("sil", 0, 4, 1),), 0.0, 1.0)
    spans = (Span("sil", 2, 5, 1), Span("aa", 6, 7, 1))
    assert join(stitch(left, Hypothesis("sil aa", spans, spans, 0.0, 1.0), 2.5, 3.5)).text == "sil aa"
