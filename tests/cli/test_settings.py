"""Settings that people change by hand: each wrong value is named before any model is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from asr.cli import decode, lm, rescore
from asr.cli._decoders import DecoderSettings
from asr.errors import DataError

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
        ({"nbest": 9}, "--nbest: 9 with a beam of 8"),
        ({"exact": "no"}, "exact is 'no', not true or false"),
        ({"exact": True}, "--exact: it searches tokens, and --lexicon has words"),
        ({"lm": None}, "lm is null, not a string"),
        ({"silence": 0}, "silence is 0, not a string"),
        ({"lexicon": "words.txt"}, "lexicon is 'words.txt', not a list"),
        ({"lexicon": [1]}, "lexicon is a list, not a list of files"),
        ({"hyps_per_state": "4"}, "hyps_per_state is '4', not a whole number from 1"),
    ],
)
def test_settings_of_a_decoder_that_are_none(tmp_path, capsys, changes, found):
    path = write(tmp_path / "s.json", **changes)
    with pytest.raises(DataError):
        DecoderSettings.load(path)
    assert decode.main(["--checkpoint", "none.ckpt", "--cuts", "none", "--settings", str(path)]) == 1
    remedy = "make it with: asr decode --tune"
    assert capsys.readouterr().err == f"asr decode: {path}: is no settings of a decoder ({found}); {remedy}\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('{"weight": NaN, "word_score": 0, "unknown_score": 0}', "weight is NaN, not a number"),
        ('{"weight": 1, "word_score": null, "unknown_score": 0}', "word_score is null, not a number"),
        ('{"weight": 1, "word_score": 0, "unknown_score": "0"}', "unknown_score is '0', not a number"),
        ('{"weight": 1, "word_score": 0}', "has no 'unknown_score'"),
        ("null", "null where an object in braces must be"),
    ],
)
def test_settings_of_rescoring_that_are_none(tmp_path, capsys, content, found):
    path = tmp_path / "s.json"
    path.write_text(content)
    flags = ["--nbest", "n", "--lm", "l", "--out", "o", "--settings", str(path)]
    assert rescore.main(flags) == 1
    remedy = "make it with: asr rescore --tune"
    assert capsys.readouterr().err == f"asr rescore: {path}: is no settings of rescoring ({found}); {remedy}\n"


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "much"])
def test_options_that_are_no_numbers(capsys, value):
    for main, flags, option in (
        (decode.main, ["--checkpoint", "c", "--cuts", "c"], "--lm-weight"),
        (decode.main, ["--checkpoint", "c", "--cuts", "c"], "--beam-threshold"),
        (rescore.main, ["--nbest", "n", "--lm", "l", "--out", "o"], "--weight"),
    ):
        with pytest.raises(SystemExit) as raised:
            main([*flags, f"{option}={value}"])
        assert raised.value.code == 2
        assert f"error: argument {option}: '{value}' is no finite number\n" in capsys.readouterr().err


BIGRAM = "\\data\\\nngram 1=4\nngram 2=1\n\n\\1-grams:\n-99 <s> -0.3\n-0.5 a {}\n-0.6 </s>\n-0.9 <unk>\n\n"


@pytest.mark.parametrize(
    ("weight", "score", "found"),
    [
        ("nan", "-0.4", ":7: 'nan' where a back-off weight must be"),
        ("inf", "-0.4", ":7: 'inf' where a back-off weight of at most 99 must be"),
        ("0", "nan", ":12: 'nan' where a log probability of at most 0 must be"),
        ("0", "inf", ":12: 'inf' where a log probability of at most 0 must be"),
    ],
)
def test_a_language_model_without_numbers_is_refused(tmp_path, capsys, weight, score, found):
    path, text = tmp_path / "m.arpa", tmp_path / "text"
    path.write_text(BIGRAM.format(weight) + f"\\2-grams:\n{score} a a\n\n\\end\\\n")
    text.write_text("a b a\n")
    assert lm.main(["ppl", "--model", str(path), str(text)]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (
        "",
        f"asr lm: {path}{found}; check the file, or make it with: asr lm train\n",
    )


def test_a_text_that_hardly_can_be(tmp_path, capsys):
    path, text = tmp_path / "m.arpa", tmp_path / "text"
    path.write_text(BIGRAM.format("-99").replace("-0.9 <unk>", "-99 <unk>") + "\\2-grams:\n-1 a a\n\n\\end\\\n")
    text.write_text("a b " * 50)
    assert lm.main(["ppl", "--model", str(path), str(text)]) == 0
    assert "nan" not in capsys.readouterr().out
