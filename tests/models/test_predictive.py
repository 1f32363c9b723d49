"""Learning before labels: losses equal plain loops, each direction hears one side alone, and padding plays no part."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.apart import encode_apart, separate
from asr.models.conformer import ConformerEncoder
from asr.models.encoder import RecurrentEncoder
from asr.models.predictive import AheadPredictor, PredictiveModel, Predictor, WindowAutoencoder
from asr.models.recurrent import RecurrentLayer

DIM = 5


def make_encoder(
    stride: int, channels: int = 0, num_layers: int = 2, layer_norm: bool = True, **options: object
) -> RecurrentEncoder:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        DIM, 4, num_layers, time_stride=stride, conv_channels=channels, layer_norm=layer_norm, residual=True, **options
    )
    separate(encoder)
    return encoder.eval()


def by_loop(
    predictor: AheadPredictor, encoder: RecurrentEncoder, features: Tensor, length: int, ahead: int, spread: int
) -> tuple[float, int, float]:
    """Returns the sum of errors of one utterance, their number, and the errors of copying, frame by frame."""
    directions, encoded_lengths = encode_apart(encoder, features[None, :length], torch.tensor([length]))
    stride, (before, after) = encoder.time_stride, encoder.subsampling.reach
    total, count, copying = 0.0, 0, 0.0
    for output, encoded, step in zip(predictor.outputs, directions, (1, -1), strict=False):
        for n in range(int(encoded_lengths)):
            read = stride * n + (after if step == 1 else -before)  # the last frame that was read
            first = read + step * (spread + ahead)
            predicted = output(encoded[0, n]).view(stride, DIM)
            for number, frame in enumerate(sorted(first + step * each for each in range(stride))):
                if 0 <= frame < length:
                    total += float((predicted[number] - features[frame]).abs().sum())
                    copying += float((features[read] - features[frame]).abs().sum())
                    count += DIM
    return total, count, copying


@pytest.mark.parametrize(("stride", "channels"), [(1, 0), (3, 0), (1, 2), (2, 2), (3, 2), (4, 2)])
@pytest.mark.parametrize("ahead", [1, 3])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_prediction_ahead_equals_a_plain_loop(stride: int, channels: int, ahead: int, bidirectional: bool) -> None:
    encoder = make_encoder(stride, channels, bidirectional=bidirectional)
    predictor = AheadPredictor(encoder, DIM, 2, ahead).eval()
    features, lengths = torch.randn(3, 31, DIM), torch.tensor([31, 22, 17])
    with torch.no_grad():
        errors = predictor(encoder, features, lengths)
        expected = [
            by_loop(predictor, encoder, features[row], int(length), ahead, 2) for row, length in enumerate(lengths)
        ]
    for found, wanted in zip((errors.sums, errors.counts, errors.copying), zip(*expected, strict=True), strict=True):
        torch.testing.assert_close(found.double(), torch.tensor(wanted).double(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(errors.means, errors.sums / errors.counts)


@pytest.mark.parametrize(("stride", "channels"), [(1, 0), (3, 2)])
def test_what_is_said_again_equals_a_plain_loop(stride: int, channels: int) -> None:
    encoder, window = make_encoder(stride, channels), 4
    predictor = WindowAutoencoder(encoder, DIM, window).eval()
    features, lengths = torch.randn(3, 9 * stride + 1, DIM), torch.tensor([9 * stride + 1, 8 * stride, 3])
    with torch.no_grad():
        errors = predictor(encoder, features, lengths)
        for row, length in enumerate(lengths.tolist()):
            total, copying = 0.0, 0.0
            for begin in range(0, length, window * stride):
                heard = features[row, begin : min(length, begin + window * stride)]
                directions, _ = encode_apart(encoder, heard[None], torch.tensor([len(heard)]))
                for number, encoded in enumerate(directions):
                    hidden, memory = predictor.states[number](encoded[0, -1 if number == 0 else 0]).chunk(2)
                    steps = encoded.size(1)
                    state = hidden[None, None], memory[None, None]
                    said, _ = predictor.decoders[number](torch.zeros(1, steps, 1), state)
                    order = reversed(range(steps)) if number == 0 else range(steps)  # against the order of reading
                    for step, n in enumerate(order):
                        values = predictor.outputs[number](said[0, step]).view(stride, DIM)
                        there = heard[n * stride : (n + 1) * stride]
                        total += float((values[: len(there)] - there).square().sum())
                        copying += float((heard[-1 if number == 0 else 0] - there).square().sum())
            assert math.isclose(float(errors.sums[row]), total, rel_tol=1e-4)
            assert math.isclose(float(errors.copying[row]), copying, rel_tol=1e-4)
            assert int(errors.counts[row]) == 2 * length * DIM


@pytest.mark.parametrize(("stride", "channels"), [(1, 0), (2, 0), (1, 2), (2, 2), (3, 2), (4, 2)])
def test_each_direction_hears_one_side_as_far_as_the_subsampling_reaches(stride: int, channels: int) -> None:
    encoder = make_encoder(stride, 8 * channels, num_layers=3)
    before, after = encoder.subsampling.reach
    features = torch.randn(1, 12 * stride, DIM, requires_grad=True)
    directions, lengths = encode_apart(encoder, features, torch.tensor([12 * stride]))
    assert lengths.tolist() == [12]
    for number, encoded in enumerate(directions):
        assert encoded.shape == (1, 12, 4)
        weights = torch.randn(4)
        (gradient,) = torch.autograd.grad((encoded[0, 6] * weights).sum(), features, retain_graph=True)
        heard = gradient[0].abs().sum(dim=1).nonzero().flatten()
        if number == 0:
            assert int(heard.min()) == 0
            assert int(heard.max()) == 6 * stride + after
        else:
            assert int(heard.min()) == 6 * stride - before
            assert int(heard.max()) >= 12 * stride - 2  # by three, a convolution can leave the last one out


@pytest.mark.parametrize("bidirectional", [True, False])
def test_directions_apart_are_those_of_the_encoder(bidirectional: bool) -> None:
    encoder = make_encoder(2, 4, num_layers=3, layer_norm=False, bidirectional=bidirectional)
    features, lengths = torch.randn(2, 20, DIM), torch.tensor([20, 13])
    with torch.no_grad():
        apart, apart_lengths = encode_apart(encoder, features, lengths)
        whole, whole_lengths = encoder(features, lengths)
    assert torch.equal(apart_lengths, whole_lengths)
    for row, length in enumerate(whole_lengths.tolist()):
        torch.testing.assert_close(torch.cat(apart, dim=2)[row, :length], whole[row, :length])


def predictors(encoder: RecurrentEncoder) -> list[Predictor]:
    return [AheadPredictor(encoder, DIM, 0, 3).eval(), WindowAutoencoder(encoder, DIM, 3).eval()]


@pytest.mark.parametrize(("stride", "channels"), [(1, 0), (3, 2)])
def test_an_utterance_does_not_depend_on_what_shares_its_batch(stride: int, channels: int) -> None:
    encoder = make_encoder(stride, channels)
    rows = [torch.randn(length, DIM) for length in (29, 16, 14)]
    lengths = torch.tensor([len(row) for row in rows])
    batch = torch.full((3, 40, DIM), 7.0)
    for row, features in enumerate(rows):
        batch[row, : len(features)] = features
    for predictor in predictors(encoder):
        with torch.no_grad():
            together = predictor(encoder, batch, lengths)
            alone = [predictor(encoder, row[None], torch.tensor([len(row)])) for row in rows]
        for place in range(3):
            expected = torch.cat([each[place] for each in alone])
            torch.testing.assert_close(together[place], expected, rtol=1e-5, atol=1e-4)


def test_as_many_frames_as_are_needed_and_no_fewer() -> None:
    for stride, channels in ((1, 0), (3, 0), (2, 2), (4, 2)):
        encoder = make_encoder(stride, channels)
        for predictor in predictors(encoder):
            enough = (predictor.min_frames - 1) * stride + 1  # the fewest that leave so many encoder frames
            assert int(predictor(encoder, torch.randn(1, enough, DIM), torch.tensor([enough])).counts) > 0


def tent(length: int, generator: torch.Generator) -> Tensor:
    """Each value follows from the one before it; of the one after it, two could be."""
    values = [float(torch.rand((), generator=generator, dtype=torch.float64))]
    for _ in range(length - 1):
        following = 1.0 - abs(1.0 - 2.0 * values[-1])
        values.append(following + float(torch.rand((), generator=generator)) * 1e-3)  # or it would come to rest
    return torch.tensor(values, dtype=torch.float32).clamp(0, 1) * 4 - 2


@pytest.mark.parametrize("is_turned", [False, True])
def test_what_follows_in_one_direction_of_time_alone_is_predicted_there(is_turned: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    signals = torch.stack([tent(40, generator) for _ in range(48)]).unsqueeze(2)
    signals, lengths = signals.flip(1) if is_turned else signals, torch.full((48,), 40)
    torch.manual_seed(0)
    encoder = RecurrentEncoder(1, 64, 1)
    predictor = AheadPredictor(encoder, 1, 0, 1)
    with torch.no_grad():
        before = [float(errors.means.mean()) for errors in predictor.each(encoder, signals, lengths)]
        encoded, _ = encode_apart(encoder, signals, lengths)
        pairs = (encoded[0][:, :-1], signals[:, 1:]), (encoded[1][:, 1:], signals[:, :-1])
        for output, (heard, wanted) in zip(predictor.outputs, pairs, strict=True):
            heard = torch.cat([heard, torch.ones_like(wanted)], dim=2).flatten(0, 1)
            fitted = torch.linalg.lstsq(heard, wanted.flatten(0, 1)).solution  # (65, 1)
            output.weight.copy_(fitted[:-1].T)
            output.bias.copy_(fitted[-1])
        after = [float(errors.means.mean()) for errors in predictor.each(encoder, signals, lengths)]
    follows, is_open = reversed(after) if is_turned else after
    assert min(before) > 0.8
    assert follows < 0.35
    assert is_open > 0.7  # of two values, the one or the other


def test_no_gradient_reaches_what_reads_the_other_direction() -> None:
    frontend = FrontEnd(num_mels=8, cmvn="none")
    torch.manual_seed(0)
    model = PredictiveModel(frontend, RecurrentEncoder(8, 4, 3, layer_norm=True, residual=True), "apc", 3, 20)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1)
    features, lengths = torch.randn(2, 30, 8), torch.tensor([30, 25])
    before = {name: value.clone() for name, value in model.named_parameters()}
    for _ in range(2):
        optimizer.zero_grad()
        model(features, lengths).means.sum().backward()
        optimizer.step()
    assert all(not torch.equal(value, before[name]) for name, value in model.named_parameters())
    for layer in model.encoder.recurrent.layers[1:]:
        assert isinstance(layer, RecurrentLayer)
        ahead, back = (each.weight_ih_l0.detach() for each in (layer.ahead, layer.back))
        assert not ahead[:, 4:].any()
        assert not back[:, :4].any()
        assert ahead[:, :4].all()
        assert back[:, 4:].all()


def test_differences_widen_what_a_frame_has_heard() -> None:
    model = PredictiveModel(FrontEnd(num_mels=8, delta_order=2, cmvn="none"), make_wide(24), "apc", 3, 20)
    assert isinstance(model.predictor, AheadPredictor)
    assert model.predictor._first == (0 + 4 + 3, -(0 + 4 + 3))


def make_wide(width: int) -> RecurrentEncoder:
    return RecurrentEncoder(width, 4, 1)


@pytest.mark.parametrize(
    ("make", "settings", "message"),
    [
        (
            lambda: ConformerEncoder(8, 8, 1, 2, 8),
            ("apc", 3, 20),
            "ConformerEncoder has no directions of time; take",
        ),
        (
            lambda: RecurrentEncoder(8, 4, 1, cell="conv_lstm", conv_channels=2),
            ("apc", 3, 20),
            "conv_lstm mixes both directions in each bin; take another cell",
        ),
        (
            lambda: RecurrentEncoder(8, 4, 1, bidirectional=False, bptt_frames=9),
            ("apc", 3, 20),
            "bptt_frames is 9, and directions apart are trained on whole utterances; set it to 0",
        ),
        (lambda: make_wide(8), ("apc", 0, 20), "model.ahead: is 0; give 1 or more feature frames"),
        (lambda: make_wide(8), ("autoencoder", 3, 1), "model.window: is 1; give 2 or more encoder frames"),
    ],
)
def test_what_cannot_learn_so_gets_one_line(make, settings, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        PredictiveModel(FrontEnd(num_mels=8, cmvn="none"), make(), *settings)
