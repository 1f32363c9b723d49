"""The attention decoder in a checkpoint: read with its model, left out for what reads by CTC, refused where broken."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoints.acoustic import ACOUSTIC, load_checkpoint
from asr.checkpoints.attention import head_of, without_attention
from asr.checkpoints.reading import read_model
from asr.errors import CheckpointError
from asr.models.attention_decoder import AttentionDecoder, AttentionSizes
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint

SIZES = AttentionSizes(4, 5, 1, 6, 2, 3, 0.1)


def content(**changes: Any) -> dict[str, Any]:
    """Returns a checkpoint with an attention decoder, with other settings of it."""
    made = checkpoint_content()
    num_tokens, width = made["state_dict"]["model.output.weight"].shape
    weights = AttentionDecoder(width, num_tokens, SIZES).state_dict()
    made["state_dict"] |= {f"model.attention.{name}": value for name, value in weights.items()}
    made["hyper_parameters"]["attention"] = {"head": "main", **asdict(SIZES), **changes}
    return made


def test_it_is_read_described_and_left_out(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path / "a.ckpt", content())
    loaded = load_checkpoint(path)
    assert loaded.model.attention is not None
    assert not loaded.model.attention.training
    assert dict(loaded.describe())["attention"] == (
        "AttentionDecoder head=main embedding_dim=4 hidden_dim=5 num_layers=1 attention_dim=6 location_channels=2 "
        "location_width=3 dropout=0.1"
    )
    stored = read_model(path, "holds no {}", "")
    assert (head_of(stored), head_of(without_attention(stored))) == ("main", "")
    without = ACOUSTIC.load_stored(without_attention(stored)).model
    assert without.attention is None
    assert torch.equal(without.output.weight, loaded.model.output.weight)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"head": 3}, "the head of its attention decoder is 3, not a name"),
        ({"head": "char"}, "attention decoder, head: there is no 'char'; choose from main"),
        ({"hidden_dim": "5"}, "AttentionSizes: hidden_dim is '5', not int"),
        ({"hidden_dim": 10**9}, "hidden_dim is 1000000000, more than there are weights"),
        ({"hidden_dim": 6}, "its weights do not fit its model: attention.layers.0.weight_ih_l0 has shape"),
        ({"location_width": 4}, "location_width: is 4; give an odd number"),
        ({"num_heads": 4}, "AttentionSizes: got an unexpected keyword argument 'num_heads'"),
    ],
)
def test_settings_that_are_none(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(CheckpointError) as refused:
        load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", content(**changes)))
    assert message in str(refused.value)


def test_what_is_no_settings(tmp_path: Path) -> None:
    changed = content()
    changed["hyper_parameters"]["attention"] = "wide"
    with pytest.raises(CheckpointError, match="its attention decoder is 'wide', not settings by name"):
        load_checkpoint(save_checkpoint(tmp_path / "a.ckpt", changed))
    del changed["hyper_parameters"]["attention"]
    with pytest.raises(CheckpointError, match=r"attention\.\S+ and 11 more are unknown to it"):
        load_checkpoint(save_checkpoint(tmp_path / "b.ckpt", changed))
