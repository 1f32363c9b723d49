import multiprocessing
import os

import numpy as np
import pytest
import soundfile
import torch
from lhotse import CutSet, Recording, SupervisionSegment
from lhotse.cut import MonoCut

from asr.data.dataset import read_waveform
from asr.data.extraction import Extraction
from asr.errors import ConfigError, DataError
from asr.features.cmvn import Statistics
from asr.features.frontend import FrontEnd

SPEEDS = (0.9, 1.0, 1.1)


def make_cuts(folder, seconds=(0.5, 0.731, 1.2), sample_rate=16000, start=0.0):
    cuts = []
    for number, duration in enumerate(seconds):
        name = f"speaker/{number} é"
        path = folder / f"{number}.wav"
        samples = np.random.default_rng(number).normal(0, 0.1, round(duration * sample_rate))
        soundfile.write(path, samples, sample_rate)
        recording = Recording.from_file(path, recording_id=name)
        length = recording.duration - start
        supervision = SupervisionSegment(name, name, 0.0, length, text="A B", speaker="speaker")
        cuts.append(MonoCut(name, start, length, 0, recording=recording, supervisions=[supervision]))
    return CutSet.from_cuts(cuts)


def extracted(cuts, frontend, folder, speeds=(1.0,), num_jobs=1):
    extraction = Extraction(cuts, frontend, folder, speeds)
    seconds = sum(extraction.run(num_jobs))
    return extraction, seconds


def in_model(frontend, cut):
    waveform = read_waveform(cut, frontend.sample_rate)
    return frontend.static(waveform[None], torch.tensor([len(waveform)]))[0][0]


def equal(features, expected):
    return features.shape == tuple(expected.shape) and np.abs(features - expected.numpy()).max() <= 1e-5


def files_in(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("settings", [{}, {"num_mels": 40, "use_energy": True, "delta_order": 2}, {"kind": "mfcc"}])
def test_equals_the_front_end_of_the_model_at_every_speed(tmp_path, settings):
    frontend = FrontEnd(**settings)
    cuts = make_cuts(tmp_path)
    extraction, _ = extracted(cuts, frontend, tmp_path / "features", SPEEDS)
    results = {cut.id: cut for cut in extraction.cuts()}
    assert len(results) == len(extraction) == 9
    for cut in cuts:
        assert results[cut.id].load_features().dtype == np.float32
        assert equal(results[cut.id].load_features(), in_model(frontend, cut))
        for speed in (0.9, 1.1):
            copy, on_the_fly = results[f"{cut.id}_sp{speed}"], cut.perturb_speed(speed)
            assert equal(copy.load_features(), in_model(frontend, on_the_fly))
            assert copy.num_frames == int(frontend.frame_lengths(torch.tensor(on_the_fly.num_samples)))
            assert copy.supervisions[0].text == "A B"
            assert copy.supervisions[0].duration == on_the_fly.supervisions[0].duration


def test_copies_follow_their_utterance(tmp_path):
    extraction, _ = extracted(make_cuts(tmp_path), FrontEnd(), tmp_path / "features", (1.1, 0.9, 1.0, 1.1))
    assert [cut.id for cut in extraction.cuts()][:4] == [
        "speaker/0 é",
        "speaker/0 é_sp0.9",
        "speaker/0 é_sp1.1",
        "speaker/1 é",
    ]


def test_segments_and_other_sample_rates(tmp_path):
    frontend = FrontEnd()
    cuts = make_cuts(tmp_path, sample_rate=8000, start=0.2)
    extraction, seconds = extracted(cuts, frontend, tmp_path / "features", SPEEDS)
    for cut, result in zip(cuts, (cut for cut in extraction.cuts() if "_sp" not in cut.id), strict=True):
        assert (result.start, result.duration, result.sampling_rate) == (cut.start, cut.duration, 16000)
        assert equal(result.load_features(), in_model(frontend, cut))
    assert seconds == pytest.approx(sum(cut.duration for cut in extraction.cuts()))


def test_processes_give_the_same_and_what_is_there_stays(tmp_path):
    frontend = FrontEnd(num_mels=23)
    cuts = make_cuts(tmp_path, seconds=[0.2 + 0.01 * number for number in range(20)])
    first, seconds = extracted(cuts, frontend, tmp_path / "one")
    second, _ = extracted(cuts, frontend, tmp_path / "two", num_jobs=2)
    for one, two in zip(first.cuts(), second.cuts(), strict=True):
        assert np.array_equal(one.load_features(), two.load_features())
    assert seconds == pytest.approx(sum(cut.duration for cut in cuts))

    before = files_in(tmp_path / "two")
    assert len(before) == 20
    again = Extraction(cuts, frontend, tmp_path / "two")
    assert (again.num_missing, again.missing_seconds) == (0, 0)
    assert list(again.run(2)) == []
    assert files_in(tmp_path / "two") == before

    lost, broken = sorted(before)[:2]
    lost.unlink()
    broken.write_bytes(broken.read_bytes()[:200])
    again = Extraction(cuts, frontend, tmp_path / "two")
    assert again.num_missing == 2
    list(again.run())
    after = files_in(tmp_path / "two")
    assert {path for path in after if after[path] != before[path]} == {lost, broken}
    assert all(
        equal(cut.load_features(), in_model(frontend, plain)) for cut, plain in zip(again.cuts(), cuts, strict=True)
    )


def test_an_error_in_a_process_stops_all_of_them_and_keeps_what_is_done(tmp_path):
    cuts = make_cuts(tmp_path, seconds=[0.2] * 60)
    (tmp_path / "20.wav").write_text("no audio")
    extraction = Extraction(cuts, FrontEnd(), tmp_path / "features")
    others = set(multiprocessing.active_children())  # of tests before this one
    with pytest.raises(DataError, match=r"20.wav: is a text file, not audio"):
        list(extraction.run(2))
    assert set(multiprocessing.active_children()) <= others
    left = Extraction(cuts, FrontEnd(), tmp_path / "features")
    assert 1 <= left.num_missing < 60


def test_changed_audio_or_settings_are_computed_again(tmp_path):
    cuts = make_cuts(tmp_path)
    extracted(cuts, FrontEnd(), tmp_path / "features")
    assert Extraction(cuts, FrontEnd(num_mels=40), tmp_path / "features").num_missing == 3
    assert Extraction(cuts, FrontEnd(delta_order=2, cmvn="none"), tmp_path / "features").num_missing == 0
    assert Extraction(cuts, FrontEnd(), tmp_path / "features", SPEEDS).num_missing == 6
    samples, _ = soundfile.read(tmp_path / "1.wav")
    soundfile.write(tmp_path / "1.wav", samples / 2, 16000)
    extraction, _ = extracted(cuts, FrontEnd(), tmp_path / "features")
    assert equal(list(extraction.cuts())[1].load_features(), in_model(FrontEnd(), cuts["speaker/1 é"]))


def test_input_features_are_replaced(tmp_path):
    extraction, _ = extracted(make_cuts(tmp_path), FrontEnd(), tmp_path / "one")
    extraction, _ = extracted(extraction.cuts(), FrontEnd(num_mels=40), tmp_path / "two", (1.0, 1.1))
    assert {cut.load_features().shape[1] for cut in extraction.cuts()} == {40}


def test_dither_plays_no_part(tmp_path):
    extraction, _ = extracted(make_cuts(tmp_path), FrontEnd(dither=1.0).train(), tmp_path / "features")
    cut = next(iter(extraction.cuts()))
    assert equal(cut.load_features(), in_model(FrontEnd(), cut.drop_features()))


def test_statistics_leave_copies_aside(tmp_path):
    frontend = FrontEnd(num_mels=23, delta_order=2)
    cuts = make_cuts(tmp_path)
    extraction, _ = extracted(cuts, frontend, tmp_path / "features", SPEEDS)
    statistics, expected = Statistics(69), Statistics(69)
    extraction.count_statistics(statistics)
    for cut in cuts:
        static = in_model(frontend, cut)[None]
        lengths = torch.tensor([static.shape[1]])
        expected.update(frontend.add_deltas(static, lengths), lengths)
    assert statistics.num_frames == expected.num_frames
    assert torch.allclose(statistics.mean, expected.mean, atol=1e-5)
    assert torch.allclose(statistics.std, expected.std, atol=1e-5)


@pytest.mark.parametrize("speeds", [(0.9,), (1.0, 0.1), ()])
def test_impossible_speeds(tmp_path, speeds):
    with pytest.raises(ConfigError, match=r"give factors from 0\.5 to 2, 1\.0 among them"):
        Extraction(make_cuts(tmp_path), FrontEnd(), tmp_path / "features", speeds)


def test_missing_audio_is_named(tmp_path):
    cuts = make_cuts(tmp_path)
    (tmp_path / "1.wav").unlink()
    with pytest.raises(DataError, match=r"1.wav: audio of speaker/1 é cannot be read \(No such file or directory\)"):
        Extraction(cuts, FrontEnd(), tmp_path / "features")


def test_damaged_audio_is_named(tmp_path):
    cuts = make_cuts(tmp_path)
    (tmp_path / "1.wav").write_text("no audio")
    extraction = Extraction(cuts, FrontEnd(), tmp_path / "features")
    with pytest.raises(DataError, match=r"1.wav: is a text file, not audio; check the path"):
        list(extraction.run())
    assert Extraction(cuts, FrontEnd(), tmp_path / "features").num_missing == 2


def test_an_utterance_without_a_frame_is_named(tmp_path):
    cuts = make_cuts(tmp_path, seconds=(0.5, 0.004))
    with pytest.raises(DataError, match="speaker/1 é: has 64 samples, too few for a frame"):
        Extraction(cuts, FrontEnd(), tmp_path / "features")


def test_a_mixed_cut_is_named(tmp_path):
    cuts = list(make_cuts(tmp_path))
    with pytest.raises(DataError, match="is not one recording"):
        Extraction([cuts[0].append(cuts[1])], FrontEnd(), tmp_path / "features")


def test_a_folder_that_cannot_be_written(tmp_path):
    cuts = make_cuts(tmp_path)
    (tmp_path / "features").touch()
    with pytest.raises(DataError, match="cannot be written"):
        list(Extraction(cuts, FrontEnd(), tmp_path / "features").run())


def test_what_killed_runs_left_is_swept_when_it_is_old(tmp_path):
    cuts, frontend, folder = make_cuts(tmp_path), FrontEnd(), tmp_path / "features"
    extracted(cuts, frontend, folder)
    inner = next(folder.rglob("*.npy")).parent
    old, new = inner / ".part1234-a.npy", inner / ".part5678-a.npy"
    for part in (old, new):
        part.touch()
    os.utime(old, (0, 0))
    extracted(cuts, frontend, folder)
    assert not old.exists()
    assert new.exists(), "somebody may be writing it"
