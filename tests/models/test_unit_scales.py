from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.attentive import AttentiveRecurrentEncoder
from asr.models.conformer import ConformerEncoder
from asr.models.encoder import LatencyControlledEncoder, RecurrentEncoder
from asr.models.recurrent import RecurrentStack
from asr.models.transformer import TransformerEncoder
from asr.models.unit_scales import ScaledUnits, find_units, fold

SIZES = {"hidden_dim": 8, "num_layers": 2, "time_stride": 2, "conv_channels": 2}
ATTENTION = {"num_heads": 2, "feedforward_dim": 10}
CHUNKS = {"chunk_frames": 4, "context_frames": 2}


def make(encoder: type[nn.Module], heads: dict[str, HeadSize] | None = None, **options: Any) -> AcousticModel:
    torch.manual_seed(0)
    frontend = FrontEnd(num_mels=20, cmvn="utterance")
    return AcousticModel(frontend, encoder(frontend.feature_dim, **{**SIZES, **options}), 5, heads).eval()


def heard(model: AcousticModel, weights: dict[str, Tensor] | None = None) -> dict[str, list[Tensor]]:
    waveforms = 0.1 * torch.randn(2, 8000, generator=torch.Generator().manual_seed(1))
    features = model.frontend(waveforms, torch.tensor([8000, 6000]))
    held = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(held | (weights or {}))
    with torch.no_grad():
        found = model.classify_heads(*features)[0]
    model.load_state_dict(held)
    return found


def hooked(model: AcousticModel, units: list[ScaledUnits], scales: list[Tensor]) -> dict[str, list[Tensor]]:
    """Returns what a model hears whose units are scaled where they arise, not in what reads them."""
    handles = []
    for each, scale in zip(units, scales, strict=True):
        stack = each.name.rpartition(".layers.")[0]
        if isinstance(model.get_submodule(stack), RecurrentStack):
            norm = model.get_submodule(each.name.replace(".layers.", ".norms."))
            handles.append(norm.register_forward_hook(lambda _m, _i, made, scale=scale: made * scale))
        else:
            narrow = model.get_submodule(f"{each.name}.narrow")
            handles.append(narrow.register_forward_pre_hook(lambda _m, given, scale=scale: (given[0] * scale,)))
    found = heard(model)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize(
    ("encoder", "options", "num_layers"),
    [
        (RecurrentEncoder, {"layer_norm": True, "residual": True}, 2),
        (RecurrentEncoder, {}, 2),
        (RecurrentEncoder, {"cell": "gru", "bidirectional": False}, 2),
        (LatencyControlledEncoder, {**CHUNKS, "layer_norm": True}, 2),
        (AttentiveRecurrentEncoder, {**ATTENTION}, 2),
        (TransformerEncoder, {**ATTENTION}, 2),
        (ConformerEncoder, {**ATTENTION, "kernel_size": 3}, 4),
    ],
)
def test_folded_scales_are_scaled_units(encoder: type[nn.Module], options: dict[str, Any], num_layers: int) -> None:
    model = make(encoder, {"beside": HeadSize(3)}, **options)
    units = find_units(model)
    assert len(units) == num_layers
    scales = [0.5 + torch.rand(each.num_units, generator=torch.Generator().manual_seed(2)) for each in units]
    folded = heard(model, fold(model.state_dict(), units, scales))
    expected, plain = hooked(model, units, scales), heard(model)
    for name in expected:
        assert torch.allclose(folded[name][-1], expected[name][-1], atol=1e-5)
        assert not torch.allclose(folded[name][-1], plain[name][-1], atol=1e-3)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_a_head_with_a_layer_of_its_own_reads_scaled_units_too(layer_norm: bool) -> None:
    model = make(RecurrentEncoder, {"beside": HeadSize(3, own_layer=True)}, layer_norm=layer_norm)
    units = [each for each in find_units(model) if each.name.startswith("encoder.")][:1]
    scales = [torch.full((each.num_units,), 0.3) for each in units]
    folded, expected = heard(model, fold(model.state_dict(), units, scales)), hooked(model, units, scales)
    assert torch.allclose(folded["beside"][-1], expected["beside"][-1], atol=1e-5)


@pytest.mark.parametrize("layer_norm", [True, False])
def test_gradients_reach_the_scales_of_every_layer(layer_norm: bool) -> None:
    model = make(RecurrentEncoder, layer_norm=layer_norm)
    units, weights = find_units(model), model.state_dict()
    scales = [torch.ones(each.num_units, requires_grad=True) for each in units]
    log_probs, _ = functional_call(model, fold(weights, units, scales), (torch.randn(1, 8000), torch.tensor([8000])))
    log_probs[..., 1].sum().backward()
    assert all(scale.grad is not None and scale.grad.abs().sum() > 0 for scale in scales)


def test_units_that_only_a_sum_reads_cannot_be_scaled() -> None:
    with pytest.raises(ConfigError, match=r"encoder RecurrentEncoder: has no layers whose units could be scaled.*"):
        find_units(make(RecurrentEncoder, residual=True))
