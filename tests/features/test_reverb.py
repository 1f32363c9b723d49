import math

import numpy as np
import pytest
import soundfile
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from asr.errors import ConfigError, DataError
from asr.features.random import utterance_seed
from asr.features.reverb import Reverberate, ReverberateRecorded, convolve


def seeds(count, epoch=0):
    return torch.tensor([utterance_seed(0, epoch, str(row)) for row in range(count)])


@pytest.fixture
def rooms(tmp_path):
    """A list of two responses: a short one with silence in front, a long one at another rate."""
    decay = np.exp(-np.arange(800) / 200)
    short = np.concatenate([np.zeros(70), [1.0], 0.3 * np.random.default_rng(0).standard_normal(799) * decay[1:]])
    soundfile.write(tmp_path / "short.wav", 0.5 * short, 16000, subtype="FLOAT")
    long = np.concatenate([[1.0], 0.2 * np.random.default_rng(1).standard_normal(1599)])
    soundfile.write(tmp_path / "long.wav", 0.9 * long / np.abs(long).max(), 8000, subtype="FLOAT")
    (tmp_path / "rooms.txt").write_text("short.wav\nlong.wav\n", encoding="utf-8")
    return str(tmp_path / "rooms.txt")


@pytest.fixture(params=["generated", "recorded"])
def reverberate(request, rooms):
    return Reverberate((0.2, 0.5), (0.0, 10.0)) if request.param == "generated" else ReverberateRecorded(rooms)


def reverberation_times(responses, sample_rate=16000):
    """T60 from the decay between -5 and -25 dB of the energy that is still to come (Schroeder 1965)."""
    remaining = responses[:, 1:].double().square().flip(1).cumsum(1).flip(1)
    levels = 10 * (remaining / remaining[:, :1]).log10()
    times = []
    for level in levels:
        (places,) = ((level <= -5) & (level >= -25)).nonzero(as_tuple=True)
        slope, _ = np.polyfit(places.numpy() / sample_rate, level[places].numpy(), 1)
        times.append(-60 / slope)
    return np.array(times)


@pytest.mark.parametrize("t60", [0.2, 0.5, 0.8])
def test_generated_rooms_have_the_wanted_reverberation_time(t60):
    times = reverberation_times(Reverberate((t60, t60), (0.0, 0.0)).responses(seeds(12)))
    assert np.abs(times / t60 - 1).max() < 0.1
    assert abs(times.mean() / t60 - 1) < 0.03


def test_reverberation_times_and_ratios_fill_their_ranges():
    responses = Reverberate((0.2, 0.8), (-5.0, 15.0)).responses(seeds(200))
    assert (responses[:, 0] == 1).all()
    ratios = -10 * responses[:, 1:].double().square().sum(1).log10()
    assert -5 - 1e-4 < ratios.min() < -4
    assert 14 < ratios.max() < 15 + 1e-4
    times = reverberation_times(responses)
    assert 0.18 < times.min() < 0.25
    assert 0.75 < times.max() < 0.88
    assert abs(np.corrcoef(times, ratios)[0, 1]) < 0.2


@pytest.mark.parametrize(("num_samples", "num_taps"), [(1, 1), (1, 9), (9, 1), (100, 33), (33, 100), (64, 65)])
def test_convolution_equals_the_sum(num_samples, num_taps):
    waveforms, responses = torch.randn(3, num_samples), torch.randn(3, num_taps)
    found = convolve(waveforms, responses)
    for row in range(3):
        expected = np.convolve(waveforms[row].double(), responses[row].double())[:num_samples]
        assert np.allclose(found[row], expected, atol=1e-5)


def test_an_utterance_is_heard_through_its_response_at_its_own_power(reverberate):
    waveforms, lengths = 0.1 * torch.randn(6, 4000), torch.tensor([4000, 3000, 2000, 700, 20, 1])
    heard, responses = reverberate(waveforms, lengths, seeds(6)), reverberate.responses(seeds(6))
    for row, length in enumerate(lengths.tolist()):
        own = waveforms[row, :length].double().numpy()
        expected = np.convolve(own, responses[row].double())[:length]
        expected *= math.sqrt((own**2).sum() / (expected**2).sum())
        assert np.allclose(heard[row, :length], expected, atol=1e-6)
        assert heard[row, :length].square().sum() == pytest.approx((own**2).sum(), rel=1e-5)
        assert torch.equal(heard[row, length:], waveforms[row, length:])
    assert not torch.allclose(heard, waveforms, atol=1e-3)


def test_nothing_moves_in_time(reverberate):
    waveforms = torch.zeros(8, 6000)
    waveforms[:, 1000] = 0.5
    heard = reverberate(waveforms, torch.full((8,), 6000), seeds(8))
    assert (heard[:, :1000].abs() < 1e-6).all()
    assert (heard.abs().argmax(1) == 1000).all()
    assert (heard[:, 1001:].abs().amax(1) > 1e-3).all()


def test_rooms_do_not_depend_on_the_batch(reverberate):
    waveforms, lengths = 0.1 * torch.randn(3, 16000), torch.tensor([9000, 333, 16000])
    together = reverberate(waveforms, lengths, seeds(3))
    for row, length in enumerate(lengths.tolist()):
        alone = reverberate(waveforms[row : row + 1, :length], lengths[row : row + 1], seeds(3)[row : row + 1])
        assert torch.allclose(alone[0], together[row, :length], atol=1e-6)
    assert torch.equal(together, reverberate(waveforms, lengths, seeds(3)))


def test_rooms_change_from_epoch_to_epoch():
    reverberate = Reverberate((0.2, 0.5), (0.0, 10.0))
    waveforms, lengths = 0.1 * torch.randn(3, 2000), torch.full((3,), 2000)
    first, second = (reverberate(waveforms, lengths, seeds(3, epoch)) for epoch in range(2))
    assert ((first - second).abs().amax(1) > 1e-3).all()


def test_nothing_happens_outside_training_and_to_silence(reverberate):
    waveforms, lengths = torch.randn(2, 500), torch.tensor([500, 20])
    assert (reverberate(torch.zeros(2, 500), lengths, seeds(2)) == 0).all()
    assert reverberate(torch.zeros(2, 0), torch.tensor([0, 0]), seeds(2)).shape == (2, 0)
    assert reverberate.eval()(waveforms, lengths, seeds(2)) is waveforms
    assert Reverberate((0.2, 0.5), (0, 10), probability=0.0)(waveforms, lengths, seeds(2)) is waveforms
    assert ReverberateRecorded("nowhere.txt").eval()(waveforms, lengths, seeds(2)) is waveforms


def test_probability():
    waveforms = torch.randn(1000, 30)
    heard = Reverberate((0.01, 0.02), (0.0, 0.0), probability=0.3)(waveforms, torch.full((1000,), 30), seeds(1000))
    assert 0.25 < (heard != waveforms).any(1).float().mean() < 0.35


def test_recorded_responses_begin_with_their_direct_path_and_end_with_zeros(rooms):
    reverberate = ReverberateRecorded(rooms)
    responses = reverberate.responses(seeds(200))
    assert responses.shape == (200, 3200), "the longest, at 16 kHz"
    is_short = (responses[:, 801:] == 0).all(1)
    assert 0.4 < is_short.float().mean() < 0.6
    assert (responses[is_short, 0] == 1).all()
    assert (responses[is_short, 1:800] != 0).float().mean() > 0.9
    assert not reverberate.state_dict()


def test_a_response_of_several_channels_is_refused(tmp_path, make_audio):
    make_audio(tmp_path / "array.wav", seconds=0.1, channels=8)
    (tmp_path / "rooms.txt").write_text("array.wav\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"rooms\.txt:1: .*array\.wav: has 8 channels; keep one"):
        ReverberateRecorded(str(tmp_path / "rooms.txt")).recordings.read()


@pytest.mark.own_process
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_no_question_is_put_to_the_gpu(rooms, device):
    recorded = ReverberateRecorded(rooms)
    recorded.recordings.read()
    with FakeTensorMode(allow_non_fake_inputs=True):
        waveforms = torch.empty(4, 16000, device=device)
        lengths, numbers = (torch.empty(4, dtype=torch.int64, device=device) for _ in range(2))
        for reverberate in (Reverberate((0.2, 0.8), (0, 10)), recorded):
            heard = reverberate(waveforms, lengths, numbers)
            assert heard.shape == (4, 16000)
            assert heard.device.type == device


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: Reverberate((0.5, 0.2), (0, 10)), "Reverberate, t60_seconds: is [0.5, 0.2]; give the lowest"),
        (lambda: Reverberate((0.0, 0.2), (0, 10)), "Reverberate, t60_seconds: is [0.0, 0.2]; give seconds above 0"),
        (lambda: Reverberate((0.1, 0.2), (10,)), "Reverberate, direct_to_reverberant_db: is [10]"),
        (lambda: Reverberate((0.1, 0.2), (0, 10), 1.5), "Reverberate, probability: is 1.5; give a number in 0..1"),
        (lambda: ReverberateRecorded("rooms.txt", -1.0), "ReverberateRecorded, probability: is -1.0"),
    ],
)
def test_impossible_settings(make, line):
    with pytest.raises(ConfigError) as caught:
        make()
    assert line in str(caught.value)
