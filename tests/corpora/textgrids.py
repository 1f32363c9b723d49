"""TextGrid files that the tests make."""

from __future__ import annotations

from pathlib import Path

Tier = list[tuple[float, float, str]]


def write_textgrid(path: Path, words: Tier, phones: Tier, end: float, names: tuple[str, str] = ("words", "phones")):
    """Writes a file in the short text format, without stretches between the intervals given."""
    lines = ['"ooTextFile"', '"TextGrid"', "0", str(end), "<exists>", "2"]
    for name, tier in zip(names, (words, phones), strict=True):
        lines += ['"IntervalTier"', f'"{name}"', "0", str(end), str(len(tier))]
        lines += [str(value) for start, stop, label in tier for value in (start, stop, f'"{label}"')]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
