"""Settings that people change by hand: each wrong value is named before any model is read."""

from __future__ import annotations

import pytest

from asr.cli import decode, lm, rescore


def test_settings_of_a_decoder_that_are_none(tmp_path, capsys):
    path = tmp_path / "s.json"
    path.write_text('{"lexicon": [], "lm_weight": NaN}')
    assert decode.main(["--checkpoint", "none.ckpt", "--cuts", "none", "--settings", str(path)]) == 1
    found, remedy = "lm_weight is NaN, not a number", "make it with: asr tune decode"
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
    remedy = "make it with: asr tune rescore"
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
        assert f"error: argument {option}: '{value}' is not a finite number\n" in capsys.readouterr().err


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
