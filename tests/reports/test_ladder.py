"""Settings side by side."""

from __future__ import annotations

from asr.reports.history import Curve, History
from asr.reports.ladder import Run, ladder_table
from asr.reports.summary import ScoredFile
from asr.scoring.counts import ErrorCounts

SETTLED = Curve((9, 19, 29, 39), (0.5, 0.2, 0.2, 0.2))
FALLING = Curve((9, 19, 29, 39), (0.5, 0.4, 0.3, 0.2))


def run(setting: str, errors: int | None, curve: Curve = SETTLED) -> Run:
    counts = ErrorCounts(hits=100 - (errors or 0), substitutions=errors or 0)
    scores = [] if errors is None else [ScoredFile("test_greedy", "phone", counts, None, "graves (0a8a4d35)")]
    return Run(setting, 2_345_678, History({"val/per": curve, "epoch": Curve((39,), (3.0,))}, 90.0), scores)


def cells(table: str) -> list[list[str]]:
    rows = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in rows]


def test_a_row_for_each_setting_with_the_mean_of_its_seeds() -> None:
    table = ladder_table([run("blstm", 10), run("rnn", 30), run("blstm", 14)])
    head, _, *rows = cells(table)
    assert table.endswith("scored under graves (0a8a4d35).")
    assert head == [
        "setting", "weights, M", "seeds", "epochs", "minutes", "ms a step", "last tenth, %", "test_greedy phone graves"
    ]  # fmt: skip
    assert rows == [
        ["blstm", "2.3", "2", "4", "1.5", "2250", "0.0", "12.00 ± 2.83"],
        ["rnn", "2.3", "1", "4", "1.5", "2250", "0.0", "30.00"],
    ]


def test_a_setting_that_was_still_improving_carries_no_comparison() -> None:
    *_, row = cells(ladder_table([run("slow", 20), run("slow", 22, FALLING)]))
    assert row[6:] == ["33.3", "(21.00 ± 1.41)"]
    *_, row = cells(ladder_table([run("slow", 20)] * 12 + [run("slow", 20, FALLING)]))
    assert row[6:] == ["33.3", "(20.00 ± 0.00)"]  # one seed of many is enough


def test_what_was_not_scored_is_left_empty() -> None:
    *_, last = cells(ladder_table([run("a", 10), run("b", None)]))
    assert last[-1] == "-"


def test_only_the_hypotheses_that_are_asked_for() -> None:
    runs = [run("a", 10)]
    assert cells(ladder_table(runs, ["test_greedy"])) == cells(ladder_table(runs))
    head, *_ = cells(ladder_table(runs, ["dev_greedy"]))
    assert head[-1] == "last tenth, %"
