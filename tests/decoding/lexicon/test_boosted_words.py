"""Hot words in the beam search over words: equal to enumeration, new words included, and nothing with weight 0."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from asr.decoding.lexicon.arcs import LexiconScores
from asr.decoding.lexicon.boosted_words import BoostedWords
from asr.decoding.lexicon.decoder import LexiconBeamDecoder
from asr.decoding.lexicon.growing import read_spellings, with_spellings
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.decoding.parts import Coverage, DecoderParts
from asr.decoding.phrases import find_phrases
from asr.decoding.settings import DecoderSettings
from asr.errors import ConfigError, DataError
from asr.lm.kneser_ney import estimate
from asr.lm.ngram import NGramModel
from asr.text.hotwords import HotPhrase, Hotwords
from asr.text.lexicon import Lexicon
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable
from tests.decoding.enumeration import assert_same, letters, random_log_probs, speech_like
from tests.decoding.lexicon.truth import Truth
from tests.decoding.occurrences import paid

TOKENS, PHONES = letters(4), TokenTable("phone", ("<blank>", "x", "y", "z"))
VERBATIM = get_policy("verbatim")
LIST = Hotwords((HotPhrase("ab"), HotPhrase("a b", 2.0), HotPhrase("bb"), HotPhrase("ab b a")), score=0.8)
WORDS = ["a", "ab", "b", "ba"]
SPOKEN = Lexicon({"ONE": (("x",),), "WON": (("x",),), "TWO": (("x", "y"), ("y", "y")), "FOUR": (("y",), ("y", "x"))})
SETTINGS = DecoderSettings(beam_size=8, nbest=3, lm_weight=0.8, lexicon=("given",))


def parts(lm: NGramModel | None = None, unknown: bool = False) -> DecoderParts:
    trie = LexiconTrie(Spellings.of(WORDS, TOKENS), TOKENS, has_unknown=unknown)
    words = None if lm is None else WordNGram(lm, trie.words)
    return DecoderParts(TOKENS, 0.1, lm, trie, words, Coverage(len(WORDS), len(WORDS)))


def letter_lm() -> NGramModel:
    return estimate([["a", "ab"], ["b", "ab", "a"], ["ab"], ["ba", "a"], ["never"]], 3)


@pytest.mark.parametrize("unknown", [None, -1.0])
@pytest.mark.parametrize("lm", [None, letter_lm()])
def test_letters_equal_enumeration(lm: NGramModel | None, unknown: float | None) -> None:
    hot = parts(lm, unknown is not None).with_hotwords(LIST, VERBATIM)
    assert hot.trie is not None
    assert hot.trie.words == (*WORDS, "bb")
    truth = Truth(TOKENS, Spellings.of(hot.trie.words, TOKENS), lm, 0.8, 0.3, unknown)
    scorer = BoostedWords(hot.phrases, hot.trie, hot.words, 0.8)
    for looks_ahead in (True, False):
        scores = LexiconScores(scorer, 1.0, 0.3, unknown, looks_ahead=looks_ahead)
        decoder = LexiconBeamDecoder(TOKENS, 0.1, hot.trie, 900, scores, nbest=5, hyps_per_state=None)
        for seed in range(4):
            log_probs = random_log_probs(3, 1 + seed, 4, seed, 1.0 + seed % 3)
            found = decoder(log_probs, torch.full((3,), 1 + seed))
            for row, nbest in zip(log_probs, found, strict=True):
                boosted = {text: score + paid(text, hot.phrases) for text, score in truth.best(row).items()}
                best = sorted(boosted.values(), reverse=True)[: len(nbest)]
                assert [each.score for each in nbest] == pytest.approx(best, abs=1e-4)
                for each in nbest:
                    assert each.score == pytest.approx(boosted[each.text], abs=1e-4)


@pytest.mark.parametrize("silence", ["", "z"])
def test_phones_equal_enumeration(silence: str) -> None:
    hotwords = Hotwords((HotPhrase("won two"), HotPhrase("Four", 2.0), HotPhrase("six", 1.0, ((("y", "x", "y"),),))))
    spellings = Spellings.of(SPOKEN.entries, PHONES, SPOKEN)
    trie = LexiconTrie(spellings, PHONES, silence)
    given = DecoderParts(PHONES, 0.1, None, trie, None, Coverage(len(spellings.words), len(spellings.entries)))
    hot = given.with_hotwords(hotwords, get_policy("arpabet-39"))
    assert hot.trie is not None
    entries = Lexicon({**SPOKEN.entries, "SIX": (("y", "x", "y"),)})
    truth = Truth(PHONES, Spellings.of(entries.entries, PHONES, entries), None, 0.0, 0.3, None, silence)
    scores = LexiconScores(BoostedWords(hot.phrases, hot.trie, None, 0.0), 1.0, 0.3)
    decoder = LexiconBeamDecoder(PHONES, 0.1, hot.trie, 500, scores, nbest=5, hyps_per_state=None)
    for seed in range(4):
        log_probs = random_log_probs(3, 2 + seed, 4, seed, 1.0 + seed % 3)
        found = decoder(log_probs, torch.full((3,), 2 + seed))
        for row, nbest in zip(log_probs, found, strict=True):
            heard = dict(truth.best(row))
            boosted = sorted((score + paid(text, hot.phrases) for text, score in heard.items()), reverse=True)
            assert [each.score for each in nbest] == pytest.approx(boosted[: len(nbest)], abs=1e-4)


@pytest.mark.parametrize("lm", [None, letter_lm()])
def test_a_batch_gives_what_its_utterances_give(lm: NGramModel | None) -> None:
    decode = parts(lm).with_hotwords(LIST, VERBATIM).decoder(SETTINGS)
    log_probs, lengths = random_log_probs(4, 12, 4, seed=1), torch.tensor([12, 3, 9, 1])
    together = decode(log_probs, lengths)
    for row, length, found in zip(log_probs, lengths.tolist(), together, strict=True):
        assert_same(decode(row[None, :length], torch.tensor([length]))[0], found)


@pytest.mark.parametrize("lm", [None, letter_lm()])
def test_no_weight_is_no_hot_words(lm: NGramModel | None) -> None:
    log_probs, lengths = speech_like(3, 30, 4, seed=2), torch.tensor([30, 20, 10])
    plain = parts(lm).decoder(SETTINGS)(log_probs, lengths)
    assert parts(lm).with_hotwords(LIST, VERBATIM).decoder(SETTINGS)(log_probs, lengths) != plain
    for nothing in (replace(LIST, score=0.0), Hotwords((HotPhrase("bb", 0.0),))):
        assert parts(lm).with_hotwords(nothing, VERBATIM).decoder(SETTINGS)(log_probs, lengths) == plain


@pytest.mark.parametrize("has_unknown", [False, True])
@pytest.mark.parametrize("silence", ["", "z"])
def test_a_trie_tells_its_spellings_and_takes_more(silence: str, has_unknown: bool) -> None:
    spellings = Spellings.of(SPOKEN.entries, PHONES, SPOKEN)
    trie = LexiconTrie(spellings, PHONES, silence, has_unknown)
    assert set(read_spellings(trie).entries) == set(spellings.entries)
    assert with_spellings(trie, PHONES, {"ONE": [(1,)]}) is trie
    more = with_spellings(trie, PHONES, {"ONE": [(1, 2)], "SIX": [(2, 1, 2)]})
    lexicon = Lexicon({**SPOKEN.entries, "ONE": (("x",), ("x", "y")), "SIX": (("y", "x", "y"),)})
    again = LexiconTrie(Spellings.of(lexicon.entries, PHONES, lexicon), PHONES, silence, has_unknown)
    assert more.words == again.words
    assert more.separator == again.separator
    for (name, found), expected in zip(more.named_buffers(), again.buffers(), strict=True):
        assert torch.equal(found, expected), name


def test_a_trie_of_letters_tells_its_spellings() -> None:
    spellings = Spellings.of(WORDS, TOKENS)
    assert set(read_spellings(LexiconTrie(spellings, TOKENS)).entries) == set(spellings.entries)


def phone_parts() -> DecoderParts:
    spellings = Spellings.of(SPOKEN.entries, PHONES, SPOKEN)
    return DecoderParts(PHONES, 0.1, trie=LexiconTrie(spellings, PHONES), coverage=Coverage(4, 6))


def test_what_cannot_be_pronounced_is_named_with_its_line() -> None:
    policy = get_policy("arpabet-39")
    phrase = HotPhrase("six", where="names.txt:7")
    with pytest.raises(DataError, match=r"names.txt:7: SIX is not in .* or a pronunciation model \(--g2p\)"):
        phone_parts().with_hotwords(Hotwords((phrase,)), policy)
    said = Hotwords((phrase,), pronounce=lambda words: Lexicon(dict.fromkeys(words, (("x", "y0", "x"),))))
    hot = phone_parts().with_hotwords(said, policy)
    assert hot.trie is not None
    assert hot.coverage is not None
    assert (hot.trie.words[-1], hot.coverage.num_words) == ("SIX", 5)
    with pytest.raises(DataError, match=r"names.txt:7: SIX is pronounced with 'Q', which is none"):
        phone_parts().with_hotwords(Hotwords((replace(phrase, pronunciations=((("x", "Q"),),)),)), policy)
    mute = Hotwords((phrase,), pronounce=lambda words: Lexicon({}))
    with pytest.raises(DataError, match=r"give it after a second tab$"):
        phone_parts().with_hotwords(mute, policy)
    with pytest.raises(ConfigError, match="hotwords: the model writes phones, not words; give settings with a lexicon"):
        DecoderParts(PHONES, 0.1).with_hotwords(said, policy)


def test_lines_with_the_same_words_are_one_phrase() -> None:
    lines = (HotPhrase("Two", 1.0, ((("x",),),)), HotPhrase("two", 3.0, ((("y",),),)), HotPhrase("TWO", 2.0))
    (phrase,) = find_phrases(Hotwords(lines, score=0.5), PHONES, VERBATIM)
    assert (phrase.words, phrase.bonus) == (("TWO",), 4.5)
    assert phrase.source.pronunciations == ((("x",),), (("y",),))


def test_what_letters_cannot_spell_is_named_with_its_line() -> None:
    for text, message in (
        ("a1", "names.txt:3: '1' not in the table"),
        ("", "has no words under"),
    ):
        with pytest.raises(DataError, match=message):
            find_phrases(Hotwords((HotPhrase(text, where="names.txt:3"),)), TOKENS, VERBATIM)
