"""The hand-written backward passes against finite differences, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from asr.models.cells.hidden_recurrence import GruRecurrence, LightRecurrence, TanhRecurrence
from asr.models.cells.layer_norm import LayerNormRecurrence
from asr.models.cells.lstm_recurrence import LstmRecurrence
from asr.models.cells.recurrence import Recurrence
from asr.models.cells.scan import scan

T, B, C = 3, 2, 2


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.double).mul_(0.7).requires_grad_()


def masks(bins: int, width: int = C) -> dict[str, Tensor]:
    """Masks of any value: the gradients hold for all."""
    shape = (bins, B, width)
    zones = {"zone_cell": torch.rand(T, bins, B, C).double(), "zone_hidden": torch.rand(T, *shape).double()}
    return {"mask": torch.rand(shape).double() * 2, **zones}


def lstm_tensors(gates: int, bins: int = 1, taps: int = 1, width: int = C) -> dict[str, Tensor]:
    return {"projected": drawn(T, bins, B, gates, C), "recurrent": drawn(taps, gates * C, width)}


def hidden_tensors(gates: int, noisy: bool) -> dict[str, Tensor]:
    noise = {"mask": torch.rand(B, C).double() * 2, "zone_hidden": torch.rand(T, B, C).double()}
    return {"projected": drawn(T, B, gates, C), "recurrent": drawn(gates * C, C)} | (noise if noisy else {})


def check(recurrence: Recurrence, tensors: dict[str, Tensor]) -> None:
    names = tuple(tensors)
    assert torch.autograd.gradcheck(
        lambda *values: scan(recurrence, dict(zip(names, values, strict=True))), tuple(tensors.values())
    )


@pytest.mark.parametrize(("gating", "gates"), [("forget", 4), ("coupled", 3), ("never", 3)])
def test_gradients_of_the_lstm_family(gating: str, gates: int) -> None:
    torch.manual_seed(0)
    check(LstmRecurrence(gating), lstm_tensors(gates))
    check(LstmRecurrence(gating), lstm_tensors(gates) | masks(1))
    check(LstmRecurrence(gating), lstm_tensors(gates) | {"peepholes": drawn(1, 1, gates - 1, C)})
    check(LstmRecurrence(gating, memory_only=True), lstm_tensors(gates))
    check(LstmRecurrence(gating, memory_only=True), lstm_tensors(gates) | masks(1))


def test_gradients_of_the_convolutional_lstm() -> None:
    torch.manual_seed(0)
    tensors = lstm_tensors(4, bins=3, taps=3) | {"peepholes": drawn(3, 1, 3, C)}
    check(LstmRecurrence(), tensors)
    check(LstmRecurrence(), tensors | masks(3))


def test_gradients_of_the_projected_lstm() -> None:
    torch.manual_seed(0)
    tensors = lstm_tensors(4, width=3) | {"projection": drawn(3, C)}
    check(LstmRecurrence(), tensors)
    check(LstmRecurrence(), tensors | masks(1, width=3))


def test_gradients_of_the_layer_norm_lstm() -> None:
    torch.manual_seed(0)
    norms = {"gain_products": drawn(12), "gain_memory": drawn(3), "bias_memory": drawn(3)}
    tensors = {"projected": drawn(T, 1, B, 4, 3), "recurrent": drawn(1, 12, 3)} | norms  # of two values LN leaves signs
    check(LayerNormRecurrence(), tensors)
    zones = {name: torch.rand(T, 1, B, 3).double() for name in ("zone_cell", "zone_hidden")}
    check(LayerNormRecurrence(), tensors | zones | {"mask": torch.rand(1, B, 3).double()})


@pytest.mark.parametrize("noisy", [False, True])
def test_gradients_of_cells_without_memory(noisy: bool) -> None:
    torch.manual_seed(0)
    check(TanhRecurrence(), hidden_tensors(1, noisy))
    check(GruRecurrence(), hidden_tensors(3, noisy) | {"bias_products": drawn(3 * C)})
    check(LightRecurrence(), hidden_tensors(2, noisy))


def test_gradients_of_the_state_before_the_first_frame() -> None:
    torch.manual_seed(0)
    first = {"first_hidden": drawn(1, B, C), "first_memory": drawn(1, B, C)}
    for gating, memory_only in (("forget", False), ("coupled", False), ("forget", True)):
        tensors = lstm_tensors(4 if gating == "forget" else 3) | first
        check(LstmRecurrence(gating, memory_only=memory_only), tensors)
        check(LstmRecurrence(gating, memory_only=memory_only), tensors | masks(1))
    states = {"first_hidden": drawn(3, B, C), "first_memory": drawn(3, B, C)}
    check(LstmRecurrence(), lstm_tensors(4, bins=3, taps=3) | states)
    for noisy in (False, True):
        check(TanhRecurrence(), hidden_tensors(1, noisy) | {"first_hidden": drawn(B, C)})
        given = hidden_tensors(3, noisy) | {"bias_products": drawn(3 * C), "first_hidden": drawn(B, C)}
        check(GruRecurrence(), given)


def test_no_second_derivative() -> None:
    tensors = lstm_tensors(4)
    output, _ = scan(LstmRecurrence(), tensors)
    (gradient,) = torch.autograd.grad(output.square().sum(), tensors["recurrent"], create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()


def test_gradients_can_be_asked_for_twice_and_weights_must_not_change_between() -> None:
    tensors = lstm_tensors(4)
    output, _ = scan(LstmRecurrence(), tensors)
    first, second = (torch.autograd.grad(output.sum(), tensors["recurrent"], retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
    with torch.no_grad():
        tensors["recurrent"].add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        output.sum().backward()


def test_nothing_is_lost_in_half_precision() -> None:
    tensors = {name: value.detach().float().requires_grad_() for name, value in lstm_tensors(4).items()}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, memory = scan(LstmRecurrence(), tensors | {"projected": tensors["projected"].bfloat16()})
        (gradient,) = torch.autograd.grad(output.sum(), tensors["recurrent"])
    assert output.dtype == memory.dtype == gradient.dtype == torch.float32
    exact, _ = scan(LstmRecurrence(), tensors | {"projected": tensors["projected"].bfloat16().float()})
    assert torch.equal(output, exact)
    assert torch.equal(gradient, torch.autograd.grad(exact.sum(), tensors["recurrent"])[0])
