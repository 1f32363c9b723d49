"""Each format: written, and read back by a reader that knows nothing of the writer."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest
import webvtt
from lhotse import SupervisionSegment, SupervisionSet
from lhotse.recipes.tedlium import _parse_stm_file
from praatio import textgrid
from pympi import Elan, Praat
from pysubs2 import SSAFile

from asr.decoding.hypothesis import Hypothesis, Span
from asr.transcription.formats import FORMATS, PATHS_AND_TEXT, choose_format
from asr.transcription.json_objects import Listed, as_json
from asr.transcription.transcript import Transcript, Voice, join
from asr.transcription.transcript_json import SCHEMA


def hypothesis(text: str, start: float = 0.5) -> Hypothesis:
    words = tuple(Span(word, start + place, start + 0.4 + place, 0.75) for place, word in enumerate(text.split()))
    tokens = tuple(Span(letter, 0.1 * place, 0.1 * place + 0.1, 0.5) for place, letter in enumerate(text))
    return Hypothesis(text, tokens, words, -1.5, 0.75 if words else 1.0)


def transcript(text: str = "HELLO WORLD", name: str = "", path: str = "talks/my talk.wav") -> Transcript:
    return Transcript(Path(path), 3.20004, hypothesis(text), name)


def call() -> Transcript:
    """Returns a call in which the right speaker answers within the left one's pause, and talks while the left does."""
    left = join([hypothesis("HELLO"), hypothesis("WHO IS IT", 4.0)])
    right = join([hypothesis("ME", 2.0), hypothesis("YES", 5.5)])
    voices = (Voice("L", left), Voice("R", right))
    return Transcript(Path("call.wav"), 8.0, join([left, right]), voices=voices)


def test_each_format_for_one_recording() -> None:
    written = {name: form.document(transcript()) for name, form in FORMATS.items()}
    assert written["txt"] == "HELLO WORLD\n"
    assert written["srt"] == "1\n00:00:00,500 --> 00:00:01,900\nHELLO WORLD\n\n"
    assert written["vtt"] == "WEBVTT\n\n00:00:00.500 --> 00:00:01.900\nHELLO WORLD\n\n"
    assert written["words.vtt"] == "WEBVTT\n\n00:00:00.500 --> 00:00:01.900\nHELLO <00:00:01.500>WORLD\n\n"
    assert written["ass"].splitlines()[-1].split(",,")[-1] == r"{\k40}HELLO {\k60}{\k40}WORLD"
    assert written["ctm"] == "my_talk 1 0.500 0.400 HELLO 0.7500\nmy_talk 1 1.500 0.400 WORLD 0.7500\n"
    assert written["stm"] == "my_talk 1 my_talk 0.500 1.900 <o,f0,unknown> HELLO WORLD\n"
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
    assert fields["tokens"][4] == {"text": "O", "start": 0.4, "end": 0.5, "confidence": 0.5}


def test_nothing_said() -> None:
    written = {name: form.document(transcript("")) for name, form in FORMATS.items()}
    assert json.loads(written.pop("json"))["words"] == json.loads(written.pop("jsonl"))["words"] == []
    assert len(SSAFile.from_string(written.pop("ass"))) == 0
    assert 'name = "words"' in written.pop("TextGrid")
    assert "<ANNOTATION>" not in written.pop("eaf")
    header = "path\tstart\tend\tword\tconfidence\n"
    empty = {"txt": "\n", "srt": "", "tsv": header, "ctm": "", "stm": ""}
    assert written == {**empty, "vtt": "WEBVTT\n\n", "words.vtt": "WEBVTT\n\n"}


def test_several_recordings_in_one_file() -> None:
    several = [transcript("A"), transcript("B", name="x/b c")]
    texts = {name: "".join(form.documents(several)) for name, form in FORMATS.items() if form.many is not None}
    assert texts["txt"] == "A\nB\n"
    assert [fields["text"] for fields in json.loads(texts["json"])] == ["A", "B"]
    assert [json.loads(line)["text"] for line in texts["jsonl"].splitlines()] == ["A", "B"]
    assert texts["tsv"].count("path\tstart") == 1
    assert [line.split()[0] for line in texts["ctm"].splitlines()] == ["my_talk", "x/b_c"]
    assert [line.split()[0] for line in texts["stm"].splitlines()] == ["my_talk", "x/b_c"]
    assert "".join(PATHS_AND_TEXT.documents(several)) == "talks/my talk.wav\tA\ntalks/my talk.wav\tB\n"
    assert json.loads("".join(FORMATS["json"].documents([]))) == []
    assert "".join(FORMATS["tsv"].documents([])).startswith("path")
    for name in FORMATS.keys() - texts:
        with pytest.raises(ValueError, match="one recording"):
            list(FORMATS[name].documents(several))
        with pytest.raises(ValueError, match="one recording"):
            choose_format(name, in_one_file=True, with_speakers=False)


def test_other_scripts_and_marks() -> None:
    text = "день добрый <b>&"
    assert text in FORMATS["json"].document(transcript(text))
    assert text in FORMATS["srt"].document(transcript(text))
    assert "день добрый &lt;b&gt;&amp;" in FORMATS["vtt"].document(transcript(text))
    (cue,) = webvtt.from_string(FORMATS["words.vtt"].document(transcript("A <b>&"))).captions
    assert cue.raw_text == "A <00:00:01.500>&lt;b&gt;&amp;"


@pytest.mark.parametrize("name", ["srt", "vtt", "words.vtt", "ass"])
def test_pysubs2_reads_subtitles(name: str) -> None:
    spoken = transcript(" ".join(["RATHER"] * 10 + ["DIFFERENT"] * 5))
    read = SSAFile.from_string(FORMATS[name].document(spoken), format_=None if name != "words.vtt" else "vtt")
    texts = [re.sub(r"<[^>]*>", "", event.plaintext) for event in read]
    assert " ".join(texts).split() == spoken.text.split()
    assert (read[0].start, read[-1].end) == (500, 14900)
    assert all(len(line) <= 42 for text in texts for line in text.splitlines())
    assert max(text.count("\n") for text in texts) <= 1


def test_times_of_words_in_karaoke_are_those_of_the_words() -> None:
    spoken = transcript("ONE TWO THREE FOUR FIVE SIX SEVEN")
    starts = {}
    for event in SSAFile.from_string(FORMATS["ass"].document(spoken)):
        now = event.start
        for length, word in re.findall(r"\{\\k(\d+)\}([A-Z]*)", event.text):
            starts[word], now = now, now + 10 * int(length)
        assert now <= event.end
    assert [starts[word.text] for word in spoken.words] == [round(1000 * word.start) for word in spoken.words]
    for cue in webvtt.from_string(FORMATS["words.vtt"].document(spoken)):
        stamps = re.findall(r"<00:00:(\d\d\.\d{3})>(\w+)", cue.raw_text)
        assert all(float(stamp) == starts[word] / 1000 for stamp, word in stamps)
        assert len(stamps) == len(cue.text.split()) - 1


def test_praatio_and_pympi_read_textgrids(tmp_path: Path) -> None:
    path = tmp_path / "a.TextGrid"
    path.write_text(FORMATS["TextGrid"].document(transcript('SO "SAID" Ünd')), encoding="utf-8")
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=False)
    assert grid.tierNames == ("words", "tokens")
    words = [(0.5, 0.9, "SO"), (1.5, 1.9, '"SAID"'), (2.5, 2.9, "Ünd")]
    assert [tuple(entry) for entry in grid.getTier("words").entries] == words
    assert grid.maxTimestamp == 3.20004
    other = Praat.TextGrid(str(path))
    assert [each for each in other.get_tier("words").get_all_intervals() if each[2]] == words
    assert len([each for each in other.get_tier("tokens").get_all_intervals() if each[2].strip()]) == 11


def test_pympi_reads_documents_of_elan(tmp_path: Path) -> None:
    path = tmp_path / "a.eaf"
    path.write_text(FORMATS["eaf"].document(call()), encoding="utf-8")
    document = Elan.Eaf(str(path))
    assert list(document.get_tier_names()) == ["L - words", "L - tokens", "R - words", "R - tokens"]
    assert document.get_annotation_data_for_tier("R - words") == [(2000, 2400, "ME"), (5500, 5900, "YES")]
    (linked,) = document.get_linked_files()
    assert linked["RELATIVE_MEDIA_URL"] == "./call.wav"


def test_readers_of_tables_read_tsv() -> None:
    table = choose_format("tsv", in_one_file=False, with_speakers=True).document(call())
    rows = list(csv.DictReader(io.StringIO(table), delimiter="\t"))
    assert [(row["word"], float(row["start"]), row["speaker"]) for row in rows[:3]] == [
        ("HELLO", 0.5, "L"),
        ("ME", 2.0, "R"),
        ("WHO", 4.0, "L"),
    ]
    assert {row["path"] for row in rows} == {"call.wav"}


def test_lhotse_reads_tables_of_nist(tmp_path: Path) -> None:
    (tmp_path / "a.stm").write_text(FORMATS["stm"].document(call()), encoding="utf-8")
    said = _parse_stm_file(tmp_path / "a.stm")
    assert [(each.text, each.start, each.end) for each in said] == [
        ("HELLO", 0.5, 0.9),
        ("ME", 2.0, 2.4),
        ("WHO IS IT", 4.0, 6.4),
        ("YES", 5.5, 5.9),
    ]
    (tmp_path / "a.ctm").write_text(FORMATS["ctm"].document(transcript()), encoding="utf-8")
    whole = SupervisionSet.from_segments([SupervisionSegment("a", "my_talk", 0.0, 3.2)])
    (read,) = whole.with_alignment_from_ctm(tmp_path / "a.ctm", match_channel=False)
    assert [(each.symbol, each.start, each.score) for each in read.alignment["word"]] == [
        ("HELLO", 0.5, 0.75),
        ("WORLD", 1.5, 0.75),
    ]


def test_json_keeps_to_its_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(dict(SCHEMA))
    validator = jsonschema.Draft202012Validator(dict(SCHEMA))
    for spoken in (transcript(), transcript(""), call()):
        validator.validate(json.loads(FORMATS["json"].document(spoken)))
    fields = json.loads(FORMATS["json"].document(call()))
    assert fields["schema"] == 1
    assert fields["speakers"] == ["L", "R"]
    assert [word["text"] + word["speaker"] for word in fields["words"][:3]] == ["HELLOL", "MER", "WHOL"]
    for wrong in ({**fields, "schema": 2}, {**fields, "words": [{"text": "A"}]}, {"schema": 1}):
        with pytest.raises(jsonschema.ValidationError):
            validator.validate(wrong)
    properties = SCHEMA["properties"]
    assert isinstance(properties, dict)
    assert properties.keys() == fields.keys()


def test_speakers_are_named_in_every_format() -> None:
    turns = ["L: HELLO", "R: ME", "L: WHO IS IT", "R: YES"]
    assert FORMATS["txt"].document(call()).splitlines() == turns
    lines = choose_format("txt", in_one_file=True, with_speakers=True).document(call()).splitlines()
    assert lines == [f"call.wav\t{turn}" for turn in turns]
    assert [event.plaintext for event in SSAFile.from_string(FORMATS["srt"].document(call()))] == turns
    for name in ("vtt", "words.vtt"):
        cues = webvtt.from_string(FORMATS[name].document(call()))
        assert [f"{cue.voice}: {cue.text}" for cue in cues] == turns
    script = SSAFile.from_string(FORMATS["ass"].document(call()))
    assert [f"{event.name}: {event.plaintext}" for event in script] == turns
    assert {event.style for event in script} == {"L", "R"} == script.styles.keys()
    assert len({str(style.primarycolor) for style in script.styles.values()}) == 2
    table = choose_format("tsv", in_one_file=False, with_speakers=True).document(call()).splitlines()
    assert table[0].endswith("\tconfidence\tspeaker")
    assert [line.split("\t")[-1] for line in table[1:]] == ["L", "R", "L", "L", "R", "L"]
    assert [line.split()[1] for line in FORMATS["ctm"].document(call()).splitlines()] == ["1", "1", "1", "1", "2", "2"]
    assert FORMATS["stm"].document(call()).splitlines()[1] == "call 2 R 2.000 2.400 <o,f0,unknown> ME"
    turns_of_json = json.loads(FORMATS["json"].document(call()))["turns"]
    assert [f"{turn['speaker']}: {turn['text']}" for turn in turns_of_json] == turns


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("count", [0, 1, 2000, 2001])
def test_long_lists_are_written_as_if_they_were_short(indent: int | None, count: int) -> None:
    items = [{"text": f"\n{{{number}}}", "start": number / 8} for number in range(count)]
    fields = {"schema": 1, "path": "a\nb", "speakers": ["L"], "none": []}
    expected = json.dumps({**fields, "words": items, "more": items[:1]}, ensure_ascii=False, indent=indent) + "\n"
    lists = {"words": Listed(lambda: iter(items)), "more": Listed(lambda: items[:1])}
    assert as_json({**fields, **lists}, indent) == expected
    assert json.loads(as_json({"path": "\udcff", **lists}, indent)) == {
        "path": "\udcff",
        "words": items,
        "more": items[:1],
    }
