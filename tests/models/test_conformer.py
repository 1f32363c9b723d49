import pytest
import torch
from torch.nn import functional as F

from asr.models.conformer import ConformerLayer, ConvolutionModule


def test_convolution_module_equals_its_equation_frame_by_frame() -> None:
    torch.manual_seed(0)
    module, frames = ConvolutionModule(4, kernel_size=3).eval(), torch.randn(1, 6, 4)
    length, kernel = 5, module.depthwise.weight[:, 0]  # (D, 3)
    halves = module.gated(module.norm(frames[0, :length])).split(4, dim=1)
    gated = F.pad(halves[0] * halves[1].sigmoid(), (0, 0, 1, 1))
    valid = torch.arange(6).unsqueeze(0) < length
    for place in range(length):
        convolved = (gated[place : place + 3].T * kernel).sum(dim=1) + module.depthwise.bias
        expected = module.output(F.silu(module.inner_norm(convolved)))
        assert torch.allclose(module(frames, valid)[0, place], expected, atol=1e-5)


def test_layer_takes_half_of_each_feedforward_block() -> None:
    torch.manual_seed(0)
    layer, frames = ConformerLayer(8, 2, 12, kernel_size=3).eval(), torch.randn(2, 5, 8)
    valid = torch.arange(5) < torch.tensor([[5], [3]])
    expected = frames + layer.before.branch(frames) / 2
    expected = expected + layer.attention.branch(expected, valid)
    expected = expected + layer.convolution.branch(expected, valid)
    expected = layer.norm(expected + layer.behind.branch(expected) / 2)
    assert torch.allclose(layer(frames, valid), expected, atol=1e-6)


def test_even_kernel() -> None:
    with pytest.raises(ValueError, match=r"kernel_size must be odd\. Found 4"):
        ConvolutionModule(8, 4)
