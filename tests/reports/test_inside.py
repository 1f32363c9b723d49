"""What goes on inside a model: it is what the model itself computes."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.cells.tracing import Trace
from asr.models.encoder import LatencyControlledEncoder, RecurrentEncoder
from asr.models.recurrent import RecurrentLayer
from asr.reports.inside import Direction, look_inside


def make_model(cell: str = "lstm", **frontend: object) -> AcousticModel:
    torch.manual_seed(0)
    front = FrontEnd(num_mels=10, cmvn="utterance", **frontend)
    encoder = RecurrentEncoder(
        front.feature_dim, hidden_dim=12, num_layers=2, cell=cell, time_stride=2, layer_norm=True
    )
    model = AcousticModel(front, encoder, 5).eval()
    for name, parameter in model.named_parameters():
        if "weight_hh" in name:
            nn.init.normal_(parameter, std=0.5)
    return model


@pytest.mark.parametrize("cell", ["lstm", "lstm_peephole", "lstm_projected"])
def test_states_that_are_shown_give_the_layers_own_output(cell: str) -> None:
    model, waveform = make_model(cell), 0.1 * torch.randn(16000)
    outputs: list[Tensor] = []
    for layer in model.modules():
        if isinstance(layer, RecurrentLayer):
            layer.register_forward_hook(lambda _module, _inputs, output: outputs.append(output[0]))
    inside = look_inside(model, waveform, with_gates=True)
    kinds = [(direction.layer, direction.is_backward) for direction in inside.directions]
    assert kinds == [(1, False), (1, True), (2, False), (2, True)]
    for number, output in enumerate(outputs):
        both = [direction.trace.hidden for direction in inside.directions[2 * number : 2 * number + 2]]
        assert torch.allclose(torch.cat(both, dim=1), output, atol=1e-5)
    log_probs, _ = model(waveform[None], torch.tensor([16000]))
    assert torch.allclose(inside.log_probs, log_probs[0], atol=1e-5)
    assert (inside.hop, inside.stride) == (0.01, 0.02)


def test_gates_are_computed_only_where_they_are_asked_for_and_are_there() -> None:
    waveform = torch.randn(8000)
    assert look_inside(make_model(), waveform).directions == []
    assert look_inside(make_model("gru"), waveform, with_gates=True).directions == []
    front = FrontEnd(num_mels=10, cmvn="none")
    by_chunk = AcousticModel(front, LatencyControlledEncoder(10, 12, 2, chunk_frames=4, context_frames=2), 5).eval()
    assert look_inside(by_chunk, waveform, with_gates=True).directions == []


@pytest.mark.parametrize("settings", [{}, {"use_energy": True}, {"kind": "mfcc", "num_ceps": 8}])
def test_levels_are_those_of_the_mel_filters(settings: dict[str, object]) -> None:
    assert look_inside(make_model(**settings), torch.randn(8000)).levels.shape == (50, 10)


def test_units_of_every_kind_are_chosen() -> None:
    forget = torch.tensor([0.99, 0.98, 0.5, 0.4]).expand(3, 4)
    memory = torch.tensor([[50.0, 0.0, 0.0, 0.1], [60.0, 0.5, 0.0, 0.2], [70.0, -0.5, 0.0, 0.9]])
    trace = Trace(memory, memory, forget, forget, forget)
    direction = Direction(1, False, trace)
    assert direction.by_persistence() == [0, 1, 2, 3]
    assert direction.chosen_units(2) == [1, 3]  # 0 only counts, 2 does nothing
    assert direction.chosen_units(9) == [0, 1, 2, 3]
    assert direction.persistence(2) == pytest.approx(1 / math.log(2))
    keeps = Direction(1, False, Trace(memory, memory, forget, torch.ones(3, 4), forget))
    assert keeps.persistence(0) == math.inf
