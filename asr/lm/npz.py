"""The compact binary form of n-gram models: arrays in a zip archive, checked before use."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.errors import AsrError, DataError
from asr.files import written_whole
from asr.lm.ngram import NEVER, NGramModel
from asr.lm.vocabulary import Vocabulary

_FORMAT = "carousel n-gram 1"
_ARRAYS: dict[str, npt.DTypeLike] = {
    "arc_offsets": np.int64,
    "arc_labels": np.int32,
    "arc_log_probs": np.float64,
    "arc_next_states": np.int32,
    "backoffs": np.float64,
    "backoff_states": np.int32,
}
_INDICES = ("arc_offsets", "arc_labels", "arc_next_states", "backoff_states")
_REMEDY = "make it with: asr lm convert"

_MOST_RATIO = 100  # of unpacked to packed bytes; models reach 10, archives that are made to fill memory 1000
_LEAST_LIMIT = 1 << 26  # bytes that may always be unpacked
_MOST_ORDER = 100
_ROUNDING = 1e-6  # by which a natural-log probability may exceed 0
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '([<>|][iuf][1248])', 'fortran_order': False, 'shape': \((\d{1,12}),\), \} *\n")


def write_npz(model: NGramModel, path: str | Path) -> None:
    """Writes a model bit for bit, completely or not at all.

    Raises:
        DataError: the file cannot be written.
    """
    arrays: dict[str, npt.NDArray[Any]] = {name: getattr(model, name) for name in _ARRAYS}
    arrays["format"] = _bytes(_FORMAT)
    arrays["words"] = _bytes("\n".join(model.vocabulary.words))
    arrays["num_ngrams"] = np.array(model.num_ngrams, dtype=np.int64)
    with written_whole(path) as beside:
        np.savez_compressed(beside, allow_pickle=False, **arrays)


def read_npz(path: Path) -> NGramModel:
    """Reads what :func:`write_npz` wrote; memory is bounded by the size of the file.

    Raises:
        DataError: the file cannot be read, is of another kind, or its arrays do not form a model.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            arrays = _Arrays(path, archive)
            if arrays.text("format") != _FORMAT:
                raise DataError(path, "is not an n-gram model of this program", _REMEDY)
            vocabulary = Vocabulary(tuple(arrays.text("words").split("\n")))
            num_ngrams = tuple(arrays.read("num_ngrams", np.int64).tolist())
            values = {name: arrays.read(name, dtype) for name, dtype in _ARRAYS.items()}
    except AsrError as error:
        raise DataError(path, error.found, _REMEDY) from None
    except FileNotFoundError:
        raise DataError(path, "no such file", "check the path") from None
    except Exception as error:  # zipfile fails on damage wherever it is: names, sizes, flags
        raise DataError(path, f"cannot be read ({type(error).__name__}: {error})", _REMEDY) from None
    return model_of(path, _REMEDY, vocabulary, num_ngrams, values)


def model_of(
    path: Path, remedy: str, vocabulary: Vocabulary, num_ngrams: tuple[int, ...], arrays: dict[str, npt.NDArray[Any]]
) -> NGramModel:
    """Returns the model that arrays out of a file are, after a check that nothing leads out of them, nor in circles.

    Args:
        path: the file, for errors.
        remedy: what to do about it.
        vocabulary: the words.
        num_ngrams: n-grams of each order.
        arrays: the arrays of :class:`NGramModel` by name.

    Raises:
        DataError: they do not make a model.
    """
    if not _is_whole(len(vocabulary), num_ngrams, arrays):
        raise DataError(path, "is damaged: its arrays do not belong together", remedy)
    if not _has_probabilities(arrays):
        raise DataError(path, "is damaged: some of its log probabilities are above 0 or not a number", remedy)
    bounded = {name: np.maximum(arrays[name], _MOST_ORDER * NEVER) for name in ("arc_log_probs", "backoffs")}
    return NGramModel(vocabulary, num_ngrams, **{**arrays, **bounded})


class _Arrays:
    """The arrays of an archive, each read with its required type and length."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        """Raises a :class:`DataError` for an archive that would fill the memory."""
        size, unpacked = path.stat().st_size, sum(info.file_size for info in archive.infolist())
        if unpacked > max(_LEAST_LIMIT, _MOST_RATIO * size):
            raise DataError(path, f"would unpack to {unpacked:,} bytes out of {size:,}, which no model does", _REMEDY)
        self._path, self._archive = path, archive

    def read(self, name: str, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """Returns a one-dimensional array; raises a :class:`DataError` if it is missing or of another type."""
        try:
            info = self._archive.getinfo(f"{name}.npy")
        except KeyError:
            raise DataError(self._path, f"cannot be read (KeyError: it has no {name})", _REMEDY) from None
        content = self._archive.read(info)
        end = 10 + int.from_bytes(content[8:10], "little")
        header = _HEADER.fullmatch(content[10:end]) if content.startswith(_MAGIC) else None
        if header is None or np.dtype(header[1].decode()).newbyteorder("=") != dtype:
            raise DataError(self._path, f"cannot be read (ValueError: {name} is not an array of its type)", _REMEDY)
        stored = np.frombuffer(content, np.dtype(header[1].decode()), offset=end)
        if len(stored) != int(header[2]):
            raise DataError(self._path, f"is damaged: {name} is cut short", _REMEDY)
        return stored.astype(dtype)

    def text(self, name: str) -> str:
        """Returns a text that is stored as bytes."""
        return self.read(name, np.uint8).tobytes().decode()


def _is_whole(vocabulary_size: int, num_ngrams: tuple[int, ...], arrays: dict[str, npt.NDArray[Any]]) -> bool:
    """Says whether arrays are consistent: a damaged file must not lead to indices out of range or to endless loops."""
    if not 1 <= len(num_ngrams) <= _MOST_ORDER or num_ngrams[0] != vocabulary_size or min(num_ngrams) < 0:
        return False
    num_arcs, num_states = sum(num_ngrams), 1 + sum(num_ngrams[:-1])
    lengths = (num_states + 1, num_arcs, num_arcs, num_arcs, num_states, num_states)
    if any(len(arrays[name]) != length for name, length in zip(_ARRAYS, lengths, strict=True)):
        return False
    sizes = (num_arcs + 1, vocabulary_size, num_states, num_states)
    offsets, labels, _, backoff_states = indices = [arrays[name] for name in _INDICES]
    if any(int(values.min()) < 0 or int(values.max()) >= size for values, size in zip(indices, sizes, strict=True)):
        return False
    if offsets[0] != 0 or offsets[1] != vocabulary_size or offsets[-1] != num_arcs or (np.diff(offsets) < 0).any():
        return False
    is_first = np.zeros(num_arcs + 1, dtype=bool)  # of its state, which the labels ascend within
    is_first[offsets] = True
    if not (is_first[1:-1] | (labels[1:] > labels[:-1])).all():
        return False
    states = backoff_states
    for _ in range(len(num_ngrams) - 2):
        states = backoff_states[states]
    return not states.any() and bool((backoff_states[1:] < np.arange(1, num_states, dtype=np.int32)).all())


def _has_probabilities(arrays: dict[str, npt.NDArray[Any]]) -> bool:
    """Says whether log probabilities are at most 0, minus infinity included, and back-off weights at most 10^99."""
    return bool((arrays["arc_log_probs"] <= _ROUNDING).all() and (arrays["backoffs"] <= -NEVER).all())


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)
