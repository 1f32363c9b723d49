"""Anyone's own speech in files and folders as they lie on people's disks."""

import json
import os
import sys
import unicodedata
from pathlib import Path

import pytest

from asr.corpora.checks import Problem, write_quarantine
from asr.corpora.folder import prepare
from asr.corpora.manifests import read_cuts, write_cuts
from tests.audio.media_files import write_media
from tests.audio.sounds import speech


@pytest.fixture
def make(tmp_path, make_audio):
    """Returns a function that writes a file below the folder "mine", beside which a.wav and sub/b.flac lie."""
    make_audio(tmp_path / "mine" / "a.wav", 1, seconds=1.0)
    make_audio(tmp_path / "mine" / "sub" / "b.flac", 2)

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / "mine" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_absurd_paths_and_files_are_each_a_problem_and_the_rest_goes_on(make, tmp_path):
    good = (tmp_path / "mine" / "a.wav").read_bytes()
    make("one.wav", good[:24] + b"\1\0\0\0" + good[28:])
    make("flipped.wav", good[:24] + (16000 | 1 << 28).to_bytes(4, "little") + good[28:])
    make("petabytes.wav", good[:40] + b"\0\0\0\x70" + good[44:])
    os.mkfifo(tmp_path / "mine" / "pipe.wav")
    names = ["a.wav", "one.wav", "flipped.wav", "petabytes.wav", "pipe.wav", "a\0b.wav", "~nobody/x.wav", 300 * "x"]
    rows = [json.dumps({"audio": name, "text": "A", "id": f"u{number}"}) for number, name in enumerate(names)]
    problems = []
    splits = prepare(make("my.jsonl", "\n".join(rows)), problems=problems)
    assert [cut.id for cut in splits["train"]] == ["u0"]
    assert [(problem.utterance_id, problem.reason) for problem in problems] == [
        (f"u{number}", "unreadable") for number in range(1, 8)
    ]
    for problem, told in zip(
        problems,
        ["1 Hz", "268,451,456 Hz", "is truncated", "is a pipe", "NUL", "no such file", "too long"],
        strict=True,
    ):
        assert told in problem.found


@pytest.mark.parametrize(("listed", "stored"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_files_are_found_however_unicode_spells_their_names(make, make_audio, tmp_path, listed, stored):
    path = make_audio(tmp_path / "mine" / unicodedata.normalize(stored, "é") / unicodedata.normalize(stored, "ñ.wav"))
    name = unicodedata.normalize(listed, "é/ñ.wav")
    (cut,) = prepare(make("my.csv", f"audio,text\n{name},A\n"))["train"]
    assert cut.recording.sources[0].source == str(path)
    assert cut.load_audio().shape == (1, 8000)


def test_linked_folders_of_pairs_are_searched_and_circles_end(make, make_audio, tmp_path):
    make_audio(tmp_path / "store" / "spk2" / "b.wav")
    (tmp_path / "store" / "spk2" / "b.txt").write_text("B")
    make("spk1/a.txt", "A")
    make_audio(tmp_path / "mine" / "spk1" / "a.wav")
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "spk1").symlink_to("../mine/spk1")
    (tmp_path / "corpus" / "spk2").symlink_to("../store/spk2")
    (tmp_path / "store" / "spk2" / "up").symlink_to("../../corpus")
    splits = prepare(tmp_path / "corpus")
    assert [(cut.id, cut.supervisions[0].text) for cut in splits["train"]] == [("spk1-a", "A"), ("spk2-b", "B")]


def test_audio_of_phones_beside_text_is_found(make, tmp_path, monkeypatch):
    write_media(tmp_path / "mine" / "c.m4a", speech(1.0), "b.m4a")
    write_media(tmp_path / "mine" / "d.webm", speech(1.0), "a.webm")
    make_wave = (tmp_path / "mine" / "a.wav").rename(tmp_path / "mine" / "e.wave")
    for name in ("c", "d", "e", "sub/b"):
        make(f"{name}.txt", name)
    assert [cut.id for cut in prepare(make_wave.parent)["train"]] == ["c", "d", "e", "sub-b"]
    monkeypatch.setitem(sys.modules, "av", None)
    problems = []
    splits = prepare(make_wave.parent, problems=problems)
    assert [cut.id for cut in splits["train"]] == ["e", "sub-b"]
    assert [(problem.utterance_id, problem.reason) for problem in problems] == [
        ("c", "unreadable"),
        ("d", "unreadable"),
    ]
    assert all("needs PyAV; PyAV is not installed (the extra media: pip install av)" in p.found for p in problems)


def test_video_beside_the_sound_that_was_taken_out_of_it_is_left_aside(make, tmp_path, caplog):
    write_media(tmp_path / "mine" / "a.mp4", speech(1.0), "fragmented.mp4")
    make("a.txt", "A")
    make("sub/b.txt", "B")
    assert [cut.recording.sources[0].source[-4:] for cut in prepare(tmp_path / "mine")["train"]] == [".wav", "flac"]
    told = "1 files are skipped: WAV or the like of the same name is beside them: a.mp4"
    assert [record.getMessage() for record in caplog.records] == [told]


def test_names_that_are_not_utf8_or_hold_control_characters(make, tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    for name in (b"caf\xe9", b"a\x1b[31m\nb"):
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + name))
        Path(f"{path}.wav").write_bytes((tmp_path / "mine" / "a.wav").read_bytes())
        Path(f"{path}.txt").write_text("A")
    splits = prepare(folder)
    assert sorted(cut.id for cut in splits["train"]) == ["a%1B[31m_b", "caf%E9"]
    write_cuts(splits["train"], tmp_path / "cuts.jsonl.gz")
    assert [cut.load_audio().shape for cut in read_cuts(tmp_path / "cuts.jsonl.gz")] == [(1, 16000)] * 2
    write_quarantine([Problem("u", os.fsdecode(b"caf\xe9.wav"), "silent", "")], tmp_path / "quarantine.tsv")
    assert "u\tcaf\\udce9.wav\tsilent\t\n" in (tmp_path / "quarantine.tsv").read_text(encoding="utf-8")
