"""Hypotheses in files: one utterance a line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from asr.decoding.hypothesis import Hypothesis
from asr.errors import DataError
from asr.files import written_whole

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
            fields: dict[str, Any] = {"utterance_id": utterance_id, **nbest[0].to_dict()}
            if len(nbest) > 1:
                fields["nbest"] = [hypothesis.to_dict() for hypothesis in nbest]
            lines.write(f"{json.dumps(fields, ensure_ascii=False)}\n")


def read_hypotheses(path: str | Path) -> dict[str, list[Hypothesis]]:
    """Gives the N-best list of each utterance, as :func:`write_hypotheses` wrote them.

    Raises:
        DataError: the file cannot be read or is empty, or a line is no hypothesis or repeats an id, with its line.
    """
    path, found = Path(path), dict[str, list[Hypothesis]]()
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise DataError(path, "no such file", _REMEDY) from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "check the path") from None
    except UnicodeDecodeError:
        raise DataError(path, "is not UTF-8 text", _REMEDY) from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        utterance_id, nbest = _parse(line, f"{path}:{number}")
        if utterance_id in found:
            raise DataError(
                f"{path}:{number}", f"utterance id {utterance_id} stands here again", "keep one of its lines"
            )
        found[utterance_id] = nbest
    if not found:
        raise DataError(path, "holds no hypotheses", _REMEDY)
    return found


def _parse(line: str, where: str) -> tuple[str, list[Hypothesis]]:
    try:
        fields = json.loads(line)
    except ValueError:
        raise DataError(where, "is not JSON", _REMEDY) from None
    try:
        utterance_id = fields["utterance_id"]
        nbest = [Hypothesis.from_dict(each) for each in fields.get("nbest", [fields])]
        texts = [utterance_id, *(hypothesis.text for hypothesis in nbest)]
    except KeyError as error:
        raise DataError(where, f"has no {error.args[0]!r}", _REMEDY) from None
    except (TypeError, AttributeError):
        raise DataError(where, "is not a hypothesis", _REMEDY) from None
    if not nbest or not all(isinstance(text, str) for text in texts):
        raise DataError(where, "is not a hypothesis", _REMEDY)
    return utterance_id, nbest
