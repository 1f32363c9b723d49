"""TextGrid files that the tests make."""

from __future__ import annotations

from pathlib import Path

Tier = list[tuple[float, float, str]]


def write_textgrid(path: Path, words: Tier, phones: Tier, end: float, names: tuple[str, str] = ("words", "phones")):
    """Writes a file in the short text format, without stretches between the intervals given."""
    write_tiers(path, dict(zip(names, (words, phones), strict=True)), end)


def write_tiers(path: Path, tiers: dict[str, Tier], end: float):
    """Writes tiers by their names, as :func:`write_textgrid` does."""
    lines = ['"ooTextFile"', '"TextGrid"', "0", str(end), "<exists>", str(len(tiers))]
    for name, tier in tiers.items():
        lines += ['"IntervalTier"', f'"{name}"', "0", str(end), str(len(tier))]
        lines += [str(value) for start, stop, label in tier for value in (start, stop, f'"{label}"')]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")
