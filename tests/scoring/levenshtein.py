"""Least numbers of errors, found by trying all alignments and by the textbook."""

from __future__ import annotations

from functools import cache


def least_errors(ref: tuple[str, ...], hyp: tuple[str, ...], free_insertions: bool) -> int:
    """Tries all alignments, token by token from the front."""

    @cache
    def least(i: int, j: int) -> int:
        if i == len(ref) and j == len(hyp):
            return 0
        ways = []
        if i < len(ref):
            ways.append(least(i + 1, j) + (ref[i] != "sil"))
        if j < len(hyp):
            ways.append(least(i, j + 1) + (not (free_insertions and hyp[j] == "sil")))
        if i < len(ref) and j < len(hyp):
            ways.append(least(i + 1, j + 1) + (ref[i] != hyp[j]))
        return min(ways)

    return least(0, 0)


def plain_levenshtein(ref: list[str], hyp: list[str]) -> int:
    row = list(range(len(hyp) + 1))
    for i, token in enumerate(ref, start=1):
        before, row[0] = row[0], i
        for j, other in enumerate(hyp, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (token != other))
    return row[-1]
