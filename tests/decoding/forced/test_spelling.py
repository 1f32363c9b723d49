"""Words of a text as a model's tokens have them."""

from __future__ import annotations

import pytest

from asr.decoding.forced.spelling import lacking_words, separator_of, spell
from asr.errors import ConfigError, DataError
from asr.text.lexicon import parse_lexicon
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable

LETTERS = TokenTable.build(["ABC'"], "char")
PHONES = TokenTable("phone", ("<blank>", "AH", "B", "K"))
POLICY = get_policy("upper-no-punctuation")


def words(*lines: str) -> list[tuple[str, list[str]]]:
    found = spell(lines, LETTERS, POLICY, None, "x.txt")
    return [(word.text, [LETTERS.decode(ids) for ids in word.spellings]) for word in found]


def test_words_keep_the_form_in_which_they_are_written() -> None:
    assert words("Ab,  \u201cc\u2019b\u201d", "", "ba.") == [
        ("Ab,", ["AB"]),
        ("\u201cc\u2019b\u201d", ["C'B"]),
        ("ba.", ["BA"]),
    ]


def test_what_the_policy_parts_is_several_words_and_a_dash_belongs_to_the_word_before() -> None:
    assert words("- ab-c - b") == [("AB", ["AB"]), ("C -", ["C"]), ("b", ["B"])]


def test_a_letter_that_is_not_in_the_table_is_named_with_its_line() -> None:
    with pytest.raises(DataError, match=r"^x.txt:2: b2: '2' not in the table of 6 tokens; write it as it is spoken"):
        words("a", "ab b2")


def test_a_text_of_punctuation_holds_no_words() -> None:
    for lines in ([], [""], ["- !"]):
        with pytest.raises(DataError, match=r"^x.txt: holds no words; write what is said$"):
            words(*lines)


def test_phones_come_from_the_lexicon_all_pronunciations() -> None:
    lexicon = parse_lexicon(["AB AH B", "AB(2) K B", "AB(3) Q B", "KA K AH"])
    found = spell(["ab, ka"], PHONES, POLICY, lexicon, "x.txt")
    assert [(word.text, word.spellings) for word in found] == [("ab,", ((1, 2), (3, 2))), ("ka", ((3, 1),))]
    assert lacking_words(["ku ab", "x ku"], PHONES, POLICY, lexicon, "x.txt") == ["KU", "X"]
    with pytest.raises(DataError, match=r"x.txt: 2 words have no pronunciation in the model's phones: KU, X; write"):
        spell(["ku ab", "x ku"], PHONES, POLICY, lexicon, "x.txt")


def test_phones_need_a_lexicon_and_letters_take_none() -> None:
    with pytest.raises(ConfigError, match="lexicon: is missing for a model with tokens of unit phone"):
        spell(["ab"], PHONES, POLICY, None, "x.txt")
    with pytest.raises(ConfigError, match="lexicon: is given for a model with tokens of unit char"):
        spell(["ab"], LETTERS, POLICY, parse_lexicon(["AB AH B"]), "x.txt")


def test_the_space_stands_between_words_of_letters_alone() -> None:
    assert separator_of(LETTERS) == LETTERS.ids["|"]
    assert separator_of(PHONES) is None
