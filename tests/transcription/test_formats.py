import json
import re
import unicodedata
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.decoding.hypothesis import Hypothesis, Span
from asr.text.graphemes import num_graphemes
from asr.transcription.formats import (
    FORMATS,
    LINE_WIDTH,
    LONGEST_CUE,
    NUM_LINES,
    PATHS_AND_TEXT,
    cues_of,
    write_srt,
)
from asr.transcription.transcript import Transcript


def transcript(text: str = "HELLO WORLD", name: str = "", path: str = "talks/my talk.wav") -> Transcript:
    words = tuple(Span(word, 0.5 + place, 0.9 + place, 0.75) for place, word in enumerate(text.split()))
    tokens = tuple(Span(letter, 0.1, 0.2, 0.5) for letter in text.replace(" ", "|"))
    return Transcript(Path(path), 3.20004, Hypothesis(text, tokens, words, -1.5, 0.75 if words else 1.0), name)


def test_each_format_for_one_recording() -> None:
    written = {name: form.document(transcript()) for name, form in FORMATS.items()}
    assert written["txt"] == "HELLO WORLD\n"
    assert written["srt"] == "1\n00:00:00,500 --> 00:00:01,900\nHELLO WORLD\n\n"
    assert written["vtt"] == "WEBVTT\n\n00:00:00.500 --> 00:00:01.900\nHELLO WORLD\n\n"
    assert written["ctm"] == "my_talk 1 0.500 0.400 HELLO 0.7500\nmy_talk 1 1.500 0.400 WORLD 0.7500\n"
    assert written["tsv"].splitlines() == [
        "path\tstart\tend\tword\tconfidence",
        "talks/my talk.wav\t0.500\t0.900\tHELLO\t0.7500",
        "talks/my talk.wav\t1.500\t1.900\tWORLD\t0.7500",
    ]
    fields = json.loads(written["json"])
    assert json.loads(written["jsonl"]) == fields
    assert written["jsonl"].count("\n") == 1
    assert (fields["path"], fields["duration"], fields["text"]) == ("talks/my talk.wav", 3.2, "HELLO WORLD")
    assert fields["confidence"] == 0.75
    assert fields["words"][1] == {"text": "WORLD", "start": 1.5, "end": 1.9, "confidence": 0.75}
    assert fields["tokens"][5] == {"text": "|", "start": 0.1, "end": 0.2, "confidence": 0.5}


def test_nothing_said() -> None:
    written = {name: form.document(transcript("")) for name, form in FORMATS.items()}
    assert json.loads(written.pop("json"))["words"] == json.loads(written.pop("jsonl"))["words"] == []
    header = "path\tstart\tend\tword\tconfidence\n"
    assert written == {"txt": "\n", "srt": "", "vtt": "WEBVTT\n\n", "tsv": header, "ctm": ""}


def test_several_recordings_in_one_file() -> None:
    several = [transcript("A"), transcript("B", name="x/b c")]
    texts = {name: "".join(form.documents(several)) for name, form in FORMATS.items() if form.many is not None}
    assert texts["txt"] == "A\nB\n"
    assert [fields["text"] for fields in json.loads(texts["json"])] == ["A", "B"]
    assert [json.loads(line)["text"] for line in texts["jsonl"].splitlines()] == ["A", "B"]
    assert texts["tsv"].count("path\tstart") == 1
    assert [line.split()[0] for line in texts["ctm"].splitlines()] == ["my_talk", "x/b_c"]
    assert "".join(PATHS_AND_TEXT.documents(several)) == "talks/my talk.wav\tA\ntalks/my talk.wav\tB\n"
    assert json.loads("".join(FORMATS["json"].documents([]))) == []
    assert "".join(FORMATS["tsv"].documents([])).startswith("path")
    for name in ("srt", "vtt"):
        with pytest.raises(ValueError, match="one recording"):
            list(FORMATS[name].documents(several))


def test_other_scripts_and_marks_of_vtt() -> None:
    text = "день добрый <b>&"
    assert text in FORMATS["json"].document(transcript(text))
    assert text in FORMATS["srt"].document(transcript(text))
    assert "день добрый &lt;b&gt;&amp;" in FORMATS["vtt"].document(transcript(text))


def test_long_pauses_end_a_cue() -> None:
    words = [Span("A", 0, 1, 1), Span("B", 1.7, 2, 0.5), Span("C", 2.9, 3, 1)]
    assert [(cue.text, cue.start, cue.end, cue.confidence) for cue in cues_of(words)] == [
        ("A B", 0, 2, 0.5),
        ("C", 2.9, 3.9, 1),
    ]


def test_thai_is_broken_between_what_people_see_as_characters() -> None:
    shown = ["ที่", "นี่", "กำ", "เ", "ก้", "า", "ดู"] * 13  # 91 of them
    word = Span("".join(shown), 0.0, 9.0, 1.0)
    lines = [line for cue in cues_of([word]) for line in cue.text.split()]
    assert "".join(lines) == word.text
    assert [num_graphemes(line) for line in lines] == [30, 30, 31]
    assert not any(unicodedata.category(line[0])[0] == "M" for line in lines)


def test_lines_are_as_wide_as_they_look() -> None:
    thai = "ที่นั่นมีที่นี่"  # 15 code points, 6 wide
    words = [Span(thai, 0.5 * place, 0.5 * place + 0.4, 1.0) for place in range(12)]
    (cue,) = cues_of(words)
    line = " ".join([thai] * 6)
    spoken = Transcript(Path("a.wav"), 6.0, Hypothesis(cue.text, (), tuple(words), 0.0, 1.0))
    assert write_srt(spoken) == f"1\n00:00:00,000 --> 00:00:05,900\n{line}\n{line}\n\n"


def test_text_without_blanks_is_broken_in_equal_parts() -> None:
    cues = cues_of([Span("字" * 100, 0.0, 10.0, 1.0), Span("字", 10.0, 10.1, 1.0)])
    assert "".join(cue.text.replace(" ", "") for cue in cues) == "字" * 101
    assert [len(cue.text) for cue in cues] == [67, 36]
    assert cues[1].start == pytest.approx(20 / 3)


@given(
    st.lists(st.tuples(st.text("abcdefg'-é", min_size=1, max_size=60), st.floats(0, 2), st.floats(0, 1.5)), max_size=40)
)
def test_cues_are_short_in_order_and_lose_no_word(parts: list[tuple[str, float, float]]) -> None:
    words, clock = [], 0.0
    for text, pause, length in parts:
        words.append(Span(text, clock + pause, clock + pause + length, 1.0))
        clock += pause + length
    cues = cues_of(words)
    assert "".join(cue.text for cue in cues).replace(" ", "") == "".join(word.text for word in words)
    assert all(cue.start <= cue.end <= following.start for cue, following in pairwise(cues))
    assert all(cue.end - cue.start <= LONGEST_CUE for cue in cues)
    whole = Transcript(Path("a.wav"), clock, Hypothesis("", (), tuple(words), 0.0, 1.0))
    for block in write_srt(whole).split("\n\n")[:-1]:
        _, times, *lines = block.split("\n")
        assert re.fullmatch(r"\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}", times)
        assert 1 <= len(lines) <= NUM_LINES
        assert all(0 < len(line) <= LINE_WIDTH for line in lines)


def test_two_lines_are_of_about_the_same_length() -> None:
    words = [Span(word, place / 10, place / 10, 1.0) for place, word in enumerate(["word"] * 9)]
    assert "word word word word word\nword word word word" in FORMATS["srt"].document(
        Transcript(Path("a.wav"), 1.0, Hypothesis("", (), tuple(words), 0.0, 1.0))
    )
