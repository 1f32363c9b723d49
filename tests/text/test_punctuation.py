# ruff: noqa: RUF001 - look-alike quotes are what is tested
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text import punctuation
from asr.text.punctuation import APOSTROPHES, TYPOGRAPHIC, remove


def remove_by_characters(text, apostrophes):
    """Removes punctuation without the patterns for plain texts."""
    patterns = punctuation._patterns(apostrophes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(punctuation, "_patterns", lambda _: (re.compile("(?!)"), *patterns[1:]))
        return remove(text, apostrophes)


def test_every_character_alone_is_the_same_by_pattern_and_by_character():
    plain, _, _ = punctuation._patterns(APOSTROPHES)
    characters = [chr(code) for code in range(sys.maxunicode + 1) if plain.fullmatch(chr(code))]
    assert len(characters) > 100_000
    text = "".join(f"a{character}b " for character in characters)
    assert remove(text).split() == remove_by_characters(text, APOSTROPHES).split()


@given(
    text=st.text(st.sampled_from("aBé1_'`´’‘ʼʻ′ʹ＇·-.,“”—…«» \u00a0\n\x1c²½ⅧЖ中٣"), max_size=12),
    apostrophes=st.sampled_from([APOSTROPHES, TYPOGRAPHIC, ""]),
)
def test_texts_are_the_same_by_pattern_and_by_character(text, apostrophes):
    assert remove(text, apostrophes).split() == remove_by_characters(text, apostrophes).split()


def test_only_the_given_apostrophes_are_one():
    assert remove("don`t don’t don't", TYPOGRAPHIC).split() == ["don", "t", "don't", "don't"]
    assert remove("don`t don’t don't", "`").split() == ["don't", "don", "t", "don't"]
