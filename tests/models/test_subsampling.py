import pytest
import torch

from asr.models.subsampling import ConvSubsampling, FrameStacking


def test_stacking_puts_neighbours_side_by_side_and_zeros_behind_the_end() -> None:
    features = torch.arange(1.0, 11.0).reshape(1, 5, 2)
    frames, lengths = FrameStacking(2, 3)(features, torch.tensor([4]))
    assert frames.tolist() == [[[1, 2, 3, 4, 5, 6], [7, 8, 0, 0, 0, 0]]]
    assert lengths.tolist() == [2]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_padding_does_not_reach_the_convolution(stride: int) -> None:
    torch.manual_seed(0)
    layer = ConvSubsampling(20, channels=4, time_stride=stride)
    features = torch.randn(2, 40, 20)
    lengths = torch.tensor([40, 23])
    features[1, 23:] = 1e6
    together, output_lengths = layer(features, lengths)
    alone, _ = layer(features[1:, :23], lengths[1:])
    assert torch.allclose(together[1, : output_lengths[1]], alone[0], atol=1e-5)


def test_stride_that_cannot_be() -> None:
    with pytest.raises(ValueError, match=r"time_stride must be one of \[1, 2, 3, 4\]\. Found 5"):
        ConvSubsampling(20, channels=4, time_stride=5)


def test_convolutions_begin_with_outputs_about_as_large_as_their_inputs() -> None:
    torch.manual_seed(0)
    subsampling = ConvSubsampling(80, 32, 4)
    frames, _ = subsampling(torch.randn(4, 100, 80), torch.tensor([100, 100, 100, 100]))
    assert 0.4 < frames.flatten(0, 1).std(dim=0).mean() < 0.8  # over time, in each of the outputs; PyTorch's own: 0.1


def test_gradients_lie_in_memory_as_their_weights_do() -> None:
    subsampling = ConvSubsampling(8, 4, 2)
    subsampling(torch.randn(2, 12, 8), torch.tensor([12, 9]))[0].sum().backward()
    for weight in (convolution.weight for convolution in subsampling.convolutions):
        assert weight.grad.stride() == weight.stride()
