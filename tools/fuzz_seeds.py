"""Tiny valid files to damage, and what is done with a damaged one."""

from __future__ import annotations

import io
import math
import tempfile
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

SENTENCES = [["a", "b", "a"], ["b", "c"], ["a"], ["c", "a", "b", "b"], ["d", "é"]]


@dataclass(frozen=True)
class Seed:
    """A valid file.

    Attributes:
        name: that it has, on which readers go by the ending.
        content: what is damaged.
        form: "text", "json", "zip" or "binary".
        beside: files that lie beside it, and stay whole, by name.
    """

    name: str
    content: bytes
    form: str
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """A reader of files that people give.

    Attributes:
        seeds: makes the valid files.
        read: reads a file and uses what it held; an AssertionError says that it should have been refused.
    """

    seeds: Callable[[], list[Seed]]
    read: Callable[[Path], object]


def text_seeds(name: str, *contents: str, form: str = "text", beside: Mapping[str, bytes] | None = None) -> list[Seed]:
    """Returns files of the same name with these contents."""
    return [Seed(name, content.encode(), form, beside or {}) for content in contents]


def written_seeds(name: str, form: str, write: Callable[[Path], object]) -> list[Seed]:
    """Returns what a writer writes to a file of that name, with what else it writes beside it."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder) / name)
        files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
    return [Seed(name, files.pop(name), form, files)]


@cache
def ngram() -> Any:
    """Returns a tiny trigram."""
    from asr.lm.kneser_ney import estimate

    return estimate(SENTENCES, 3)


def make_wav() -> bytes:
    """Returns a quarter of a second of a tone, as WAV at 8 kHz."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", "not compressed"))
        file.writeframes(
            b"".join(round(9000 * math.sin(n / 5)).to_bytes(2, "little", signed=True) for n in range(2000))
        )
    return written.getvalue()


WAV = make_wav()


def lay_out(folder: Path, seed: Seed, content: bytes) -> Path:
    """Writes a file, damaged or not, and what lies beside it; returns the file."""
    for name, each in {**seed.beside, seed.name: content}.items():
        (folder / name).write_bytes(each)
    return folder / seed.name
