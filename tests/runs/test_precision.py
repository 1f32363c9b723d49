"""Half precision: taken where the processor computes with it, float32 and one line in its place elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from asr.cli.train import main
from asr.runs.precision import with_precision
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, scalars


def trainer(precision: Any, accelerator: str = "cpu") -> dict[str, Any]:
    return {"accelerator": accelerator, "precision": precision}


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed", "bf16-true", "bf16", 16])
def test_a_processor_without_it_trains_in_float32_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, precision: Any
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_f": True, "avx512_bf16": False})
    assert with_precision(trainer(precision)) == trainer("32-true")
    (line,) = caplog.messages
    assert line.startswith(f"trainer.precision={precision}: this processor has neither AVX512-BF16 nor AMX")


def test_other_precisions_and_other_devices_are_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict)
    for each in (trainer("32-true"), trainer("64-true"), trainer(32), trainer("bf16-mixed", "gpu")):
        assert with_precision(each) == each
    for name in ("avx512_bf16", "amx_bf16"):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda name=name: {name: True})
        assert with_precision(trainer("bf16-mixed")) == trainer("bf16-mixed")
    assert not caplog.messages


def test_trains_in_half_precision_on_any_processor(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    assert main([*SMALL, "trainer.max_epochs=1", "trainer.precision=bf16-mixed", f"exp_dir={tmp_path}"]) == 0
    assert scalars(tmp_path, "val/loss")
