"""Outputs that cannot be written: one line from every verb, status 1, and nothing half-written."""

from __future__ import annotations

import errno
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import write_cuts
from asr.errors import AsrError, CheckpointError
from asr.runs import resuming
from tests.transcription.tiny_models import save_checkpoint


@pytest.fixture
def here(tmp_path: Path, make_audio: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    listed = [Listed(f"u{n}", make_audio(tmp_path / f"{n}.wav", n), "AB", speaker=f"s{n}") for n in range(2)]
    write_cuts(make_splits({"train": listed})["train"], tmp_path / "cuts.jsonl.gz")
    hyps = [
        {"utterance_id": f"u{n}", "text": "AB", "tokens": [], "words": [], "score": 0.0, "confidence": 1.0}
        for n in (0, 1)
    ]
    (tmp_path / "hyps.jsonl").write_text("".join(f"{json.dumps(hyp)}\n" for hyp in hyps), encoding="utf-8")
    (tmp_path / "books.txt").write_text("A B\nB A\n" * 9, encoding="utf-8")
    (tmp_path / "my.csv").write_text("audio,text\n0.wav,A\n", encoding="utf-8")
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    save_checkpoint(tmp_path / "a.ckpt")
    return tmp_path


IN_FOLDERS = [
    "prepare folder my.csv --out OUT/data",
    "tokens --cuts cuts.jsonl.gz --unit char --policy verbatim --out OUT/tokens_char.txt",
    "features --cuts cuts.jsonl.gz --out OUT/features --jobs 1",
    "shards --cuts cuts.jsonl.gz --out OUT/shards",
    "lm train --order 2 --text books.txt --policy verbatim --out OUT/2gram.npz",
    "lm train --order 2 --text books.txt --policy verbatim --out OUT/2gram.arpa.gz",
    "transcribe --checkpoint a.ckpt 0.wav --format srt --out-dir OUT/texts",
    "train corpus=a name=b exp_dir=OUT/exp trainer.accelerator=cpu",
]
FILES = [
    "decode --checkpoint a.ckpt --cuts cuts.jsonl.gz --workers 0 --out OUT",
    "score --cuts cuts.jsonl.gz --hyps hyps.jsonl --policy verbatim --json OUT",
]
LONG = "x" * 300


def verb(arguments: str, out: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Returns the one line that a verb fails with."""
    name, *rest = arguments.replace("OUT", out).split()
    assert importlib.import_module(f"asr.cli.{name}").main(rest) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f"asr {name}: ")]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("arguments", IN_FOLDERS, ids=lambda arguments: arguments.partition(" --")[0])
def test_folders_that_cannot_be(here: Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    before = sorted(here.rglob("*"))
    assert "cannot be written" in verb(arguments, "file", capsys)
    assert "cannot be written" in verb(arguments, "/dev/full", capsys)
    assert "File name too long" in verb(arguments, LONG, capsys)
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize("arguments", FILES, ids=lambda arguments: arguments.partition(" ")[0])
def test_files_that_cannot_be(here: Path, capsys: pytest.CaptureFixture[str], arguments: str) -> None:
    before = sorted(here.rglob("*"))
    assert "/dev/full: cannot be written (No space left on device)" in verb(arguments, "/dev/full", capsys)
    assert "folder: is a folder; name a file in it" in verb(arguments, "folder", capsys)
    assert "file/a: cannot be written" in verb(arguments, "file/a", capsys)
    assert "File name too long" in verb(arguments, LONG, capsys)
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    ("error", "where"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "exp"),
        (OSError(errno.EROFS, "Read-only file system", "exp/hparams.yaml"), "exp/hparams.yaml"),
    ],
)
def test_no_room_for_what_lightning_writes(error: OSError, where: str) -> None:
    def fit(*_: Any, **__: Any) -> None:
        raise error

    trainer: Any = SimpleNamespace(fit=fit)
    model: Any = SimpleNamespace(has_begun=False)
    with pytest.raises(AsrError) as caught:
        resuming.fit(trainer, model, model, None, "exp")
    assert (
        str(caught.value)
        == f"{where}: cannot be written ({error.strerror}); make room, then resume with ckpt_path=last"
    )


def test_a_state_that_makes_no_sense_is_named_until_training_has_begun() -> None:
    def fit(*_: Any, ckpt_path: str | None, **__: Any) -> None:
        if ckpt_path is not None and "begun" in ckpt_path:
            model.has_begun = True
        raise KeyError("loops")

    trainer: Any = SimpleNamespace(fit=fit)
    model: Any = SimpleNamespace(has_begun=False)
    with pytest.raises(CheckpointError, match=r"/a\.ckpt: training cannot be resumed from it \(KeyError: 'loops'\)"):
        resuming.fit(trainer, model, model, "a.ckpt", "exp")
    for path in (None, "begun.ckpt"):  # then it is our own error
        with pytest.raises(KeyError):
            resuming.fit(trainer, model, model, path, "exp")
