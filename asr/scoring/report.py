"""Error rates with all that is needed to know what they mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from asr.scoring.bootstrap import LEVEL
from asr.scoring.frequency import WordFrequencies
from asr.scoring.overlap import MeasuredOverlap, read_overlap
from asr.scoring.references import Reference
from asr.scoring.rules import Group, ScoringRule
from asr.scoring.score import Score, score
from asr.scoring.splits import Split, describe_split
from asr.scoring.tables import ERROR_COLUMNS, error_cells, lines_of_places, percent_interval, table


@dataclass(frozen=True)
class Report:
    """Scores against the same references, under rules of one kind.

    Attributes:
        split: the utterances.
        references: what was said in them.
        scores: of each set of hypotheses under each rule, at least one.
        frequencies: of words in a text; None where errors are not counted by them.
        overlap: what the text of the language model shares with the utterances; None where that is not told.
    """

    split: Split
    references: tuple[Reference, ...]
    scores: tuple[Score, ...]
    frequencies: WordFrequencies | None = None
    overlap: MeasuredOverlap | None = None

    @property
    def rules(self) -> list[ScoringRule]:
        """The rules, each once."""
        return list(dict.fromkeys(each.rule for each in self.scores))

    @property
    def seconds(self) -> float:
        """Of speech in the test set."""
        return sum(reference.duration for reference in self.references)

    def to_text(self, per_speaker: bool = False, num_worst: int = 0, details: bool = False) -> str:
        """Returns the score card and tables for a terminal, rates in percent.

        Args:
            per_speaker: adds a table of speakers for each score.
            num_worst: adds this many of the worst utterances of each score, with their alignment.
            details: adds all tables that there are of each score: confusions, speakers, chapters and others.
        """
        columns = self.rules[0].columns
        rows = [["hypotheses", *columns, *ERROR_COLUMNS, "95 % interval"]]
        for each in self.scores:
            cells = [*each.rule.cells(each.labels), *error_cells(each.counts), percent_interval(each.interval)]
            rows.append([each.label, *cells])
        parts = [self.card(), table(rows, num_left=1 + len(columns))]
        for each in self.scores:
            title = f"{each.label}, {each.rule.cells(each.labels)[-1]}"
            if each.frequency is not None:
                parts.append(f"{title}, by frequency of the word that was said:\n{each.frequency.to_text()}")
            if details and each.rule.has_confusions:
                parts.append(f"{title}, {each.confusions.to_text()}")
            for by, added in each.rule.tables.items():
                if details or (per_speaker and by == "speaker"):
                    parts.append(f"{title}{added}:\n{group_table(each, by)}")
            if num_worst:
                parts.append(f"{title}, worst utterances:\n\n{worst_text(each, num_worst)}")
        return "\n\n".join(parts)

    def card(self) -> str:
        """Returns the lines that say what was measured."""
        lines = [f"{self.rules[0].scope(self.split, self.seconds)}; bootstrap over {self.split.over}"]
        lines += [line for rule in self.rules for line in rule.card_lines()]
        if self.frequencies is not None:
            lines.append(f"frequencies: {self.frequencies}")
        return "\n".join(lines if self.overlap is None else [*lines, str(self.overlap)])

    def to_dict(self) -> dict[str, object]:
        """Returns all of it as plain values, for JSON; rates are fractions, null where they are infinite."""
        return {
            **self._head(),
            "num_utterances": self.split.num_utterances,
            "num_speakers": self.split.num_speakers,
            "seconds": self.seconds,
            "interval": {"level": LEVEL, "over": self.split.over},
            **({} if self.frequencies is None else {"frequencies": self.frequencies.to_dict()}),
            **({} if self.overlap is None else {"overlap": self.overlap.to_dict()}),
            "scores": [each.to_dict() for each in self.scores],
        }

    def _head(self) -> dict[str, object]:
        cards = [rule.card() for rule in self.rules]
        if self.rules[0].id.kind == "protocol":
            return {"split": asdict(self.split), "protocols": cards}
        return {"policy": cards[0], "split": {"name": self.split.name, "hash": self.split.hash}}


def make_report(
    texts: Mapping[str, Mapping[str, str]],
    references: Sequence[Reference],
    cuts: str,
    rules: Sequence[ScoringRule],
    frequencies: WordFrequencies | None = None,
    overlap: str | Path | None = None,
) -> Report:
    """Scores hypotheses under each of several rules.

    Args:
        texts: raw text by utterance id, by the file that it comes from.
        references: what was said.
        cuts: the file that they come from.
        rules: of one kind, that count words and characters, or phones.
        frequencies: of words in a text under the same policy, see :func:`asr.scoring.score.score`.
        overlap: file of ``asr lm overlap`` about the same cuts.

    Raises:
        DataError: ids do not match, a rule refuses a text, or the overlap is of other cuts.
    """
    names = Counter(Path(file).stem for file in texts)
    labels = {file: Path(file).stem if names[Path(file).stem] == 1 else file for file in texts}
    scores = [
        score(labels[file], references, hyps, rule, file, cuts, frequencies)
        for file, hyps in texts.items()
        for rule in rules
    ]
    split = describe_split(cuts, references)
    measured = None if overlap is None else read_overlap(overlap, split)
    return Report(split, tuple(references), tuple(scores), frequencies, measured)


def group_table(scored: Score, by: Group) -> str:
    """Returns a table of the errors of each speaker, sex or the like, with the OOV rate where frequencies are known."""
    parts = scored.parts(by)
    if parts is None:
        return "not known of every utterance"
    rows = [[by, "utterances", *ERROR_COLUMNS, *([] if scored.frequency is None else ["OOV %"])]]
    for name, part in parts.items():
        oovs = [] if part.frequency is None else [f"{100 * part.frequency.oov_rate:.2f}"]
        rows.append([name, str(len(part.utterances)), *error_cells(part.counts), *oovs])
    return table(rows, num_left=1)


def worst_text(scored: Score, number: int) -> str:
    """Returns the utterances with the most errors, aligned."""
    parts = []
    worst = scored.worst(number)
    for utterance, places in zip(worst, scored.align(worst), strict=True):
        counts = utterance.counts
        title = f"{utterance.utterance_id}: {counts.errors} errors, {counts.num_ref} in the reference"
        parts.append("\n".join([title, *lines_of_places(places)]))
    return "\n\n".join(parts) or "none has an error"
