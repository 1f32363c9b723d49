"""The settings of a front end, and their limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from asr.errors import ConfigError

_MAX_RATE, _MAX_MELS = 1_000_000, 4096  # Hz, filters
_MAX_FILTERS = 1 << 22  # mel filters times samples of a frame: a file from elsewhere must not exhaust the memory


def static_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """Returns the settings of a front end that determine its static values.

    Example:
        >>> static_settings({"kind": "fbank", "num_mels": 80, "num_ceps": 13, "cmvn": "none"})
        {'kind': 'fbank', 'num_mels': 80}
    """
    left_out = {"delta_order", "cmvn", "dither"} | (set() if settings.get("kind") == "mfcc" else {"num_ceps"})
    return {name: value for name, value in settings.items() if name not in left_out}


def check_types(settings: Mapping[str, object], known: Mapping[str, object], where: str) -> None:
    """Refuses settings that a front end does not have, or of other types than its own.

    Args:
        settings: to be checked.
        known: those of a front end.
        where: they come from, for the error.

    Raises:
        ConfigError: naming the first such setting.
    """
    for key, value in settings.items():
        if key not in known:
            raise ConfigError(f"{where} {key}", "is no setting of it", f"choose from {', '.join(known)}")
        kind = type(known[key])
        if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) != (kind is bool):
            raise ConfigError(f"{where} {key}", f"is {value!r}", f"give one like {known[key]!r}")


def check_settings(settings: dict[str, Any]) -> None:
    """Raises a :class:`ConfigError` that names the first invalid setting of a front end."""
    nyquist = settings["sample_rate"] / 2
    upper = settings["high_freq"] if settings["high_freq"] > 0 else settings["high_freq"] + nyquist
    shift, length = settings["frame_shift_ms"], settings["frame_length_ms"]
    samples = max(1.0, settings["sample_rate"] * length / 1000)
    checks = (
        ("kind", settings["kind"] in ("fbank", "mfcc"), "fbank or mfcc"),
        ("cmvn", settings["cmvn"] in ("none", "global", "utterance", "speech"), "none, global, utterance or speech"),
        ("sample_rate", 1000 <= settings["sample_rate"] <= _MAX_RATE, f"1000 to {_MAX_RATE:,} Hz"),
        ("num_mels", 4 <= settings["num_mels"] <= _MAX_MELS, f"4 to {_MAX_MELS}"),
        ("num_ceps", settings["kind"] == "fbank" or 1 <= settings["num_ceps"] <= settings["num_mels"], "1 to num_mels"),
        ("frame_shift_ms", settings["sample_rate"] * shift >= 1000, "1 sample or more"),
        ("frame_length_ms", length >= shift, "frame_shift_ms or more"),
        ("num_mels", settings["num_mels"] * samples <= _MAX_FILTERS, f"at most {_MAX_FILTERS / samples:.0f} here"),
        ("low_freq", 0 <= settings["low_freq"] < upper, f"0 or more and below the upper edge at {upper:g} Hz"),
        ("high_freq", 0 < upper <= nyquist, f"at most {nyquist:g} Hz, half the sample rate"),
        ("delta_order", 0 <= settings["delta_order"] <= 8, "0 to 8"),
        ("dither", settings["dither"] >= 0, "0 or more"),
    )
    for name, is_possible, expected in checks:
        if not is_possible:
            raise ConfigError(f"front end, {name}", f"is {settings[name]}", f"it has to be {expected}")


def check_filters(filters: Tensor) -> None:
    """Raises a :class:`ConfigError` if a mel filter, a column of (bins, num_mels), covers no bin."""
    empty = [number for number, total in enumerate(filters.sum(0).tolist(), start=1) if total == 0]
    if empty:
        found = f"filter {empty[0]} of {filters.shape[1]} is too narrow to cover any bin of the spectrum"
        raise ConfigError("front end, num_mels", found, "take fewer filters, longer frames or a higher low_freq")
