"""Nested settings as dotted keys, as on the command line."""

from __future__ import annotations

from collections.abc import Iterator


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yields the values of nested dicts and lists with their dotted keys.

    Example:
        >>> list(leaves({"a": {"b": [1, 2]}}))
        [('a.b[0]', 1), ('a.b[1]', 2)]
    """
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{place}]")
    else:
        yield path, value
