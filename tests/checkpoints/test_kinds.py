"""One record for each kind of model: a checkpoint of whichever is recognised, built and described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.kind import TITLES
from asr.checkpoints.kinds import KINDS, load_any
from asr.checkpoints.language import LoadedLanguageModel, load_language_model
from asr.checkpoints.predictive import LoadedPredictive
from asr.checkpoints.pronunciation import LoadedPronouncer, load_pronouncer
from asr.checkpoints.transducer import LoadedTransducer
from asr.errors import CheckpointError
from asr.features.frontend import FrontEnd
from asr.lm.recurrent import RecurrentLM
from asr.models.encoder import RecurrentEncoder
from asr.models.predictive import PredictiveModel
from asr.models.pronouncer import Pronouncer
from asr.models.transducer import Transducer, TransducerSizes
from asr.text.tokens import TokenTable
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint

WORD_SIZES = {"embedding_dim": 4, "hidden_dim": 6, "num_layers": 1, "tie_weights": True}
JOINT_SIZES = {"embedding_dim": 4, "hidden_dim": 6, "num_layers": 1, "joint_dim": 5, "dropout": 0.1}
LETTER_SIZES = {"letter_dim": 4, "hidden_dim": 6, "num_layers": 1, "frames_per_letter": 2}

LEARNING: dict[str, Any] = {"method": "autoencoder", "ahead": 3, "window": 4}


def content_of(network: nn.Module, **settings: Any) -> dict[str, Any]:
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    return {"state_dict": state, "hyper_parameters": settings, "global_step": 1500, "epoch": 2}


def predictive_content() -> dict[str, Any]:
    parts = {name: checkpoint_content()["hyper_parameters"][name] for name in ("frontend", "encoder")}
    frontend = FrontEnd(**parts["frontend"]["init_args"])
    encoder = RecurrentEncoder(frontend.feature_dim, **parts["encoder"]["init_args"])
    return content_of(PredictiveModel(frontend, encoder, **LEARNING), **parts, **LEARNING)


def contents() -> dict[str, dict[str, Any]]:
    letters, phones = TokenTable.build(["AB"], "char"), TokenTable.build(["AH B K"], "phone")
    pronouncer = Pronouncer(len(letters), len(phones), **LETTER_SIZES)
    words = {"vocabulary": "A\nDOG", "num_unknown_types": 1234, "text_policy": "upper-no-punctuation"}
    return {
        "tokens": checkpoint_content(),
        "vocabulary": content_of(RecurrentLM(5, **WORD_SIZES), **words, **WORD_SIZES),
        "letters": content_of(pronouncer, letters=letters.state(), phones=phones.state(), **LETTER_SIZES),
        "method": predictive_content(),
        "transducer": transducer_content(),
    }


def transducer_content() -> dict[str, Any]:
    settings = dict(checkpoint_content()["hyper_parameters"])
    tokens, frontend = TokenTable.from_state(settings["tokens"]), FrontEnd(**settings["frontend"]["init_args"])
    encoder = RecurrentEncoder(frontend.feature_dim, **settings["encoder"]["init_args"])
    transducer = Transducer(frontend, encoder, len(tokens), TransducerSizes(**JOINT_SIZES))
    return content_of(transducer, **settings | {"transducer": dict(JOINT_SIZES)})


def test_kinds_are_told_apart_by_their_names() -> None:
    assert [kind.named_by for kind in KINDS] == list(TITLES)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.title)
def test_a_checkpoint_of_each_kind_is_recognised_and_no_other_is_taken_for_it(tmp_path: Path, kind: Any) -> None:
    made = {
        "transducer": LoadedTransducer,
        "tokens": Loaded,
        "vocabulary": LoadedLanguageModel,
        "letters": LoadedPronouncer,
        "method": LoadedPredictive,
    }
    for named_by, content in contents().items():
        path = save_checkpoint(tmp_path / f"{named_by}.ckpt", content)
        if kind.named_by == named_by:
            assert type(kind.load(path)) is type(load_any(path)) is made[named_by]
            assert set(kind.needed) <= set(content["hyper_parameters"])
        else:
            with pytest.raises(CheckpointError, match=rf"holds {TITLES[named_by]}, not a"):
                kind.load(path)


def test_progress_is_that_of_the_file(tmp_path: Path) -> None:
    content = contents()["letters"]
    loaded = load_pronouncer(save_checkpoint(tmp_path / "a.ckpt", content))
    assert (loaded.training_step, loaded.epoch) == (1500, 2)
    del content["epoch"]
    assert loaded.describe()[-1] == ("training step", "1,500 (epoch 2)")
    assert load_any(save_checkpoint(tmp_path / "b.ckpt", content)).describe()[-1] == ("training step", "1,500")


def test_what_is_said_of_a_language_model(tmp_path: Path) -> None:
    loaded = load_language_model(save_checkpoint(tmp_path / "lm.ckpt", contents()["vocabulary"]))
    said = dict(loaded.describe())
    assert said["network"] == "RecurrentLM embedding_dim=4 hidden_dim=6 num_layers=1 tie_weights=True"
    assert said["parameters"] == f"{sum(weight.numel() for weight in loaded.network.parameters()):,}"
    assert said["words"] == "2; 1,234 others of its training text share <unk>"
    assert said["text policy"].startswith("upper-no-punctuation (")


def test_what_is_said_of_a_transducer(tmp_path: Path) -> None:
    said = dict(load_any(save_checkpoint(tmp_path / "transducer.ckpt", contents()["transducer"])).describe())
    assert said["transducer"] == "Transducer embedding_dim=4 hidden_dim=6 num_layers=1 joint_dim=5 dropout=0.1"
    assert {"encoder", "front end", "parameters", "tokens", "text policy"} <= set(said)


def test_sizes_of_a_transducer_that_are_none(tmp_path: Path) -> None:
    content = contents()["transducer"]
    for sizes, message in (({"hidden_dim": 6}, "missing a required argument"), ("large", "its sizes are 'large'")):
        changed = content | {"hyper_parameters": content["hyper_parameters"] | {"transducer": sizes}}
        with pytest.raises(CheckpointError, match=message):
            load_any(save_checkpoint(tmp_path / "a.ckpt", changed))


def test_what_is_said_of_a_pronunciation_model(tmp_path: Path) -> None:
    said = dict(load_any(save_checkpoint(tmp_path / "g2p.ckpt", contents()["letters"])).describe())
    assert said["network"] == "Pronouncer letter_dim=4 hidden_dim=6 num_layers=1 frames_per_letter=2"
    assert said["letters"] == "4 of unit char: <blank> A B |"
    assert said["phones"] == "4 of unit phone: <blank> AH B K"


def test_what_is_said_of_a_predictive_model(tmp_path: Path) -> None:
    said = dict(load_any(save_checkpoint(tmp_path / "p.ckpt", contents()["method"])).describe())
    assert said["learned by"] == "autoencoder ahead=3 window=4"
    assert said["encoder"].startswith("RecurrentEncoder hidden_dim=8 ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({}, "holds no hyper_parameters, so it is not a whole checkpoint of a model"),
        ({"hyper_parameters": {}, "state_dict": {}}, "lack frontend, encoder, tokens, text_policy"),
        ({"hyper_parameters": {"vocabulary": "A"}, "state_dict": {}}, "of a language model: it lacks num_unknown"),
        ({"hyper_parameters": {"letters": {}, "phones": {}}, "state_dict": {}}, "model: it lacks letter_dim, hidden"),
        (
            {"hyper_parameters": {"method": "apc"}, "state_dict": {}},
            "predictive model: it lacks frontend, encoder, ahead",
        ),
        (
            predictive_content() | {"hyper_parameters": predictive_content()["hyper_parameters"] | {"method": "x"}},
            "PredictiveModel: method is 'x', not Literal",
        ),
    ],
)
def test_what_is_no_whole_model(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=message):
        load_any(tmp_path / "a.ckpt")


@pytest.mark.parametrize("named_by", ["vocabulary", "letters", "transducer"])
def test_sizes_of_others_are_held_against_what_is_stored(tmp_path: Path, named_by: str) -> None:
    content = contents()[named_by]
    for sizes, message in (
        ({"hidden_dim": 10**9}, "hidden_dim is 1000000000, more than there are weights"),
        ({"hidden_dim": "6"}, "hidden_dim is '6', not int"),
        ({"hidden_dim": 60_000}, "it would be much larger than the weights"),
    ):
        if named_by == "transducer":
            sizes = {"transducer": content["hyper_parameters"]["transducer"] | sizes}
        changed = content | {"hyper_parameters": content["hyper_parameters"] | sizes}
        with pytest.raises(CheckpointError, match=message):
            load_any(save_checkpoint(tmp_path / "a.ckpt", changed))
