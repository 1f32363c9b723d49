"""What is missing or cannot be written is told before models are loaded and before work: the models here are texts."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import write_cuts

CUTS = "cuts.jsonl.gz"
WRITES = {  # with a model that cannot be loaded and inputs that are there
    "adapt": "adapt --model text --recordings folder --text text --out OUT",
    "average": "average text text --out OUT",
    "decode": f"decode --checkpoint text --cuts {CUTS} --out OUT",
    "export": "export --checkpoint text --out OUT",
    "lm convert": "lm convert text.npz OUT.npz",
    "lm mix": "lm mix text.npz text.npz --weights 1 1 --out OUT.npz",
    "lm overlap": f"lm overlap --text text.npz --against {CUTS} --out OUT",
    "lm prune": "lm prune text.npz --threshold 1 --out OUT.npz",
    "lm select": "lm select --like text --text text --keep 0.5 --out OUT",
    "lm train": "lm train --order 2 --text text --out OUT.npz",
    "lm transcripts": "lm transcripts --cuts text --out OUT",
    "prepare": "prepare folder text --out OUT/data",
    "pronounce": "pronounce --checkpoint text --words text --out OUT",
    "report": "report folder --html OUT",
    "report of several": "report folder folder --ladder OUT",
    "rescore": "rescore --lm text --nbest text --weight 1 --out OUT",
    "score": f"score --cuts {CUTS} --hyps text --policy verbatim --json OUT",
    "shards": "shards --cuts text --out OUT",
    "tokens": "tokens --cuts text --unit char --policy verbatim --out OUT/tokens_char.txt",
    "transcribe": "transcribe --checkpoint text a.wav --out-dir OUT/texts",
    "align": "align --checkpoint text a.wav text --out-dir OUT/texts",
    "tune confidence": "tune confidence --nbest text --cuts text --policy verbatim --out OUT",
    "tune confidence, drawn": "tune confidence --nbest text --cuts text --policy verbatim --out o --figure OUT",
    "tune decode": f"tune decode --checkpoint text --cuts {CUTS} --beam-size 4 --out OUT",
    "tune rescore": f"tune rescore --lm text --nbest text --cuts {CUTS} --crosswise OUT",
}
OVERWRITES = {
    "decode": f"decode --checkpoint text --cuts {CUTS} --out {CUTS}",
    "lm convert": "lm convert text.npz text.npz",
    "lm mix": "lm mix text.npz --weights 1 --out text.npz",
    "lm train": "lm train --order 2 --text text.npz --out ./text.npz",
    "pronounce": "pronounce --checkpoint text --words text --out text",
    "report": f"report folder --html {CUTS} --cuts {CUTS}",
    "rescore": "rescore --lm text --nbest text --weight 1 --out text",
    "score": f"score --cuts {CUTS} --hyps text --policy verbatim --json {CUTS}",
    "tune confidence": "tune confidence --nbest text --cuts text --policy verbatim --crosswise text",
    "tune decode": f"tune decode --checkpoint text --cuts {CUTS} --beam-size 4 --crosswise {CUTS}",
}
READS = {
    "adapt, recordings": "adapt --model text --recordings none --out o.asr",
    "adapt": "adapt --model text --recordings folder --text none --out o.asr",
    "align, a lexicon": "align --checkpoint text a.wav text --lexicon none",
    "align, a pronunciation model": "align --checkpoint text a.wav text --g2p none",
    "decode, cuts": f"decode --checkpoint text --cuts {CUTS} none",
    "decode, a lexicon": f"decode --checkpoint text --cuts {CUTS} --beam-size 4 --lexicon text none",
    "export": "export --checkpoint text --g2p none --out o.asr",
    "lm mix": "lm mix text.npz none --weights 1 1 --out o.npz",
    "lm ppl": "lm ppl --model text none",
    "lm train": "lm train --order 2 --text text none --out o.npz",
    "pronounce": "pronounce --checkpoint text --words text --lexicon none --out o",
    "report": "report folder --html o --cuts none",
    "rescore": "rescore --lm text --nbest none --weight 1 --out o",
    "transcribe, live": "transcribe --checkpoint text --live none",
    "tune decode": "tune decode --checkpoint text --cuts none --beam-size 4 --out o",
    "tune rescore": "tune rescore --lm text --nbest text --cuts none --out o",
}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, make_audio: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    cut = Listed("a", make_audio(tmp_path / "a.wav", 1), "AB", speaker="s")
    write_cuts(make_splits({"train": [cut]})["train"], tmp_path / CUTS)
    for name in ("text", "text.npz"):
        (tmp_path / name).write_text("A B\n", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    return tmp_path


def run(arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Returns the exit status of a verb, and its lines on stderr."""
    name, *rest = arguments.split()
    status = importlib.import_module(f"asr.cli.{name}").main(rest)
    return status, capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("arguments", WRITES.values(), ids=WRITES)
def test_places_that_cannot_be_written(here: Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    before = sorted(here.rglob("*"))
    for out, found in (("text/out", "text is no folder"), ("/proc/none/out", "No such file or directory")):
        status, lines = run(arguments.replace("OUT", out), capsys)
        assert status == 1
        assert len(lines) == 1
        assert f"{out}" in lines[0]
        assert f": cannot be written ({found}); " in lines[0]
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("arguments", OVERWRITES.values(), ids=OVERWRITES)
def test_inputs_are_not_overwritten(here: Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    before = {path: path.read_bytes() for path in here.glob("*.*")}
    status, (line,) = run(arguments, capsys)
    assert status == 2
    assert line.endswith(": is what the command reads, and would be overwritten; name another file")
    assert {path: path.read_bytes() for path in here.glob("*.*")} == before


@pytest.mark.parametrize("arguments", READS.values(), ids=READS)
def test_inputs_that_are_missing(capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    status, (line,) = run(arguments, capsys)
    assert status == 1
    assert line.partition(": ")[2].startswith(("none: no such file; ", "none: no such file or folder; "))


def test_temporary_files_have_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    for folder, told in (
        ("none", "none: no such folder; make it, or name another: --temporary-folder"),
        ("text", "text: no such folder"),
        ("/proc", "/proc/temporary: cannot be written (No such file or directory)"),
    ):
        status, (line,) = run(f"lm train --order 2 --text text --out o.npz --temporary-folder {folder}", capsys)
        assert status == 1
        assert line.startswith(f"asr lm: {told}")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (f"decode --checkpoint text --cuts {CUTS} --workers -1", "--workers: '-1' is not a whole number of 0 or more"),
        (f"tune decode --checkpoint text --cuts {CUTS} --workers x", "--workers: 'x' is not a whole number of 0"),
        ("prepare folder text --out o --jobs 0", "--jobs: '0' is not a whole number of 1 or more"),
        ("prepare folder text --out o --sample-rate 0", "--sample-rate: '0' is not a whole number of 1 or more"),
    ],
)
def test_numbers_out_of_range(capsys: pytest.CaptureFixture[str], arguments: str, told: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(arguments, capsys)
    assert f"error: argument {told}" in capsys.readouterr().err


def test_recordings_none_of_which_can_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "empty.wav").touch()
    (here / "list.txt").write_text("none.wav\ntext\n", encoding="utf-8")
    assert run("transcribe --checkpoint text empty.wav --list list.txt --quiet", capsys) == (
        1,
        [
            "asr transcribe: empty.wav: is empty (0 bytes); copy or record it again",
            "asr transcribe: list.txt:1: none.wav: no such file; check the path",
            "asr transcribe: list.txt:2: text: is a text file, not audio; check the path",
            "3 of 3 files failed",
        ],
    )
    status, lines = run("transcribe --checkpoint text none.wav a.wav", capsys)
    assert (status, len(lines)) == (1, 1)
    assert lines[0].startswith("asr transcribe: text: is not a checkpoint")  # a.wav can be read


def test_pairs_none_of_which_can_be_read(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "list.txt").write_text("b.wav\tB\n", encoding="utf-8")
    for files, told in (
        ("none.wav text", "none.wav: no such file; check the path"),
        ("a.wav none", "none: no such file; check the path"),
        ("text a.wav", "a.wav: is not text; check that it is the file you mean"),
        ("a.wav --texts list.txt", "a.wav: has no text; name one like it, or leave the recording out"),
    ):
        status, lines = run(f"align --checkpoint text {files} --quiet", capsys)
        assert (status, lines) == (1, [f"asr align: {told}", "1 of 1 files failed"])
    assert run("align --checkpoint text a.wav text --out-dir text", capsys) == (
        2,
        ["asr align: --out-dir text: is a file; name a folder, which need not exist yet"],
    )
