"""Phone error rates under named protocols, with the card that says what was measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from asr.corpora.timit_speakers import CORE_TEST_SPEAKERS, DEV_SPEAKERS, NUM_TEST_SPEAKERS, TRAIN_SPEAKERS
from asr.scoring.confusions import Confusions, find_confusions
from asr.scoring.counts import count_errors, count_places
from asr.scoring.protocols import Protocol, refuse_sa
from asr.scoring.references import Reference, join
from asr.scoring.report import (
    ERROR_COLUMNS,
    Score,
    ScoredUtterance,
    count_speakers,
    counts_dict,
    error_cells,
    group_table,
    percent_interval,
    worst_text,
)
from asr.scoring.tables import table
from asr.text.phones import PhoneSet

_OFFICIAL = {
    "train of TIMIT": (3696, TRAIN_SPEAKERS),
    "dev of TIMIT": (400, DEV_SPEAKERS),
    "core test of TIMIT": (192, CORE_TEST_SPEAKERS),
}
_NUM_FULL_TEST = 8 * NUM_TEST_SPEAKERS


@dataclass(frozen=True)
class Split:
    """Which utterances were scored.

    Attributes:
        name: of the cuts file, such as "test".
        num_utterances: how many.
        num_speakers: how many; None if not all are known.
        official: the split of TIMIT that these are, by number and speakers, or that they are none.
        hash: 8 hex digits of the utterance ids and their raw transcripts.
    """

    name: str
    num_utterances: int
    num_speakers: int | None
    official: str
    hash: str

    def __str__(self) -> str:
        speakers = "unknown" if self.num_speakers is None else self.num_speakers
        counts = f"{self.num_utterances} utterances, {speakers} speakers"
        return f"split {self.name}: {counts}, {self.official} (hash {self.hash})"


def describe_split(cuts: str | Path, references: Sequence[Reference]) -> Split:
    """Says which utterances are scored.

    Args:
        cuts: the file they come from; its name is that of the split.
        references: all that is in it.
    """
    name = Path(cuts).name.removesuffix(".gz").removesuffix(".jsonl").removesuffix("_cuts")
    lines = sorted(f"{reference.utterance_id}\t{' '.join(reference.text.split())}\n" for reference in references)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()[:8]
    return Split(name, len(references), count_speakers(references), _official(references), digest)


def _official(references: Sequence[Reference]) -> str:
    speakers = {reference.speaker for reference in references}
    for name, (number, names) in _OFFICIAL.items():
        if (len(references), speakers) == (number, set(names)):
            return name
    is_full = (len(references), len(speakers)) == (_NUM_FULL_TEST, NUM_TEST_SPEAKERS)
    if is_full and speakers >= {*DEV_SPEAKERS, *CORE_TEST_SPEAKERS}:
        return "full test of TIMIT, which contains its dev speakers"
    return "no official split of TIMIT"


@dataclass(frozen=True)
class ProtocolScore(Score):
    """One set of hypotheses under one protocol.

    Attributes:
        protocol: how it was measured.
        labels: the phone set that the hypotheses are written in.
    """

    protocol: Protocol
    labels: PhoneSet

    @cached_property
    def confusions(self) -> Confusions:
        """What was taken for what."""
        return find_confusions(utterance.align("phone") for utterance in self.utterances)


def score_protocol(
    label: str,
    references: Sequence[Reference],
    hypotheses: Mapping[str, str],
    protocol: Protocol,
    where: str | Path,
    cuts: str | Path = "cuts",
) -> ProtocolScore:
    """Scores hypotheses; the same is done to both sides.

    Args:
        label: what the table calls the hypotheses.
        references: what was said, phones between blanks.
        hypotheses: phones between blanks, by utterance id.
        protocol: how to measure.
        where: the file that the hypotheses come from, for the errors.
        cuts: the file that the references come from, for the errors.

    Raises:
        DataError: ids do not match, the phones on one side are not those that the protocol needs, or there are SA
            sentences.
    """
    pairs = join(references, hypotheses, where)
    refuse_sa((reference.utterance_id for reference in references), cuts)
    protocol.check_labels({reference.utterance_id: reference.text for reference in references}, cuts)
    labels = protocol.check_labels(hypotheses, where)
    refs = [protocol.apply(reference.text, f"reference {reference.utterance_id}") for reference, _ in pairs]
    hyps = [protocol.apply(hyp, f"hypothesis {reference.utterance_id}") for reference, hyp in pairs]
    alignments = protocol.align(refs, hyps)
    if protocol.silence in ("optional", "deletable"):
        counts = [count_places(places) for places in alignments]
    else:
        counts = count_errors([" ".join(ref) for ref in refs], [" ".join(hyp) for hyp in hyps], "phone")
    utterances = tuple(
        ScoredUtterance(reference, " ".join(ref), " ".join(hyp), errors, tuple(places))
        for (reference, _), ref, hyp, errors, places in zip(pairs, refs, hyps, counts, alignments, strict=True)
    )
    return ProtocolScore(label, "phone", utterances, protocol, labels)


@dataclass(frozen=True)
class ProtocolReport:
    """Scores against the same references under one or several protocols."""

    split: Split
    references: tuple[Reference, ...]
    scores: tuple[ProtocolScore, ...]

    @property
    def protocols(self) -> list[Protocol]:
        """The protocols, each once."""
        return list(dict.fromkeys(score.protocol for score in self.scores))

    def rule_of(self, score: Score) -> str:
        """Gives the name and hash of what a score was measured by."""
        (protocol,) = (each.protocol for each in self.scores if each is score)
        return f"protocol {protocol.name} ({protocol.hash})"

    def to_text(self, per_speaker: bool = False, num_worst: int = 0, details: bool = False) -> str:
        """Gives the score card and tables for a terminal, rates in percent.

        Args:
            per_speaker: adds a table of speakers for each score.
            num_worst: adds this many of the worst utterances of each score, with their alignment.
            details: adds confusions, errors by phone and by broad class, by speaker, dialect and sex.
        """
        rows = [["hypotheses", "labels", "protocol", *ERROR_COLUMNS, "95 % interval"]]
        for each in self.scores:
            cells = [*error_cells(each.counts), percent_interval(each.interval)]
            rows.append([each.label, each.labels, each.protocol.name, *cells])
        parts = [self.card(), table(rows, num_left=3)]
        for each in self.scores:
            title = f"{each.label}, {each.protocol.name}"
            if details:
                parts.append(f"{title}, {each.confusions.to_text()}")
                parts += [f"{title}:\n{group_table(each, by)}" for by in ("sex", "dialect")]
            if per_speaker or details:
                parts.append(f"{title}:\n{group_table(each, 'speaker')}")
            if num_worst:
                parts.append(f"{title}, worst utterances:\n\n{worst_text(each, num_worst)}")
        return "\n\n".join(parts)

    def card(self) -> str:
        """Gives the lines that say what was measured."""
        over = "utterances" if self.split.num_speakers is None else "speakers"
        lines = [f"{self.split}; bootstrap over {over}"]
        for protocol in self.protocols:
            card = protocol.card()
            lines.append(f"protocol {protocol.name} (hash {protocol.hash}): {protocol.source}")
            lines += [
                f"  {name.replace('_', ' '):9}  {card[name]['what']} (hash {card[name]['hash']})"
                for name in ("phone_map", "silence", "sa")
            ]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Gives all of it as plain values, for JSON; rates are fractions, null where they are infinite."""
        return {
            "split": asdict(self.split),
            "protocols": [protocol.card() for protocol in self.protocols],
            "num_utterances": self.split.num_utterances,
            "num_speakers": self.split.num_speakers,
            "seconds": sum(reference.duration for reference in self.references),
            "interval": {"level": 0.95, "over": "utterances" if self.split.num_speakers is None else "speakers"},
            "scores": [_score_dict(each) for each in self.scores],
        }


def _score_dict(each: ProtocolScore) -> dict[str, Any]:
    groups = {
        f"{by}s" if by != "sex" else "sexes": {name: counts_dict(n) for name, n in (each.groups(by) or {}).items()}
        for by in ("speaker", "dialect", "sex")
    }
    return {
        "label": each.label,
        "unit": each.unit,
        "labels": each.labels,
        "protocol": {"name": each.protocol.name, "hash": each.protocol.hash},
        **counts_dict(each.counts),
        "interval": each.interval,
        **groups,
        "confusions": each.confusions.to_dict(),
        "utterances": {
            utterance.utterance_id: {"speaker": utterance.reference.speaker, **asdict(utterance.counts)}
            for utterance in each.utterances
        },
    }
