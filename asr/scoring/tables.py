"""Text in columns, for a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from asr.scoring.counts import AlignedToken, ErrorCounts

ERROR_COLUMNS = ["ref", "sub", "del", "ins", "errors", "rate %"]
_LINE_WIDTH = 100


def display_width(text: str) -> int:
    """Returns how many columns a text takes: combining marks none, wide East Asian characters two.

    Example:
        >>> display_width("e\u0301"), display_width("語")
        (1, 2)
    """
    return sum(0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


def pad(text: str, width: int, is_left: bool = True) -> str:
    """Fills a text up with blanks, to stand left or right in ``width`` columns."""
    blanks = " " * (width - display_width(text))
    return text + blanks if is_left else blanks + text


def pad_row(row: Sequence[str], widths: Sequence[int], num_left: int) -> list[str]:
    """Fills up the cells of a row, the first ``num_left`` of them to stand left."""
    return [pad(cell, width, place < num_left) for place, (cell, width) in enumerate(zip(row, widths, strict=True))]


def table(rows: Sequence[Sequence[str]], num_left: int) -> str:
    """Sets rows in columns, two blanks apart, the first ``num_left`` of them to the left and the others to the right.

    Example:
        >>> print(table([["name", "rate"], ["a", "9.1"]], num_left=1))
        name  rate
        a      9.1
    """
    widths = [max(display_width(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(pad_row(row, widths, num_left)).rstrip() for row in rows)


def error_cells(counts: ErrorCounts) -> list[str]:
    """Returns the cells below :data:`ERROR_COLUMNS`."""
    numbers = (counts.num_ref, counts.substitutions, counts.deletions, counts.insertions, counts.errors)
    return [*(str(number) for number in numbers), f"{100 * counts.rate:.2f}"]


def percent_interval(interval: tuple[float, float] | None) -> str:
    """Returns an interval of rates in percent, a dash for none."""
    return "-" if interval is None else f"{100 * interval[0]:.2f} to {100 * interval[1]:.2f}"


def lines_of_places(places: Sequence[AlignedToken]) -> list[str]:
    r"""Sets a hypothesis below its reference, token by token, with S, D or I below each error that is not forgiven.

    Stars stand for a token that is not there, and the blank between words is shown as an underlined blank. Long texts
    are broken into several blocks.

    Example:
        >>> places = [AlignedToken("the", "the"), AlignedToken("cat", "hat"), AlignedToken("sat", None)]
        >>> print("\n".join(lines_of_places(places)))
          ref  the  cat  sat
          hyp  the  hat  ***
                    S    D
    """
    blocks: list[list[tuple[str, ...]]] = [[]]
    used = 0
    for place in places:
        cells = [None if token is None else visible(token) for token in (place.ref, place.hyp)]
        width = max(display_width(cell) for cell in cells if cell is not None)
        column = tuple(pad("*" * width if cell is None else cell, width) for cell in [*cells, place.kind])
        if used and used + width > _LINE_WIDTH:
            blocks.append([])
            used = 0
        blocks[-1].append(column)
        used += width + 2
    return [
        f"  {name}  {'  '.join(cells)}".rstrip()
        for block in blocks
        for name, cells in zip(("ref", "hyp", "   "), zip(*block, strict=True), strict=False)
    ]


def visible(token: str) -> str:
    """Returns a token as tables show it: the blank between words as an underlined blank."""
    return "\u2423" if token == " " else token
