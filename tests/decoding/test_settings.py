"""Settings of a decoder: what does not go together is named, and files that people change are read with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asr.decoding.settings import ConfidenceSettings, DecoderSettings
from asr.errors import ConfigError, DataError

SETTINGS = DecoderSettings(beam_size=8, lm="3gram.npz", lm_weight=0.5, lexicon=("words.txt",), word_score=1.0)


def write(path: Path, **changes: Any) -> Path:
    SETTINGS.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")
    return path


def test_settings_come_back_as_they_were(tmp_path):
    SETTINGS.save(tmp_path / "s.json", error_rate=0.1, tried=((0.5, 1.0, 0.0, 0.1),))
    assert DecoderSettings.load(tmp_path / "s.json") == SETTINGS
    assert DecoderSettings.load(write(tmp_path / "s.json", unknown_score=-8, hyps_per_state=2)).unknown_score == -8.0


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"lm_weight": float("nan")}, "lm_weight is NaN, not a number"),
        ({"lm_weight": "0.5"}, "lm_weight is '0.5', not a number"),
        ({"word_score": None}, "word_score is null, not a number"),
        ({"token_score": True}, "token_score is true, not a number"),
        ({"blank_penalty": float("inf")}, "blank_penalty is Infinity, not a number"),
        ({"unknown_score": "low"}, "unknown_score is 'low', not a number"),
        ({"beam_threshold": -1}, "beam_threshold is -1, not a number from 0"),
        ({"beam_size": 8.5}, "beam_size is 8.5, not a whole number from 1"),
        ({"beam_size": None}, "beam_size is null, not a whole number from 1"),
        ({"nbest": 0}, "nbest is 0, not a whole number from 1"),
        ({"nbest": 9}, "nbest: 9 with a beam of 8"),
        ({"exact": "no"}, "exact is 'no', not true or false"),
        ({"exact": True}, "exact: it searches tokens, and lexicon has words"),
        ({"lm": None}, "lm is null, not a string"),
        ({"silence": 0}, "silence is 0, not a string"),
        ({"lexicon": "words.txt"}, "lexicon is 'words.txt', not a list"),
        ({"lexicon": [1]}, "lexicon is a list, not a list of files"),
        ({"hyps_per_state": "4"}, "hyps_per_state is '4', not a whole number from 1"),
    ],
)
def test_settings_of_a_decoder_that_are_none(tmp_path, changes, found):
    path = write(tmp_path / "s.json", **changes)
    with pytest.raises(DataError) as raised:
        DecoderSettings.load(path)
    assert str(raised.value).startswith(f"{path}: is no settings of a decoder ({found}")


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (DecoderSettings(beam_size=0), "beam_size: 0; give 1 for greedy decoding, or more"),
        (DecoderSettings(nbest=2), "nbest: 2 with a beam of 1; give 1 to beam_size"),
        (DecoderSettings(lm="3gram.npz"), "lm: greedy decoding takes no language model; give beam_size, or exact"),
        (DecoderSettings(beam_size=4, silence="sil"), "there are no words without a lexicon; give lexicon"),
    ],
)
def test_what_does_not_go_together_is_named_by_its_fields(settings, found):
    with pytest.raises(ConfigError) as raised:
        settings.check()
    assert str(raised.value).endswith(found)
    with pytest.raises(ConfigError, match=r"^[A-Z_, ]+: ") as raised:
        settings.check(str.upper)


CONFIDENCE = ConfidenceSettings(20, 0.5, -0.25, 1.5, 0.0, 0.3)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, ""),
        ({"scale": -1}, "scale is -1, not a number from 0"),
        ({"posterior_weight": -0.1}, "posterior_weight is -0.1, not a number from 0"),
        ({"entropy_weight": None}, "entropy_weight is null, not a number from 0"),
        ({"bias": "0"}, "bias is '0', not a number"),
        ({"risk_scale": float("inf")}, "risk_scale is Infinity, not a number from 0"),
        ({"nbest": 0}, "nbest is 0, not a whole number from 1"),
    ],
)
def test_settings_of_confidence_are_read_with_care(tmp_path, changes, found):
    path = tmp_path / "c.json"
    CONFIDENCE.save(path, tuned_on="dev_cuts.jsonl.gz")
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")
    if not found:
        assert ConfidenceSettings.load(path) == CONFIDENCE
        return
    with pytest.raises(DataError) as raised:
        ConfidenceSettings.load(path)
    line = f"{path}: is no settings of confidence ({found}); make it with: asr tune confidence"
    assert str(raised.value) == line


def test_lists_are_as_long_as_confidences_need():
    assert DecoderSettings(beam_size=50).for_confidence(CONFIDENCE).nbest == 20
    assert DecoderSettings(beam_size=8, nbest=2).for_confidence(CONFIDENCE).nbest == 8
    assert DecoderSettings(beam_size=8, nbest=2).for_confidence(None).nbest == 1
    assert DecoderSettings().for_confidence(ConfidenceSettings(1, 1.0, 0.0, 0.0, 1.0)) == DecoderSettings()
    for settings in (DecoderSettings(), DecoderSettings(exact=True, lm="2gram.arpa")):
        with pytest.raises(ConfigError, match="was tuned on lists of 20 hypotheses, and the search finds one"):
            settings.for_confidence(CONFIDENCE)
