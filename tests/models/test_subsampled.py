"""What every encoder of blocks promises: padding reaches nothing, short utterances work, sizes are equal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from asr.configuration.composition import compose_config, resolve
from asr.models.attentive import AttentiveRecurrentEncoder
from asr.models.conformer import ConformerEncoder
from asr.models.encoder import RecurrentEncoder
from asr.models.feedforward import FeedForwardEncoder
from asr.models.subsampled import SubsampledEncoder
from asr.models.transformer import TransformerEncoder
from asr.runs.building import build

FEATURE_DIM, NUM_TOKENS = 10, 29
MAKERS: dict[str, Callable[..., SubsampledEncoder]] = {
    "feedforward": lambda **front: FeedForwardEncoder(
        FEATURE_DIM, 16, num_layers=2, context=2, feedforward_dim=24, stochastic_depth=0.5, **front
    ),
    "transformer": lambda **front: TransformerEncoder(
        FEATURE_DIM, 16, num_layers=2, num_heads=2, feedforward_dim=24, stochastic_depth=0.5, **front
    ),
    "conformer": lambda **front: ConformerEncoder(
        FEATURE_DIM, 16, num_layers=2, num_heads=2, feedforward_dim=24, kernel_size=5, stochastic_depth=0.5, **front
    ),
    "attentive": lambda **front: AttentiveRecurrentEncoder(
        FEATURE_DIM, 8, num_layers=2, num_heads=2, feedforward_dim=24, layer_norm=True, residual=True, **front
    ),
}
FRONTS = {"convolutions": {"time_stride": 4, "conv_channels": 3}, "stacking": {"time_stride": 2}}
every_encoder = pytest.mark.parametrize("name", MAKERS)
every_front = pytest.mark.parametrize("front", FRONTS)


def make(name: str, front: str = "convolutions") -> SubsampledEncoder:
    torch.manual_seed(0)
    return MAKERS[name](**FRONTS[front], dropout=0.1).eval()


def padded(lengths: list[int], value: float) -> Tensor:
    """Returns noise that stands in front of ``value``."""
    generator = torch.Generator().manual_seed(1)
    features = torch.full((len(lengths), max(lengths), FEATURE_DIM), value)
    for row, length in enumerate(lengths):
        features[row, :length] = torch.randn(length, FEATURE_DIM, generator=generator)
    return features


@every_front
@every_encoder
@torch.inference_mode()
def test_batch_of_one_and_batch_of_sixteen_agree_whatever_stands_in_padding(name: str, front: str) -> None:
    encoder = make(name, front)
    lengths = [97, 1, 64, 2, 3, 50, 41, 12, 5, 88, 4, 8, 16, 33, 96, 7]
    features = padded(lengths, torch.nan)
    together, encoded_lengths = encoder(features, torch.tensor(lengths))
    assert together.shape == (16, -(-97 // encoder.time_stride), encoder.output_dim)
    assert torch.equal(encoded_lengths, encoder.output_lengths(torch.tensor(lengths)))
    assert not together.isnan().any()
    for row, length in enumerate(lengths):
        alone, alone_length = encoder(features[row : row + 1, :length], torch.tensor([length]))
        assert alone_length.tolist() == [alone.size(1)] == [encoded_lengths[row]]
        assert torch.allclose(alone[0], together[row, : alone.size(1)], atol=1e-5)


@every_front
@every_encoder
def test_gradient_reaches_all_frames_and_no_padding(name: str, front: str) -> None:
    encoder = make(name, front).train(False)
    lengths = torch.tensor([40, 21, 1])
    features = padded(lengths.tolist(), 3.0).requires_grad_()
    encoded, encoded_lengths = encoder(features, lengths)
    valid = torch.arange(encoded.size(1)) < encoded_lengths.unsqueeze(1)
    (encoded * torch.randn(encoded.shape))[valid].sum().backward()
    assert features.grad is not None
    reached = features.grad.abs().sum(dim=2) > 0
    assert torch.equal(reached, torch.arange(40) < lengths.unsqueeze(1))
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in encoder.parameters())


@every_encoder
def test_an_empty_utterance_spoils_nothing(name: str) -> None:
    encoder = make(name)
    features = padded([20, 9, 0], 0.0).requires_grad_()
    encoded, lengths = encoder(features, torch.tensor([20, 9, 0]))
    assert lengths.tolist() == [5, 3, 0]
    assert encoded.isfinite().all()
    encoded[:2].sum().backward()
    assert features.grad is not None
    assert features.grad.isfinite().all()


@every_encoder
def test_training_draws_and_evaluation_does_not(name: str) -> None:
    encoder, features, lengths = make(name), padded([30, 20], 0.0), torch.tensor([30, 20])
    assert torch.equal(encoder(features, lengths)[0], encoder(features, lengths)[0])
    encoder.train()
    assert not torch.equal(encoder(features, lengths)[0], encoder(features, lengths)[0])


@every_encoder
def test_half_precision(name: str) -> None:
    encoder, features, lengths = make(name), padded([30, 20], 0.0), torch.tensor([30, 20])
    full, _ = encoder(features, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half, _ = encoder(features, lengths)
    assert torch.allclose(full[0], half[0].float(), atol=0.2)


def num_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("choice", ["feedforward", "transformer", "conformer", "lstm_attention"])
def test_as_many_parameters_as_three_bidirectional_lstm_layers_of_320(choice: str) -> None:
    config = resolve(compose_config(["experiment=an4/blstm", f"model={choice}", "trainer.logger=false"]))
    config["model"]["tokens"] = {"unit": "char", "tokens": ["<blank>", *map(chr, range(65, 65 + NUM_TOKENS - 2)), "|"]}
    model = build(config).model.model
    lstm = RecurrentEncoder(80, 320, 3, time_stride=4, conv_channels=32, layer_norm=True, residual=True)
    target = num_parameters(lstm) + 641 * NUM_TOKENS
    assert num_parameters(model) == pytest.approx(target, rel=0.05)
