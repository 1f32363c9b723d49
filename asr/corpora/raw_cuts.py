"""What a file of cuts may contain, checked before Lhotse builds anything from it.

Lhotse runs commands that a recording names as its source, even one deep inside a cut: an impulse response, a track, a
custom field. Only audio and features in files or shards pass here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from asr.errors import DataError

SOURCES = ("file", "shar", "memory")
"""Kinds of audio sources that are read; Lhotse knows "command" and "url", too."""

_STORAGES = (
    *("numpy_files", "numpy_hdf5", "lilcom_files", "lilcom_chunky", "lilcom_hdf5", "chunked_lilcom_hdf5"),
    *("pillow_files", "pillow_memory", "memory_lilcom", "memory_npy", "shar"),
)
_TRANSFORMS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "Speed": {"factor": (0.1, 10)},
    "Tempo": {"factor": (0.1, 10)},
    "Volume": {"factor": (-1e6, 1e6)},
    "Resample": {"source_sampling_rate": (1, 1e6), "target_sampling_rate": (1, 1e6)},
    "Narrowband": {},
    "ReverbWithImpulseResponse": {},
    "LoudnessNormalization": {},
    "DereverbWPE": {},
    "Clipping": {},
    "Compress": {},
}
_CUTS, _PADDING, _MIXED = ("MonoCut", "MultiCut", "Cut"), "PaddingCut", "MixedCut"
_OTHER_THINGS = ("width", "shape", "array", "sources", "num_features")  # keys by which Lhotse knows what is no cut
_MAX_DEPTH = 32
_MAX_SECONDS = 1e8  # three years
_MAX_SHOWN = 60  # characters of a value in a message

_REFUSED = "save its audio as a file and put the file's path here"
_AGAIN = "make it with: asr prepare"


class _Field(NamedTuple):
    """Which values fit a key, what is expected in words, and whether the key is needed."""

    fits: Callable[[Any], bool]
    expected: str
    is_needed: bool = True


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= _MAX_SECONDS


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 2**53


def _is_channel(value: Any) -> bool:
    channels = value if isinstance(value, list) else [value]
    return bool(channels) and all(type(each) is int and 0 <= each < 2**16 for each in channels)


_NAME = _Field(lambda value: isinstance(value, str) and bool(value), "a text")
_STRING = _Field(lambda value: isinstance(value, str), "a text")
_TEXT = _Field(lambda value: value is None or isinstance(value, str), "a text", is_needed=False)
_START = _Field(lambda value: _is_number(value) and value >= 0, "seconds from 0")
_LENGTH = _Field(lambda value: _is_number(value) and value > 0, "seconds above 0")
_OFFSET = _Field(_is_number, "seconds")
_NUMBER = _Field(lambda value: value is None or _is_number(value), "a number", is_needed=False)
_COUNT = _Field(_is_count, "a whole number above 0")
_RATE = _Field(lambda value: _is_count(value) and value <= 1e6, "a sample rate up to 1,000,000 Hz")
_CHANNEL = _Field(_is_channel, "a channel, or several, counted from 0")
_CHANNELS = _Field(lambda value: isinstance(value, list) and _is_channel(value), "a list of channels, counted from 0")
_LIST = _Field(lambda value: isinstance(value, list), "a list")
_OBJECT = _Field(lambda value: isinstance(value, dict), "an object in braces")


def _optional(field: _Field) -> _Field:
    return field._replace(is_needed=False)


def _or_null(field: _Field) -> _Field:
    return _Field(lambda value: value is None or field.fits(value), field.expected, is_needed=False)


_CUT = {
    "id": _NAME,
    "start": _START,
    "duration": _LENGTH,
    "channel": _CHANNEL,
    "supervisions": _optional(_LIST),
    "features": _optional(_OBJECT),
    "recording": _optional(_OBJECT),
    "custom": _or_null(_OBJECT),
}
_RECORDING = {
    "id": _NAME,
    "sources": _LIST,  # empty where only the text is of use
    "sampling_rate": _RATE,
    "num_samples": _COUNT,
    "duration": _LENGTH,
    "channel_ids": _or_null(_LIST),
    "transforms": _or_null(_LIST),
}
_SOURCE = {"type": _NAME, "channels": _CHANNELS, "source": _STRING}
_SUPERVISION = {
    "id": _NAME,
    "recording_id": _NAME,
    "start": _OFFSET,
    "duration": _Field(lambda value: _is_number(value) and value >= 0, "seconds from 0"),
    "channel": _optional(_CHANNEL),
    "text": _TEXT,
    "language": _TEXT,
    "speaker": _TEXT,
    "gender": _TEXT,
    "custom": _or_null(_OBJECT),
    "alignment": _or_null(_OBJECT),
}
_FEATURES = {
    "type": _NAME,
    "num_frames": _COUNT,
    "num_features": _COUNT,
    "frame_shift": _LENGTH,
    "sampling_rate": _RATE,
    "start": _OFFSET,
    "duration": _LENGTH,
    "storage_type": _NAME,
    "storage_path": _optional(_STRING),
    "storage_key": _STRING,
}
_TRACK = {"cut": _OBJECT, "type": _NAME, "offset": _optional(_START), "snr": _NUMBER}
_MIXED_CUT = {"id": _NAME, "tracks": _Field(lambda value: isinstance(value, list) and bool(value), "a list of tracks")}
_PADDING_CUT = {"id": _NAME, "duration": _LENGTH, "sampling_rate": _RATE, "feat_value": _NUMBER}


def check_cut(item: Mapping[str, Any], where: str) -> None:
    """Checks a cut as JSON has it; ``where`` is its ``file:line``.

    Raises:
        DataError: it is no cut, a value is missing or of the wrong kind, or its audio or features would have to be
            fetched by a command or over a network.
    """
    if item.get("type") not in (*_CUTS, _MIXED) or any(key in item for key in _OTHER_THINGS):
        raise DataError(where, "is not a Lhotse cut", _AGAIN)
    place = f"{where} ({_shown(item['id'])})" if isinstance(item.get("id"), str) else where
    refuse_commands(item, place)
    _check_kind(item, place)


def check_recording(item: Mapping[str, Any], where: str) -> None:
    """Checks a recording of a shard; see :func:`check_cut`."""
    refuse_commands(item, where)
    _check_recording(item, where)


def refuse_commands(item: Any, where: str) -> None:
    """Raises a :class:`DataError` for a source, storage or transform anywhere inside that is not read."""
    waiting: list[tuple[Any, int]] = [(item, 0)]
    while waiting:
        inner, depth = waiting.pop()
        if depth > _MAX_DEPTH:
            raise DataError(where, f"is nested more than {_MAX_DEPTH} deep", _AGAIN)
        if isinstance(inner, dict):
            _refuse_source(inner, where)
            _refuse_storage(inner, where)
            _refuse_transforms(inner.get("transforms"), where)
        children = inner.values() if isinstance(inner, dict) else inner
        waiting += [(child, depth + 1) for child in children if isinstance(child, dict | list)]


def _refuse_source(item: Mapping[str, Any], where: str) -> None:
    sources = item.get("sources")
    for source in sources if isinstance(sources, list) else []:
        if not isinstance(source, dict) or "type" not in source or "source" not in source:
            continue  # a custom field: Lhotse makes no source of it
        kind, content = source["type"], source["source"]
        if kind == "command":
            raise DataError(where, f"its audio is a command ({_shown(content)}), and commands are not run", _REFUSED)
        if kind == "url":
            raise DataError(where, f"its audio is an address ({_shown(content)}), and none is fetched", _REFUSED)
        if kind not in SOURCES:
            found = f"its audio is of type {_shown(kind)}, and only {', '.join(SOURCES)} are read"
            raise DataError(where, found, _REFUSED)


def _refuse_storage(item: Mapping[str, Any], where: str) -> None:
    if "storage_type" not in item:
        return
    if item["storage_type"] not in _STORAGES:
        found = f"it has features or arrays of storage type {_shown(item['storage_type'])}"
        raise DataError(where, found, "store them in files, for example as numpy_files")
    for name in ("storage_path", "storage_key"):
        place = item.get(name)
        if isinstance(place, str) and (place.startswith("pipe:") or "://" in place or place == "-"):
            found = f"its {name} is not a file ({_shown(place)}), and commands are not run nor addresses fetched"
            raise DataError(where, found, "store features and arrays in files")


def _refuse_transforms(transforms: Any, where: str) -> None:
    for transform in transforms if isinstance(transforms, list) else []:
        if not isinstance(transform, dict) or not isinstance(transform.get("kwargs"), dict):
            raise DataError(where, "a transform is not a name with kwargs", _AGAIN)
        name = transform.get("name")
        if not isinstance(name, str) or name not in _TRANSFORMS:
            found = f"there is no transform {_shown(name)}"
            raise DataError(where, found, f"the transforms are {', '.join(_TRANSFORMS)}")
        for key, (low, high) in _TRANSFORMS[name].items():
            value = transform["kwargs"].get(key)
            if not _is_number(value) or not low <= value <= high:
                found = f"{name} has {key} {_shown(value)}"
                raise DataError(where, found, f"it has to be a number from {low:g} to {high:g}")


def _check_kind(item: Mapping[str, Any], where: str) -> None:
    if item.get("type") == _MIXED:
        _check_fields("cut", item, _MIXED_CUT, where)
        for track in item["tracks"]:
            _check_fields("track", track, _TRACK, where)
            _check_kind({**track["cut"], "type": track["type"]}, where)
    elif item.get("type") == _PADDING:
        _check_fields("cut", item, _PADDING_CUT, where)
    else:
        _check_fields("cut", item, _CUT, where)
        for supervision in item.get("supervisions", ()):
            _check_supervision(supervision, where)
        if "recording" in item:
            _check_recording(item["recording"], where)
        if "features" in item:
            _check_fields("features", item["features"], _FEATURES, where)


def _check_recording(item: Any, where: str) -> None:
    _check_fields("recording", item, _RECORDING, where)
    for source in item["sources"]:
        _check_fields("source", source, _SOURCE, where)


def _check_supervision(item: Any, where: str) -> None:
    _check_fields("supervision", item, _SUPERVISION, where)
    for name, parts in (item.get("alignment") or {}).items():
        for part in parts if isinstance(parts, list) else [None]:
            values = list(part.values()) if isinstance(part, dict) else part
            if not isinstance(values, list) or not 3 <= len(values) <= 4:
                raise DataError(where, f"alignment {_shown(name)} is not a list of symbol, start and duration", _AGAIN)
            if not isinstance(values[0], str) or not all(map(_NUMBER.fits, values[1:])) or None in values[1:3]:
                raise DataError(where, f"alignment {_shown(name)} has {_shown(values)}", "give symbol, start, duration")


def _check_fields(kind: str, item: Any, fields: Mapping[str, _Field], where: str) -> None:
    if not isinstance(item, Mapping):
        raise DataError(where, f"its {kind} is {_shown(item)}, not an object in braces", _AGAIN)
    for name, field in fields.items():
        if name not in item:
            if field.is_needed:
                raise DataError(where, f"is not a Lhotse cut: its {kind} has no {name}", _AGAIN)
        elif not field.fits(item[name]):
            found = f"the {name} of its {kind} is {_shown(item[name])}"
            raise DataError(where, found, f"it has to be {field.expected}")


def _shown(value: Any) -> str:
    """Returns a value as the file has it, or its beginning."""
    if isinstance(value, dict | list):
        return "a list" if isinstance(value, list) else "an object"
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
