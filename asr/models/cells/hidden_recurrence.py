"""Recurrences whose only state is the hidden value: the plain RNN, the GRU and the light GRU.

Shapes: ``T`` frames, ``B`` batch, ``G`` gates, ``H`` units. Each takes the tensors "projected" x, (T, B, G, H);
"recurrent" U, (G * H, H); optionally "mask" m, (B, H), on h_{t-1} in the products, and "zone_hidden" z_h, (T, B, H),
for h_t = z_h * h_{t-1} + (1 - z_h) * n with n the cell's new value; and "first_hidden" h_0, (B, H), zero without it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.models.cells.recurrence import Pass, Tensors, sigmoid_slope, tanh_slope


class HiddenForward:
    """Buffers of a forward pass, bound frame by frame before the loop."""

    def __init__(self, given: Tensors) -> None:
        self.given, projected = given, given["projected"]
        self.num_frames, batch_size, _, width = projected.shape
        self.inputs = projected.flatten(2).unbind()
        self.weight = given["recurrent"].t()
        self.mask, self.zone_hidden = given.get("mask"), given.get("zone_hidden")
        self.gates = projected.new_empty(projected.shape)
        self.sums = self.gates.flatten(2).unbind()
        self.hidden_buffer = projected.new_empty(self.num_frames + 1, batch_size, width)
        self.hidden_buffer[0] = given.get("first_hidden", 0.0)
        self.hidden = self.hidden_buffer.unbind()
        self.source_buffer = self.hidden_buffer if self.mask is None else torch.empty_like(self.hidden_buffer)
        self.source = self.source_buffer.unbind()
        self.fresh_buffer = (
            self.hidden_buffer[1:] if self.zone_hidden is None else torch.empty_like(self.gates[:, :, 0])
        )
        self.fresh = self.fresh_buffer.unbind()

    def mask_source(self, frame: int) -> Tensor:
        """Returns what the recurrent products see, shape (B, H)."""
        if self.mask is not None:
            torch.mul(self.hidden[frame], self.mask, out=self.source[frame])
        return self.source[frame]

    def add_products(self, frame: int) -> None:
        """Adds the recurrent products to the input products."""
        torch.addmm(self.inputs[frame], self.mask_source(frame), self.weight, out=self.sums[frame])

    def keep_zones(self, frame: int) -> None:
        """Applies zoneout."""
        if self.zone_hidden is not None:
            kept = self.zone_hidden[frame]
            torch.lerp(self.fresh[frame], self.hidden[frame], kept, out=self.hidden[frame + 1])

    def result(self, **kept: Tensor) -> Pass:
        """Returns the results of the pass."""
        kept |= {name: value for name, value in self.given.items() if name != "projected"}
        kept |= {"gates": self.gates, "hidden": self.hidden_buffer, "source": self.source_buffer}
        kept["fresh"] = self.fresh_buffer
        return Pass(self.hidden_buffer[1:], self.hidden[-1].clone(), kept)


class HiddenRecurrence(ABC):
    """What the three share: a backward pass of known slopes and one matrix product a frame.

    ``dn = (1 - z_h) dh_t``; the sums that the recurrent products enter get ``slope * dn``, and
    ``dh_{t-1} = z_h dh_t + E dn + m * (U' (slope * dn))`` with E the share of h_{t-1} that n keeps.
    """

    @abstractmethod
    def run(self, given: Tensors) -> Pass:
        """Returns h, shape (T, B, H), and the last h, shape (B, H)."""

    @abstractmethod
    def slopes(self, kept: Tensors) -> tuple[Tensor, Tensor | None]:
        """Returns the slopes of n with respect to each sum, recurrent ones last, (T, B, *, H), and E, (T, B, H)."""

    def name_gradients(self, sums: Tensor) -> Tensors:
        """Returns the gradients of the cell's own tensors by name from those of all its sums, shape (T, B, *, H)."""
        return {"projected": sums}

    def gradients(self, kept: Tensors, output: Tensor, state: Tensor) -> Tensors:
        """Returns the gradients of the tensors given."""
        recurrent, mask, zones = kept["recurrent"], kept.get("mask"), kept.get("zone_hidden")
        sums, endurance = self.slopes(kept)
        sums_by_frame, endured = sums.unbind(), None if endurance is None else endurance.unbind()
        products = sums.flatten(2)[..., -recurrent.size(0) :].unbind()
        hidden, back = torch.zeros_like(state), torch.empty_like(state)
        carried = state.clone()
        by_gate = hidden.unsqueeze(1)
        for frame in reversed(range(output.size(0))):
            torch.add(output[frame], carried, out=hidden)
            carried.zero_()
            if zones is not None:
                torch.mul(hidden, zones[frame], out=carried)
                hidden.sub_(carried)
            sums_by_frame[frame].mul_(by_gate)
            if endured is not None:
                carried.addcmul_(hidden, endured[frame])
            if mask is None:
                carried.addmm_(products[frame], recurrent)
            else:
                carried.addcmul_(torch.mm(products[frame], recurrent, out=back), mask)
        seen = kept["source"][:-1].flatten(0, 1)
        products_grad = sums.flatten(2)[..., -recurrent.size(0) :].flatten(0, 1)
        first = {"first_hidden": carried} if "first_hidden" in kept else {}
        return {"recurrent": products_grad.t() @ seen} | self.name_gradients(sums) | first


@dataclass(frozen=True)
class TanhRecurrence(HiddenRecurrence):
    """The plain unit: n = tanh(x_t + U (m * h_{t-1})); G = 1."""

    def run(self, given: Tensors) -> Pass:
        """Returns h, shape (T, B, H), and the last h, shape (B, H)."""
        steps = HiddenForward(given)
        for frame in range(steps.num_frames):
            steps.add_products(frame)
            torch.tanh(steps.sums[frame], out=steps.fresh[frame])
            steps.keep_zones(frame)
        return steps.result()

    def slopes(self, kept: Tensors) -> tuple[Tensor, None]:
        """Returns the slopes; n sees h_{t-1} through the products alone."""
        fresh = kept["fresh"]
        return tanh_slope(torch.ones_like(fresh), fresh, torch.empty_like(fresh)).unsqueeze(2), None


@dataclass(frozen=True)
class GruRecurrence(HiddenRecurrence):
    """The GRU in torch's form, with the reset gate after the recurrent product.

    ::

        r = sigma(x_r + U_r (m * h_{t-1}) + b_r)     z = sigma(x_z + U_z (m * h_{t-1}) + b_z)
        q = U_n (m * h_{t-1}) + b_n                  v = tanh(x_n + r * q)         n = (1 - z) v + z h_{t-1}

    G = 3 in the order r, z, n; "bias_products" b, (3 * H,).
    """

    def run(self, given: Tensors) -> Pass:
        """Returns h, shape (T, B, H), and the last h, shape (B, H)."""
        steps, bias, width = HiddenForward(given), given["bias_products"], given["recurrent"].size(1)
        product_buffer = torch.empty_like(steps.gates)
        products = product_buffer.flatten(2).unbind()
        reset, update, new = (steps.gates[:, :, gate].unbind() for gate in range(3))
        query = product_buffer[:, :, 2].unbind()
        for frame in range(steps.num_frames):
            torch.addmm(bias, steps.mask_source(frame), steps.weight, out=products[frame])
            inputs = steps.inputs[frame]
            two_gates = steps.sums[frame][:, : 2 * width]
            torch.add(inputs[:, : 2 * width], products[frame][:, : 2 * width], out=two_gates).sigmoid_()
            torch.addcmul(inputs[:, 2 * width :], reset[frame], query[frame], out=new[frame]).tanh_()
            torch.lerp(new[frame], steps.hidden[frame], update[frame], out=steps.fresh[frame])
            steps.keep_zones(frame)
        return steps.result(products=product_buffer)

    def slopes(self, kept: Tensors) -> tuple[Tensor, Tensor]:
        """Returns the slopes with respect to x_n + r q, the sums of r and z, and q; and the update gate."""
        reset, update, new = (kept["gates"][:, :, gate] for gate in range(3))
        frames, batch_size, _, width = kept["gates"].shape
        slopes = reset.new_empty(frames, batch_size, 4, width)
        of_new = tanh_slope(1.0 - update, new, slopes[:, :, 0])
        sigmoid_slope(of_new * kept["products"][:, :, 2], reset, slopes[:, :, 1])
        sigmoid_slope(kept["hidden"][:-1] - new, update, slopes[:, :, 2])
        torch.mul(of_new, reset, out=slopes[:, :, 3])
        return slopes, update

    def name_gradients(self, sums: Tensor) -> Tensors:
        """Returns the gradients of the input products and of the bias of the recurrent ones."""
        projected = torch.stack([sums[:, :, 1], sums[:, :, 2], sums[:, :, 0]], dim=2)
        return {"projected": projected, "bias_products": sums[:, :, 1:].sum((0, 1)).flatten()}


@dataclass(frozen=True)
class LightRecurrence(HiddenRecurrence):
    """The light GRU: no reset gate, and a rectifier.

    ``z = sigma(x_z + U_z (m * h_{t-1}))``, ``v = max(0, x_v + U_v (m * h_{t-1}))``, ``n = (1 - z) v + z h_{t-1}``;
    G = 2 in the order z, v.
    """

    def run(self, given: Tensors) -> Pass:
        """Returns h, shape (T, B, H), and the last h, shape (B, H)."""
        steps = HiddenForward(given)
        update, new = (steps.gates[:, :, gate].unbind() for gate in range(2))
        for frame in range(steps.num_frames):
            steps.add_products(frame)
            rectified, gate = new[frame].relu_(), update[frame].sigmoid_()
            torch.lerp(rectified, steps.hidden[frame], gate, out=steps.fresh[frame])
            steps.keep_zones(frame)
        return steps.result()

    def slopes(self, kept: Tensors) -> tuple[Tensor, Tensor]:
        """Returns the slopes of both gates, and the update gate."""
        update, new = (kept["gates"][:, :, gate] for gate in range(2))
        slopes = torch.empty_like(kept["gates"])
        sigmoid_slope(kept["hidden"][:-1] - new, update, slopes[:, :, 0])
        torch.mul(1.0 - update, new > 0, out=slopes[:, :, 1])
        return slopes, update
