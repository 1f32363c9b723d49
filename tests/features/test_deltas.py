import torch

from asr.features.definitions import difference_weights
from asr.features.deltas import add_deltas


def test_weights_of_two_orders():
    assert difference_weights(0) == [1.0]
    assert torch.tensor(difference_weights(1)).allclose(torch.tensor([-0.2, -0.1, 0.0, 0.1, 0.2]))
    second = [0.04, 0.04, 0.01, -0.04, -0.1, -0.04, 0.01, 0.04, 0.04]
    assert torch.tensor(difference_weights(2)).allclose(torch.tensor(second))


def test_a_parabola_has_the_right_derivatives():
    times = torch.arange(30.0)
    features = add_deltas((times**2).reshape(1, 30, 1), torch.tensor([30]), 2)[0, 4:-4]
    assert features[:, 1].allclose(2 * times[4:-4], atol=1e-3)
    assert features[:, 2].allclose(torch.full((22,), 2.0), atol=1e-3)


def test_ends_are_each_utterances_own():
    features = torch.randn(3, 20, 4)
    lengths = torch.tensor([20, 7, 1])
    together = add_deltas(features, lengths, 2)
    for row, length in enumerate(lengths.tolist()):
        alone = add_deltas(features[row : row + 1, :length], lengths[row : row + 1], 2)
        assert torch.equal(together[row, :length], alone[0])
    assert (together[2, 0, 4:].abs() < 1e-6).all()  # a single frame does not change


def test_no_order_and_no_frames():
    features = torch.randn(2, 5, 3)
    assert torch.equal(add_deltas(features, torch.tensor([5, 5]), 0), features)
    assert add_deltas(features[:, :0], torch.tensor([0, 0]), 2).shape == (2, 0, 9)
