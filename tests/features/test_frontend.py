import copy
import math

import pytest
import torch
from torchaudio.compliance import kaldi

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd

GRAVES = {"num_mels": 40, "use_energy": True, "delta_order": 2}


def speech(num_samples, seed=0, sample_rate=16000):
    """Tones in noise that comes and goes, with a constant offset: loud and quiet bands, as in speech."""
    generator = torch.Generator().manual_seed(seed)
    times = torch.arange(num_samples) / sample_rate
    envelope = 0.02 + torch.sin(2 * math.pi * 3 * times).clamp(min=0)
    tones = sum(torch.sin(2 * math.pi * f * times) / k for k, f in enumerate((130.0, 700.0, 1900.0), start=1))
    return 0.1 * envelope * tones + 0.001 * torch.randn(num_samples, generator=generator) + 0.01


def batch(lengths, padding=0.0):
    rows = torch.full((len(lengths), max(lengths)), padding)
    for row, length in enumerate(lengths):
        rows[row, :length] = speech(length, seed=row)
    return rows, torch.tensor(lengths)


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("use_energy", [False, True])
@pytest.mark.parametrize("num_mels", [23, 40, 80])
def test_fbank_equals_torchaudio(num_mels, use_energy, sample_rate):
    if (num_mels, sample_rate) == (80, 8000):
        num_mels = 30
    frontend = FrontEnd("fbank", sample_rate, num_mels, use_energy=use_energy, cmvn="none")
    for num_samples in (401, 5000, 16123):
        waveform = speech(num_samples, sample_rate=sample_rate)
        expected = kaldi.fbank(
            waveform[None],
            num_mel_bins=num_mels,
            use_energy=use_energy,
            sample_frequency=sample_rate,
            snip_edges=False,
            energy_floor=0.0,
        )
        features, lengths = frontend(waveform[None], torch.tensor([num_samples]))
        assert lengths.tolist() == [len(expected)]
        assert features.shape[2] == frontend.feature_dim == num_mels + use_energy
        assert (features[0] - expected).abs().max() < 1e-4


@pytest.mark.parametrize("use_energy", [False, True])
@pytest.mark.parametrize(("num_mels", "num_ceps"), [(23, 13), (40, 20), (40, 40)])
def test_mfcc_equals_torchaudio(num_mels, num_ceps, use_energy):
    frontend = FrontEnd("mfcc", 16000, num_mels, num_ceps, use_energy=use_energy, cmvn="none")
    waveform = speech(16123)
    options = {"num_mel_bins": num_mels, "num_ceps": num_ceps, "use_energy": use_energy}
    expected = kaldi.mfcc(waveform[None], snip_edges=False, energy_floor=0.0, **options)
    features, _ = frontend(waveform[None], torch.tensor([16123]))
    assert frontend.feature_dim == num_ceps
    assert (features[0] - expected).abs().max() < 1e-4


def test_other_frames_and_edges_equal_torchaudio():
    waveform = speech(9000)
    options = {"frame_length": 32.0, "frame_shift": 12.5, "low_freq": 60.0, "high_freq": -400.0}
    expected = kaldi.fbank(waveform[None], num_mel_bins=40, snip_edges=False, **options)
    frontend = FrontEnd(
        num_mels=40, frame_length_ms=32.0, frame_shift_ms=12.5, low_freq=60.0, high_freq=-400.0, cmvn="none"
    )
    assert frontend.hop_length == 200
    assert (frontend(waveform[None], torch.tensor([9000]))[0][0] - expected).abs().max() < 1e-4


def test_the_123_values_of_graves():
    frontend = FrontEnd(**GRAVES, cmvn="none")
    assert (frontend.static_dim, frontend.feature_dim) == (41, 123)
    waveform = speech(8000)
    options = {"num_mel_bins": 40, "use_energy": True, "snip_edges": False, "energy_floor": 0.0}
    static = kaldi.fbank(waveform[None], **options)
    features = frontend(waveform[None], torch.tensor([8000]))[0][0]
    assert (features[:, :41] - static).abs().max() < 1e-4
    assert (features - kaldi_add_deltas(static, 2)).abs().max() < 1e-4


def kaldi_add_deltas(static, order, window=2):
    """Kaldi's DeltaFeatures, loop by loop."""
    scales = [torch.ones(1)]
    for _ in range(order):
        previous = scales[-1]
        current = torch.zeros(len(previous) + 2 * window)
        for j in range(-window, window + 1):
            for k in range(len(previous)):
                current[j + k + window] += j * previous[k]
        scales.append(current / 10)
    rows = []
    for t in range(len(static)):
        parts = []
        for scale in scales:
            reach = (len(scale) - 1) // 2
            places = (torch.arange(-reach, reach + 1) + t).clamp(0, len(static) - 1)
            parts.append((static[places] * scale.unsqueeze(1)).sum(0))
        rows.append(torch.cat(parts))
    return torch.stack(rows)


def test_frame_lengths_for_all_short_utterances():
    frontend = FrontEnd(num_mels=23, cmvn="none")
    samples = torch.arange(1, 2001)
    lengths = frontend.frame_lengths(samples)
    assert lengths.tolist() == [(s + 80) // 160 for s in range(1, 2001)]
    waveforms = torch.stack([speech(2000)] * 2000)
    features, given = frontend(waveforms, samples)
    assert torch.equal(given, lengths)
    assert features.shape == (2000, 13, 23)
    assert features.isfinite().all()
    is_frame = torch.arange(13) < lengths.unsqueeze(1)
    assert (features.abs().sum(2) > 0).equal(is_frame)


def test_frames_of_short_utterances_reflect_as_often_as_kaldi():
    frontend = FrontEnd(num_mels=23, cmvn="none")
    for num_samples in (1, 2, 79, 80, 81, 100, 121, 160, 239, 240, 300, 399, 400, 401):
        waveform = speech(num_samples)
        frames = kaldi_frames(waveform, 400, 160)
        features, lengths = frontend(waveform[None], torch.tensor([num_samples]))
        assert features.shape[1] == int(lengths) == len(frames)
        for frame, values in zip(frames, features[0], strict=True):
            assert (kaldi.fbank(frame[None], num_mel_bins=23)[0] - values).abs().max() < 1e-4


def kaldi_frames(waveform, window_length, hop_length):
    """Kaldi's ExtractWindow with snip_edges=False, sample by sample."""
    count = len(waveform)
    frames = []
    for t in range((count + hop_length // 2) // hop_length):
        first = t * hop_length + hop_length // 2 - window_length // 2
        frame = torch.zeros(window_length)
        for s in range(window_length):
            place = first + s
            while place < 0 or place >= count:
                place = -place - 1 if place < 0 else 2 * count - 1 - place
            frame[s] = waveform[place]
        frames.append(frame)
    return frames


@pytest.mark.parametrize(
    "settings",
    [
        {"cmvn": "none"},
        {**GRAVES, "cmvn": "utterance"},
        {"kind": "mfcc", "delta_order": 1, "cmvn": "global"},
        {**GRAVES, "cmvn": "speech"},
        {"kind": "mfcc", "cmvn": "speech"},
    ],
)
def test_rows_of_a_batch_equal_rows_alone(settings):
    frontend = FrontEnd(**settings)
    if frontend.needs_statistics:
        frontend.set_statistics(torch.randn(frontend.feature_dim), 5 + torch.rand(frontend.feature_dim))
    lengths = [1, 50, 81, 399, 400, 8000, 120000, 7777]
    features, frames = frontend(*batch(lengths))
    other, _ = frontend(*batch(lengths, padding=math.nan))
    assert torch.equal(features, other)
    for row, length in enumerate(lengths):
        alone, alone_frames = frontend(speech(length, seed=row)[None], torch.tensor([length]))
        assert alone_frames.tolist() == [frames[row]]
        assert alone.shape[1] == frames[row]
        assert torch.allclose(features[row, : frames[row]], alone[0], atol=1e-4, rtol=1e-6)
        assert (features[row, frames[row] :] == 0).all()


@pytest.mark.parametrize("cmvn", ["none", "utterance", "speech"])
def test_complete_does_not_look_at_padding(cmvn):
    frontend = FrontEnd(**GRAVES, cmvn=cmvn)
    static, lengths = frontend.static(*batch([8000, 3000]))
    dirty = static.clone()
    dirty[1, lengths[1] :] = math.nan
    assert torch.equal(frontend.complete(dirty, lengths), frontend.complete(static, lengths))


def test_an_empty_utterance_gives_no_frames():
    for cmvn in ("utterance", "speech"):
        frontend = FrontEnd(**GRAVES, cmvn=cmvn)
        features, lengths = frontend(torch.zeros(2, 40), torch.tensor([40, 3]))
        assert (features.shape, lengths.tolist()) == ((2, 0, 123), [0, 0])


def test_silence_is_finite():
    for settings in ({}, GRAVES, {"kind": "mfcc"}):
        features, _ = FrontEnd(**settings, cmvn="utterance")(torch.zeros(1, 4000), torch.tensor([4000]))
        assert features.abs().max() < 0.01


def test_utterance_normalisation_gives_mean_0_and_deviation_1():
    features, lengths = FrontEnd(num_mels=40, cmvn="utterance")(*batch([16000, 9000]))
    for row, length in enumerate(lengths):
        own = features[row, :length]
        assert own.mean(0).abs().max() < 1e-4
        assert (own.std(0, correction=0) - 1).abs().max() < 1e-4


def test_global_normalisation():
    frontend, plain = FrontEnd(**GRAVES), FrontEnd(**GRAVES, cmvn="none")
    mean, std = torch.randn(123), torch.rand(123) + 0.1
    std[7] = 0.0
    frontend.set_statistics(mean, std)
    waveforms, lengths = batch([8000, 5000])
    expected = (plain(waveforms, lengths)[0] - mean) / std.clamp(min=0.01)
    features, frames = frontend(waveforms, lengths)
    for row, count in enumerate(frames):
        assert torch.allclose(features[row, :count], expected[row, :count], atol=1e-4)


def test_global_normalisation_wants_statistics():
    frontend = FrontEnd(num_mels=23)
    assert frontend.needs_statistics
    with pytest.raises(ConfigError, match=r"cmvn: is global, but the front end has no statistics; call set_statistics"):
        frontend(*batch([4000]))
    for mean, std in ((torch.zeros(22), torch.ones(22)), (torch.zeros(23), torch.full((23,), math.nan))):
        with pytest.raises(ConfigError, match="23 finite values"):
            frontend.set_statistics(mean, std)
    assert frontend.needs_statistics
    frontend.set_statistics(torch.zeros(23), torch.ones(23))
    assert not frontend.needs_statistics
    assert not copy.deepcopy(frontend).needs_statistics
    assert not FrontEnd(cmvn="none").needs_statistics


def test_statistics_travel_in_the_state_dict():
    trained = torch.nn.Sequential(FrontEnd(num_mels=23))
    trained[0].set_statistics(torch.randn(23), torch.rand(23) + 0.5)
    state = trained.state_dict()
    assert sorted(state) == ["0.cmvn_mean", "0.cmvn_std", "0.has_statistics"]
    loaded = torch.nn.Sequential(FrontEnd(num_mels=23))
    loaded.load_state_dict(state)
    assert not loaded[0].needs_statistics
    waveforms, lengths = batch([4000, 1000])
    assert torch.equal(loaded[0](waveforms, lengths)[0], trained[0](waveforms, lengths)[0])
    loaded.load_state_dict(torch.nn.Sequential(FrontEnd(num_mels=23)).state_dict())
    assert loaded[0].needs_statistics


@pytest.mark.parametrize("cmvn", ["utterance", "speech"])
def test_float32_whatever_surrounds_it(cmvn):
    frontend = FrontEnd(**GRAVES, cmvn=cmvn)
    waveforms, lengths = batch([8000, 5000])
    expected, _ = frontend(waveforms, lengths)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        features, _ = frontend(waveforms, lengths)
    assert features.dtype == torch.float32
    assert torch.equal(features, expected)
    for cast in (frontend.half(), frontend.double(), frontend.to(torch.bfloat16), frontend.to("cpu")):
        assert torch.equal(cast(waveforms, lengths)[0], expected)


def test_dither_acts_in_training_only_and_from_seeds_alone():
    frontend = FrontEnd(num_mels=23, cmvn="none", dither=1.0)
    waveforms, lengths = batch([4000, 3000])
    seeds = torch.tensor([5, 6])
    with pytest.raises(ConfigError, match="got no seeds"):
        frontend(waveforms, lengths)
    dithered, _ = frontend(waveforms, lengths, seeds)
    assert torch.equal(dithered, frontend(waveforms, lengths, seeds)[0])
    assert not torch.equal(dithered, frontend(waveforms, lengths, seeds + 1)[0])
    alone, _ = frontend(waveforms[1:, :3000], lengths[1:], seeds[1:])
    assert torch.allclose(alone[0], dithered[1, : alone.shape[1]], atol=1e-5)
    plain, _ = FrontEnd(num_mels=23, cmvn="none")(waveforms, lengths)
    assert (dithered - plain).abs().max() > 1e-3
    assert torch.equal(frontend.eval()(waveforms, lengths)[0], plain)
    silence, _ = frontend.train()(torch.zeros(1, 16000), torch.tensor([16000]), torch.tensor([1]))
    expected = kaldi.fbank(torch.zeros(1, 16000), num_mel_bins=23, snip_edges=False, dither=1 / 32768)
    assert abs(float(silence.mean() - expected.mean())) < 0.3


def test_settings_make_the_same_front_end():
    frontend = FrontEnd(**GRAVES, cmvn="utterance", dither=0.5)
    again = FrontEnd(**frontend.settings())
    assert again.settings() == frontend.settings()
    assert again.fingerprint == frontend.fingerprint


def test_fingerprint_tells_static_values_apart():
    same = [
        {},
        {"delta_order": 2},
        {"cmvn": "none"},
        {"cmvn": "speech"},
        {"dither": 1.0},
        {"num_ceps": 20},
        {"frame_shift_ms": 10},
    ]
    different = [
        {"kind": "mfcc"},
        {"kind": "mfcc", "num_ceps": 20},
        {"sample_rate": 22050},
        {"num_mels": 64},
        {"frame_length_ms": 32.0},
        {"frame_shift_ms": 12.5},
        {"low_freq": 40.0},
        {"high_freq": 7600.0},
        {"use_energy": True},
    ]
    assert len({FrontEnd(**settings).fingerprint for settings in same}) == 1
    prints = {FrontEnd(**settings).fingerprint for settings in [{}, *different]}
    assert len(prints) == 1 + len(different)
    assert all(len(fingerprint) == 16 for fingerprint in prints)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"kind": "mel"}, "front end, kind: is mel; it has to be fbank or mfcc"),
        ({"cmvn": "speaker"}, "front end, cmvn: is speaker; it has to be none, global, utterance or speech"),
        ({"sample_rate": 16}, "sample_rate: is 16; it has to be 1000 to 1,000,000 Hz"),
        ({"num_mels": 4096, "frame_length_ms": 100.0}, "num_mels: is 4096; it has to be at most 2621 here"),
        ({"num_mels": 3}, "num_mels: is 3; it has to be 4 to 4096"),
        ({"kind": "mfcc", "num_mels": 12}, "num_ceps: is 13; it has to be 1 to num_mels"),
        ({"frame_shift_ms": 0.0}, "frame_shift_ms: is 0.0"),
        ({"frame_length_ms": 5.0}, "frame_length_ms: is 5.0"),
        ({"low_freq": 8000.0}, "low_freq: is 8000.0"),
        ({"high_freq": 8001.0}, "high_freq: is 8001.0; it has to be at most 8000 Hz"),
        ({"delta_order": -1}, "delta_order: is -1"),
        ({"dither": -1.0}, "dither: is -1.0"),
        ({"num_mels": 200}, "num_mels: filter 3 of 200 is too narrow to cover any bin of the spectrum; take fewer"),
    ],
)
def test_impossible_settings(settings, line):
    with pytest.raises(ConfigError) as caught:
        FrontEnd(**settings)
    assert line in str(caught.value)
