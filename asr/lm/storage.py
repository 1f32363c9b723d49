"""Files of n-gram models: ARPA, or a compact binary one."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.errors import DataError, UsageError
from asr.files import written_whole
from asr.lm.arpa import read_arpa, write_arpa
from asr.lm.ngram import NGramModel
from asr.lm.vocabulary import Vocabulary

_FORMAT = "carousel n-gram 1"
_ARRAYS = ("arc_offsets", "arc_labels", "arc_log_probs", "arc_next_states", "backoffs", "backoff_states")
_DTYPES = ("int64", "int32", "float64", "int32", "float64", "int32")
_REMEDY = "make it with: asr lm convert"


def load_ngram(path: str | Path) -> NGramModel:
    """Reads a model from ``.npz``, ``.arpa`` or ``.arpa.gz``; any other name is taken for ARPA.

    Raises:
        DataError: the file cannot be read or is malformed.
    """
    return _read_npz(Path(path)) if Path(path).suffix == ".npz" else read_arpa(path)


def save_ngram(model: NGramModel, path: str | Path) -> None:
    """Writes a model as its name says: ``.npz`` (fast to load, bit for bit), ``.arpa`` or ``.arpa.gz``.

    Raises:
        UsageError: the name ends otherwise.
        DataError: the file cannot be written.
    """
    check_name(path)
    if Path(path).suffix == ".npz":
        _write_npz(model, path)
    else:
        write_arpa(model, path)


def check_name(path: str | Path) -> None:
    """Refuses a name that does not say the form of a model.

    Raises:
        UsageError: it ends neither in .arpa, .arpa.gz nor .npz.
    """
    if not Path(path).name.endswith((".arpa", ".arpa.gz", ".npz")):
        raise UsageError(path, "the name does not say the form", "let it end in .arpa, .arpa.gz or .npz")


def _write_npz(model: NGramModel, path: str | Path) -> None:
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(model, name) for name in _ARRAYS}
    arrays["format"] = _bytes(_FORMAT)
    arrays["words"] = _bytes("\n".join(model.vocabulary.words))
    arrays["num_ngrams"] = np.array(model.num_ngrams, dtype=np.int64)
    with written_whole(path) as beside:
        np.savez_compressed(beside, allow_pickle=False, **arrays)


def _read_npz(path: Path) -> NGramModel:
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            if "format" not in file or file["format"].tobytes().decode() != _FORMAT:
                raise DataError(path, "is no n-gram model of this program", _REMEDY)
            vocabulary = Vocabulary(tuple(file["words"].tobytes().decode().split("\n")))
            num_ngrams = tuple(file["num_ngrams"].tolist())
            arrays = [file[name] for name in _ARRAYS]
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except (OSError, ValueError, KeyError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(path, f"cannot be read ({type(error).__name__}: {error})", _REMEDY) from None
    _check(path, len(vocabulary), num_ngrams, arrays)
    return NGramModel(vocabulary, num_ngrams, *arrays)


def _check(path: Path, vocabulary_size: int, num_ngrams: tuple[int, ...], arrays: list[npt.NDArray[Any]]) -> None:
    """Refuses arrays that do not belong together: a damaged file may not lead out of them later."""
    num_arcs, num_states = sum(num_ngrams), 1 + sum(num_ngrams[:-1])
    lengths = (num_states + 1, num_arcs, num_arcs, num_arcs, num_states, num_states)
    is_whole = num_ngrams[:1] == (vocabulary_size,) and all(
        array.shape == (length,) and array.dtype == dtype
        for array, length, dtype in zip(arrays, lengths, _DTYPES, strict=True)
    )
    if is_whole:
        offsets, labels, _, next_states, _, backoff_states = arrays
        is_whole = offsets[0] == 0 and offsets[1] == vocabulary_size and offsets[-1] == num_arcs
        is_whole = bool(is_whole and (np.diff(offsets) >= 0).all() and (backoff_states <= np.arange(num_states)).all())
        for array, size in ((labels, vocabulary_size), (next_states, num_states), (backoff_states, num_states)):
            is_whole = is_whole and int(array.min()) >= 0 and int(array.max()) < size
        is_whole = is_whole and bool((backoff_states[1:] < np.arange(1, num_states)).all())
    if not is_whole:
        raise DataError(path, "is damaged: its arrays do not belong together", _REMEDY)


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
