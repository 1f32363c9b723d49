"""asr adapt: what helps on recordings held out is in the file, what does not is refused with one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from asr import Hotwords, Recognizer
from asr.adaptation import adapting
from asr.checkpoints.model_file.reading import load_model_file
from asr.cli import adapt
from asr.decoding.settings import DecoderSettings
from asr.errors import CheckpointError
from asr.scoring.counts import ErrorCounts
from tests.checkpoints.model_files import save_acoustic, write_model_file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("adapt")
    write_model_file(folder, rescoring=[])
    (folder / "names.txt").write_text("CAB\nDAD\t2\n", encoding="utf-8")
    return folder


@pytest.fixture
def recordings(folder: Path, tmp_path: Path, make_audio: Callable[..., Path]) -> Path:
    """Noise in which the model hears what its transcripts say if it favours the hot words."""
    recognizer = Recognizer.from_file(folder / "a.asr", hotwords=Hotwords.read(folder / "names.txt", 9.0))
    for number in range(10):
        path = make_audio(tmp_path / "said" / f"{number}.wav", number, seconds=0.7)
        path.with_suffix(".txt").write_text(recognizer.transcribe_file(path).text, encoding="utf-8")
    return tmp_path / "said"


def run(*options: str | Path) -> int:
    return adapt.main([*map(str, options), "--quiet"])


def test_what_helps_is_in_the_file(
    folder: Path, recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "mine.asr"
    words = ["--hotwords", folder / "names.txt", "--hotword-score", "9"]
    assert run("--model", folder / "a.asr", "--recordings", recordings, *words, "--out", out) == 0
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert shown.err == ""
    assert lines[0].startswith("part       WER before  after")
    assert lines[1].startswith("hot words  ")
    assert "0.00 %" in lines[1]
    assert " kept " in lines[1]
    assert [line.split()[0] for line in lines[2:]] == ["n-gram", "scales"]
    assert all(" kept " not in line for line in lines[2:])
    file = load_model_file(out)
    assert len(file.hotwords.phrases) == 2
    before, after = file.card["scores"][-2:]
    assert before["rate"] > after["rate"] == 0
    assert file.card["adapted"]["recordings"].startswith("8 recordings, 0.1 min; 2 others held out by seed 0, ")
    assert file.card["adapted"]["made_by"] == "asr export …"
    said = Recognizer.from_file(out).transcribe_file(recordings / "0.wav").text
    assert said == (recordings / "0.txt").read_text(encoding="utf-8")


@pytest.fixture
def refused(
    folder: Path,
    recordings: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., tuple[str, str]]:
    """Adapts a model that always makes the errors given, which is refused; returns what is printed and what is said."""

    def adapt_in_vain(*counts: ErrorCounts) -> tuple[str, str]:
        monkeypatch.setattr(adapting, "count_word_errors", lambda *_: list(counts))
        assert run("--model", folder / "a.asr", "--recordings", recordings, "--out", tmp_path / "mine.asr") == 1
        assert not (tmp_path / "mine.asr").exists()
        return capsys.readouterr()

    return adapt_in_vain


def test_what_helps_nothing_is_refused(refused: Callable[..., tuple[str, str]], recordings: Path) -> None:
    (recordings / "3.txt").write_text("cab eel", encoding="utf-8")  # one of the six that are learnt from first
    printed, said = refused(ErrorCounts(3, 1), ErrorCounts(2, 0, 1))
    assert [line.split()[0] for line in printed.splitlines()] == ["part", "n-gram", "scales"]
    assert said.startswith(f"asr adapt: {recordings}: no part makes fewer than 2 errors in the 7 words held out")
    assert "1 words without spelling (EEL)" in printed
    assert "; 1 recordings left out: 3: " in printed
    assert "held out: n-gram 2, scales 2; nothing" in said
    assert said.endswith("nothing is written; take the model as it is, or record more\n")


def test_where_nothing_is_wrong_nothing_is_adapted(refused: Callable[..., tuple[str, str]]) -> None:
    _, said = refused(ErrorCounts(3), ErrorCounts(2))
    assert "the model makes no errors in the 5 words held out; take it as it is" in said


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["--model", "a.ckpt"], 1, "a.ckpt: is a checkpoint, not a model file; make one of it with: asr export"),
        (["--out", "a.asr"], 2, "--out a.asr: is what the command reads, and would be overwritten"),
        (["--g2p", "g.ckpt", "--out", "g.ckpt"], 2, "--out g.ckpt: is what the command reads, and would be overw"),
        (["--out", "english"], 2, "--out english: is the name of the model in the box; name a file"),
        (["--seed", "-1"], 2, "--seed: -1; give 0 or more"),
        (["--recordings", "nowhere"], 1, "nowhere: no such file or folder"),
        (["--hotwords", "none.txt"], 1, "none.txt: no such file"),
        (["--hotword-score", "2"], 2, "--hotword-score: there are no hot words"),
        (["--g2p", "a.ckpt"], 1, "a.ckpt: holds an acoustic model, not a pronunciation model"),
    ],
)
def test_what_cannot_be_is_one_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(folder)
    assert run("--model", "a.asr", "--recordings", ".", "--out", "mine.asr", *options) == status
    shown = capsys.readouterr()
    assert message in shown.err
    assert (shown.out, shown.err.count("\n")) == ("", 1)


def test_models_without_words_and_without_a_beam_are_refused(
    folder: Path, tmp_path: Path, recordings: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_model_file(
        tmp_path, rescoring=[], settings=DecoderSettings(), checkpoints=[save_acoustic(tmp_path / "b.ckpt")]
    )
    common = ["--model", tmp_path / "a.asr", "--recordings", recordings, "--out", tmp_path / "mine.asr"]
    assert run(*common, "--hotwords", folder / "names.txt") == CheckpointError.exit_status
    assert "decodes without a beam, which hot words need; leave them out" in capsys.readouterr().err
