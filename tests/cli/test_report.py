"""asr report: the files it writes into a run's folder, the table on stdout, and folders that are no run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from asr.cli.report import main
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.encoder import RecurrentEncoder
from asr.text.tokens import TokenTable


def save_checkpoint(path: Path) -> int:
    """Writes a checkpoint of a tiny model; gives the number of its parameters."""
    frontend: dict[str, Any] = {"num_mels": 8, "cmvn": "utterance"}
    encoder: dict[str, Any] = {"hidden_dim": 4, "num_layers": 1}
    table = TokenTable.build(["ab"], "char")
    model = AcousticModel(FrontEnd(**frontend), RecurrentEncoder(8, **encoder), len(table))
    settings = {
        "frontend": {"class_path": "asr.features.frontend.FrontEnd", "init_args": frontend},
        "encoder": {"class_path": "asr.models.encoder.RecurrentEncoder", "init_args": encoder},
        "tokens": table.state(),
        "text_policy": "verbatim",
    }
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({"hyper_parameters": settings, "state_dict": state}, path)
    return sum(parameter.numel() for parameter in model.parameters())


def save_scores(path: Path, label: str, hits: int) -> None:
    counts = {"hits": hits, "substitutions": 100 - hits, "deletions": 0, "insertions": 0}
    scores = [{"label": label, "unit": "word", **counts, "interval": [0.1, 0.2]}]
    path.write_text(json.dumps({"policy": {"name": "verbatim", "hash": "12345678"}, "scores": scores}))


def make_run(folder: Path, hits: int = 85) -> int:
    folder.mkdir()
    writer = EventFileWriter(str(folder))
    for step in range(12):
        values = [Summary.Value(tag="val/wer", simple_value=0.5), Summary.Value(tag="epoch", simple_value=step // 4)]
        writer.add_event(Event(wall_time=1000 + 10 * step, step=step, summary=Summary(value=values)))
    writer.close()
    save_scores(folder / "dev_scores.json", "dev_greedy", hits)
    return save_checkpoint(folder / "best.ckpt")


def test_a_run_gets_its_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    num_parameters = make_run(tmp_path / "seed0")
    assert main([str(tmp_path / "seed0")]) == 0
    row = "| dev_greedy | word | 100 |  15 |   0 |   0 |         15.00 | 10.00 to 20.00 |"
    assert row in capsys.readouterr().out
    text = (tmp_path / "seed0/report.md").read_text(encoding="utf-8")
    assert row in text
    assert "3 epochs, 12 steps, 1 min 50 s" in text
    assert f" {num_parameters:,} " in text
    assert "verbatim (12345678)" in text
    assert "](learning_curves.png)" in text
    assert (tmp_path / "seed0/learning_curves.png").read_bytes().startswith(b"\x89PNG")


def test_several_runs_get_their_means(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for seed, hits in enumerate((80, 90)):
        make_run(tmp_path / f"seed{seed}", hits)
    assert main([str(tmp_path / "seed0"), str(tmp_path / "seed1")]) == 0
    printed = capsys.readouterr().out
    assert " ".join(printed.splitlines()[-1].split()) == "| dev_greedy | word | 15.00 | 7.07 | 20.00 10.00 |"
    assert (tmp_path / "seed1/report.md").exists()


def test_a_run_without_scores_says_how_to_get_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(tmp_path / "seed0")
    (tmp_path / "seed0/dev_scores.json").unlink()
    assert main([str(tmp_path / "seed0")]) == 0
    assert "Nothing is scored yet: asr score --json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("lacks", "message"),
    [
        ("seed0", "no such folder; give the folder of a run"),
        ("events", "no TensorBoard files with numbers in them"),
        ("best.ckpt", "neither best.ckpt nor last.ckpt is there"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str], lacks: str, message: str) -> None:
    if lacks != "seed0":
        make_run(tmp_path / "seed0")
        (file,) = (tmp_path / "seed0").glob(f"{lacks}*")
        file.unlink()
    assert main([str(tmp_path / "seed0")]) == 1
    line = capsys.readouterr().err.strip()
    assert line.startswith("asr report: ")
    assert message in line
    assert "\n" not in line


def test_a_ladder_holds_settings_against_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for setting, hits in (("lstm", 90), ("gru", 80)):
        (tmp_path / setting).mkdir()
        make_run(tmp_path / setting / "seed0", hits)
        make_run(tmp_path / setting / "seed1", hits - 2)
    runs = [str(tmp_path / setting / seed) for setting in ("lstm", "gru") for seed in ("seed0", "seed1")]
    ladder = tmp_path / "ladder.md"
    assert main([*runs, "--ladder", str(ladder)]) == 0
    printed = capsys.readouterr().out
    assert printed == ladder.read_text(encoding="utf-8")
    lstm, gru = printed.splitlines()[2:4]
    assert [cell.strip() for cell in lstm.strip("|").split("|")][2:] == ["2", "3", "1.8", "9167", "0.0", "11.00 ± 1.41"]
    assert gru.strip("| ").startswith("gru")
    assert "21.00 ± 1.41" in gru
