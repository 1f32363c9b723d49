# ruff: noqa: RUF001 - look-alike letters are what is tested
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.errors import ConfigError, DataError
from asr.text.policy import POLICIES, TextPolicy, get_policy

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
        ("", ""),
        ("...", ""),
    ],
)
def test_upper_no_punctuation(raw, expected):
    assert get_policy("upper-no-punctuation").apply(raw) == expected


@pytest.mark.parametrize("text", ["हिन्दी में", "ภาษาไทย", "ქართული", "中文", "한국어", "العَرَبِيَّة", "می\u200cخواهم"])
def test_letters_and_marks_of_other_scripts_survive(text):
    assert get_policy("lower-no-punctuation").apply(text) == unicodedata.normalize("NFC", text)
    assert get_policy("verbatim").apply(text) == unicodedata.normalize("NFC", text)


def test_composed_and_decomposed_letters_become_the_same():
    for name in WORDS:
        assert get_policy(name).apply("e\u0301te\u0301") == get_policy(name).apply("\u00e9t\u00e9")


def test_verbatim_keeps_case_and_punctuation():
    assert get_policy("verbatim").apply(" “Don’t!” –  1,000 ") == "“Don’t!” – 1,000"


@settings(deadline=None)
@given(text=st.text(max_size=40))
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
    assert get_policy("upper-no-punctuation").hash == "1fc35153"
    assert get_policy("timit-39").hash == "f84458cc"


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(
        ConfigError, match=r"text policy 'upper'.*choose from verbatim, upper-no-punctuation, .*timit-39"
    ):
        get_policy("upper")
