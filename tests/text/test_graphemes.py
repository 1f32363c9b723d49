import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.text.graphemes import graphemes, num_graphemes


@pytest.mark.parametrize(
    "parts",
    [
        ["a", "b", " ", "1"],
        ["e\u0301", "t", "e\u0301"],
        ["ที่", "นี่", "กำ", "เ", "ก้", "า"],
        ["न", "म", "स्ते"],
        ["क्षि", "क्\u200dष", "क्\u200c", "ष"],
        ["த்", "த"],
        ["ខ្មែ", "រ"],
        ["র\u200d্যা", "ব"],
        ["한", "국", "\u1112\u1161\u11ab", "\u1100\u1161"],
        ["\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2764\ufe0f\u200d\U0001f525"],
        ["1\ufe0f\u20e3", "\U0001f44d\U0001f3fd"],
        ["\U0001f1e9\U0001f1ea", "\U0001f1eb\U0001f1f7", "\U0001f1e9"],
        ["\U0001f3f4\U000e0067\U000e0062\U000e007f", "!"],
        ["\r\n", "\n", "\r", "\u0301", "\u200b", "\u0301", "\u00ad", "a"],
        ["\u0600\u0661", "ﾊﾞ"],
        ["a\u200d", "b", "a\u200d", "☃\u200d☃"],
    ],
)  # fmt: skip
def test_graphemes_of_annex_29(parts):
    assert list(graphemes("".join(parts))) == parts
    assert num_graphemes("".join(parts)) == len(parts)


@given(st.text(max_size=20))
def test_nothing_is_lost_and_no_mark_begins_a_grapheme_but_where_nothing_stands_before_it(text):
    found = list(graphemes(text))
    assert "".join(found) == text
    assert num_graphemes(text) == len(found)
    for before, grapheme in pairwise(found):
        is_mark = unicodedata.category(grapheme[0])[0] == "M"
        assert not is_mark or unicodedata.category(before[-1]) in ("Cc", "Cf", "Zl", "Zp")
