"""Lists as spreadsheets, data sets and scripts write them: read, or named with the line."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path

import pytest

from asr.cli.prepare import main
from asr.corpora.folder import prepare
from asr.corpora.folder_formats import read_json_lines
from asr.corpora.manifests import read_cuts
from asr.errors import DataError


@pytest.fixture
def make(tmp_path, make_audio):
    """Returns a function that writes a file below the folder "mine", beside which a.wav and clips/b.flac lie."""
    make_audio(tmp_path / "mine" / "a.wav", 1, seconds=1.0)
    make_audio(tmp_path / "mine" / "clips" / "b.flac", 2)

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / "mine" / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def texts(path: Path, **options) -> list[tuple[str, str]]:
    """Returns file and text of each utterance."""
    return [
        (Path(cut.recording.sources[0].source).name, cut.supervisions[0].text) for cut in prepare(path)["train"]
    ]  # fmt: skip


BOTH = [("a.wav", "Hello, you"), ("b.flac", "x")]
TABLE = 'audio,text\na.wav,"Hello, you"\nb.flac,x\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("validated.tsv", "client_id\tpath\tsentence\tup_votes\nq\ta.wav\tHello, you\t2\nq\tb.flac\tx\t0\n"),
        ("my.csv", "sep=;\r\naudio;text\r\na.wav;Hello, you\r\nb.flac;x\r\n"),
        ("my.csv", '"sep=;"\naudio;text;;\na.wav;Hello, you;;\nb.flac;x;;\n;;;\n'),
        ("my.csv", "SEP=\t\naudio\ttext\na.wav\tHello, you\nb.flac\tx\n"),
        ("my.csv", "sep=\\t\naudio\ttext\na.wav\tHello, you\nb.flac\tx\n"),
        ("my.csv", "sep=|\naudio|text\na.wav|Hello, you\nb.flac|x\n"),
        ("my.csv", "audio|text\na.wav|Hello, you\nb.flac|x\n"),
        ("my.csv", ' Audio , TEXT ,\n./a.wav,"Hello, you"\nb.flac,x,,\n,,\n'),
        ("my.csv", ",file_name,transcription\n0,a.wav,\"Hello, you\"\n1,clips/b.flac,x\n"),
        ("my.csv", 'wav_filename,wav_filesize,transcript\na.wav,1,"Hello, you"\nclips\\b.flac,2,x\n'),
        ("my.csv", 'audio,text\n"a.wav","Hello,\r you"\r\n"b.flac","x"\r\n'.replace("\r y", " y")),
        ("my.csv", TABLE.replace("\n", "\r")),
        ("my.csv", ("\ufeff" + TABLE).encode("utf-16-le")),
        ("my.csv", ("\ufeff" + TABLE).encode("utf-16-be")),
        ("my.csv", TABLE.encode("utf-16-le")),
        ("my.csv", TABLE.encode("utf-16-be")),
        ("my.csv", TABLE.encode("utf-32")),
        ("my.tsv", '"audio"\t"text"\n"a.wav"\t"Hello, you"\n"b.flac"\t"x"\n'),
        ("my.json", '[{"audio": "a.wav", "text": "Hello, you"},\n {"audio": "b.flac", "text": "x"}]\n'),
        ("my.json", json.dumps([{"audio": "a.wav", "text": "Hello, you"}, {"path": "b.flac", "text": "x"}], indent=2)),
        ("my.jsonl", '{"Audio": "a.wav", "Text": "Hello, you", "x": {"a": [1]}}\n{"path": "b.flac", "text": "x"}\n'),
    ],
)  # fmt: skip
def test_lists_that_are_read(make, name, content):
    assert texts(make(name, content)) == BOTH


def test_common_voice(make, tmp_path, capsys):
    path = make("validated.tsv", 'client_id\tpath\tsentence\nx1\tb.flac\tHello "there\n')
    assert main(["folder", str(path), "--out", str(tmp_path / "out")]) == 0
    (cut,) = read_cuts(tmp_path / "out" / "train_cuts.jsonl.gz")
    assert (cut.id, cut.supervisions[0].text, cut.supervisions[0].speaker) == ("b", 'Hello "there', "x1")
    assert cut.recording.sources[0].source == str(tmp_path / "mine" / "clips" / "b.flac")


@pytest.mark.parametrize("fields", [2, 3])
def test_ljspeech_without_a_header(tmp_path, make_audio, fields, caplog):
    make_audio(tmp_path / "wavs" / "LJ001-0001.wav", 1)
    make_audio(tmp_path / "wavs" / "LJ001-0002.wav", 2)
    rows = ['LJ001-0001|in "1455".|in "fourteen".', "LJ001-0002|b|c"]
    path = tmp_path / "metadata.csv"
    path.write_text("".join("|".join(row.split("|")[:fields]) + "\n" for row in rows))
    cuts = prepare(path)["train"]
    assert [cut.id for cut in cuts] == ["LJ001-0001", "LJ001-0002"]
    assert [cut.supervisions[0].text for cut in cuts] == [row.split("|")[fields - 1] for row in rows]
    taken = "the normalised text" if fields == 3 else "the text"
    assert caplog.messages == [f"{path}: has no header and is read as LJSpeech's: an id, then {taken}"]
    path.write_text(path.read_text() + "LJ001-0003\n")
    with pytest.raises(DataError, match=f"metadata.csv:3: has 1 fields, the first line {fields}"):
        prepare(path)


def test_quoted_lines_and_where_rows_begin(make):
    table = 'audio,text\na.wav,"Hello\nyou"\n\n'
    assert texts(make("my.csv", table)) == [("a.wav", "Hello\nyou")]
    for row, found in (
        ("b.flac\n", "my.csv:5: has fewer fields than the header's 2"),
        ('b.flac,"open\nand on\n', r"my.csv:5: is not CSV \(unexpected end of data\); correct the line: is a quote"),
        ('b.flac,"x" y\n', r"my.csv:5: is not CSV \(',' expected after '\"'\)"),
    ):
        with pytest.raises(DataError, match=found):
            prepare(make("my.csv", table + row))
    with pytest.raises(DataError, match=r"my.csv:6: has fewer fields"):
        prepare(make("my.csv", "sep=,\n" + table + "b.flac\n"))


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("my.csv", "audio,text,text\na.wav,A,B\n", "my.csv:1: has the column text twice; rename or remove one"),
        ("my.csv", "sep=;\naudio;Audio;text\na;b;c\n", "my.csv:2: has the column audio twice"),
        ("my.csv", "audio,text\nhttps://x.org/a.wav,A\n", "my.csv:2: names the address https://x.org/a.wav, and noth"),
        ("my.csv", b"audio,text\na.wav,don\x92t\n", "my.csv:2: is not UTF-8 text but most likely WINDOWS-1252, in"),
        ("my.csv", "audio,text\na.wav,A\n".encode("utf-16")[:-1], "my.csv: is not UTF-8 text but UTF-16, and damaged"),
        ("my.jsonl", '{"audio": "a.wav", "text": "A", "text": "B"}', "my.jsonl:1: has the key 'text' twice; keep one"),
        ("my.jsonl", '{"audio": "a.wav", "Text": "A", "text": "B"}', "my.jsonl:1: has a name twice, in small and cap"),
        ("my.jsonl", '{"audio": true, "text": "A"}', "my.jsonl:1: audio is true, not a string"),
        ("my.jsonl", '{"audio": "\\ud83d.wav", "text": "A"}', r"my.jsonl:1: audio is '\\ud83d.wav', half of a"),
        ("my.jsonl", '{"audio": {"path": "a.wav"}, "text": "A"}', "my.jsonl:1: audio is an object, not a string"),
        ("my.jsonl", '{"audio": "a.wav", "text": "A", "id": NaN}', "my.jsonl:1: id is NaN, not a string"),
        ("my.jsonl", '{"audio": "a.wav", "text": "A", "id": "\\ud83d"}', r"my.jsonl:1: id is '\\ud83d', half of a s"),
        ("my.jsonl", '{"audio": "a.wav", "text": "A", "speaker": [1]}', "my.jsonl:1: speaker is a list, not a string"),
        ("my.jsonl", '{"audio": "a.wav", "text": "A", "start": NaN}', "my.jsonl:1: start is 'nan'; give seconds"),
        ("my.jsonl", '{"audio": "a.wav", "text": "A", "end": true}', "my.jsonl:1: end is true, not a number of"),
        ("my.jsonl", "[" * 50_000 + "\n", "my.jsonl: is nested too deep"),
        ("my.jsonl", '{"a": ' * 50_000 + "\n", "my.jsonl:1: is nested too deep"),
        ("my.json", '{\n "audio": "a.wav"\n}\n', r"my.json:1: is not a JSON object \(Expecting property name"),
        ("my.json", '[{"audio": "a.wav", "text": "A"}, 7]', "my.json: object 2: is not a JSON object but 7; each line"),
        ("my.json", '[{"audio": "a.wav", "text": NaN}]', "my.json: object 1: text is NaN, not a string; write the"),
        ("my.json", "[]", "my.json: lists no utterances"),
    ],
)  # fmt: skip
def test_lists_that_are_not_read_are_named_with_the_line(make, name, content, found):
    with pytest.raises(DataError, match=found):
        prepare(make(name, content))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("NaN", "NaN"),
        ("true", "true"),
        ('["a", "b"]', "a list"),
        ('{"en": "a"}', "an object"),
        ("1.5", "1.5"),
        ('"\\ud83d"', "'\\ud83d'"),
    ],
)
def test_a_text_that_is_none_goes_into_quarantine(make, tmp_path, capsys, value, shown):
    path = make("my.jsonl", f'{{"audio": "a.wav", "text": {value}}}\n{{"audio": "b.flac", "text": "B"}}\n')
    arguments = ["folder", str(path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert f"a: no-text: text is {shown}, not a string ({path}:1)\n" in error
    assert "1 of 2 utterances cannot be used, listed in" in error
    assert main([*arguments, "--on-problem", "leave-out"]) == 0
    (cut,) = read_cuts(tmp_path / "out" / "train_cuts.jsonl.gz")
    assert (cut.id, cut.supervisions[0].text) == ("b", "B")


def test_a_list_of_which_nothing_is_left(make, tmp_path, capsys):
    path = make("my.jsonl", '{"audio": "a.wav", "text": NaN}\n')
    arguments = ["folder", str(path), "--out", str(tmp_path / "out")]
    assert main(arguments) == 1
    assert f"asr prepare: {path}: 1 of 1 utterances cannot be used, listed in" in capsys.readouterr().err
    rows = (tmp_path / "out" / "quarantine.tsv").read_text(encoding="utf-8").splitlines()
    assert rows[1:] == [f"a\t{path}:1\tno-text\ttext is NaN, not a string"]
    assert main([*arguments, "--on-problem", "leave-out"]) == 1
    assert "split train: no utterance is left of it; see quarantine.tsv" in capsys.readouterr().err


def test_words_that_look_like_none_are_words(make):
    assert texts(make("my.csv", "audio,text\na.wav,nan\nb.flac,None\n")) == [("a.wav", "nan"), ("b.flac", "None")]
    lines = '{"audio": "a.wav", "text": "NaN"}\n{"audio": "b.flac", "text": 7, "id": 12, "start": "0", "end": 0.25}\n'
    assert texts(make("my.jsonl", lines)) == [("a.wav", "NaN"), ("b.flac", "7")]


def test_columns_with_one_meaning(make, caplog):
    path = make("my.csv", "path,audio,sentence,text\nx.wav,a.wav,no,A\ny,b.flac,no,B\n")
    assert texts(path) == [("a.wav", "A"), ("b.flac", "B")]
    assert caplog.messages == [
        f"{path}: takes the audio from column audio, and not from path",
        f"{path}: takes the text from column text, and not from sentence",
    ]
    caplog.clear()
    assert texts(make("my.csv", "path,audio,text\na.wav,a.wav,A\nb.flac,,B\n")) == [("a.wav", "A"), ("b.flac", "B")]
    assert not caplog.messages


def test_addresses_of_files_and_names_of_windows(make, tmp_path):
    folder = tmp_path / "mine"
    (folder / "é x.wav").write_bytes((folder / "a.wav").read_bytes())
    for name in (f"file://{folder}/%C3%A9%20x.wav", f"file://localhost{folder}/e%CC%81%20x.wav", f"{folder}/é x.wav"):
        (row,) = read_json_lines(make("my.jsonl", json.dumps({"audio": name, "text": "A"})))
        assert row.listed.audio.with_name("é x.wav") == folder / "é x.wav"
    ids = [
        cut.id
        for cut in prepare(make("my.csv", "audio,text\nclips\\b.flac,B\n~nobody9/c.wav,C\n"), problems=[])["train"]
    ]
    assert ids == ["clips-b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("r1 HELLO\tTHERE\nr2 B\n", ["HELLO\tTHERE", "B"]),
        ("r1\tHELLO THERE\nr2\t\tB\n", ["HELLO THERE", "B"]),
        ("r1 \t HELLO \r\nr2  B  C\r\n", ["HELLO", "B  C"]),
        ("\ufeffr1 HELLO\u00a0\n\n\nr2\n", ["HELLO\u00a0", ""]),
    ],
)
def test_kaldis_blanks(make, text, expected):
    make("my file.wav", (make("text", text).parent / "a.wav").read_bytes())
    folder = make("wav.scp", "r1 my file.wav\nr2\tclips/b.flac\n").parent
    assert [cut.supervisions[0].text for cut in prepare(folder)["train"]] == [each.strip() for each in expected]


def test_kaldis_archives_are_named(make):
    make("text", "r1 A\n")
    with pytest.raises(DataError, match=r"wav.scp:1: recording r1 is in a Kaldi archive \(raw.1.ark:1234\), which"):
        prepare(make("wav.scp", "r1 raw.1.ark:1234\n").parent)


@pytest.fixture(autouse=True)
def _warnings(caplog):
    caplog.set_level(logging.WARNING)


@pytest.mark.parametrize("folder", ["/", ".", "./", "file:///", "\\"])
def test_a_folder_where_a_file_must_be(make, folder):
    path = make("list.csv", f"audio,text\na.wav,A\n{folder},B\n")
    with pytest.raises(
        DataError, match=rf"list.csv:3: names the folder {re.escape(folder)} where an audio file must be"
    ):
        prepare(path, problems=[])
