"""Subtitles by rule: the limits hold for any words, and breaks lie where people would put them."""

from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.decoding.hypothesis import Span
from asr.text.graphemes import graphemes, num_graphemes
from asr.transcription.cues import FASTEST, LINE_WIDTH, LONGEST_CUE, NUM_LINES, SHORTEST_CUE, Cue, cues_of

SYLLABLES = ["a", "é", "e\u0301", "กำ", "ที่", "字", "👩🏽\u200d🚀", "🇩🇪", "क्षि", "x" * 9]


def spoken(text: str, seconds: float = 0.3, pause: float = 0.0, start: float = 0.0) -> list[Span]:
    """Returns words that all take as long, with pauses of the same length between them."""
    step = seconds + pause
    return [
        Span(word, start + place * step, start + place * step + seconds, 1.0) for place, word in enumerate(text.split())
    ]


def lines_of(cues: list[Cue]) -> list[list[str]]:
    return [cue.text.split("\n") for cue in cues]


words_of_any_kind = st.lists(
    st.tuples(
        st.lists(st.sampled_from(SYLLABLES), min_size=1, max_size=60).map("".join),
        st.sampled_from([0.0, 0.05, 0.3, 0.79, 0.8, 3.0]),
        st.sampled_from([0.0, 0.02, 0.2, 0.5, 2.0, 16.0]),
    ),
    max_size=40,
)


@given(words_of_any_kind, st.sampled_from([0, 3]))
def test_the_limits_hold_for_any_words_and_none_is_lost(parts: list[tuple[str, float, float]], lead: int) -> None:
    words, clock = [], 0.0
    for text, pause, length in parts:
        words.append(Span(text, clock + pause, clock + pause + length, 1.0))
        clock += pause + length
    cues = cues_of(words, lead)
    assert "".join("".join(cue.text.split()) for cue in cues) == "".join(word.text for word in words)
    boundaries = {len("".join(each)) for each in _beginnings([g for word in words for g in graphemes(word.text)])}
    place = 0
    for cue, next_start in zip(cues, [*(cue.start for cue in cues), float("inf")][1:], strict=True):
        shown = cue.text.split("\n")
        assert 1 <= len(shown) <= NUM_LINES
        assert all(0 < num_graphemes(line) <= LINE_WIDTH - lead for line in shown)
        for line in shown:
            place += len("".join(line.split()))
            assert place in boundaries
        allowed = min(LONGEST_CUE, next_start - cue.start)
        length = num_graphemes("".join(cue.text.split("\n"))) + len(shown) - 1 + lead
        wanted = max(SHORTEST_CUE, length / FASTEST)
        assert 0 <= cue.end - cue.start <= allowed + 1e-9
        assert cue.end - cue.start >= min(wanted, allowed) - 1e-9


def _beginnings(parts: list[str]) -> list[list[str]]:
    return [parts[:count] for count in range(len(parts) + 1)]


def test_a_pause_ends_a_cue_and_a_cue_waits_for_its_readers() -> None:
    words = [Span("A", 0, 1, 1), Span("B", 1.7, 2, 0.5), Span("C", 2.9, 3, 1), Span("ABCDEFGHIJ" * 4, 8, 8.1, 1)]
    assert [(cue.text, cue.start, cue.end) for cue in cues_of(words)] == [
        ("A B", 0, 2),
        ("C", 2.9, 3.9),
        ("ABCDEFGHIJ" * 4, 8, 10),
    ]


def test_breaks_lie_at_the_longest_pauses() -> None:
    first, second = "one two three four five six seven eight nine", "ten eleven twelve thirteen fourteen fifteen"
    words = [*spoken(first), *spoken(second, start=9 * 0.3 + 0.5)]
    assert [cue.text.replace("\n", " ") for cue in cues_of(words)] == [first, second]


def test_no_line_ends_with_a_word_that_belongs_to_the_next() -> None:
    words = spoken("he walked along the river and looked for the bridge that his brother had built", 0.25)
    (cue,) = cues_of(words)
    assert cue.text.split("\n") == ["he walked along the river and looked", "for the bridge that his brother had built"]


def test_sentences_end_lines_and_cues_where_there_is_punctuation() -> None:
    words = spoken("We met in spring. She said that nothing had changed, and nothing had. Then we left the town.", 0.4)
    assert lines_of(cues_of(words))[-1] == ["Then we left the town."]


def test_two_lines_are_of_about_the_same_width_the_upper_one_the_longer() -> None:
    words = [Span("word", place / 10, place / 10, 1.0) for place in range(9)]
    assert lines_of(cues_of(words)) == [["word word word word word", "word word word word"]]


def test_thai_is_broken_between_what_people_see_as_characters() -> None:
    shown = ["ที่", "นี่", "กำ", "เ", "ก้", "า", "ดู"] * 13  # 91 of them
    word = Span("".join(shown), 0.0, 9.0, 1.0)
    lines = [line for lines in lines_of(cues_of([word])) for line in lines]
    assert "".join(lines) == word.text
    assert [num_graphemes(line) for line in lines] == [30, 30, 31]
    assert not any(unicodedata.category(line[0])[0] == "M" for line in lines)


def test_lines_are_as_wide_as_they_look() -> None:
    thai = "ที่นั่นมีที่นี่"  # 15 code points, 6 wide
    words = [Span(thai, 0.5 * place, 0.5 * place + 0.4, 1.0) for place in range(12)]
    (cue,) = cues_of(words)
    assert cue.text == "\n".join([" ".join([thai] * 6)] * 2)
    assert (cue.start, cue.end) == (0.0, pytest.approx(5.9))


def test_text_without_blanks_is_broken_in_equal_parts() -> None:
    cues = cues_of([Span("字" * 100, 0.0, 10.0, 1.0), Span("字", 10.0, 10.1, 1.0)])
    assert "".join(cue.text for cue in cues).replace("\n", "").replace(" ", "") == "字" * 101
    assert max(num_graphemes(line) for lines in lines_of(cues) for line in lines) <= 36
    assert all(later.start == pytest.approx(10 / 3 * round(later.start / (10 / 3))) for later in cues)


def test_a_word_that_lasts_longer_than_a_cue_is_shown_in_several() -> None:
    cues = cues_of([Span("HMMM", 0.0, 10.0, 1.0)])
    assert [(cue.text, cue.start, cue.end) for cue in cues] == [("HM", 0, 5), ("MM", 5, 10)]
    assert [(cue.start, cue.end) for cue in cues_of([Span("O", 0.0, 10.0, 1.0)])] == [(0, LONGEST_CUE)]


def test_cues_of_fast_speech_follow_one_another_without_gaps() -> None:
    words = spoken("strengths " * 60, 0.2)  # 50 characters a second
    assert all(cue.end == later.start for cue, later in pairwise(cues_of(words)))
