"""Hot words in the beam search over tokens: equal to enumeration, alone and in batches, and nothing with weight 0."""

from __future__ import annotations

import pytest
import torch

from asr.decoding.boosted_scorer import BoostedScorer, token_automaton
from asr.decoding.parts import DecoderParts
from asr.decoding.phrases import Phrase, find_phrases
from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.decoding.settings import DecoderSettings
from asr.errors import ConfigError
from asr.text.hotwords import HotPhrase, Hotwords
from asr.text.policy import get_policy
from tests.decoding.bigram import Bigram
from tests.decoding.enumeration import letters, random_log_probs, sequence_log_probs, speech_like
from tests.decoding.occurrences import paid

TOKENS = letters(4)
VERBATIM = get_policy("verbatim")
LIST = Hotwords((HotPhrase("ab"), HotPhrase("a b", 2.0), HotPhrase("b"), HotPhrase("ab b a")), score=0.8)
WIDE = 400  # more than the 364 sequences of three tokens that five frames can hold


def phrases() -> list[Phrase]:
    return find_phrases(LIST, TOKENS, VERBATIM)


@pytest.mark.parametrize("lm_weight", [0.0, 0.7])
def test_equals_enumeration(lm_weight: float) -> None:
    for seed in range(12):
        num_frames, lm = 1 + seed % 5, Bigram(4, seed)
        log_probs = random_log_probs(1, num_frames, 4, seed)
        expected = {
            sequence: score + paid(TOKENS.decode(sequence), phrases()) + lm_weight * lm.log_prob(sequence)
            for sequence, score in sequence_log_probs(log_probs[0]).items()
        }
        scorer = BoostedScorer(token_automaton(phrases(), TOKENS), lm, lm_weight)
        decoder = PrefixBeamDecoder(TOKENS, 0.1, WIDE, nbest=WIDE, lm=scorer, lm_weight=1.0)
        (hypotheses,) = decoder(log_probs, torch.tensor([num_frames]))
        found = {tuple(TOKENS.ids[token.text] for token in each.tokens): each.score for each in hypotheses}
        assert found == pytest.approx(expected, abs=1e-5)


def decoder(hotwords: Hotwords | None, **settings):
    parts = DecoderParts(TOKENS, 0.1)
    parts = parts if hotwords is None else parts.with_hotwords(hotwords, VERBATIM)
    return parts.decoder(DecoderSettings(beam_size=8, nbest=3, **settings))


def test_a_batch_gives_what_its_utterances_give() -> None:
    decode = decoder(LIST)
    log_probs, lengths = random_log_probs(4, 12, 4, seed=1), torch.tensor([12, 3, 9, 1])
    together = decode(log_probs, lengths)
    for row, length, found in zip(log_probs, lengths.tolist(), together, strict=True):
        assert decode(row[None, :length], torch.tensor([length])) == [found]


def test_no_weight_is_no_hot_words() -> None:
    log_probs, lengths = speech_like(3, 30, 4, seed=2), torch.tensor([30, 20, 10])
    plain = decoder(None)(log_probs, lengths)
    assert decoder(LIST)(log_probs, lengths) != plain
    for nothing in (Hotwords(LIST.phrases, score=0.0), Hotwords((HotPhrase("ab", 0.0),))):
        assert decoder(nothing)(log_probs, lengths) == plain


def test_a_word_that_is_nearly_heard_is_written_and_others_stay() -> None:
    log_probs = torch.full((1, 7, 4), -4.0)
    for frame, (heard, nearly) in enumerate([(2, 2), (0, 0), (2, 1), (0, 0), (3, 3), (0, 0), (1, 1)]):
        log_probs[0, frame, nearly] = -1.0
        log_probs[0, frame, heard] = -0.5
    log_probs = log_probs.log_softmax(dim=-1)
    lengths = torch.tensor([7])
    assert decoder(None)(log_probs, lengths)[0][0].text == "bb a"
    assert decoder(Hotwords((HotPhrase("ba"),)))(log_probs, lengths)[0][0].text == "ba a"
    assert decoder(Hotwords((HotPhrase("b"),)))(log_probs, lengths)[0][0].text == "bb a", "no part of a word is hot"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DecoderSettings(), "hotwords: greedy decoding takes no hot words; give beam_size of 2 or more"),
        (DecoderSettings(exact=True, lm="2.arpa"), "hotwords: a search that is exact takes no hot words"),
    ],
)
def test_searches_that_have_no_choice_refuse_hot_words(settings: DecoderSettings, message: str) -> None:
    parts = DecoderParts(TOKENS, 0.1).with_hotwords(LIST, VERBATIM)
    with pytest.raises(ConfigError, match=message):
        parts.decoder(settings)
