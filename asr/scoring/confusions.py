"""Which phones are taken for which, and how well each phone and each broad class is heard."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from asr.scoring.counts import AlignedToken, ErrorCounts, count_places
from asr.scoring.tables import ERROR_COLUMNS, error_cells, table
from asr.text.phones import BROAD_CLASSES, broad_class

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Confusions:
    """The errors of a test set by phone.

    Attributes:
        substitutions: how often a phone of the reference (first) was taken for another (second).
        deletions: how often a phone was missed.
        insertions: how often a phone was heard where there is none.
        phones: errors of each phone; insertions are those of this phone.
        classes: the same of each broad class; a phone taken for another of its class is a substitution, too.
        within_class: substitutions by a phone of the same class, for each class.
    """

    substitutions: Counter[tuple[str, str]]
    deletions: Counter[str]
    insertions: Counter[str]
    phones: dict[str, ErrorCounts]
    classes: dict[str, ErrorCounts]
    within_class: Counter[str]

    def to_dict(self) -> dict[str, object]:
        """Returns all of it as plain values, for JSON, the most frequent confusions first."""
        pairs = _ranked(self.substitutions)
        return {
            "substitutions": [{"ref": ref, "hyp": hyp, "count": count} for (ref, hyp), count in pairs],
            "deletions": dict(_ranked(self.deletions)),
            "insertions": dict(_ranked(self.insertions)),
            "phones": {name: counts.to_dict() for name, counts in self.phones.items()},
            "classes": {
                name: {**counts.to_dict(), "substitutions_within": self.within_class[name]}
                for name, counts in self.classes.items()
            },
        }

    def to_text(self, number: int = 10) -> str:
        """Returns tables for a terminal, of the ``number`` most frequent substitutions, deletions and insertions."""
        rows = [["substituted", "", "deleted", "", "inserted", ""]]
        columns = [
            [(f"{ref} > {hyp}", count) for (ref, hyp), count in _ranked(self.substitutions)],
            _ranked(self.deletions),
            _ranked(self.insertions),
        ]
        for place in range(min(number, max(len(column) for column in columns))):
            cells = [column[place] if place < len(column) else ("", "") for column in columns]
            rows.append([str(part) for cell in cells for part in cell])
        frequent = table(rows, num_left=1) if len(rows) > 1 else "no errors"
        classes = [["class", *ERROR_COLUMNS, "sub within"]]
        classes += [[name, *error_cells(n), str(self.within_class[name])] for name, n in self.classes.items()]
        phones = [["phone", *ERROR_COLUMNS], *([name, *error_cells(n)] for name, n in self.phones.items())]
        return "\n\n".join(["most frequent:\n" + frequent, table(classes, 1), table(phones, 1)])


def find_confusions(alignments: Iterable[Sequence[AlignedToken]]) -> Confusions:
    """Counts the errors of a test set by phone.

    Args:
        alignments: of each utterance, phones of TIMIT.

    Raises:
        DataError: a phone has no broad class, being none of TIMIT's.

    Example:
        >>> confusions = find_confusions([[AlignedToken("m", "n"), AlignedToken("t", None)]])
        >>> confusions.substitutions, confusions.within_class
        (Counter({('m', 'n'): 1}), Counter({'nasals': 1}))
    """
    places = [place for alignment in alignments for place in alignment]
    substitutions = Counter((str(place.ref), str(place.hyp)) for place in places if place.kind == "S")
    within: Counter[str] = Counter()
    for (ref, hyp), count in substitutions.items():
        if broad_class(ref) == broad_class(hyp):
            within[broad_class(ref)] += count
    by_class = _count_by(places, broad_class)
    return Confusions(
        substitutions,
        Counter(str(place.ref) for place in places if place.kind == "D"),
        Counter(str(place.hyp) for place in places if place.kind == "I"),
        dict(sorted(_count_by(places, str).items())),
        {name: by_class[name] for name in BROAD_CLASSES if name in by_class},
        within,
    )


def _count_by(places: Iterable[AlignedToken], name: Callable[[str], str]) -> dict[str, ErrorCounts]:
    groups: dict[str, list[AlignedToken]] = defaultdict(list)
    for place in places:
        token = place.hyp if place.ref is None else place.ref
        if token is not None:
            groups[name(token)].append(place)
    return {group: count_places(own) for group, own in groups.items()}


def _ranked(counts: Counter[_Key]) -> list[tuple[_Key, int]]:
    """Sorts the most frequent first, equally frequent ones by name."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
