"""Hypotheses in files: one utterance a line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from asr.decoding.hypothesis import Hypothesis
from asr.errors import DataError
from asr.files import numbered_lines, written_whole
from asr.records import Record, parse_json

_REMEDY = "make it with: asr decode"


def write_hypotheses(path: str | Path, hypotheses: Iterable[tuple[str, Sequence[Hypothesis]]]) -> None:
    """Writes JSON lines, whole or not at all: the best hypothesis and its utterance id.

    Where there are several hypotheses, the line has all of them, the best included, under ``nbest`` too.

    Args:
        path: the file.
        hypotheses: utterance ids with their N-best lists, best first, at least one long.

    Raises:
        DataError: the file cannot be written.
    """
    with written_whole(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as lines:
        for utterance_id, nbest in hypotheses:
            fields: dict[str, object] = {"utterance_id": utterance_id, **nbest[0].to_dict()}
            if len(nbest) > 1:
                fields["nbest"] = [hypothesis.to_dict() for hypothesis in nbest]
            lines.write(f"{json.dumps(fields, ensure_ascii=False)}\n")


def read_hypotheses(path: str | Path, ids: Mapping[str, str] | None = None) -> dict[str, list[Hypothesis]]:
    """Returns the N-best list of each utterance, as :func:`write_hypotheses` wrote them.

    Args:
        path: the file.
        ids: utterance ids by the real paths of recordings, so that lines may be transcripts that ``asr transcribe
            --format jsonl`` wrote, whose score is 0; the id of another recording is its file name without the suffix.
            None refuses transcripts.

    Raises:
        DataError: the file cannot be read or is empty, or a line is no hypothesis or repeats an id, with its line.
    """
    found: dict[str, list[Hypothesis]] = {}
    if not Path(path).exists():
        raise DataError(path, "no such file", _REMEDY)
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        utterance_id, nbest = _parse(line, f"{path}:{number}", ids)
        if utterance_id in found:
            raise DataError(
                f"{path}:{number}", f"utterance id {utterance_id} stands here again", "keep one of its lines"
            )
        found[utterance_id] = nbest
    if not found:
        raise DataError(path, "holds no hypotheses", _REMEDY)
    return found


def read_texts(path: str | Path, ids: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns the text of the best hypothesis of each utterance; see :func:`read_hypotheses`."""
    return {utterance_id: nbest[0].text for utterance_id, nbest in read_hypotheses(path, ids).items()}


def _parse(line: str, where: str, ids: Mapping[str, str] | None) -> tuple[str, list[Hypothesis]]:
    record = Record.of(parse_json(line, where, _REMEDY), where, "is not a hypothesis", _REMEDY)
    if ids is not None and "path" in record.fields and "utterance_id" not in record.fields:
        path = record.text("path")
        scored = replace(record, fields={**record.fields, "score": 0.0})
        return ids.get(os.path.realpath(path), Path(path).stem), [Hypothesis.from_record(scored)]
    utterance_id = record.text("utterance_id")
    if "nbest" not in record.fields:
        return utterance_id, [Hypothesis.from_record(record)]
    nbest = [Hypothesis.from_record(each) for each in record.records("nbest")]
    if not nbest:
        raise record.error("nbest", "a list of at least one")
    return utterance_id, nbest
