from collections import Counter

import pytest

from asr.corpora.listing import Listed, make_splits
from asr.corpora.pronunciations import pronounce, write_oov
from asr.corpora.targets import target_text
from asr.text.lexicon import parse_lexicon
from asr.text.policy import get_policy

LEXICON = parse_lexicon(["a AH0", "a(2) EY1", "cat K AE1 T"], case="upper")


@pytest.fixture
def splits(tmp_path, make_audio):
    texts = {"u1": "a CAT!", "u2": "A DOG a Dog cow", "u3": "7 CATS", "u4": ""}
    audio = make_audio(tmp_path / "a.wav")
    return make_splits({"train": [Listed(name, audio, text) for name, text in texts.items()]})


def test_the_first_pronunciation_and_the_words_that_have_none(splits):
    splits["train"][0].supervisions[0].custom = {"sex": "F"}
    found = pronounce(splits | {"all": splits["train"]}, LEXICON, get_policy("lower-spelled-out"))
    assert splits["train"][0].supervisions[0].custom == {"sex": "F", "phones": "AH0 K AE1 T"}
    assert target_text(splits["train"][0], "phone") == "AH0 K AE1 T"
    assert [cut.supervisions[0].custom for cut in splits["train"]][1:] == [None] * 3
    assert [(problem.utterance_id, problem.reason, problem.found) for problem in found.problems] == [
        ("u2", "oov", "not in the lexicon: DOG, COW")
    ]
    assert found.words == Counter({"A": 3, "DOG": 2, "CAT": 1, "COW": 1})
    assert found.oov == Counter({"DOG": 2, "COW": 1})


@pytest.mark.parametrize("policy", [None, get_policy("timit-39")])
def test_words_as_they_are_without_a_policy_for_words(splits, policy):
    assert pronounce(splits, LEXICON, policy).oov == Counter({"DOG": 2, "CAT!": 1, "COW": 1, "7": 1, "CATS": 1})


def test_a_problem_names_some_words(tmp_path, make_audio):
    listed = [Listed("u", make_audio(tmp_path / "a.wav"), "b c d e f g h")]
    (problem,) = pronounce(make_splits({"train": listed}), LEXICON).problems
    assert problem.found == "not in the lexicon: B, C, D, E, F and 2 more"


def test_the_list(tmp_path):
    write_oov(Counter({"COW": 1, "DOG": 2, "ANT": 1}), tmp_path / "oov.tsv")
    assert (tmp_path / "oov.tsv").read_text() == "word\tcount\nDOG\t2\nANT\t1\nCOW\t1\n"
