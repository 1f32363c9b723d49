import gzip

import pytest

from asr.errors import DataError
from asr.text.lexicon import parse_lexicon, read_lexicon

CMUDICT = """\
;;; # comment of cmudict-0.7b
# comment
'bout B AW1 T
a AH0
a(2) EY1
aalborg AO1 L B AO0 R G # place, danish

a.d. EY2 D IY1
"""


def test_the_form_of_cmudict():
    lexicon = parse_lexicon(CMUDICT.splitlines())
    assert lexicon.entries == {
        "'bout": (("B", "AW1", "T"),),
        "a": (("AH0",), ("EY1",)),
        "aalborg": (("AO1", "L", "B", "AO0", "R", "G"),),
        "a.d.": (("EY2", "D", "IY1"),),
    }
    assert (len(lexicon), "a" in lexicon, "A" in lexicon) == (4, True, False)
    assert lexicon.pronunciations("zebra") == ()


def test_the_form_of_kaldi_with_tabs_and_words_on_several_lines():
    lexicon = parse_lexicon(["A\tAH0", "READ  R EH1 D", "A\tEY1", "A\tAH0"])
    assert lexicon.entries == {"A": (("AH0",), ("EY1",)), "READ": (("R", "EH1", "D"),)}


SAMPA = ["please p l i z", "the D @", "water w O 4 @r", "six 1 4 2", "of { v", "one 2"]


def test_phones_may_be_digits(caplog):
    assert parse_lexicon(SAMPA).entries == {
        line.split()[0]: (tuple(line.split()[1:]),) for line in SAMPA
    }  # fmt: skip
    assert parse_lexicon(["Öl 2 l", "Öfen 2 f @ n"]).entries == {"Öl": (("2", "l"),), "Öfen": (("2", "f", "@", "n"),)}
    assert parse_lexicon(["one 1 n"]).entries == {"one": (("1", "n"),)}
    assert not caplog.messages


@pytest.mark.parametrize(
    ("lines", "numbers"),
    [
        (["the 0.25 D @", "the 1.0 D i", "six 1 4 2"], "number after each word is"),
        (["the\t.25\tD @", "the\t1.\tD i", "six\t1e-05\t4 2"], "number after each word is"),
        (["the -1.5 D @", "the -0.5 D i", "six 0 4 2"], "number after each word is"),
        (["the 0.25 0.1 1.2 0.9 D @", "the 0.99 0 1 1 D i", "six 1 0.5 1.0 1.0 4 2"], "4 numbers after each word are"),
        (["the 0.25 0 1 1 D @", "the 0.99 0 1 1 D i", "six 1 0.5 1 1 4 2"], "4 numbers after each word are"),
        (["the 0.25 0.1 1.2 D @", "the 0.99 0 1 D i", "six 1 0.5 1.0 4 2"], "3 numbers after each word are"),
        (["the 0 D @", "the 1 D i", "six 1 4 2"], "number after each word is"),
    ],
    ids=["Kaldi", "tabs", "logarithms", "MFA", "MFA, whole numbers", "Kaldi's silences", "0 and 1"],
)
def test_probabilities_put_pronunciations_in_order(lines, numbers, caplog):
    lexicon = parse_lexicon(lines, where="a.dict")
    assert lexicon.entries == {"the": (("D", "i"), ("D", "@")), "six": (("4", "2"),)}
    assert caplog.messages == [
        f"a.dict: the {numbers} taken for probabilities: the likeliest pronunciation of a word comes first, and the "
        "rest of them is dropped"
    ]


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["the 0.5 D @", "of 1.0 V", "a @"], "a.dict:3: a has no probability, as other words have"),
        (["the D @", "of 1.0 V", "a @"], "a.dict:2: of has a number where a phone must be"),
        (["the 0.5 D @", "of 1.0 0.5 V"], "a.dict:2: of has a number where a phone must be"),
        (["the 0.5 D @", "of 1.0"], "a.dict:2: of has no phones"),
        (["the 0.5 D @", "of"], "a.dict:2: of has no phones"),
        (["the 0.5"], "a.dict:1: the has no phones"),
    ],
)
def test_numbers_in_some_lines_are_no_column(lines, found):
    with pytest.raises(DataError, match=found):
        parse_lexicon(lines, where="a.dict")


def test_stress_goes_and_what_becomes_equal_becomes_one():
    lexicon = parse_lexicon(["the DH AH0", "the(2) DH AH1", "the(3) DH IY0"], keep_stress=False)
    assert lexicon.entries == {"the": (("DH", "AH"), ("DH", "IY"))}
    assert lexicon.phones == ("AH", "DH", "IY")


@pytest.mark.parametrize(
    ("case", "words"), [("keep", ["Polish", "polish"]), ("upper", ["POLISH"]), ("lower", ["polish"])]
)
def test_case(case, words):
    lexicon = parse_lexicon(["Polish P OW1", "polish P AA1"], case=case)
    assert list(lexicon.entries) == words
    assert sum(map(len, lexicon.entries.values())) == 2


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("HELLO", "HELLO has no phones"),
        ("HELLO # HH", "HELLO has no phones"),
        ("HELLO 1.0 HH AH0", "HELLO has a number wh"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, line, found):
    path = tmp_path / "lexicon.txt"
    path.write_text(f"A AH0\n{line}\n")
    with pytest.raises(DataError, match=rf"lexicon\.txt:2: {found}"):
        read_lexicon(path)


def test_files_compressed_with_a_mark_and_several(tmp_path):
    own, large = tmp_path / "own.txt", tmp_path / "large.dict.gz"
    own.write_text("\ufeffa EY1\n", encoding="utf-8")
    large.write_bytes(gzip.compress(b"a AH0\r\nb B IY1\r\n"))
    assert read_lexicon(own, large, case="upper").entries == {"A": (("EY1",),), "B": (("B", "IY1"),)}
    assert read_lexicon(large, own).entries["a"] == (("AH0",),)


def test_files_that_are_no_lexicons(tmp_path):
    with pytest.raises(DataError, match="none: no such file"):
        read_lexicon(tmp_path / "none")
    latin = tmp_path / "latin.dict"
    latin.write_bytes("déjà D EY1\n".encode("latin-1"))
    with pytest.raises(
        DataError,
        match=r"latin\.dict:1: is not UTF-8 text but .*ISO-8859-1, in which it reads 'déjà'; convert it: iconv -f",
    ):
        read_lexicon(latin)
    latin.write_text(";;; nothing\n")
    with pytest.raises(DataError, match="holds no words; write lines such as: HELLO HH AH0 L OW1"):
        read_lexicon(latin)
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"a AH0\n")[:-4])
    with pytest.raises(DataError, match=r"broken\.gz: is no whole gzip file"):
        read_lexicon(broken)
    with pytest.raises(DataError, match="cannot be read"):
        read_lexicon(tmp_path)
