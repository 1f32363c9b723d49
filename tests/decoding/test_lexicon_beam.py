import pytest
import torch

from asr.decoding.lexicon_arcs import UnknownWord
from asr.decoding.lexicon_beam import LexiconBeamDecoder
from asr.decoding.lexicon_trie import LexiconTrie
from asr.decoding.spellings import Spellings
from asr.decoding.word_ngram import WordNGram
from asr.lm.kneser_ney import estimate
from asr.lm.ngram import NGramModel
from asr.text.lexicon import Lexicon
from asr.text.tokens import TokenTable
from tests.decoding.enumeration import letters, random_log_probs
from tests.decoding.lexicon_truth import Truth

PHONES = TokenTable("phone", ("<blank>", "x", "y", "z"))
SPOKEN = Lexicon({"ONE": (("x",),), "WON": (("x",),), "TWO": (("x", "y"), ("y", "y")), "FOUR": (("y",), ("y", "x"))})
UNKNOWN = UnknownWord(-1.0, 0.2)


def phone_spellings() -> Spellings:
    return Spellings.of(SPOKEN.entries, PHONES, SPOKEN)


def phone_lm(order: int = 3) -> NGramModel:
    return estimate([["ONE", "TWO"], ["WON", "FOUR"], ["TWO", "WON"], ["FOUR", "FOUR", "ONE"], ["NEVER"]], order)


def letter_lm(order: int = 3) -> NGramModel:
    return estimate([["a", "ab"], ["b", "ab", "a"], ["ab"], ["ba", "a"], ["never"]], order)


def check(tokens, spellings, lm, unknown, silence, log_probs, looks_ahead=True, nbest=5) -> None:
    beam_size = 600 if unknown is None else 2500  # no fewer than all prefixes
    trie = LexiconTrie(spellings, tokens, silence=silence, has_unknown=unknown is not None)
    scorer = None if lm is None else WordNGram(lm, trie.words)
    decoder = LexiconBeamDecoder(
        tokens, 0.1, trie, beam_size, scorer, 0.8, 0.3, unknown, nbest=nbest, looks_ahead=looks_ahead
    )
    truth = Truth(tokens, spellings, lm, 0.8, 0.3, unknown, silence)
    found = decoder(log_probs, torch.full((len(log_probs),), log_probs.shape[1]))
    for row, nbest_list in zip(log_probs, found, strict=True):
        expected = truth.best(row)
        best = list(expected.values())[: len(nbest_list)]  # homophones may come in any order where scores are equal
        assert [hyp.score for hyp in nbest_list] == pytest.approx(best, abs=1e-4)
        assert len({hyp.text for hyp in nbest_list}) == len(nbest_list)
        assert len(nbest_list) == min(nbest, len(expected)) or unknown is not None
        for hyp in nbest_list:
            assert hyp.score == pytest.approx(expected[hyp.text], abs=1e-4)
            assert hyp.text == " ".join(word.text for word in hyp.words)


@pytest.mark.parametrize("unknown", [None, UNKNOWN])
@pytest.mark.parametrize("lm", [None, letter_lm()])
def test_letters_equal_enumeration(lm: NGramModel | None, unknown: UnknownWord | None) -> None:
    tokens = letters(4)
    spellings = Spellings.of(["a", "ab", "b", "ba"], tokens)
    for seed in range(6):
        check(
            tokens,
            spellings,
            lm,
            unknown,
            "",
            random_log_probs(3, 1 + seed % (5 if unknown is None else 4), 4, seed, 1.0 + seed % 3),
        )


@pytest.mark.parametrize("silence", ["", "z"])
@pytest.mark.parametrize("unknown", [None, UNKNOWN])
@pytest.mark.parametrize("lm", [None, phone_lm()])
def test_homophones_and_pronunciations_equal_enumeration(
    lm: NGramModel | None, unknown: UnknownWord | None, silence: str
) -> None:
    for seed in range(4):
        log_probs = random_log_probs(3, 2 + seed % 4, 4, seed, 1.0 + seed % 3)
        check(PHONES, phone_spellings(), lm, unknown, silence, log_probs, looks_ahead=seed % 2 == 0)
