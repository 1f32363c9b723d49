import torch

from asr.models.transformer import TransformerEncoder, TransformerLayer


def test_layer_adds_attention_then_feedforward() -> None:
    torch.manual_seed(0)
    layer, frames = TransformerLayer(8, 2, 12).eval(), torch.randn(2, 5, 8)
    attended = torch.arange(5) < torch.tensor([[5], [3]])
    middle = frames + layer.attention.branch(frames, attended)
    assert torch.allclose(layer(frames, attended), middle + layer.feedforward.branch(middle))


def test_order_matters() -> None:
    torch.manual_seed(0)
    encoder = TransformerEncoder(4, 8, num_layers=1, num_heads=1, feedforward_dim=8).eval()
    features, lengths = torch.randn(1, 6, 4), torch.tensor([6])
    turned = features.flip(1)
    assert not torch.allclose(encoder(features, lengths)[0], encoder(turned, lengths)[0].flip(1), atol=1e-3)


def test_the_last_layer_skips_most() -> None:
    encoder = TransformerEncoder(4, 8, 3, num_heads=2, feedforward_dim=8, stochastic_depth=0.3)
    rates = [layer.attention.skip_rate for layer in encoder.layers]
    assert torch.allclose(torch.tensor(rates), torch.tensor([0.1, 0.2, 0.3]))
    assert rates == [layer.feedforward.skip_rate for layer in encoder.layers]
