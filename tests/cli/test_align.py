"""asr align from its arguments to its files, its last line and its status."""

from __future__ import annotations

from pathlib import Path

import pytest

from asr.cli.align import main
from asr.corpora.textgrid import parse_textgrid
from asr.transcription.aligner import Aligner
from asr.transcription.outputs import OutputFolder
from tests.transcription.tone_aligner import SPACE, A, B, C, D, aligner, record

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def tones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Aligner, "from_checkpoint", lambda *_, **options: aligner())


def run(*arguments: str | Path) -> int:
    return main(["--checkpoint", "tones.ckpt", *map(str, arguments)])


def test_a_pair_goes_to_stdout_and_the_last_line_counts(tmp_path: Path, capsys: Captured) -> None:
    text = tmp_path / "a.txt"
    text.write_text("aba cca bab\n")
    audio = record(tmp_path / "a.wav", A, B, A, SPACE, 0.4, D, C, D, SPACE, 0.4, B, A, B)
    assert run(audio, text) == 0
    out, err = capsys.readouterr()
    assert list(parse_textgrid(out).tiers) == ["words", "letters", "unmatched"]
    outcome = "3 words: 1 are not said, 1 stretches of speech are not in the text; 0 of 1 files failed"
    assert err.splitlines()[-1].endswith(f"; {outcome}")
    assert run("--quiet", "--format", "ctm", "--", audio, text) == 0
    out, err = capsys.readouterr()
    assert out.startswith("a 1 0.000")
    assert err == ""


def test_a_folder_gives_a_file_for_each_format_and_names_what_failed(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "audio").mkdir()
    for name in ("a.wav", "a.flac", "b.wav", "c.wav", "d.wav"):
        record(tmp_path / "audio" / name, A, B, A)
    (tmp_path / "audio" / "d.wav").write_bytes(b"")
    (tmp_path / "texts").mkdir()
    for name, text in (("a", "aba"), ("b", ""), ("d", "aba"), ("e", "aba")):
        (tmp_path / "texts" / f"{name}.txt").write_text(text)
    told = ["--texts", tmp_path / "texts", "--out-dir", tmp_path / "out", "--format", "json", "srt", "--"]
    assert run(*told, tmp_path / "audio") == 1
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["a.flac.json", "a.flac.srt", "a.wav.json", "a.wav.srt"]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "asr align: 1 texts belong to none of the recordings, and are not used"
    assert lines[1].endswith("b.txt: holds no words; write what is said")
    assert lines[2].endswith("c.wav: has no text; name one like it, or leave the recording out")
    assert "d.wav" in lines[3]
    outcome = "2 words: 0 are not said, 0 stretches of speech are not in the text; 3 of 5 files failed"
    assert lines[4].endswith(f"; {outcome}")
    assert len(lines) == 5


def test_what_is_done_in_all_formats_is_not_done_again(
    tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "audio").mkdir()
    (tmp_path / "texts").mkdir()
    for name in "abc":
        record(tmp_path / "audio" / f"{name}.wav", A, B, A)
        (tmp_path / "texts" / f"{name}.txt").write_text("aba")
    told = ["--texts", tmp_path / "texts", "--out-dir", tmp_path / "out", "--format", "json", "srt", "--resume", "--"]
    whole = OutputFolder.write

    def write_three(folder: OutputFolder, name: str, text: str) -> None:
        if (name, folder.suffix) == ("b", "srt"):
            raise KeyboardInterrupt
        whole(folder, name, text)

    with monkeypatch.context() as patched:
        patched.setattr(OutputFolder, "write", write_three)
        assert run(*told, tmp_path / "audio") == 130
    assert capsys.readouterr().err.endswith("asr align: interrupted; 1 of 3 files are done; --resume does the rest\n")
    assert run(*told, tmp_path / "audio") == 0
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "asr align: 1 of 3 files are done already, 2 are left"
    assert lines[-1].endswith("; 0 of 2 files failed")
    assert len(list((tmp_path / "out").iterdir())) == 6
    assert run(*told, tmp_path / "audio") == 0
    assert capsys.readouterr().err == "asr align: 3 of 3 files are done already, 0 are left\n"
    assert run("--resume", "--", tmp_path / "audio" / "a.wav", tmp_path / "texts" / "a.txt") == 2
    assert "--resume: stdout keeps nothing to resume from; add --out-dir" in capsys.readouterr().err


def test_wrong_usage_is_told_before_anything_is_loaded(tmp_path: Path, capsys: Captured) -> None:
    for arguments in (("a.wav",), ("a.wav", "a.txt", "b.wav", "b.txt"), ("a.wav", "a.txt", "--format", "ctm", "json")):
        assert run(*arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert "has no text after it" in line or "--out-dir: is missing for several files" in line
