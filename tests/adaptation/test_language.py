from __future__ import annotations

import pytest

from asr.adaptation.language import mix_in
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.decoding.parts import DecoderParts
from asr.errors import DataError
from asr.lm.kneser_ney import estimate
from asr.text.lexicon import Lexicon
from asr.text.tokens import TokenTable

WORDS = ["A", "AB", "BAB"]
LETTERS, PHONES = TokenTable.build(["AB"], "char"), TokenTable("phone", ("<blank>", "AA", "B"))
OWN = [["BAB", "ABBA"]] * 4


def parts(tokens: TokenTable, lexicon: Lexicon | None = None) -> DecoderParts:
    lm, trie = (
        estimate([["A", "AB"], ["AB", "A", "BAB"]] * 5, 3),
        LexiconTrie(Spellings.of(WORDS, tokens, lexicon), tokens),
    )
    return DecoderParts(tokens, 0.02, lm, trie, WordNGram(lm, trie.words))


def test_transcripts_are_predicted_better_and_their_words_can_be_said() -> None:
    mixed = mix_in(parts(LETTERS), OWN, [["BAB", "ABBA"]], [["CAB", "A"]])
    assert mixed.after < mixed.before
    assert 0.5 < mixed.weight < 1
    assert mixed.ngram.log_prob(["BAB", "ABBA"]) > parts(LETTERS).lm.log_prob(["BAB", "ABBA"])
    assert mixed.trie.words == (*WORDS, "ABBA")
    assert (mixed.num_new, mixed.mute) == (1, ("CAB",))


def test_new_words_of_phones_need_a_pronunciation() -> None:
    lexicon = Lexicon({"A": (("AA",),), "AB": (("AA", "B"),), "BAB": (("B", "AA", "B"),)})
    assert mix_in(parts(PHONES, lexicon), OWN, OWN[:1]).trie is None
    said = Lexicon({"ABBA": (("AA", "B"), ("AA", "B", "AA"))})
    mixed = mix_in(parts(PHONES, lexicon), OWN, OWN[:1], pronounce=lambda _: said)
    assert mixed.trie.words == (*WORDS, "ABBA")


def test_without_a_lexicon_tokens_are_mixed() -> None:
    lm = estimate([list("AB|A")] * 5, 2)
    mixed = mix_in(DecoderParts(LETTERS, 0.02, lm), [["BA"], ["BA", "BA"]], [["BA"]])
    assert mixed.trie is None
    assert mixed.ngram.log_prob(list("BA|BA")) > lm.log_prob(list("BA|BA"))


def test_texts_that_tell_nothing_are_not_mixed_in() -> None:
    mixed = mix_in(parts(LETTERS), [["BAB"] * 9] * 9, [["A", "AB"]] * 5)
    assert (mixed.ngram, mixed.trie) == (None, None)


def test_transcripts_of_words_that_nobody_knows_are_an_error() -> None:
    with pytest.raises(DataError, match="none of its 1 words is known"):
        mix_in(parts(LETTERS), OWN, [["BBB"]])
