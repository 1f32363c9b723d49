from __future__ import annotations

import numpy as np
import pytest
from lhotse import AudioSource, CutSet, MonoCut, Recording, SupervisionSegment

from asr.data.utterances import num_samples, read_utterances, required_frames, split_copies
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN, Writing

TABLE = TokenTable("char", ("<blank>", "A", "B", "|"))
WRITINGS = {MAIN: Writing(TABLE, get_policy("upper-no-punctuation"))}


def cut(name: str, text: str, seconds: float = 1.0, sample_rate: int = 16000) -> MonoCut:
    recording = Recording(
        name, [AudioSource("file", [0], f"{name}.wav")], sample_rate, round(seconds * sample_rate), seconds
    )
    supervision = SupervisionSegment(name, name, 0.0, seconds, text=text)
    return MonoCut(name, 0.0, seconds, 0, supervisions=[supervision], recording=recording)


@pytest.mark.parametrize(("token_ids", "needed"), [([], 0), ([1], 1), ([1, 1], 3), ([1, 2, 1], 3), ([2, 2, 2], 5)])
def test_required_frames(token_ids: list[int], needed: int) -> None:
    assert required_frames(token_ids) == needed


def test_speed_copies_are_no_utterances_of_their_own() -> None:
    names = ["a", "a_sp0.9", "a_sp1.1", "b_spoken", "c_sp"]
    originals, copies = split_copies(CutSet.from_cuts(cut(name, "A") for name in names))
    assert [original.id for original in originals] == ["a", "b_spoken", "c_sp"]
    assert {factor: copy.id for factor, copy in copies["a"].items()} == {0.9: "a_sp0.9", 1.1: "a_sp1.1"}


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_samples_at_another_rate_and_speed_are_those_that_lhotse_gives(speed: float, sample_rate: int) -> None:
    one = cut("a", "A", seconds=1.2345, sample_rate=sample_rate)
    resampled = one.resample(16000) if sample_rate != 16000 else one
    expected = resampled.perturb_speed(speed).num_samples if speed != 1.0 else resampled.num_samples
    assert num_samples(one, 16000, speed) == expected


def test_each_problem_is_named_and_the_fastest_speed_decides() -> None:
    cuts = CutSet.from_cuts([cut("good", "a b"), cut("label", "A Z"), cut("none", " "), cut("short", "AAAA")])
    frames = {"good": 5, "label": 9, "none": 9, "short": 7}
    asked = []

    def encoder_frames(one: MonoCut, speed: float) -> int:
        asked.append(speed)
        return int(frames[one.id] / speed)

    speeds = (0.9, 1.0, 1.1)
    utterances, problems = read_utterances(cuts, WRITINGS, encoder_frames, speeds)
    assert [(utterance.cut.id, utterance.text, utterance.token_ids) for utterance in utterances] == [
        ("good", "A B", (1, 3, 2))
    ]
    assert set(asked) == {1.1}
    assert [(problem.utterance_id, problem.reason) for problem in problems] == [
        ("label", "label"),
        ("none", "empty-text"),
        ("short", "too-short-for-labels"),
    ]
    assert "'Z'" in problems[0].found
    assert problems[2].found == "6 encoder frames at speed 1.1, 4 tokens need 7"
    assert np.isclose(utterances[0].seconds, 1.0)
