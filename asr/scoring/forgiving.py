"""Alignment in which silence may come and go at no cost."""

from __future__ import annotations

from collections.abc import Sequence

from asr.scoring.counts import AlignedToken
from asr.text.phones import SILENCE


def align_forgiving(ref: Sequence[str], hyp: Sequence[str], *, free_insertions: bool) -> list[AlignedToken]:
    """Aligns a hypothesis with its reference; a reference silence that is deleted costs nothing.

    All else weighs 1: substitutions (of and by silence, too), other deletions and insertions. Of all alignments with
    the fewest errors it returns one with the most equal tokens, and of those one that forgives the least.

    With ``free_insertions`` the number of errors is the same as if silence were removed from both sides: wherever
    silence stands against a phone, the phone could as well be inserted or deleted, and the silence be forgiven.

    **Source**: Wagner and Fischer, "The string-to-string correction problem", 1974, with weights by token.

    Args:
        ref: tokens of the reference.
        hyp: tokens of the hypothesis.
        free_insertions: whether a silence that the hypothesis inserts costs nothing, too.

    Example:
        >>> [place.kind for place in align_forgiving(["sil", "b", "sil"], ["b", "d", "sil"], free_insertions=False)]
        ['', '', 'I', '']
    """
    free = (SILENCE,) if free_insertions else ()
    base = len(ref) + len(hyp) + 1  # more than the equal tokens, or the forgiven ones, of any alignment
    error, equal, forgiven = base * base, -base, 1
    deletions = [forgiven if token == SILENCE else error for token in ref]
    insertions = [forgiven if token in free else error for token in hyp]
    costs = [[0]]
    for insertion in insertions:
        costs[0].append(costs[0][-1] + insertion)
    for token, deletion in zip(ref, deletions, strict=True):
        above, row = costs[-1], [costs[-1][0] + deletion]
        for j, (other, insertion) in enumerate(zip(hyp, insertions, strict=True)):
            across = above[j] + (equal if token == other else error)
            row.append(min(across, above[j + 1] + deletion, row[j] + insertion))
        costs.append(row)
    return _trace(ref, hyp, costs, deletions, insertions, forgiven)


def _trace(
    ref: Sequence[str],
    hyp: Sequence[str],
    costs: list[list[int]],
    deletions: list[int],
    insertions: list[int],
    forgiven: int,
) -> list[AlignedToken]:
    """Goes back from the end along the least costs."""
    places: list[AlignedToken] = []
    i, j = len(ref), len(hyp)
    while i or j:
        if i and costs[i][j] == costs[i - 1][j] + deletions[i - 1]:
            i -= 1
            places.append(AlignedToken(ref[i], None, deletions[i] == forgiven))
        elif j and costs[i][j] == costs[i][j - 1] + insertions[j - 1]:
            j -= 1
            places.append(AlignedToken(None, hyp[j], insertions[j] == forgiven))
        else:
            i, j = i - 1, j - 1
            places.append(AlignedToken(ref[i], hyp[j]))
    return places[::-1]
