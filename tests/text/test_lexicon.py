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
