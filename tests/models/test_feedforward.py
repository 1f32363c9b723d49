import pytest
import torch

from asr.models.feedforward import FeedForward, FeedForwardEncoder, windows


@pytest.mark.parametrize("context", [0, 1, 3])
def test_windows_are_what_slicing_gives(context: int) -> None:
    frames, lengths = torch.randn(2, 7, 3), torch.tensor([7, 4])
    found = windows(frames, lengths, context)
    assert found.shape == (2, 7, 3 * (2 * context + 1))
    for row, length in enumerate(lengths.tolist()):
        for place in range(7):
            for step in range(-context, context + 1):
                part = found[row, place, 3 * (step + context) : 3 * (step + context + 1)]
                inside = 0 <= place + step < length
                assert torch.equal(part, frames[row, place + step] if inside else torch.zeros(3))


def test_sees_the_window_and_nothing_else() -> None:
    torch.manual_seed(0)
    encoder = FeedForwardEncoder(4, 8, num_layers=2, context=2, feedforward_dim=12).eval()
    features = torch.randn(1, 12, 4, requires_grad=True)
    encoded, _ = encoder(features, torch.tensor([12]))
    encoded[0, 6].square().sum().backward()
    assert features.grad is not None
    assert features.grad.abs().sum(dim=2).nonzero()[:, 1].tolist() == [4, 5, 6, 7, 8]


def test_block_takes_each_frame_by_itself() -> None:
    block, frames = FeedForward(6, 10), torch.randn(2, 5, 6)
    normed = torch.nn.functional.layer_norm(frames, (6,))
    hidden = block.widen(normed)
    assert torch.allclose(block(frames), block.narrow(hidden * hidden.sigmoid()), atol=1e-6)
    assert torch.allclose(block(frames)[:, 2:3], block(frames[:, 2:3]), atol=1e-6)
