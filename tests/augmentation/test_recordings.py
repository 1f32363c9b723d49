import copy
import gzip
import json

import lhotse
import numpy as np
import pytest
import soundfile
import torch

from asr.augmentation.recordings import Bank, Recordings, read_list
from asr.errors import DataError


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def waveform(recordings, place):
    bank = recordings.read()
    return bank.cut(torch.tensor([place]), torch.tensor([0]), int(bank.lengths[place]))[0]


def test_a_text_names_files_relative_to_itself(tmp_path):
    listed = write(tmp_path / "lists" / "noises.txt", "\ufeffa b.wav\r\n\n../c.flac\n/far/d.wav")
    segments = read_list(listed)
    assert [segment.where.rpartition(":")[2] for segment in segments] == ["1", "3", "4"]
    assert [str(segment.path) for segment in segments] == [
        f"{tmp_path}/lists/a b.wav",
        f"{tmp_path}/lists/../c.flac",
        "/far/d.wav",
    ]


def test_json_lines_name_files_and_stretches(tmp_path):
    lines = [
        {"audio": "a.wav"},
        {"audio_filepath": "b.wav", "offset": 1.5, "duration": "2"},
        {"path": "c.wav", "start": 1, "end": 1.25},
    ]
    listed = tmp_path / "noises.jsonl.gz"
    listed.write_bytes(gzip.compress("\n".join(json.dumps(line) for line in lines).encode()))
    assert [tuple(segment)[1:] for segment in read_list(listed)] == [
        (tmp_path / "a.wav", 0.0, None),
        (tmp_path / "b.wav", 1.5, 2.0),
        (tmp_path / "c.wav", 1.0, 0.25),
    ]


def test_lhotse_recordings_and_cuts(tmp_path, make_audio):
    recording = lhotse.Recording.from_file(make_audio(tmp_path / "a.wav", seconds=1.0))
    lhotse.RecordingSet.from_recordings([recording]).to_file(tmp_path / "recordings.jsonl.gz")
    cut = recording.to_cut().truncate(offset=0.25, duration=0.5)
    lhotse.CutSet.from_cuts([cut]).to_file(tmp_path / "cuts.jsonl.gz")
    (whole,) = read_list(tmp_path / "recordings.jsonl.gz")
    assert tuple(whole)[1:] == (tmp_path / "a.wav", 0.0, 1.0)
    (part,) = read_list(tmp_path / "cuts.jsonl.gz")
    assert tuple(part)[1:] == (tmp_path / "a.wav", 0.25, 0.5)
    samples = [waveform(Recordings(str(tmp_path / f"{name}.jsonl.gz"), 16000), 0) for name in ("recordings", "cuts")]
    assert np.corrcoef(samples[0][4000:12000], samples[1])[0, 1] > 0.99999
    faster = lhotse.CutSet.from_cuts([cut.perturb_speed(1.1)])
    faster.to_file(tmp_path / "faster.jsonl")
    with pytest.raises(DataError, match=r"faster\.jsonl:1: its recording is not a single unchanged file"):
        read_list(tmp_path / "faster.jsonl")


def test_files_are_read_when_they_are_asked_for_and_once(tmp_path, make_audio):
    recordings = Recordings(str(tmp_path / "list.txt"), 16000)
    make_audio(tmp_path / "a.wav", seed=1, seconds=0.1)
    make_audio(tmp_path / "b.flac", seed=2, seconds=0.2, sample_rate=8000, channels=2)
    write(tmp_path / "list.txt", "a.wav\nb.flac\n")
    bank = recordings.read()
    assert bank.lengths.tolist() == [1600, 3200]
    assert bank.longest == 3200
    (tmp_path / "a.wav").unlink()
    assert copy.deepcopy(recordings).read() is recordings.read() is recordings.on(torch.device("cpu")) is bank


def test_samples_are_those_of_the_file_scaled_to_its_peak(tmp_path, make_audio):
    make_audio(tmp_path / "a.wav", seconds=0.1, subtype="FLOAT")
    samples, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    found = waveform(Recordings(str(write(tmp_path / "list.txt", "a.wav")), 16000), 0)
    assert np.allclose(found, samples / np.abs(samples).max(), atol=1 / 65000)


def test_a_stretch_begins_anew_at_the_end_of_its_recording():
    bank = Bank.of([torch.tensor([1, 2, 3], dtype=torch.int16), torch.tensor([32767], dtype=torch.int16)])
    stretches = bank.cut(torch.tensor([0, 1]), torch.tensor([2, 0]), 5) * 32767
    assert stretches.round().tolist() == [[3, 1, 2, 3, 1], [32767] * 5]
    assert bank.choose(torch.tensor([0.0, 0.499, 0.5, 1 - 2**-24])).tolist() == [0, 0, 1, 1]


LINES = {
    "no list": (None, None, "list: no such file; check the path, or write the list: name one audio file a line"),
    "empty": ("list.txt", " \n\n", "list.txt: names no recordings; name one audio file a line"),
    "missing file": ("list.txt", "good.wav\n\ngone.wav", "list.txt:3: {folder}/gone.wav: no such file; check the path"),
    "no audio": ("list.txt", "list.txt", "list.txt:1: {folder}/list.txt: is a text file, not audio; check the path"),
    "silent": ("list.txt", "good.wav\nsilent.wav", "list.txt:2: {folder}/silent.wav: is silent; take it out"),
    "an audio file for a list": ("good.wav", None, "good.wav: is not UTF-8 text, so not a list of audio files"),
    "a folder": ("", None, "is a folder, not a list of audio files; list its files"),
    "no gzip": ("list.txt.gz", "good.wav", "list.txt.gz: is no whole gzip file; make or copy it again"),
    "no JSON": ("list.jsonl", "good.wav", "list.jsonl:1: is not a JSON object"),
    "JSON without audio": ("list.jsonl", '{"audio": "good.wav"}\n{"text": "a"}', "list.jsonl:2: names no audio file"),
    "no number": ("list.jsonl", '{"audio": "good.wav", "start": "x"}', "start is 'x', not a number of seconds"),
    "outside": (
        "list.jsonl",
        '{"audio": "good.wav", "start": 9}',
        "good.wav: the segment from 9.000 s to the end is not",
    ),
    "a command": (
        "list.jsonl",
        '{"id": "a", "sources": [{"type": "command", "source": "rm"}]}',
        "list.jsonl:1: its recording is not a single unchanged file",
    ),
}


@pytest.mark.parametrize("case", LINES)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path, make_audio, case):
    name, content, line = LINES[case]
    make_audio(tmp_path / "good.wav", seconds=0.05)
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), 16000)
    listed = tmp_path / ("list" if name is None else name)
    if content is not None:
        write(listed, content)
    with pytest.raises(DataError) as caught:
        Recordings(str(listed), 16000).read()
    assert line.format(folder=tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_several_channels_are_refused_where_their_mean_means_nothing(tmp_path, make_audio):
    make_audio(tmp_path / "a.wav", seconds=0.05, channels=2)
    listed = write(tmp_path / "list.txt", "a.wav")
    with pytest.raises(DataError, match=r"list\.txt:1: .*a\.wav: has 2 channels; keep one"):
        Recordings(str(listed), 16000, is_single_channel=True).read()
    assert Recordings(str(listed), 16000).read().longest == 800
