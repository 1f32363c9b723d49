"""What a run logged, read from its TensorBoard files."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from asr.errors import DataError

ERROR_RATES = ("val/per", "val/wer", "val/cer")
"""Error rates on dev; the first one present selects the best checkpoint."""

_OF_HEAD = re.compile(r"val/(\w+)_(?:per|wer|cer|loss)")
_COUNTED = {"per": "phones", "wer": "words", "cer": "characters"}

LATE = 0.1
"""The final share of a run, which shows whether it had stopped improving."""


@dataclass(frozen=True)
class Curve:
    """A quantity that a run logged repeatedly.

    Attributes:
        steps: optimiser steps, increasing.
        values: the value at each of these steps.
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class History:
    """What a run logged, including resumptions.

    Attributes:
        curves: curves by name, such as ``val/loss``; ``learning_rate`` for any optimiser.
        seconds: time spent, without the pauses before resumptions.
    """

    curves: Mapping[str, Curve]
    seconds: float

    @property
    def num_steps(self) -> int:
        """Number of optimiser steps of the run."""
        return max(curve.steps[-1] for curve in self.curves.values()) + 1

    @property
    def heads(self) -> list[str]:
        """Names of the heads beside the main one that were validated, sorted."""
        return sorted({match[1] for name in self.curves if (match := _OF_HEAD.fullmatch(name))})

    @property
    def error_rates(self) -> dict[str, str]:
        """What each dev error rate counts, such as "words", by the name of its curve: the main head's come first."""
        names = list(ERROR_RATES) + [f"val/{head}_{rate}" for head in self.heads for rate in _COUNTED]
        found = [name for name in names if name in self.curves]
        heads = (f"{match[1]}: " if (match := _OF_HEAD.fullmatch(name)) else "" for name in found)
        return {name: f"{head}{_COUNTED[name[-3:]]}" for name, head in zip(found, heads, strict=True)}

    @property
    def error_rate(self) -> Curve | None:
        """The dev error rate that selects the best checkpoint; None if nothing was validated."""
        return next((self.curves[name] for name in ERROR_RATES if name in self.curves), None)

    @property
    def late_gain(self) -> float:
        """Relative reduction of the best dev error rate in the last tenth of the steps; 1 if there was none before.

        If the learning rate falls to 0 at the end, a small gain means that the schedule was used up, not that a longer
        one would not help.
        """
        if self.error_rate is None:
            return 1.0
        late = (1 - LATE) * self.num_steps
        early = [
            value for step, value in zip(self.error_rate.steps, self.error_rate.values, strict=True) if step + 1 <= late
        ]
        if not early or not min(early):
            return float(not early)
        return 1 - min(self.error_rate.values) / min(early)

    @property
    def num_epochs(self) -> int:
        """Number of epochs of the run; the last may be incomplete."""
        return int(self.curves["epoch"].values[-1]) + 1 if "epoch" in self.curves else 0


def read_history(exp_dir: str | Path) -> History:
    """Reads the TensorBoard files in the folder of a run.

    A run that was resumed, or started again in the same folder, has several files: from its first step on, a later file
    replaces the earlier ones.

    Raises:
        DataError: there are no TensorBoard files, or they are empty.
    """
    files = sorted(Path(exp_dir).glob("events.out.tfevents.*"))  # their names begin with their start time
    points: dict[str, dict[int, float]] = {}
    seconds = 0.0
    for file in files:
        scalars, elapsed = _read_events(file)
        if not scalars:
            continue
        first = min(min(values) for values in scalars.values())
        points = {name: {step: old[step] for step in old if step < first} for name, old in points.items()}
        for name, values in scalars.items():
            points.setdefault(name, {}).update(values)
        seconds += elapsed
    curves: dict[str, Curve] = {}
    for name, values in points.items():
        if values:
            steps, numbers = zip(*sorted(values.items()), strict=True)
            curve = Curve(steps, numbers)
            if name.startswith("lr-"):  # of several layers, the first ones are the outputs
                curves.setdefault("learning_rate", curve)
            else:
                curves[name] = curve
    if not curves:
        raise DataError(exp_dir, "no TensorBoard files with numbers in them", "give the folder that asr train wrote")
    return History(curves, seconds)


def _read_events(file: Path) -> tuple[dict[str, dict[int, float]], float]:
    """Returns the scalars of one file by name and step, and the seconds from the first to the last."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logging.getLogger("tensorboard").setLevel(logging.ERROR)  # it warns about files of killed runs
    events = EventAccumulator(str(file), size_guidance={"scalars": 0})
    events.Reload()
    scalars = {name: events.Scalars(name) for name in events.Tags()["scalars"] if name != "hp_metric"}
    times = [event.wall_time for found in scalars.values() for event in found]
    values = {name: {event.step: event.value for event in found} for name, found in scalars.items()}
    return values, max(times, default=0.0) - min(times, default=0.0)
