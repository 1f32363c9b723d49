from __future__ import annotations

import gzip
import json

import pytest

from asr.decoding.hypothesis import Hypothesis, Span
from asr.errors import DataError
from asr.scoring.hypotheses import read_hypotheses, read_texts, write_hypotheses
from asr.transcription.transcript import Transcript
from asr.transcription.transcript_json import write_jsonl


def make(text: str, score: float = -1.0) -> Hypothesis:
    return Hypothesis(text, (Span(text, 0.1, 0.2, 0.5),), (Span(text, 0.1, 0.2, 0.5),), score, 0.5)


def test_come_back_as_they_were(tmp_path):
    path = tmp_path / "new" / "hyps.jsonl"
    nbests = {"u1": [make("語 \u2028 é")], "u2": [make("a"), make("b", -2.0)], "u3": [Hypothesis("", (), (), 0.0, 1.0)]}
    write_hypotheses(path, nbests.items())
    assert read_hypotheses(path) == nbests
    assert [file.name for file in path.parent.iterdir()] == ["hyps.jsonl"]
    first, second, _ = (json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1])
    assert next(iter(first)) == "utterance_id"
    assert "nbest" not in first
    assert [hypothesis["text"] for hypothesis in second["nbest"]] == ["a", "b"]
    assert second["text"] == "a"


def test_transcripts_are_hypotheses_of_the_recordings_that_they_name(tmp_path):
    spoken = Hypothesis("HI", (), (Span("HI", 0.1, 0.2, 0.5),), -1.0, 0.5)
    path = tmp_path / "t.jsonl"
    lines = [write_jsonl(Transcript(tmp_path / name, 1.0, spoken)) for name in ("x/../a.wav", "b.c.flac")]
    path.write_text("".join(lines), encoding="utf-8")
    ids = {str(tmp_path.resolve() / "a.wav"): "first"}
    assert read_texts(path, ids) == {"first": "HI", "b.c": "HI"}
    assert read_hypotheses(path, ids)["first"][0].words == spoken.words
    with pytest.raises(DataError, match=r"t\.jsonl:1: is not a hypothesis \(has no 'utterance_id'\)"):
        read_hypotheses(path)


def test_an_old_file_stays_when_decoding_fails(tmp_path):
    path = tmp_path / "hyps.jsonl"
    write_hypotheses(path, [("u1", [make("old")])])

    def broken():
        yield "u1", [make("new")]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_hypotheses(path, broken())
    assert read_hypotheses(path)["u1"][0].text == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["hyps.jsonl"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("{", "is not JSON"),
        ("[1]", "is not a hypothesis"),
        ('{"text": "a"}', "has no 'utterance_id'"),
        ('{"utterance_id": "b", "text": "a"}', "has no 'tokens'"),
        ('{"utterance_id": "b", "text": 1, "tokens": [], "words": [], "score": 0, "confidence": 1}', "is not a hypo"),
        (
            '{"utterance_id": "b", "text": "a", "tokens": [{"x": 1}], "words": [], "score": 0, "confidence": 1}',
            "is not",
        ),
        ('{"utterance_id": "b", "nbest": []}', "is not a hypothesis"),
        (
            '{"utterance_id": "u1", "text": "", "tokens": [], "words": [], "score": 0, "confidence": 1}',
            "u1 stands here",
        ),
    ],
)
def test_bad_lines_are_named(tmp_path, line, found):
    path = tmp_path / "hyps.jsonl"
    write_hypotheses(path, [("u1", [make("a")])])
    path.write_text(path.read_text(encoding="utf-8") + f"\n{line}\n", encoding="utf-8")
    with pytest.raises(DataError, match=found) as caught:
        read_hypotheses(path)
    assert str(caught.value).startswith(f"{path}:3: ")


def test_bad_files_are_named(tmp_path):
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    for name, found in (
        ("missing.jsonl", "no such file"),
        ("empty.jsonl", "holds no hypotheses"),
        ("binary.jsonl", "is not UTF-8"),
        (".", "cannot be read"),
    ):
        with pytest.raises(DataError, match=found):
            read_hypotheses(tmp_path / name)


FIELDS = {
    "utterance_id": "u1",
    "text": "a",
    "tokens": [],
    "words": [{"text": "a", "start": 0.0, "end": 0.1, "confidence": 1.0}],
    "score": -1.0,
    "confidence": 0.5,
}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"score": float("nan")}, "score is NaN, not a number"),
        ({"score": float("-inf")}, "score is -Infinity, not a number"),
        ({"score": "-1"}, "score is '-1', not a number"),
        ({"confidence": None}, "confidence is null, not a number"),
        ({"text": None}, "text is null, not a string"),
        ({"text": "\ud800"}, "text is '\\ud800', not whole characters: half of a surrogate pair stands alone"),
        ({"utterance_id": 7}, "utterance_id is 7, not a string"),
        ({"tokens": None}, "tokens is null, not a list"),
        ({"words": [None]}, "words is a list, not a list of objects in braces"),
        ({"words": [{**FIELDS["words"][0], "start": "0"}]}, "words[0]: start is '0', not a number"),
        ({"words": [{**FIELDS["words"][0], "end": -0.1}]}, "words[0]: end is -0.1, not a number from 0"),
        ({"nbest": None}, "nbest is null, not a list"),
        ({"nbest": [FIELDS, {**FIELDS, "score": None}]}, "nbest[1]: score is null, not a number"),
    ],
)
def test_values_of_the_wrong_type_are_named(tmp_path, changes, found):
    path = tmp_path / "hyps.jsonl"
    path.write_text(json.dumps({**FIELDS, **changes}) + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_hypotheses(path)
    assert str(caught.value) == f"{path}:1: is not a hypothesis ({found}); make it with: asr decode"


def test_packed_and_recoded_files_are_read(tmp_path):
    line = json.dumps(FIELDS) + "\r\n"
    (tmp_path / "hyps.jsonl.gz").write_bytes(gzip.compress(line.encode()))
    (tmp_path / "hyps.jsonl").write_text(line, encoding="utf-16")
    assert read_hypotheses(tmp_path / "hyps.jsonl") == read_hypotheses(tmp_path / "hyps.jsonl.gz")
