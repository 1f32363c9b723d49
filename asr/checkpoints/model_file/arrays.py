"""Arrays as members of a model file: integers in byte planes, which deflate well, and rounded scores."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from asr.checkpoints.model_file.members import Members, Written
from asr.records import Record

Ints = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float32]
Precision = Literal["float32", "float16", "int8"]

_BOOK_SIZE = 256
_NEVER = -200.0  # scores below it mean "never", and are kept exactly


class ArrayWriter:
    """Writes the arrays of a part of a model file and collects how each is stored.

    Attributes:
        forms: how each array is stored, for JSON.
    """

    def __init__(self, written: Written, part: str) -> None:
        """Starts without arrays.

        Args:
            written: the members.
            part: folder of the members.
        """
        self._written, self._part = written, part
        self.forms: dict[str, dict[str, Any]] = {}

    def whole(self, name: str, values: npt.NDArray[Any]) -> None:
        """Writes integers: the first bytes of all, then the second bytes, up to the width that the largest needs."""
        values = values.astype(np.int64)
        is_signed = bool((values < 0).any())
        if is_signed:
            values = np.where(values < 0, -2 * values - 1, 2 * values)
        width = max(1, -(-int(values.max(initial=0)).bit_length() // 8))
        self.forms[name] = {"width": width, "signed": is_signed}
        self._planes(name, values, width)

    def scores(self, name: str, values: npt.NDArray[Any], precision: Precision) -> None:
        """Writes numbers in float32, in float16, or as indices into a codebook of 256 values in float32."""
        if precision == "int8":
            book = _book(values)
            self._written.add(f"{self._part}/{name}_book", book.astype("<f4").tobytes())
            self._planes(name, np.searchsorted((book[1:] + book[:-1]) / 2, values), 1)
            self.forms[name] = {"book": len(book)}
            return
        width = 4 if precision == "float32" else 2
        self._planes(name, np.ascontiguousarray(values, f"<f{width}").view(f"<u{width}"), width)
        self.forms[name] = {"float": width}

    def text(self, name: str, text: str) -> None:
        """Writes a text."""
        self._written.add(f"{self._part}/{name}", text.encode())

    def _planes(self, name: str, values: npt.NDArray[Any], width: int) -> None:
        planes = [(values >> 8 * place & 255).astype(np.uint8).tobytes() for place in range(width)]
        self._written.add(f"{self._part}/{name}", b"".join(planes))


class ArrayReader:
    """Reads what :class:`ArrayWriter` wrote; memory is taken for what is there, not for what is declared."""

    def __init__(self, members: Members, part: str, forms: Record) -> None:
        """Starts reading.

        Args:
            members: the members.
            part: folder of the members.
            forms: how each array is stored.
        """
        self._members, self._part, self._forms = members, part, forms

    def whole(self, name: str, count: int) -> Ints:
        """Returns integers, shape (count,): int32 up to three bytes, which takes a third of the time, else int64.

        Raises:
            AsrError: there are more or fewer.
        """
        form = self._forms.record(name)
        width = form.whole("width", 1)
        if width > 8:
            raise form.error("width", "1 to 8")
        *lower, highest = self._planes(name, count, width)
        values: Ints = highest.astype(np.int32 if width < 4 else np.int64)
        for plane in reversed(lower):
            values <<= 8
            values |= plane
        if form.flag("signed"):
            flips = -(values & 1)
            values >>= 1
            values ^= flips
        return values

    def scores(self, name: str, count: int) -> Floats:
        """Returns numbers, shape (count,); some may be NaN or infinite.

        Raises:
            AsrError: there are more or fewer.
        """
        form = self._forms.record(name)
        if form.has("book"):
            size = form.whole("book", 1)
            book = np.frombuffer(self._members.read(f"{self._part}/{name}_book", 4 * size), "<f4").astype(np.float32)
            places = self._planes(name, count, 1)[0]
            if int(places.max(initial=0)) >= size:
                raise self._members.foreign(f"{self._part}/{name} has numbers outside of its book")
            found: Floats = book[places]
            return found
        width = form.whole("float", 2)
        if width not in (2, 4):
            raise form.error("float", "2 or 4")
        bits = np.ascontiguousarray(self._planes(name, count, width).T)
        return bits.reshape(-1).view(f"<f{width}").astype(np.float32)

    def text(self, name: str) -> str:
        """Returns a text.

        Raises:
            CheckpointError: it is missing, damaged or not text.
        """
        return self._members.text(f"{self._part}/{name}")

    def _planes(self, name: str, count: int, width: int) -> npt.NDArray[np.uint8]:
        """Returns the bytes of numbers, the lowest first, shape (width, count)."""
        return np.frombuffer(self._members.read(f"{self._part}/{name}", count * width), np.uint8).reshape(width, count)


def _book(values: npt.NDArray[Any]) -> Floats:
    """Returns a codebook of at most 256 ascending numbers: all values if there are no more.

    Otherwise half of them are the means of equal shares, so that most values are close to one, and half are evenly
    spaced from the lowest to the highest, so that no value is far from all. 0 and the values that mean "never" are kept
    exactly: a search distinguishes them from their neighbours.
    """
    different = np.unique(values.astype(np.float32))
    if len(different) > _BOOK_SIZE:
        never = different[different < _NEVER]
        kept = np.append(never if len(never) < _BOOK_SIZE // 2 else never[:1], np.float32(0.0))
        likely = values[values >= _NEVER]
        rest = np.sort((likely if len(likely) else values).astype(np.float64))
        half = (_BOOK_SIZE - len(kept)) // 2
        means = [share.mean() for share in np.array_split(rest, half)]
        even = np.linspace(rest[0], rest[-1], half)
        different = np.unique(np.concatenate([kept, means, even]).astype(np.float32))
    return different if len(different) else np.zeros(1, dtype=np.float32)
