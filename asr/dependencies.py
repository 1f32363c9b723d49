"""The libraries Carousel stands on: which versions are here, and what to say of one that does not load."""

from __future__ import annotations

import importlib
import platform
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from asr import __version__
from asr.errors import AsrError

LIBRARIES = ("torch", "torchaudio", "lightning", "lhotse", "soundfile")
_PACKAGE = "asr"
_REMEDY = "install it anew together with what it needs; constraints.txt names versions that work together"


class DependencyError(AsrError):
    """An outside library is missing or does not load."""


def versions() -> Iterator[tuple[str, str | DependencyError]]:
    """Yields the name and the version of Carousel, Python and each of :data:`LIBRARIES`, and of libsndfile.

    Each library is imported. One that does not load comes with the error in place of its version.
    """
    yield "carousel-asr", __version__
    yield "python", platform.python_version()
    for name in LIBRARIES:
        try:
            module = importlib.import_module(name)
        except Exception as error:  # a broken library may raise anything while it is imported
            yield name, load_error(error) or _unloadable(name, error)
            continue
        yield name, str(module.__version__)
        if name == "soundfile":
            yield "libsndfile", str(module.__libsndfile_version__)


def load_error(error: Exception) -> DependencyError | None:
    """Returns the one line to print for an exception that came from importing an outside library.

    Returns:
        None if the exception came from anything else, such as a bug of ours.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.partition(".")[0]
        return None if package == _PACKAGE else DependencyError(package, "is not installed", _REMEDY)
    for frame, _ in traceback.walk_tb(error.__traceback__):
        package = _module_name(frame).partition(".")[0]
        if frame.f_code.co_name == "<module>" and package not in ("", _PACKAGE):
            return _unloadable(package, error)
    return None


@contextmanager
def needing_torch(path: Path, *, is_portable: bool = True) -> Iterator[None]:
    """Turns the absence of torch within the block into one line that names a model file.

    Args:
        path: the model file.
        is_portable: whether it holds an ONNX network, which greedy decoding runs without torch.

    Raises:
        DependencyError: torch is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        if not is_portable:
            found = "holds a network that needs torch, which is not installed"
            raise DependencyError(path, found, "install torch, or export the model with --backend onnx") from None
        found = "needs torch, which is not installed, for all but greedy decoding of an ONNX network"
        raise DependencyError(path, found, "install torch, or decode greedily: --beam-size 1") from None


def _unloadable(package: str, error: Exception) -> DependencyError:
    reason = next(iter(str(error).splitlines()), "")
    return DependencyError(package, f"does not load ({type(error).__name__}: {reason})", _REMEDY)


def _module_name(frame: FrameType) -> str:
    """Returns the name of the module whose code a frame runs, also where it runs as ``__main__``."""
    spec = frame.f_globals.get("__spec__")
    name = frame.f_globals.get("__name__", "")
    return "" if name == "__main__" and spec is None else str(spec.name if spec else name)
