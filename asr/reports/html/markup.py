"""HTML from elements; everything that is not markup is escaped."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_VOID = frozenset(("br", "img", "link", "meta"))


class Markup(str):
    """Text that is HTML."""

    __slots__ = ()


Content = Markup | str | int


def escaped(content: Content) -> Markup:
    r"""Returns HTML unchanged and everything else escaped; control characters become U+FFFD.

    Example:
        >>> escaped("<a> & \x1b"), escaped(Markup("<br>"))
        ('&lt;a&gt; &amp; �', '<br>')
    """
    if isinstance(content, Markup):
        return content
    return Markup(html.escape(_CONTROL.sub("\ufffd", str(content))))


def joined(contents: Iterable[Content]) -> Markup:
    """Returns the concatenated contents."""
    return Markup("".join(map(escaped, contents)))


def tag(name: str, /, *contents: Content, **attributes: str | float | bool) -> Markup:
    """Returns an element of HTML or SVG.

    Args:
        name: of the element.
        contents: what is in it, escaped where it is no markup.
        attributes: a trailing underscore is left out of their names, others become hyphens; False leaves one out,
            True gives it without a value.

    Example:
        >>> tag("p", "1 < 2", class_="note", aria_label='"', hidden=True)
        '<p class="note" aria-label="&quot;" hidden>1 &lt; 2</p>'
    """
    parts = [name]
    for key, value in attributes.items():
        if value is False:
            continue
        attribute = key.removesuffix("_").replace("_", "-")
        parts.append(attribute if value is True else f'{attribute}="{escaped(_number(value))}"')
    opening = f"<{' '.join(parts)}>"
    return Markup(opening if name in _VOID else f"{opening}{joined(contents)}</{name}>")


def _number(value: str | float) -> str:
    """Returns a number with at most two decimals."""
    return value if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")


def data_uri(media_type: str, content: bytes) -> str:
    """Returns a data URI."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def table(head: Sequence[Content], rows: Iterable[Sequence[Content]], caption: Content) -> Markup:
    """Returns a table whose first column names the rows; it scrolls if it is wider than the page.

    Args:
        head: of the columns.
        rows: as many cells each.
        caption: what the table shows.
    """
    columns = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    body = [
        tag("tr", tag("th", first, scope="row", dir="auto"), *(tag("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    whole = tag("table", tag("caption", caption), tag("thead", columns), tag("tbody", *body))
    return scrolling(whole, caption)


def scrolling(content: Content, label: Content) -> Markup:
    """Returns a region that scrolls horizontally, also by keyboard."""
    return tag("div", content, class_="scroll", role="region", tabindex="0", aria_label=str(label))


def section(name: str, title: str, *contents: Content) -> Markup:
    """Returns a section with its heading; links lead to its name."""
    return tag("section", tag("h2", title, id=f"{name}-title"), *contents, id=name, aria_labelledby=f"{name}-title")
