"""What the text of a language model shares with a test set, as reports say it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import DataError
from asr.files import written_whole
from asr.lm.overlap import Overlap
from asr.records import Record

if TYPE_CHECKING:
    from asr.scoring.splits import Split

_KIND, _REMEDY = "cannot be read as an overlap", "make it with: asr lm overlap --out"


@dataclass(frozen=True)
class MeasuredOverlap:
    """The verdict on a text and a test set.

    Attributes:
        files: of the text.
        split_name: of the test set.
        split_hash: of its utterances and transcripts, see :class:`asr.scoring.splits.Split`.
        verdict: in one line.
    """

    files: tuple[str, ...]
    split_name: str
    split_hash: str
    verdict: str

    def __str__(self) -> str:
        return f"language-model text ({', '.join(self.files)}) and {self.split_name}: {self.verdict}"

    def to_dict(self) -> dict[str, object]:
        """Returns it as plain values, for JSON."""
        split = {"name": self.split_name, "hash": self.split_hash}
        return {"files": list(self.files), "split": split, "verdict": self.verdict}

    def save(self, path: Path, overlap: Overlap) -> None:
        """Writes it with all figures.

        Raises:
            DataError: the file cannot be written.
        """
        with written_whole(path) as beside:
            content = {**self.to_dict(), **asdict(overlap)}
            beside.write_text(f"{json.dumps(content, indent=2, ensure_ascii=False)}\n", encoding="utf-8")

    @classmethod
    def of(cls, record: Record) -> MeasuredOverlap:
        """Returns what :meth:`to_dict` wrote.

        Raises:
            DataError: it is none.
        """
        split, files = record.record("split"), record.items("files")
        if not all(isinstance(file, str) for file in files):
            raise record.error("files", "a list of names")
        return cls(tuple(files), split.text("name"), split.text("hash"), record.text("verdict"))


def read_overlap(path: str | Path, split: Split) -> MeasuredOverlap:
    """Reads what ``asr lm overlap`` wrote about the utterances that are scored.

    Raises:
        DataError: the file cannot be read, or is about other utterances.
    """
    found = MeasuredOverlap.of(Record.read(path, _KIND, _REMEDY))
    if found.split_hash != split.hash:
        text = f"is about {found.split_name} (hash {found.split_hash}), not {split.name} (hash {split.hash})"
        raise DataError(path, text, "measure it against the cuts that are scored: asr lm overlap --against")
    return found
