from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asr.adaptation.recordings import Spoken, divide, find_recordings, read_recordings
from asr.errors import DataError
from asr.scoring.rules import PolicyRule
from asr.text.policy import get_policy

RULE = PolicyRule(get_policy("upper-no-punctuation"), "word")


def spoken(number: int) -> list[Spoken]:
    return [Spoken(str(place), torch.zeros(10), "A") for place in range(number)]


@pytest.mark.parametrize(("number", "sizes"), [(5, (3, 1, 1)), (10, (6, 2, 2)), (40, (24, 8, 8))])
def test_a_fifth_is_held_out_and_each_is_in_one_part(number: int, sizes: tuple[int, int, int]) -> None:
    division = divide(spoken(number), seed=3)
    parts = division.outer, division.inner, division.held_out
    assert tuple(map(len, parts)) == sizes
    assert sorted(int(each.id) for part in parts for each in part) == list(range(number))
    assert [each.id for each in divide(spoken(number), 3).held_out] == [each.id for each in division.held_out]
    assert any(divide(spoken(number), seed).held_out[0].id != division.held_out[0].id for seed in range(9))


def write(folder: Path, make_audio: Callable[..., Path], texts: list[str], seconds: float = 0.5) -> Path:
    for number, text in enumerate(texts):
        make_audio(folder / f"{number}.wav", number, seconds)
        (folder / f"{number}.txt").write_text(text, encoding="utf-8")
    return folder


def test_recordings_are_read_at_the_rate_of_the_model(tmp_path: Path, make_audio: Callable[..., Path]) -> None:
    found = read_recordings(find_recordings(write(tmp_path, make_audio, ["Ab, a."] * 5)), RULE, 8000)
    assert [(each.id, each.text, len(each.waveform)) for each in found] == [(str(n), "AB A", 4000) for n in range(5)]


@pytest.mark.parametrize(
    ("texts", "seconds", "message"),
    [
        (["a"] * 4, 0.5, r".*holds 4 recordings with transcripts, and a fifth of them is held out; give 5 or more.*"),
        (["a", "a", "a", "--", "a"], 0.5, "3: has no transcript; write what is said, .*"),
        (["a"] * 5, 61.0, "0: is 61 s long, and up to 60 s are heard at once; cut it .*"),
    ],
)
def test_unfit_recordings_are_one_line(
    tmp_path: Path, make_audio: Callable[..., Path], texts: list[str], seconds: float, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_recordings(find_recordings(write(tmp_path, make_audio, texts, seconds)), RULE, 8000)


def test_recordings_of_the_same_id_are_refused(tmp_path: Path, make_audio: Callable[..., Path]) -> None:
    write(tmp_path, make_audio, ["a"] * 6)
    rows = [f"{number % 5},{number}.wav,a,{'train' if number else 'dev'}\n" for number in range(6)]
    (tmp_path / "list.csv").write_text("id,audio,text,split\n" + "".join(rows), encoding="utf-8")
    with pytest.raises(DataError, match=r"list\.csv: utterance id 0 occurs twice; give each recording an id of its"):
        find_recordings(tmp_path / "list.csv")


def test_a_recording_without_a_text_is_named(tmp_path: Path, make_audio: Callable[..., Path]) -> None:
    write(tmp_path, make_audio, ["a"] * 5)
    (tmp_path / "2.txt").unlink()
    with pytest.raises(DataError, match=r"no 2\.txt beside it"):
        find_recordings(tmp_path)
