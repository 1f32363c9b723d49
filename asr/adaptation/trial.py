"""What is tried on recordings that nothing else has seen, and whether it helped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from asr.adaptation.recordings import Spoken
from asr.scoring.bootstrap import bootstrap_difference
from asr.scoring.counts import ErrorCounts, count_errors
from asr.scoring.rules import PolicyRule
from asr.scoring.significance import matched_pairs
from asr.transcription.recognizer import Recognizer
from asr.tuning.dev import percent


@dataclass(frozen=True)
class Outcome:
    """What came of a part of the adaptation.

    Attributes:
        part: its name.
        about: what was changed, or why nothing could be.
        before: errors of each recording held out, without the part.
        after: the same with it; None if it was not tried.
    """

    part: str
    about: str
    before: Sequence[ErrorCounts]
    after: Sequence[ErrorCounts] | None

    @property
    def is_kept(self) -> bool:
        """Whether the part makes fewer errors; how sure that is, the interval says."""
        return self.after is not None and total(self.after).errors < total(self.before).errors

    @property
    def difference(self) -> tuple[float, float] | None:
        """The 95 % interval of the rate after minus the rate before, as fractions, over recordings.

        None if the part was not tried, or one recording alone is held out.
        """
        if self.after is None:
            return None
        columns = [[each.errors for each in counts] for counts in (self.before, self.after)]
        first, second = (np.array(column, dtype=np.int64)[:, None] for column in columns)
        found = bootstrap_difference(first, second, np.array([each.num_ref for each in self.before]))
        return None if found is None else found[:2]

    @property
    def p_value(self) -> float | None:
        """The two-sided p of the matched-pairs test over recordings; None as for :attr:`difference`."""
        if self.after is None:
            return None
        pairs = zip(self.before, self.after, strict=True)
        found = matched_pairs([after.errors - before.errors for before, after in pairs])
        return None if found is None else found.p_value


def total(counts: Sequence[ErrorCounts]) -> ErrorCounts:
    """Returns the sum of counts."""
    return sum(counts, ErrorCounts())


def count_word_errors(model: str | Path, spoken: Sequence[Spoken], rule: PolicyRule) -> list[ErrorCounts]:
    """Returns the errors that a model file makes in each recording, read from the file as anyone would.

    Args:
        model: the model file.
        spoken: the recordings.
        rule: how errors are counted.

    Raises:
        AsrError: the file cannot be read, or makes no recogniser.
    """
    recognizer = Recognizer.from_file(model)
    hyps: dict[str, str] = {}
    for batch in _batches(spoken, recognizer):
        found = recognizer.recognize([each.waveform for each in batch])
        hyps |= {each.id: rule.apply(hyp.text, each.id) for each, hyp in zip(batch, found, strict=True)}
    return count_errors([each.text for each in spoken], [hyps[each.id] for each in spoken], rule.unit)


def _batches(spoken: Sequence[Spoken], recognizer: Recognizer) -> list[list[Spoken]]:
    """Returns recordings of like length, the padded seconds of each batch within limits."""
    batches: list[list[Spoken]] = []
    most = recognizer.batch_seconds * recognizer.sample_rate
    for each in sorted(spoken, key=lambda one: len(one.waveform)):
        size = len(batches[-1]) + 1 if batches else 0
        if not batches or size * len(each.waveform) > most:
            batches.append([])
        batches[-1].append(each)
    return batches


def to_table(outcomes: Sequence[Outcome]) -> list[str]:
    """Returns the lines of a table of outcomes, a header first."""
    rows = [("part", "WER before", "after", "difference (95 %)", "p", "", ""), *map(_row, outcomes)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [line.rstrip() for line in lines]


def _row(outcome: Outcome) -> tuple[str, str, str, str, str, str, str]:
    before = percent(total(outcome.before))
    if outcome.after is None:
        return outcome.part, before, "", "", "", "not tried", outcome.about
    interval, p_value = outcome.difference, outcome.p_value
    shown = "one recording" if interval is None else f"{100 * interval[0]:+.2f} to {100 * interval[1]:+.2f}"
    kept = "kept" if outcome.is_kept else "left out"
    after = percent(total(outcome.after))
    return outcome.part, before, after, shown, "" if p_value is None else f"{p_value:.3f}", kept, outcome.about
