"""A part of a training set, so many hours of it: the same for a seed, and part of what more hours draw."""

from __future__ import annotations

import math
from collections.abc import Sequence

from asr.data.utterances import Utterance
from asr.errors import ConfigError
from asr.features.random import utterance_seed

_SETTING = "data.train_hours"


def draw_hours(utterances: Sequence[Utterance], hours: float, seed: int) -> list[int]:
    """Returns the places of utterances that are drawn at random, in ascending order.

    Seed and id decide in which order utterances are drawn, whatever files they are in; the first that would make it
    more than ``hours`` ends the drawing. So half an hour is part of one hour with the same seed.

    Args:
        utterances: to draw from.
        hours: most hours of all that are drawn.
        seed: of the run.

    Raises:
        ConfigError: there are fewer hours, or no utterance is as short as that.
    """
    there = sum(utterance.seconds for utterance in utterances) / 3600
    if not math.isfinite(hours) or not 0 < hours <= there:
        found = f"is {hours:g}, and there are {there:.2f} hours"
        raise ConfigError(_SETTING, found, "give a part of them, or null for all")
    order = sorted(range(len(utterances)), key=lambda place: utterance_seed(seed, 0, utterances[place].cut.id))
    chosen, seconds = [], 0.0
    for place in order:
        seconds += utterances[place].seconds
        if seconds > 3600 * hours:
            break
        chosen.append(place)
    if not chosen:
        raise ConfigError(_SETTING, f"is {hours:g}, less than the first utterance that is drawn", "give more")
    return sorted(chosen)
