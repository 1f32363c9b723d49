import numpy as np
import pytest
import soundfile
from lhotse import MonoCut, MultiCut

from asr.corpora.channels import choose_channel, take_channels
from asr.corpora.checks import Limits, Problem, examine
from asr.corpora.listening import listen
from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import read_cuts, write_cuts
from asr.data.dataset import read_waveform
from asr.errors import DataError
from tests.audio.sounds import RATE, speech


def write(path, samples):
    soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


@pytest.fixture
def splits(tmp_path):
    """Returns an utterance of one channel, one of two, and one of two that cancel each other, twice."""
    voice = speech(1.0)
    files = {
        "mono": voice,
        "stereo": np.hstack((voice, speech(1.0, seed=1))),
        "opposite": np.hstack((0.9 * voice, -voice)),
    }
    listed = [Listed(name, write(tmp_path / f"{name}.wav", samples), "A") for name, samples in files.items()]
    listed.append(Listed("part", tmp_path / "opposite.wav", "A", start=0.2, duration=0.5))
    return make_splits({"train": listed})


def test_of_channels_that_cancel_each_other_the_loudest_is_taken_for_good(splits, tmp_path):
    cancelling = {}
    assert examine(splits, Limits(), cancelling=cancelling) == []
    assert cancelling == {"opposite": 1, "part": 1}
    write_cuts(take_channels(splits, cancelling)["train"], tmp_path / "cuts.jsonl.gz")
    cuts = {cut.id: cut for cut in read_cuts(tmp_path / "cuts.jsonl.gz")}
    voice = speech(1.0)[:, 0]
    assert np.array_equal(read_waveform(cuts["opposite"], RATE), -voice)
    assert np.array_equal(read_waveform(cuts["part"], RATE), -voice[3200:11200])
    assert np.array_equal(read_waveform(cuts["mono"], RATE), voice)
    assert (type(cuts["stereo"]), cuts["stereo"].channel) == (MultiCut, [0, 1])
    assert (type(cuts["opposite"]), cuts["opposite"].supervisions[0].channel) == (MonoCut, 1)
    again = {}
    assert examine({"train": cuts.values()}, Limits(), cancelling=again) == []
    assert again == {}


def test_a_channel_is_taken_where_there_are_so_many(splits):
    problems = []
    chosen = {cut.id: cut for cut in choose_channel(splits, 2, problems)["train"]}
    assert chosen.keys() == {"stereo", "opposite", "part"}
    assert np.array_equal(read_waveform(chosen["stereo"], RATE), speech(1.0, seed=1)[:, 0])
    (problem,) = problems
    assert problem == Problem("mono", problem.path, "channel", "has 1 channel, and no channel 2")
    assert len(choose_channel(splits, 1, None)["train"]) == 4
    with pytest.raises(DataError, match="has 1 channel, and no channel 2; choose another channel"):
        choose_channel(splits, 2, None)


def test_equal_audio_is_known_in_whichever_channel_it_is(splits, tmp_path):
    mono, _, opposite, _ = splits["train"]
    assert listen(opposite).digest != listen(mono).digest
    (first,) = choose_channel({"train": [opposite]}, 1, None)["train"]
    other = write(tmp_path / "other.wav", 0.9 * speech(1.0))
    (same,) = make_splits({"train": [Listed("same", other, "A")]})["train"]
    assert listen(first).digest == listen(same).digest
