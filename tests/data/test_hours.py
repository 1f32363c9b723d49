from __future__ import annotations

import numpy as np
import pytest
from lhotse import AudioSource, MonoCut, Recording

from asr.data.hours import draw_hours
from asr.data.utterances import Utterance
from asr.errors import ConfigError

SECONDS = np.random.default_rng(0).integers(2, 16, 300).tolist()


def utterance(name: str, seconds: float) -> Utterance:
    recording = Recording(name, [AudioSource("file", [0], f"{name}.wav")], 16000, round(seconds * 16000), seconds)
    return Utterance(MonoCut(name, 0.0, seconds, 0, recording=recording), "A", (1,), {})


UTTERANCES = [utterance(f"u{number}", seconds) for number, seconds in enumerate(SECONDS)]


def drawn(hours: float, seed: int, order: list[int] | None = None) -> set[str]:
    utterances = [UTTERANCES[place] for place in order or range(len(UTTERANCES))]
    places = draw_hours(utterances, hours, seed)
    assert places == sorted(set(places))
    return {utterances[place].cut.id for place in places}


@pytest.mark.parametrize("hours", [0.02, 0.1, 0.5])
def test_as_much_as_is_wanted_and_no_more_spread_over_the_set(hours: float) -> None:
    places = draw_hours(UTTERANCES, hours, 3)
    seconds = sum(UTTERANCES[place].seconds for place in places)
    assert 3600 * hours - 16 < seconds <= 3600 * hours
    assert np.mean(places) == pytest.approx(150, abs=260 / len(places) ** 0.5)


def test_the_seed_decides_whatever_the_order_and_more_hours_add_to_fewer() -> None:
    turned = list(reversed(range(len(UTTERANCES))))
    assert drawn(0.2, 1) == drawn(0.2, 1, turned) < drawn(0.4, 1)
    assert drawn(0.2, 1) != drawn(0.2, 2)
    assert drawn(sum(SECONDS) / 3600, 0) == {utterance.cut.id for utterance in UTTERANCES}


@pytest.mark.parametrize(
    ("hours", "message"),
    [
        (5.0, r"is 5, and there are 0\.\d\d hours; give a part of them, or null for all"),
        (0.0, "is 0, and there are"),
        (-1.0, "is -1, and there are"),
        (float("nan"), "is nan, and there are"),
        (0.0001, "is 0.0001, less than the first utterance that is drawn; give more"),
    ],
)
def test_hours_that_are_not_there_get_one_line(hours: float, message: str) -> None:
    with pytest.raises(ConfigError, match=f"data.train_hours: {message}"):
        draw_hours(UTTERANCES, hours, 0)
