import json

import pytest
import torch

from asr.errors import ConfigError, DataError
from asr.features.cmvn import Statistics, load_statistics, save_statistics
from asr.features.description import write_description
from asr.features.frontend import FrontEnd


def counted(num_batches=5, feature_dim=4, offset=1000.0):
    generator = torch.Generator().manual_seed(0)
    statistics, frames = Statistics(feature_dim), []
    for _ in range(num_batches):
        features = torch.randn(3, 10, feature_dim, generator=generator) + offset
        lengths = torch.tensor([10, 4, 0])
        statistics.update(features, lengths)
        frames += [features[0], features[1, :4]]
    return statistics, torch.cat(frames).double()


def test_equals_mean_and_deviation_of_all_frames():
    statistics, frames = counted()
    assert statistics.num_frames == len(frames) == 70
    assert statistics.mean.dtype == statistics.std.dtype == torch.float32
    assert torch.allclose(statistics.mean.double(), frames.mean(0), rtol=1e-6)
    assert torch.allclose(statistics.std.double(), frames.std(0, correction=0), rtol=1e-5)


def test_parts_can_be_merged():
    whole, frames = counted()
    parts = [Statistics(4) for _ in range(3)]
    for number, frame in enumerate(frames):
        parts[number % 3].update(frame.float().view(1, 1, 4), torch.tensor([1]))
    total = Statistics(4)
    for part in [*parts, Statistics(4)]:
        total.merge(part)
    assert total.num_frames == whole.num_frames
    assert torch.allclose(total.mean, whole.mean)
    assert torch.allclose(total.std, whole.std, rtol=1e-5)


def test_padding_does_not_count():
    statistics = Statistics(1)
    statistics.update(torch.tensor([[[1.0], [float("nan")]]]), torch.tensor([1]))
    assert statistics.mean.item() == 1.0


def test_normalised_features_have_mean_0_and_deviation_1(tmp_path):
    frontend = FrontEnd(num_mels=23, delta_order=1)
    waveforms, lengths = 0.1 * torch.randn(4, 16000), torch.tensor([16000, 8000, 5000, 100])
    statistics = Statistics(frontend.feature_dim)
    static, frames = frontend.static(waveforms, lengths)
    statistics.update(frontend.add_deltas(static, frames), frames)
    save_statistics(tmp_path / "cmvn.json", statistics, frontend)
    assert [file.name for file in tmp_path.iterdir()] == ["cmvn.json"]
    load_statistics(tmp_path / "cmvn.json", frontend)
    check = Statistics(frontend.feature_dim)
    check.update(*frontend(waveforms, lengths))
    assert check.mean.abs().max() < 1e-4
    assert (check.std - 1).abs().max() < 1e-4
    content = json.loads((tmp_path / "cmvn.json").read_text())
    assert content["settings"] == frontend.settings()
    assert content["num_frames"] == statistics.num_frames == int(frames.sum())


def test_statistics_of_another_front_end_are_refused(tmp_path):
    path = tmp_path / "cmvn.json"
    statistics, _ = counted(feature_dim=23)
    save_statistics(path, statistics, FrontEnd(num_mels=23))
    with pytest.raises(
        ConfigError, match=r"cmvn.json: was written with another front end: low_freq 20.0 there and 50.0 here;"
    ):
        load_statistics(path, FrontEnd(num_mels=23, low_freq=50.0))
    with pytest.raises(ConfigError, match="counted with delta_order 0, this front end has 1"):
        load_statistics(path, FrontEnd(num_mels=23, delta_order=1))
    load_statistics(path, FrontEnd(num_mels=23, cmvn="utterance"))


def test_no_frames_are_no_statistics(tmp_path):
    with pytest.raises(DataError, match="no frames were counted"):
        save_statistics(tmp_path / "cmvn.json", Statistics(80), FrontEnd())


@pytest.mark.parametrize(
    ("text", "found"),
    [("", "is not a description"), ("[]", "is not a description"), ("{}", "is not a description")],
)
def test_other_files_are_named(tmp_path, text, found):
    path = tmp_path / "cmvn.json"
    path.write_text(text)
    with pytest.raises(DataError, match=found):
        load_statistics(path, FrontEnd())


def test_a_description_without_statistics_is_named(tmp_path):
    write_description(tmp_path / "frontend.json", FrontEnd())
    with pytest.raises(DataError, match="has no feature statistics"):
        load_statistics(tmp_path / "frontend.json", FrontEnd())


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"cmvn.json: cannot be read \(No such file or directory\)"):
        load_statistics(tmp_path / "cmvn.json", FrontEnd())
