# ruff: noqa: RUF001 - look-alike letters are what is tested
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.errors import ConfigError, DataError
from asr.text.policy import POLICIES, TextPolicy, get_policy, recorded_policy

WORDS = [name for name, policy in POLICIES.items() if policy.phones is None and policy.numbers == "keep"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Hello, world!", "HELLO WORLD"),
        ("  two\tblanks\n here\u00a0and\u3000there ", "TWO BLANKS HERE AND THERE"),
        ("well-known — state–of‐the art", "WELL KNOWN STATE OF THE ART"),
        ("don't don’t don‘t don＇t", "DON'T DON'T DON'T DON'T"),
        ("'quoted' ‘quoted’ boys' 'tis", "QUOTED QUOTED BOYS TIS"),
        ("yes,no/maybe", "YES NO MAYBE"),
        ("straße naïve", "STRASSE NAÏVE"),
        ("£5 + 50%", "5 50"),
        ("col·legi צה״ל", "COL·LEGI צה״ל"),
        ("soft\u00adhyphen \ufeffmark\u200b", "SOFTHYPHEN MARK"),
        ("I love you \u2764\ufe0f so much", "I LOVE YOU SO MUCH"),
        ("family \U0001f468\u200d\U0001f469\u200d\U0001f467 dinner 1\ufe0f\u20e3 done", "FAMILY DINNER 1 DONE"),
        ("thumbs \U0001f44d\U0001f3fd up \U0001f1e9\U0001f1ea\U0001f3f4\U000e0067\U000e007f", "THUMBS UP"),
        ("no\u2764\u200d\U0001f525way \u2603\u0338 \u2764\u0301\u0302!", "NO WAY"),
        ("don`t don´t don\u2032t don\u02bct don\u02bbt don\u02b9t don‛t", " ".join(["DON'T"] * 7)),
        ("`quoted´ \u02bcokina\u02bb 5\u20326\u2033 a``b", "QUOTED \u02bcOKINA\u02bb 5'6 A B"),
        ("auf\u200clage a\u200db \u3164 x\u034fy\ufeff", "AUFLAGE AB XY"),
        (
            "\u0645\u06cc\u200c\u200c\u062e\u0648 \u0645\u06cc\u200c \u200c\u0645",
            "\u0645\u06cc\u200c\u062e\u0648 \u0645\u06cc \u0645",
        ),
        ("", ""),
        ("...", ""),
    ],
)
def test_upper_no_punctuation(raw, expected):
    assert get_policy("upper-no-punctuation").apply(raw) == expected


@pytest.mark.parametrize(
    "text",
    [
        "हिन्दी में",
        "ภาษาไทย",
        "ქართული",
        "中文",
        "한국어",
        "العَرَبِيَّة",
        "می\u200cخواهم",
        "क्\u200dष",
        "क्\u200cष",
        "র\u200d্যাব",
        "ത്\u200d",
    ],
)
def test_letters_and_marks_of_other_scripts_survive(text):
    assert get_policy("lower-no-punctuation").apply(text) == unicodedata.normalize("NFC", text)
    assert get_policy("verbatim").apply(text) == unicodedata.normalize("NFC", text)


def test_composed_and_decomposed_letters_become_the_same():
    for name in WORDS:
        assert get_policy(name).apply("e\u0301te\u0301") == get_policy(name).apply("\u00e9t\u00e9")


def test_verbatim_keeps_case_and_punctuation():
    assert get_policy("verbatim").apply(" “Don’t!” –  1,000 ") == "“Don’t!” – 1,000"


UNUSUAL = st.text(
    st.sampled_from(
        "aBéßİΣ1'`´’ʼʻʹ′＇·׳-., ☃❤\U0001f468\U0001f3fd\U0001f1e9\u00a0\n\u0301\u0307\u0338\ufe0f\u200d"
        "\u200c\u20e3\u094dকষ\u09cdمی\u064e\u034f\u3164\u00ad\u200b\u0149\u0345\u1fbd\u1fef\u1100\u1161\u0e34\u180b\u05bf"
    ),
    max_size=9,
)


@given(text=st.text(max_size=40) | UNUSUAL)
@pytest.mark.parametrize("name", WORDS)
def test_applying_a_policy_twice_changes_nothing_more(name, text):
    policy = get_policy(name)
    once = policy.apply(text)
    assert policy.apply(once) == once
    assert once == " ".join(once.split())


@pytest.mark.parametrize(("name", "text"), [("upper-spelled-out", "Room 5b"), ("lower-spelled-out", "room ५b")])
def test_refused_numbers_are_named(name, text):
    with pytest.raises(DataError, match=rf"utt1: '(5B|५b)' holds a number, which policy {name} refuses; write it out"):
        get_policy(name).apply(text, where="utt1")


def test_phone_policies_fold():
    assert get_policy("timit-39").apply("h#  tcl\tix q zh") == "sil ih sh"
    assert get_policy("arpabet-39").apply("sil HH ah0 L OW1 sp") == "HH AH L OW"
    assert get_policy("timit-48").apply("h# tcl ix q zh") == "sil cl ix zh"
    assert get_policy("timit-61").apply("h# tcl ix q zh") == "h# tcl ix q zh"


def test_the_hash_goes_with_the_content_and_not_with_the_name():
    hashes = {policy.hash for policy in POLICIES.values()}
    assert len(hashes) == len(POLICIES)
    policy = get_policy("verbatim")
    assert len(policy.hash) == 8
    assert int(policy.hash, 16) >= 0
    assert TextPolicy("another name").hash == policy.hash != replace(policy, case="upper").hash


def test_hashes_stand_in_published_tables_and_do_not_change():
    assert get_policy("verbatim").hash == "be65088a"
    assert get_policy("upper-no-punctuation").hash == "904dba44"
    assert get_policy("lower-no-punctuation").hash == "3a4d6fac"
    assert get_policy("timit-39").hash == "f84458cc"


@pytest.mark.parametrize(
    ("name", "first_hash"),
    [
        ("upper-no-punctuation", "1fc35153"),
        ("lower-no-punctuation", "d3914e6c"),
        ("upper-spelled-out", "040719fa"),
        ("lower-spelled-out", "87caf3eb"),
    ],
)
def test_the_first_version_of_a_policy_is_what_old_checkpoints_mean(name, first_hash):
    first, current = recorded_policy(name), get_policy(name)
    assert (first.name, first.hash) == (name, first_hash)
    assert first == get_policy(f"{name}@{first_hash}") == recorded_policy(f"{name}@{first_hash}")
    assert current == get_policy(current.reference) == recorded_policy(current.reference) != first
    assert first.apply("п\u02bcять \u2764\ufe0f").lower() == "п\u02bcять \ufe0f"
    assert current.apply("п\u02bcять \u2764\ufe0f").lower() == "п'ять"


def test_policies_with_one_version_are_the_same_in_checkpoints():
    for name in ("verbatim", "timit-61", "arpabet-39"):
        assert recorded_policy(name) == get_policy(name) == recorded_policy(get_policy(name).reference)
    for name in ("upper-no-punctuation@00000000", "loud", "@"):
        with pytest.raises(
            ConfigError, match=f"text policy '{name}': there is none of that name; choose from verbatim"
        ):
            recorded_policy(name)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"text policy 'upper'.*choose from verbatim, upper-no-punctuation, .*timit-39"
    ):
        get_policy("upper")
