"""Cuts that somebody sends: what would run commands or fetch addresses is refused wherever it hides."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lhotse.augmentation import AudioTransform
from lhotse.features.io import READER_BACKENDS

from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import read_cuts
from asr.corpora.raw_cuts import _STORAGES, _TRANSFORMS
from asr.errors import DataError

Cut = dict[str, Any]
Change = Callable[[Cut, Any], None]


@pytest.fixture
def cut(tmp_path: Path, make_audio: Callable[..., Path]) -> Cut:
    """Returns a good cut as it stands in a file, with everything that Lhotse knows in it."""
    listed = Listed("a", make_audio(tmp_path / "a.wav"), "text", speaker="s")
    made: Cut = make_splits({"train": [listed]})["train"][0].to_dict()
    made["supervisions"][0]["alignment"] = {"word": [["text", 0.0, 0.1], ["x", 0.1, 0.2, None], ["y", 0.1, 0.2, 0.5]]}
    made["supervisions"][0]["custom"] = {"note": "mine", "sources": "two books", "type": "command"}
    made["custom"] = {"sources": ["a book", {"type": "url"}], "type": "url", "source": "mine", "of": [1, {"b": None}]}
    made["features"] = {
        "type": "fbank", "num_frames": 50, "num_features": 80, "frame_shift": 0.01, "sampling_rate": 16000, "start": 0,
        "duration": 0.5, "storage_type": "numpy_files", "storage_path": "features", "storage_key": "a.npy",
        "recording_id": "a", "channels": 0,
    }  # fmt: skip
    return made


def mixed(cut: Cut) -> Cut:
    """Returns a mixed cut of a cut and silence."""
    inner = {name: value for name, value in cut.items() if name != "type"}
    silence = {"id": "p", "duration": 0.5, "sampling_rate": 16000, "feat_value": -23.0, "num_samples": 8000}
    tracks = [
        {"type": cut["type"], "cut": inner, "offset": 0.0},
        {"type": "PaddingCut", "cut": silence, "offset": 0.5, "snr": None},
    ]
    return {"type": "MixedCut", "id": "m", "tracks": tracks}


def recording(source: Cut) -> Cut:
    return {"id": "r", "sources": [source], "sampling_rate": 16000, "num_samples": 8000, "duration": 0.5}


def refused(tmp_path: Path, *cuts: Cut) -> str:
    """Returns the line that the last of some cuts is refused with."""
    path = tmp_path / "hostile_cuts.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in cuts), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_cuts(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}:{len(cuts)}")
    return str(caught.value)


def is_read(tmp_path: Path, *cuts: Cut) -> bool:
    path = tmp_path / "good_cuts.jsonl"
    path.write_text("".join(f"{json.dumps(each)}\n" for each in cuts), encoding="utf-8")
    return [cut.id for cut in read_cuts(path)] == [each["id"] for each in cuts]


def test_everything_good_is_read(tmp_path: Path, cut: Cut) -> None:
    assert is_read(tmp_path, cut, mixed(cut))
    reverb = {"rir": recording({"type": "file", "channels": [0], "source": "rir.wav"}), "rir_channels": [0]}
    cut["recording"]["transforms"] = [
        {"name": "Speed", "kwargs": {"factor": 0.9}},
        {"name": "ReverbWithImpulseResponse", "kwargs": reverb},
    ]
    cut["custom"]["clean"] = recording({"type": "memory", "channels": [0], "source": "AAAA"})
    cut["custom"]["ali"] = {
        "array": {"storage_type": "numpy_hdf5", "storage_path": "a", "storage_key": "b", "shape": [5]}
    }
    cut["recording"]["sources"] = [{"type": "shar", "channels": [0], "source": "a.tar:512+9"}]
    assert is_read(tmp_path, cut, mixed(cut))


SOURCES: list[tuple[Cut, str]] = [
    ({"type": "command", "channels": [0], "source": "touch MADE"}, "its audio is a command (touch MADE), and commands"),
    (
        {"type": "url", "channels": [0], "source": "pipe:touch MADE"},
        "its audio is an address (pipe:touch MADE), and none",
    ),
    ({"type": "url", "channels": [0], "source": "http://localhost:9/a.wav"}, "its audio is an address (http://local"),
    (
        {"type": "Command", "channels": [0], "source": "touch MADE"},
        "its audio is of type Command, and only file, shar, mem",
    ),
    ({"type": ["command"], "channels": [0], "source": "touch MADE"}, "its audio is of type a list"),
    ({"type": None, "channels": [0], "source": "touch MADE"}, "its audio is of type null"),
]


def in_recording(cut: Cut, source: Any) -> None:
    cut["recording"]["sources"] = [source]


def in_second_source(cut: Cut, source: Any) -> None:
    cut["recording"]["sources"].append(source)


def in_impulse_response(cut: Cut, source: Any) -> None:
    kwargs = {"rir": recording(source)}
    cut["recording"]["transforms"] = [{"name": "ReverbWithImpulseResponse", "kwargs": kwargs}]


def in_cut_of_impulse_response(cut: Cut, source: Any) -> None:
    inner = {"type": "MonoCut", "id": "i", "start": 0, "duration": 0.5, "channel": 0, "recording": recording(source)}
    cut["recording"]["transforms"] = [{"name": "ReverbWithImpulseResponse", "kwargs": {"rir": inner}}]


def in_track(cut: Cut, source: Any) -> None:
    in_recording(cut, source)
    whole = mixed(cut)
    cut.clear()
    cut.update(whole)


def in_track_of_track(cut: Cut, source: Any) -> None:
    in_track(cut, source)
    whole = mixed(cut)
    cut.clear()
    cut.update(whole)


def in_snr_reference(cut: Cut, source: Any) -> None:
    whole = mixed(cut)
    in_track(cut, source)
    whole["snr_reference"] = cut["tracks"][0]
    cut.clear()
    cut.update(whole)


def in_transforms_of_mix(cut: Cut, source: Any) -> None:
    whole = mixed(cut) | {"transforms": [{"name": "ReverbWithImpulseResponse", "kwargs": {"rir": recording(source)}}]}
    cut.clear()
    cut.update(whole)


def in_custom(cut: Cut, source: Any) -> None:
    cut["custom"] = {"target_recording": recording(source)}


def in_custom_of_supervision(cut: Cut, source: Any) -> None:
    cut["supervisions"][0]["custom"] = {"clean": recording(source)}


def deep_in_custom(cut: Cut, source: Any) -> None:
    cut["custom"] = {"a": [{"b": {"c": recording(source)}}]}


PLACES: list[Change] = [
    in_recording,
    in_second_source,
    in_impulse_response,
    in_cut_of_impulse_response,
    in_track,
    in_track_of_track,
    in_snr_reference,
    in_transforms_of_mix,
    in_custom,
    in_custom_of_supervision,
    deep_in_custom,
]


@pytest.mark.parametrize(("source", "message"), SOURCES)
@pytest.mark.parametrize("place", PLACES)
def test_sources_that_are_no_files(tmp_path: Path, cut: Cut, place: Change, source: Cut, message: str) -> None:
    hostile = copy.deepcopy(cut)
    place(hostile, source)
    assert message in refused(tmp_path, cut, hostile)
    assert not list(tmp_path.glob("MADE"))


@pytest.mark.parametrize(
    ("storage", "message"),
    [
        ({"storage_type": "kaldiio"}, "storage type kaldiio"),
        ({"storage_type": "lilcom_url"}, "storage type lilcom_url"),
        ({"storage_type": "memory_raw"}, "storage type memory_raw"),  # a pickle
        ({"storage_type": None}, "storage type null"),
        ({"storage_path": "pipe:touch MADE; cat"}, "its storage_path is not a file (pipe:touch MADE; cat)"),
        ({"storage_path": "http://localhost:9"}, "its storage_path is not a file (http://localhost:9)"),
        ({"storage_path": "", "storage_key": "pipe:touch MADE"}, "its storage_key is not a file (pipe:touch MADE)"),
    ],
)
@pytest.mark.parametrize("place", ["features", "custom", "temporal", "image", "track"])
def test_storages_that_are_no_files(tmp_path: Path, cut: Cut, place: str, storage: Cut, message: str) -> None:
    hostile = copy.deepcopy(cut)
    array = {"storage_type": "numpy_files", "storage_path": "a", "storage_key": "b", "shape": [5]} | storage
    if place == "custom":
        hostile["custom"]["ali"] = array
    elif place == "temporal":
        hostile["custom"]["ali"] = {"array": array, "temporal_dim": 0, "frame_shift": 0.1, "start": 0}
    elif place == "image":
        hostile["custom"]["face"] = array | {"width": 3, "height": 3}
    else:
        hostile["features"] |= storage
    assert message in refused(tmp_path, cut, mixed(hostile) if place == "track" else hostile)


def test_the_lists_are_a_part_of_what_lhotse_knows() -> None:
    assert set(_TRANSFORMS) <= set(AudioTransform.KNOWN_TRANSFORMS)
    known = {name for name in _STORAGES if not name.startswith("pillow")}
    assert known <= set(READER_BACKENDS)
    assert set(READER_BACKENDS) - known == {"kaldiio", "lilcom_url", "memory_raw"}


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        ("Speed", "a transform is not a name with kwargs"),
        ({"name": "Speed"}, "a transform is not a name with kwargs"),
        ({"name": "os.system", "kwargs": {}}, "there is no transform os.system"),
        ({"name": ["Speed"], "kwargs": {}}, "there is no transform a list"),
        ({"name": "Speed", "kwargs": {"factor": 1e-9}}, "Speed has factor 1e-09; it has to be a number from 0.1 to 10"),
        ({"name": "Tempo", "kwargs": {"factor": "2"}}, "Tempo has factor 2; it has to be"),
        ({"name": "Resample", "kwargs": {"source_sampling_rate": 16000, "target_sampling_rate": 10**9}}, "1000000000"),
    ],
)
def test_transforms(tmp_path: Path, cut: Cut, transform: Any, message: str) -> None:
    cut["recording"]["transforms"] = [transform]
    assert message in refused(tmp_path, cut)


def put(value: Any, *path: Any) -> Change:
    """Returns a change that puts a value at the end of a path of keys; ``...`` takes the key away."""

    def change(cut: Cut, _: Any) -> None:
        for key in path[:-1]:
            cut = cut[key]
        if value is ...:
            del cut[path[-1]]
        else:
            cut[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put(..., "start"), "(a): is not a Lhotse cut: its cut has no start"),
        (put(..., "id"), "is not a Lhotse cut: its cut has no id"),
        (put(7, "id"), "the id of its cut is 7; it has to be a text"),
        (put("", "id"), "the id of its cut is ; it has to be a text"),
        (put("0", "start"), "the start of its cut is 0; it has to be seconds from 0"),
        (put(-1, "start"), "the start of its cut is -1; it has to be seconds from 0"),
        (put(None, "start"), "the start of its cut is null; it has"),
        (put(True, "start"), "the start of its cut is true; it has"),
        (put([0], "start"), "the start of its cut is a list; it has"),
        (put(0, "duration"), "the duration of its cut is 0; it has to be seconds above 0"),
        (put(1e18, "duration"), "the duration of its cut is 1e+18; it"),
        (put(10**400, "duration"), "the duration of its cut is 1000000000"),
        (put("left", "channel"), "the channel of its cut is left; it has to be a channel"),
        (put([], "channel"), "the channel of its cut is a list"),
        (put(-1, "channel"), "the channel of its cut is -1"),
        (put({}, "supervisions"), "the supervisions of its cut is an object; it has to be a list"),
        (put(None, "supervisions"), "the supervisions of its cut is null"),
        (put([None], "supervisions"), "its supervision is null, not an object"),
        (put("text", "recording"), "the recording of its cut is text; it has to be an object"),
        (put("text", "custom"), "the custom of its cut is text"),
        (put({}, "recording", "sources"), "the sources of its recording is an object; it has to be a list"),
        (put(["a.wav"], "recording", "sources"), "its source is a.wav, not an object"),
        (put(7, "recording", "sources", 0, "source"), "the source of its source is 7; it has to be a text"),
        (put(None, "recording", "sources", 0, "channels"), "the channels of its source is null"),
        (put(16000.0, "recording", "sampling_rate"), "the sampling_rate of its recording is 16000.0; it has to be a"),
        (put(0, "recording", "sources", 0, "channels"), "the channels of its source is 0; it has to be a list of"),
        (put(16000.5, "recording", "sampling_rate"), "the sampling_rate of its recording is 16000.5; it has to be a"),
        (put(0, "recording", "sampling_rate"), "the sampling_rate of its recording is 0"),
        (put(10**9, "recording", "sampling_rate"), "the sampling_rate of its recording is 1000000000"),
        (put(-5, "recording", "num_samples"), "the num_samples of its recording is -5"),
        (put(10**30, "recording", "num_samples"), "the num_samples of its recording is 1000000000000000"),
        (put({}, "recording", "transforms"), "the transforms of its recording is an object"),
        (put(3, "supervisions", 0, "text"), "the text of its supervision is 3; it has to be a text"),
        (put(["a"], "supervisions", 0, "speaker"), "the speaker of its supervision is a list"),
        (put(..., "supervisions", 0, "recording_id"), "its supervision has no recording_id"),
        (put("x", "supervisions", 0, "duration"), "the duration of its supervision is x"),
        (put([], "supervisions", 0, "alignment"), "the alignment of its supervision is a list"),
        (put({"word": 3}, "supervisions", 0, "alignment"), "alignment word is not a list of symbol, start and"),
        (put({"word": [["a", 0]]}, "supervisions", 0, "alignment"), "alignment word is not a list of symbol"),
        (put({"word": [["a", "0", 1]]}, "supervisions", 0, "alignment"), "alignment word has a list"),
        (put({"word": [[3, 0, 1]]}, "supervisions", 0, "alignment"), "alignment word has a list"),
        (put({"word": [["a", None, 1]]}, "supervisions", 0, "alignment"), "alignment word has a list"),
        (put("many", "features", "num_frames"), "the num_frames of its features is many"),
        (put(7, "features", "storage_key"), "the storage_key of its features is 7"),
        (put("CommandCut", "type"), ":1: is not a Lhotse cut"),
        (put(["MonoCut"], "type"), ":1: is not a Lhotse cut"),
        (put(5, "width"), ":1: is not a Lhotse cut"),
        (put("x", "unheard_of"), "is not a Lhotse cut (TypeError: MonoCut.__init__() got an unexpected keyword"),
        (put("x" * 1000, "start"), "xxx…"),
    ],
)
def test_wrong_types_are_named(tmp_path: Path, cut: Cut, change: Change, message: str) -> None:
    change(cut, None)
    found = refused(tmp_path, cut)
    assert message in found
    assert len(found.partition("hostile_cuts")[2]) < 300


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (put([], "tracks"), "the tracks of its cut is a list; it has to be a list of tracks"),
        (put([3], "tracks"), "its track is 3, not an object"),
        (put("x", "tracks", 0, "offset"), "the offset of its track is x"),
        (put("x", "tracks", 1, "snr"), "the snr of its track is x"),
        (put(-1, "tracks", 1, "cut", "duration"), "the duration of its cut is -1"),
        (put("x", "tracks", 0, "cut", "start"), "the start of its cut is x"),
        (put("Track", "tracks", 0, "type"), "is not a Lhotse cut (ValueError: Unexpected cut type"),
    ],
)
def test_wrong_types_in_mixed_cuts(tmp_path: Path, cut: Cut, change: Change, message: str) -> None:
    whole = mixed(cut)
    change(whole, None)
    assert message in refused(tmp_path, whole)


def test_nested_without_end(tmp_path: Path, cut: Cut) -> None:
    inner: Any = []
    for _ in range(40):
        inner = [inner]
    cut["custom"]["deep"] = inner
    assert "is nested more than 32 deep" in refused(tmp_path, cut)
