"""Cuts that somebody sends, given to every verb that reads cuts: no command of theirs is run, and one line says so."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import write_cuts
from tests.transcription.tiny_models import save_checkpoint


@pytest.fixture
def cuts(tmp_path: Path, make_audio: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns a list whose second cut plays its audio through an impulse response that is a command."""
    monkeypatch.chdir(tmp_path)
    listed = [Listed(f"u{n}", make_audio(tmp_path / f"{n}.wav", n), "AB", speaker=f"s{n}") for n in range(3)]
    path = tmp_path / "hostile_cuts.jsonl"
    items = [cut.to_dict() for cut in make_splits({"train": listed})["train"]]
    source = {"type": "command", "channels": [0], "source": f"touch {tmp_path}/made; cat {tmp_path}/0.wav"}
    kwargs = {"rir": {**items[0]["recording"], "sources": [source]}}
    items[1]["recording"]["transforms"] = [{"name": "ReverbWithImpulseResponse", "kwargs": kwargs}]
    path.write_text("".join(f"{json.dumps(item)}\n" for item in items), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        "prepare folder CUTS --out data",
        "decode --checkpoint a.ckpt --cuts CUTS --out hyps.jsonl",
        "features --cuts CUTS --out features --jobs 1",
        "shards --cuts CUTS --out shards",
        "tokens --cuts CUTS --unit char --policy verbatim --out tokens_char.txt",
        "score --cuts CUTS --hyps hyps.jsonl --policy verbatim",
        "lm train --order 2 --cuts CUTS --policy verbatim --out 2gram.npz",
        "train corpus=x name=x trainer.accelerator=cpu exp_dir=exp data.val_cuts=[CUTS]",
        "train corpus=x name=x trainer.accelerator=cpu exp_dir=exp data.val_cuts=[good_cuts.jsonl.gz] "
        "data.train_cuts=[CUTS]",
    ],
    ids=lambda arguments: " ".join(arguments.split()[:2]),
)
def test_no_verb_runs_commands(
    cuts: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], make_audio: Callable[..., Path], arguments: str
) -> None:
    save_checkpoint(tmp_path / "a.ckpt")
    hypothesis = {"utterance_id": "u0", "text": "AB", "tokens": [], "words": [], "score": 0.0, "confidence": 1.0}
    (tmp_path / "hyps.jsonl").write_text(json.dumps(hypothesis))
    good = [Listed("g", make_audio(tmp_path / "g.wav", 9), "AB", speaker="g")]
    write_cuts(make_splits({"dev": good})["dev"], tmp_path / "good_cuts.jsonl.gz")
    (tmp_path / "data" / "x").mkdir(parents=True)
    (tmp_path / "data" / "x" / "tokens_char.txt").write_text("<blank>\nA\nB\n|\n", encoding="utf-8")
    verb, *rest = arguments.replace("CUTS", str(cuts)).split()
    status = importlib.import_module(f"asr.cli.{verb}").main(["--quiet", *rest] if verb == "train" else rest)
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith(f"asr {verb}:")]
    assert status == 1, lines
    assert len(lines) == 1
    assert lines[0].startswith(f"asr {verb}: {cuts}:2 (u1): its audio is a command (touch /")
    assert lines[0].endswith("and commands are not run; save its audio as a file and put the file's path here")
    assert not (tmp_path / "made").exists()
