"""The yardsticks of tools/bench_decoding.py, and our search against one of them, flashlight-text's LexiconDecoder."""

import math
import random
from pathlib import Path

import pytest
import torch

from asr.decoding.lexicon.arcs import LexiconScores
from asr.decoding.lexicon.decoder import LexiconBeamDecoder
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.lm.arpa import write_arpa
from asr.lm.kneser_ney import estimate
from asr.text.tokens import TokenTable
from tests.decoding.enumeration import letters, random_log_probs, sequence_log_probs
from tools.bench_decoding import full_likelihood

TOKENS = TokenTable("char", ("<blank>", *"abcdef", "|"))
LM_WEIGHT, WORD_SCORE, BEAM_SIZE = 0.6, -0.4, 40


def sentences(count: int, seed: int) -> list[list[str]]:
    """Returns random sentences of a small vocabulary in which some words follow others more often."""
    rng = random.Random(seed)
    words = sorted({"".join(rng.choices("abcdef", k=rng.randint(1, 4))) for _ in range(60)})
    favourites = {word: rng.sample(words, 4) for word in words}
    result = []
    for _ in range(count):
        sentence = [rng.choice(words)]
        while len(sentence) < 7:
            sentence.append(rng.choice(favourites[sentence[-1]] if rng.random() < 0.8 else words))
        result.append(sentence)
    return result


def heard(sentence: list[str], seed: int) -> torch.Tensor:
    """Returns posteriors that follow a sentence, closed by ``|``, with confusions: shape (N, V)."""
    generator, rng = torch.Generator().manual_seed(seed), random.Random(seed)
    path = []
    for token_id in [*TOKENS.encode(" ".join(sentence)), TOKENS.ids["|"]]:
        path += [token_id] * rng.randint(1, 2) + [0] * rng.randint(1, 2)
    scores = 1.5 * torch.randn(len(path), len(TOKENS), generator=generator)
    height = 5.5 + 2 * torch.randn(len(path), 1, generator=generator)
    return scores.scatter_add(1, torch.tensor(path)[:, None], height).log_softmax(dim=-1)


def test_first_hypotheses_are_those_of_flashlight_or_better(tmp_path: Path) -> None:
    lm = estimate(sentences(400, seed=0), 3)
    arpa = tmp_path / "lm.arpa"
    write_arpa(lm, arpa)
    spellings = Spellings.of(lm.vocabulary.words[3:], TOKENS)
    trie = LexiconTrie(spellings, TOKENS)
    scores = LexiconScores(WordNGram(lm, trie.words), LM_WEIGHT, WORD_SCORE)
    ours = LexiconBeamDecoder(TOKENS, 0.04, trie, BEAM_SIZE, scores)
    flashlight = pytest.importorskip("tools.flashlight_words")  # no wheels for Python 3.13
    theirs = flashlight.FlashlightWords(TOKENS, spellings, arpa, lm, BEAM_SIZE, LM_WEIGHT, WORD_SCORE)

    emissions = [heard(sentence, seed) for seed, sentence in enumerate(sentences(150, seed=0)[:120])]
    lengths = torch.tensor([len(rows) for rows in emissions])
    log_probs = torch.nn.utils.rnn.pad_sequence(emissions, batch_first=True)

    def score(row: torch.Tensor, text: str) -> float:
        words = text.split()
        return full_likelihood(row, text, TOKENS) + LM_WEIGHT * lm.log_prob(words) + WORD_SCORE * len(words)

    same, better, close = 0, 0, 0
    for row, [hypothesis, *_] in zip(emissions, ours(log_probs, lengths), strict=True):
        text, their_score = theirs.decode(row)
        same += hypothesis.text == text
        better += hypothesis.text != text and score(row, hypothesis.text) > score(row, text)
        assert math.isfinite(their_score)
        close += hypothesis.text == text and abs(hypothesis.score - their_score) < 0.1
    assert same + better >= 0.99 * len(emissions)
    assert close >= 0.8 * same, "they sum over less, or over more, than one token sequence"
    assert same >= 0.8 * len(emissions)


def test_the_yardstick_sums_all_alignments_of_a_text() -> None:
    tokens, texts = letters(4), ("a", "b a", "")
    for seed in range(3):
        log_probs = random_log_probs(1, 6, 4, seed)[0]
        totals = torch.full((3,), -torch.inf, dtype=torch.float64)
        for ids, total in sequence_log_probs(log_probs).items():
            words = tokens.decode(list(ids)).split()
            for place, text in enumerate(texts):
                if words == text.split() and (not words or ids[-1] == tokens.ids["|"]):
                    totals[place] = torch.logaddexp(totals[place], torch.tensor(total, dtype=torch.float64))
        assert [full_likelihood(log_probs, text, tokens) for text in texts] == pytest.approx(totals.tolist(), abs=1e-6)
