"""Speech from espeak-ng, run in a process of its own: text and voice to samples and events."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import AsrError, ConfigError

_PROGRAM = Path(__file__).with_name("espeak_process.py")
_WHEEL = "espeakng_loader"


@dataclass(frozen=True)
class Voice:
    """How a sentence is spoken.

    Attributes:
        voice: espeak-ng's name of accent and variant, such as ``gmw/en-US+f1``.
        rate: words per minute, 80 to 450.
        pitch: 0 to 99; 50 is the variant's own.
        range: liveliness of the intonation, 0 to 99; 50 is the variant's own.
        volume: percent; 100 clips with the louder variants.
    """

    voice: str
    rate: int = 175
    pitch: int = 50
    range: int = 50
    volume: int = 50


@dataclass(frozen=True)
class Spoken:
    """A sentence as espeak-ng spoke it.

    Attributes:
        samples: 16-bit samples, shape (S,).
        sample_rate: Hz.
        words: of each the first sample, position in the text and length in characters.
        phones: of each the first sample and the IPA with stress marks, which is empty for pauses and glides.
    """

    samples: NDArray[np.int16]
    sample_rate: int
    words: tuple[tuple[int, int, int], ...]
    phones: tuple[tuple[int, str], ...]


class Espeak:
    """A running espeak-ng, for a ``with`` statement.

    The same sentence and voice produce the same samples, whatever was spoken before.

    Raises:
        ConfigError: the wheel is not installed, or the system cannot fork.
    """

    def __init__(self) -> None:
        """Finds the ``espeakng-loader`` wheel and starts the program."""
        library, data = installed()
        # GPL-3 code: a program of its own, never loaded here. -I keeps it from importing from the current folder.
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_PROGRAM), str(library), str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __enter__(self) -> Espeak:
        """Returns itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stops the program."""
        self._process.kill()
        self._process.communicate()

    def speak(self, text: str, voice: Voice) -> Spoken:
        """Speaks one sentence.

        Raises:
            ConfigError: espeak-ng has no such voice.
            AsrError: the program has died.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps({"text": text, **asdict(voice)}).encode() + b"\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            raise AsrError("espeak-ng", self._last_words(), "check that espeakng-loader is installed properly")
        header: dict[str, Any] = json.loads(line)
        if "error" in header:
            raise ConfigError("espeak-ng", header["error"], "use a voice and a text that it knows")
        samples = np.frombuffer(self._process.stdout.read(2 * header["num_samples"]), dtype=np.int16)
        words = tuple((start, position, length) for start, position, length in header["words"])
        phones = tuple((start, name) for start, name in header["phones"])
        return Spoken(samples, header["sample_rate"], words, phones)

    def _last_words(self) -> str:
        assert self._process.stderr is not None
        lines = self._process.stderr.read().decode(errors="replace").strip().splitlines()
        return f"the program stopped ({lines[-1] if lines else f'status {self._process.wait()}'})"


def installed() -> tuple[Path, Path]:
    """Returns espeak-ng's library and its data folder, from the ``espeakng-loader`` wheel.

    Raises:
        ConfigError: the wheel is missing or incomplete, or the system cannot fork.
    """
    if not hasattr(os, "fork"):
        raise ConfigError("synth", "this system cannot fork processes", "generate the corpus on Linux or macOS")
    spec = find_spec(_WHEEL)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigError("synth", "espeakng-loader is not installed", "pip install 'carousel-asr[demo]'")
    folder = Path(spec.submodule_search_locations[0])
    library = folder / ("libespeak-ng.dylib" if sys.platform == "darwin" else "libespeak-ng.so")
    data = folder / "espeak-ng-data"
    for path in (library, data):
        if not path.exists():
            raise ConfigError(path, "is missing from the espeakng-loader package", "install it again")
    return library, data
