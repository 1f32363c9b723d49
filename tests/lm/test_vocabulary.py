from __future__ import annotations

import pytest

from asr.errors import DataError
from asr.lm.sentences import SentenceReader
from asr.lm.vocabulary import Vocabulary, read_words
from asr.text.policy import get_policy


def test_words_of_a_lexicon(tmp_path):
    path = tmp_path / "lexicon.txt"
    path.write_text(";;; CMU\n# a note\nread R EH1 D\nread(2) R IY1 D\n\n<unk> SPN\nx-ray EH1 K S\n'bout\tB AW1 T\n")
    assert read_words(path) == (["read", "x-ray", "'bout"], 0)
    assert read_words(path, get_policy("upper-no-punctuation")) == (["READ", "BOUT"], 1)
    path.write_text("\n")
    with pytest.raises(DataError, match=r"lexicon.txt: holds no words; write one word a line; phones may follow it"):
        read_words(path)
    path.write_bytes(b"a\n\xe4\n")
    with pytest.raises(DataError, match=r"lexicon.txt:2: is not UTF-8 text but most likely ISO-8859-1"):
        read_words(path)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("a", "b"), "begins with"),
        (("<unk>", "<s>", "</s>", "a", "a"), "'a' occurs in it twice"),
        (("<unk>", "<s>", "</s>", ""), "holds an empty word"),
        (("<unk>", "<s>", "</s>", "a b"), "one with a blank"),
    ],
)
def test_bad_vocabularies(words, found):
    with pytest.raises(DataError, match=found):
        Vocabulary(words)


def test_sentences_of_files(tmp_path):
    (tmp_path / "a.txt").write_text("\ufeffa  b\n\n \nc\n", encoding="utf-8")
    (tmp_path / "b.txt").write_text("it's", encoding="utf-8")
    reader = SentenceReader([tmp_path / "a.txt", tmp_path / "b.txt"], get_policy("upper-no-punctuation"))
    assert list(reader) == list(reader) == [["A", "B"], ["C"], ["IT'S"]]
    assert (reader.num_sentences, reader.num_empty) == (3, 2)
    (tmp_path / "b.txt").write_text("a\n<s> b </s>\n")
    with pytest.raises(DataError, match=r"b.txt:2: '<s>' is among the words; remove it: the model adds the"):
        list(SentenceReader([tmp_path / "b.txt"]))
