from __future__ import annotations

from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest

from asr.corpora.synth.speakers import _ACCENTS, _VARIANTS, FEWEST_SPEAKERS, plan_speakers
from asr.errors import ConfigError


def test_train_and_test_share_neither_speakers_nor_variants() -> None:
    for number in (FEWEST_SPEAKERS, 10, 40, 120):
        speakers = plan_speakers(number, seed=0)
        assert len(speakers) == len({speaker.name for speaker in speakers}) == number
        variants = {top: {s.voice.voice.split("+")[1] for s in speakers if s.top == top} for top in ("TRAIN", "TEST")}
        assert not variants["TRAIN"] & variants["TEST"]
        assert {speaker.split for speaker in speakers} == {"train", "dev", "test"}


def test_forty_speakers() -> None:
    speakers = plan_speakers(40, seed=0)
    assert Counter(speaker.split for speaker in speakers) == {"train": 28, "dev": 6, "test": 6}
    assert Counter(speaker.sex for speaker in speakers) == {"F": 12, "M": 28}
    assert {speaker.dialect for speaker in speakers if speaker.top == "TRAIN"} == set(_ACCENTS)
    assert len({speaker.voice.voice.split("+")[1] for speaker in speakers}) == 40
    for speaker in speakers:
        assert speaker.name[0] == speaker.sex
        assert speaker.voice.voice.startswith(_ACCENTS[speaker.dialect][0])


def test_a_seed_decides() -> None:
    assert plan_speakers(10, seed=0) == plan_speakers(10, seed=0)
    assert plan_speakers(10, seed=0) != plan_speakers(10, seed=1)


def test_too_few_speakers() -> None:
    with pytest.raises(ConfigError, match="num_speakers: 2 is too few"):
        plan_speakers(2, seed=0)


def test_every_variant_is_in_the_wheel_and_has_no_echo() -> None:
    spec = find_spec("espeakng_loader")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "espeak-ng-data" / "voices" / "!v"
    for name in " ".join(_VARIANTS.values()).split():
        lines = [line.split("//")[0].split() for line in (folder / name).read_text(errors="replace").splitlines()]
        assert not [line for line in lines if line and line[0] in ("echo", "klatt")], name
