"""What a model of characters or of phones learns to produce for a cut."""

from __future__ import annotations

from lhotse.cut import Cut

from asr.errors import DataError
from asr.text.tokens import Unit


def target_text(cut: Cut, unit: Unit) -> str:
    """Returns the raw target of a cut; the caller applies the text policy.

    Args:
        cut: a cut with one supervision.
        unit: "char" or "bpe" for the transcript; "phone" for phones separated by blanks: ``custom["phones"]`` of the
            supervision if it has them, else the symbols of its phone alignment in temporal order.

    Raises:
        DataError: the cut does not have exactly one supervision, or the target is missing.
    """
    if len(cut.supervisions) != 1:
        raise DataError(cut.id, f"has {len(cut.supervisions)} supervisions, not one", "run asr prepare again")
    supervision = cut.supervisions[0]
    if unit != "phone":
        if supervision.text is None:
            raise DataError(cut.id, "has no transcript", "add it to the corpus and run asr prepare again")
        return str(supervision.text)
    phones = (supervision.custom or {}).get("phones")
    if phones is not None:
        return str(phones)
    alignment = (supervision.alignment or {}).get("phone")
    if alignment is None:
        raise DataError(cut.id, "has no phone transcript", "choose a unit that the corpus has, such as --unit char")
    return " ".join(item.symbol for item in sorted(alignment, key=lambda item: item.start))
