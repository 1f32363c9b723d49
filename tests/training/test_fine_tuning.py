from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from asr.checkpoints.reading import read_checkpoint
from asr.cli.train import main
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.attentive import AttentiveRecurrentEncoder
from asr.models.encoder import RecurrentEncoder
from asr.models.transducer import Transducer, TransducerSizes
from asr.training.fine_tuning import FineTuning, find_groups
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL

SIZES = {"hidden_dim": 8, "num_layers": 2, "time_stride": 2, "conv_channels": 2, "layer_norm": True}
ATTENTION = {"num_heads": 2, "feedforward_dim": 10}


def make(encoder: type[nn.Module] = RecurrentEncoder, **options: Any) -> AcousticModel:
    frontend = FrontEnd(num_mels=20, cmvn="utterance")
    heads = {"char": HeadSize(3, own_layer=encoder is RecurrentEncoder)}
    return AcousticModel(frontend, encoder(frontend.feature_dim, **SIZES, **options), 5, heads)


def test_every_weight_is_in_one_layer_and_layers_go_from_the_outputs_down() -> None:
    model = make()
    groups = find_groups(model)
    assert [(each.name, each.depth) for each in groups] == [
        *(("output", 0), ("heads.char", 0), ("layers.1", 1), ("layers.0", 2), ("subsampling", 3), ("frontend", 4)),
    ]
    names = [name for each in groups for name in each.weights]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())


def test_other_parts_of_encoders_and_transducers_have_names_of_their_own() -> None:
    attentive = [each.name for each in find_groups(make(AttentiveRecurrentEncoder, **ATTENTION))]
    assert attentive == ["output", "attention", "norm", "heads.char", "layers.1", "layers.0", "subsampling", "frontend"]
    frontend = FrontEnd(num_mels=20, cmvn="utterance")
    encoder, sizes = RecurrentEncoder(frontend.feature_dim, **SIZES), TransducerSizes(4, 6, 1, 5)
    transducer = Transducer(frontend, encoder, 5, sizes)
    names = [each.name for each in find_groups(transducer)]
    assert {"output", "prediction", "layers.0", "frontend"} <= set(names)
    FineTuning(frozen=["encoder", "frontend", "prediction"]).check(transducer)


def test_frozen_layers_have_no_gradients_and_drop_nothing() -> None:
    model = make(dropout=0.5)
    plan = FineTuning(frozen=["frontend", "subsampling", "layers.0"], rate_decay=0.5, rates={"heads": 0.1})
    plan.check(model)
    plan.freeze(model.train())
    frozen = {name.split(".")[1] for name, weight in model.named_parameters() if not weight.requires_grad}
    assert frozen == {"subsampling", "recurrent"}
    assert not model.frontend.training
    assert not any(each.training for each in model.encoder.subsampling.modules())
    assert model.encoder.recurrent.layers[0].ahead.training  # for cuDNN
    assert model.encoder.recurrent.layers[1].training
    factors = {group["name"]: group["factor"] for group in plan.parameter_groups(model)}
    assert factors == {"output": 1.0, "heads.char": 0.1, "layers.1": 0.5}
    table = plan.to_table(model, 0.002)
    assert [line.split()[0] for line in table] == [each.name for each in find_groups(model)]
    assert table[0].endswith("weights  2.00e-03")
    assert table[3].startswith("layers.0")
    assert table[3].endswith("weights  frozen")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frozen": ["layer.0"]}, r"model.plan.frozen: 'layer.0' is no layer of the model; its layers are output, .*"),
        ({"frozen": ["layers.7"]}, r"model.plan.frozen: 'layers.7' is no layer"),
        ({"rates": {"outputs": 1.0}}, r"model.plan.rates: 'outputs' is no layer"),
        ({"rates": {"output": 0.0}}, r"model.plan.rates.output: is 0; give a factor above 0, or freeze it"),
        ({"rate_decay": 0.0}, r"model.plan.rate_decay: is 0; give a factor above 0, up to 1"),
        ({"rate_decay": 1.5}, r"model.plan.rate_decay: is 1.5"),
        ({"frozen": ["encoder", "output", "heads"]}, r"model.plan.frozen: leaves nothing to train"),
    ],
)
def test_what_cannot_be_is_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FineTuning(**settings).check(make())


def test_a_run_trains_by_its_plan_and_rehearses(
    tiny_corpus: TinyCorpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    plan = ["model.plan.frozen=[frontend,subsampling]", "model.plan.rate_decay=0.5"]
    old = ["data.rehearsal.cuts=[data/tiny/train_cuts.jsonl.gz]", "data.rehearsal.share=0.5"]
    new = ["data.train_cuts=[data/tiny/dev_cuts.jsonl.gz]", "trainer.max_epochs=1", f"exp_dir={tmp_path}"]
    assert main([*SMALL, *plan, *old, *new]) == 0
    printed = capsys.readouterr().err
    assert re.search(r"plan: subsampling +[0-9,]+ weights  frozen\n", printed)
    assert re.search(r"plan: layers\.0 +[0-9,]+ weights  5\.00e-03\n", printed)
    assert "data/tiny/train_cuts.jsonl.gz: 40 utterances, 0.2 times an epoch" in printed
    assert "an epoch: 16 utterances" in printed
    first, last = (read_checkpoint(tmp_path / f"{name}.ckpt") for name in ("initial", "last"))
    trained = last["current_model_state"] if "current_model_state" in last else last["state_dict"]
    for name, value in first["state_dict"].items():
        is_frozen = name.startswith(("model.frontend.", "model.encoder.subsampling."))
        assert torch.equal(value, trained[name]) == is_frozen, name
    rates = [group["initial_lr"] for group in last["optimizer_states"][0]["param_groups"]]
    assert rates == pytest.approx([0.01, 0.005])
    assert last["hyper_parameters"]["plan"]["rate_decay"] == 0.5
