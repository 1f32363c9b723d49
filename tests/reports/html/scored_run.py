"""A run of a tiny model whose hypotheses for two utterances are scored, one of them with markup for a transcript."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lhotse import CutSet
from lhotse.supervision import AlignmentItem

from asr.cli.score import main as score
from asr.decoding.hypothesis import Hypothesis, Span
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.encoder import RecurrentEncoder
from asr.scoring.hypotheses import write_hypotheses
from asr.text.tokens import TokenTable
from tests.conftest import make_cut
from tests.reports.events import write_events

HOSTILE = "<script>alert(1)</script>"
TEXTS = {"one": "AB CA", "two": HOSTILE}


def make_model(cell: str = "lstm") -> tuple[AcousticModel, dict[str, Any]]:
    frontend: dict[str, Any] = {"num_mels": 8, "cmvn": "utterance"}
    encoder: dict[str, Any] = {"hidden_dim": 6, "num_layers": 2, "cell": cell, "time_stride": 2}
    table = TokenTable.build(["ab"], "char")
    torch.manual_seed(0)
    model = AcousticModel(FrontEnd(**frontend), RecurrentEncoder(8, **encoder), len(table)).eval()
    settings = {
        "frontend": {"class_path": "asr.features.frontend.FrontEnd", "init_args": frontend},
        "encoder": {"class_path": "asr.models.encoder.RecurrentEncoder", "init_args": encoder},
        "tokens": table.state(),
        "text_policy": "verbatim",
    }
    return model, settings


def save_model(path: Path, cell: str = "lstm") -> None:
    model, settings = make_model(cell)
    state = {f"model.{name}": value for name, value in model.state_dict().items()}
    torch.save({"hyper_parameters": settings, "state_dict": state}, path)


def make_scored_run(folder: Path, unit: str = "char", cell: str = "lstm") -> tuple[Path, Path]:
    """Returns the folder of the run and the file of its cuts."""
    exp_dir, cuts = folder / "seed0", folder / "test_cuts.jsonl.gz"
    exp_dir.mkdir()
    write_events(exp_dir, 1000, [("val/cer", 9, 0.5), ("train/loss_epoch", 9, 2.0), ("val/cer", 19, 0.4)])
    save_model(exp_dir / "best.ckpt", cell)
    made = [make_cut(folder, name, "AB C", f"speaker-{name}", np.random.default_rng(0)) for name in TEXTS]
    for cut, text in zip(made, TEXTS.values(), strict=True):
        cut.supervisions[0].text = text
    made[0].supervisions[0].alignment = {"word": [AlignmentItem("AB", 0.0, 0.24), AlignmentItem("CA", 0.36, 0.12)]}
    made[1].supervisions[0].alignment = {"word": [AlignmentItem(HOSTILE, 0.0, 0.3)]}
    CutSet.from_cuts(made).to_file(cuts)
    for name, texts in (("test_greedy", ("AB CC", "<b>x</b>")), ("test_worse", ("", "&amp;"))):
        found = ((key, [heard(text)]) for key, text in zip(TEXTS, texts, strict=True))
        write_hypotheses(exp_dir / f"{name}.jsonl", found)
    hyps = [str(exp_dir / f"test_{name}.jsonl") for name in ("greedy", "worse")]
    scores = str(exp_dir / "test_scores.json")
    command = ["--cuts", str(cuts), "--hyps", *hyps, "--unit", unit, "--policy", "verbatim", "--json", scores]
    assert score([*command, "--quiet"]) == 0
    return exp_dir, cuts


def heard(text: str) -> Hypothesis:
    spans = tuple(Span(letter, 0.04 * place, 0.04 * place + 0.04, 0.9) for place, letter in enumerate(text))
    return Hypothesis(text, spans, (), -1.0, 0.9)
