"""Files of n-gram models: ARPA or a compact binary form."""

from __future__ import annotations

from pathlib import Path

from asr.errors import UsageError
from asr.lm.arpa import read_arpa, write_arpa
from asr.lm.ngram import NGramModel
from asr.lm.npz import read_npz, write_npz


def load_ngram(path: str | Path) -> NGramModel:
    """Reads a model from ``.npz``, or as ARPA under any other name, compressed or not.

    Raises:
        DataError: the file cannot be read or is malformed.
    """
    return read_npz(Path(path)) if Path(path).suffix == ".npz" else read_arpa(path)


def save_ngram(model: NGramModel, path: str | Path) -> None:
    """Writes a model in the form of its name: ``.npz`` (fast to load, bit for bit), ``.arpa`` or ``.arpa.gz``.

    Raises:
        UsageError: the name has another ending.
        DataError: the file cannot be written.
    """
    check_name(path)
    if Path(path).suffix == ".npz":
        write_npz(model, path)
    else:
        write_arpa(model, path)


def check_name(path: str | Path) -> None:
    """Raises a :class:`UsageError` if a name ends neither in .arpa, .arpa.gz nor .npz."""
    if not Path(path).name.endswith((".arpa", ".arpa.gz", ".npz")):
        raise UsageError(path, "the name does not say the form", "let it end in .arpa, .arpa.gz or .npz")
