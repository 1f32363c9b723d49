"""Tables of utterances: CSV and TSV as spreadsheets, data sets and scripts write them."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from asr.corpora.rows import COLUMNS, Naming, Row, make_row, missing_columns
from asr.errors import DataError
from asr.files import open_text

logger = logging.getLogger(__name__)

_DELIMITERS = ",;\t|"
_SEPARATOR = re.compile(r"\"?sep=(.|\\t)\"?\s*", re.IGNORECASE)  # Excel's first line
_NAMED = {"audio": 4, "text": 3}  # columns that an error mentions
_AUDIO = ("wavs/{}.wav", "{}.wav", "wavs/{}.flac", "{}.flac")  # of an id, in LJSpeech and its like


def read_table(path: Path) -> Iterator[Row]:
    """Reads a table with a header: CSV with commas, semicolons, tabs or bars, or TSV without quoting.

    Columns are those of :data:`asr.corpora.rows.COLUMNS`, in small or capital letters; audio and text are needed,
    others are not read. Times are in seconds. LJSpeech's ``metadata.csv``, which has no header, is recognised by its
    first line.

    Raises:
        DataError: a column is missing or doubled, or a row does not match the header; with the line.
    """
    with open_text(path) as lines:
        first = lines.readline()
        separator = _SEPARATOR.fullmatch(first)
        num_skipped = 1 if separator else 0
        head = lines.readline() if separator else first
        if separator is None and _is_ljspeech(path, head):
            yield from _read_ljspeech(path, chain([head], lines))
            return
        given = separator[1].replace("\\t", "\t") if separator else None
        yield from _read(path, chain([head], lines), _options(path, head, given), num_skipped)


def _options(path: Path, head: str, delimiter: str | None) -> dict[str, object]:
    """Returns options of the csv module for a table, from its name and its first line."""
    if path.suffix == ".tsv" and not head.startswith('"'):
        return {"delimiter": delimiter or "\t", "quoting": csv.QUOTE_NONE}
    return {"delimiter": delimiter or max(_DELIMITERS, key=head.count), "strict": True}


def _read(path: Path, lines: Iterable[str], options: dict[str, object], num_skipped: int) -> Iterator[Row]:
    rows = _numbered_rows(path, csv.reader(lines, **options), num_skipped)  # type: ignore[arg-type]
    line, cells = next(rows, (1 + num_skipped, []))
    header = [cell.strip().lower() for cell in cells]
    while header and not header[-1]:
        header.pop()  # a delimiter after the last column
    _check_header(header, f"{path}:{line}")
    naming = Naming(path)
    for line, cells in rows:
        where = f"{path}:{line}"
        if not any(cells):
            continue  # a line of delimiters, as spreadsheets write after the last row
        if len(cells) < len(header) or any(cells[len(header) :]):
            found = f"has {'fewer' if len(cells) < len(header) else 'more'} fields than the header's {len(header)}"
            raise DataError(where, found, "quote fields that hold the delimiter")
        yield make_row(naming.values(dict(zip(header, cells, strict=False))), path, where)


def _numbered_rows(path: Path, reader: Iterator[list[str]], num_skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Yields rows with the number of the line on which each begins."""
    line = 1 + num_skipped
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise DataError(f"{path}:{line}", f"is not CSV ({error})", "correct the line: is a quote open?") from None
        if cells is None:
            return
        if cells:
            yield line, cells
        line = reader.line_num + 1 + num_skipped  # type: ignore[attr-defined]


def _check_header(header: list[str], where: str) -> None:
    read = [name for names in COLUMNS.values() for name in names]
    doubled = [name for name in header if name in read and header.count(name) > 1]
    if doubled:
        raise DataError(where, f"has the column {doubled[0]} twice", "rename or remove one of them")
    wanted = missing_columns(header)
    if wanted is not None:
        names = COLUMNS[wanted][: _NAMED[wanted]]
        found = f"no column {' or '.join(names)} in the header: {', '.join(header) or 'nothing'}"
        raise DataError(where, found, "name the columns in the first line")


def _is_ljspeech(path: Path, head: str) -> bool:
    """Whether a first line is "id|text" or "id|text|normalised text" of an existing audio file."""
    fields = head.split("|")
    name = fields[0].strip()
    return len(fields) in (2, 3) and bool(name) and "\0" not in name and _ljspeech_audio(path, name) is not None


def _ljspeech_audio(path: Path, name: str) -> str | None:
    return next((form.format(name) for form in _AUDIO if (path.parent / form.format(name)).is_file()), None)


def _read_ljspeech(path: Path, lines: Iterable[str]) -> Iterator[Row]:
    num_fields = 0
    for number, line in enumerate(lines, start=1):
        fields = [field.strip() for field in line.split("|")]
        if fields == [""]:
            continue
        if not num_fields:
            num_fields = len(fields)
            taken = "the normalised text" if num_fields == 3 else "the text"
            logger.warning("%s: has no header and is read as LJSpeech's: an id, then %s", path, taken)
        if len(fields) != num_fields:
            raise DataError(f"{path}:{number}", f"has {len(fields)} fields, the first line {num_fields}", "correct it")
        audio = _ljspeech_audio(path, fields[0]) or _AUDIO[0].format(fields[0])
        values = dict.fromkeys(COLUMNS, "") | {"audio": audio, "text": fields[-1], "id": fields[0]}
        yield make_row(values, path, f"{path}:{number}")
