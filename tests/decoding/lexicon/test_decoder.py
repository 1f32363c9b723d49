import math

import pytest
import torch

from asr.decoding.beams import best_of_each
from asr.decoding.hypothesis import NOTHING, Hypothesis
from asr.decoding.lexicon.arcs import LexiconScores
from asr.decoding.lexicon.decoder import LexiconBeamDecoder
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.errors import ConfigError, DataError
from asr.lm.kneser_ney import estimate
from asr.lm.ngram import NGramModel
from asr.text.lexicon import Lexicon
from asr.text.tokens import TokenTable
from tests.decoding.enumeration import assert_same, letters, random_log_probs, speech_like
from tests.decoding.lexicon.truth import Truth

PHONES = TokenTable("phone", ("<blank>", "x", "y", "z"))
SPOKEN = Lexicon({"ONE": (("x",),), "WON": (("x",),), "TWO": (("x", "y"), ("y", "y")), "FOUR": (("y",), ("y", "x"))})
UNKNOWN = -1.0


def phone_spellings() -> Spellings:
    return Spellings.of(SPOKEN.entries, PHONES, SPOKEN)


def phone_lm(order: int = 3) -> NGramModel:
    return estimate([["ONE", "TWO"], ["WON", "FOUR"], ["TWO", "WON"], ["FOUR", "FOUR", "ONE"], ["NEVER"]], order)


def letter_lm(order: int = 3) -> NGramModel:
    return estimate([["a", "ab"], ["b", "ab", "a"], ["ab"], ["ba", "a"], ["never"]], order)


def check(tokens, spellings, lm, unknown, silence, log_probs, looks_ahead=True, nbest=5, penalty=0.0) -> None:
    beam_size = 300 if unknown is None else 900  # no fewer than all prefixes
    trie = LexiconTrie(spellings, tokens, silence=silence, has_unknown=unknown is not None)
    scorer = None if lm is None else WordNGram(lm, trie.words)
    scores = LexiconScores(scorer, 0.8, 0.3, unknown, blank_penalty=penalty, looks_ahead=looks_ahead)
    decoder = LexiconBeamDecoder(tokens, 0.1, trie, beam_size, scores, nbest=nbest, hyps_per_state=None)
    given = log_probs.clone()
    truth = Truth(tokens, spellings, lm, 0.8, 0.3, unknown, silence)
    found = decoder(log_probs, torch.full((len(log_probs),), log_probs.shape[1]))
    assert torch.equal(log_probs, given)
    log_probs[:, :, 0] -= penalty
    for row, nbest_list in zip(log_probs, found, strict=True):
        expected = truth.best(row)
        best = list(expected.values())[: len(nbest_list)]  # homophones may come in any order where scores are equal
        assert [hyp.score for hyp in nbest_list] == pytest.approx(best, abs=1e-4)
        assert len({hyp.text for hyp in nbest_list}) == len(nbest_list)
        assert len(nbest_list) == min(nbest, len(expected)) or unknown is not None
        for hyp in nbest_list:
            assert hyp.score == pytest.approx(expected[hyp.text], abs=1e-4)
            assert hyp.text == " ".join(word.text for word in hyp.words)


def test_blank_costs_its_penalty_in_each_frame() -> None:
    tokens = letters(4)
    spellings = Spellings.of(["a", "ab", "b", "ba"], tokens)
    for seed, penalty in enumerate((0.5, 2.0, -1.0)):
        check(tokens, spellings, letter_lm(), None, None, random_log_probs(2, 4, 4, seed), penalty=penalty)


@pytest.mark.parametrize("unknown", [None, UNKNOWN])
@pytest.mark.parametrize("lm", [None, letter_lm()])
def test_letters_equal_enumeration(lm: NGramModel | None, unknown: float | None) -> None:
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
    lm: NGramModel | None, unknown: float | None, silence: str
) -> None:
    for seed in range(4):
        log_probs = random_log_probs(3, 2 + seed % (4 if unknown is None else 3), 4, seed, 1.0 + seed % 3)
        check(PHONES, phone_spellings(), lm, unknown, silence, log_probs, looks_ahead=seed % 2 == 0)


def one_hot(path: list[int], num_tokens: int) -> torch.Tensor:
    scores = torch.full((1, len(path), num_tokens), -9.0)
    return scores.scatter(2, torch.tensor(path)[None, :, None], 9.0).log_softmax(dim=-1)


def test_words_have_their_times() -> None:
    tokens = letters(4)
    trie = LexiconTrie(Spellings.of(["ab", "b"], tokens), tokens)
    [[hypothesis]] = LexiconBeamDecoder(tokens, 0.1, trie, 20, LexiconScores())(
        one_hot([0, 1, 2, 0, 3, 2, 2], 4), torch.tensor([7])
    )
    spans = [(word.text, round(word.start, 3), round(word.end, 3)) for word in hypothesis.words]
    assert spans == [("ab", 0.1, 0.3), ("b", 0.5, 0.7)]
    assert hypothesis.confidence == min(word.confidence for word in hypothesis.words) > 0.9


def test_a_batch_gives_what_its_utterances_give() -> None:
    tokens, lm = letters(4), letter_lm()
    trie = LexiconTrie(Spellings.of(["a", "ab", "b", "ba"], tokens), tokens)
    scores = LexiconScores(WordNGram(lm, trie.words), 0.8)
    decoder = LexiconBeamDecoder(tokens, 0.1, trie, 8, scores, nbest=3, beam_threshold=20.0)
    log_probs, lengths = random_log_probs(4, 12, 4, seed=1), torch.tensor([12, 3, 9, 1])
    together = decoder(log_probs, lengths)
    for row, length, found in zip(log_probs, lengths.tolist(), together, strict=True):
        assert_same(decoder(row[None, :length], torch.tensor([length]))[0], found)


@pytest.mark.parametrize("size", [1, 5, 25])
@pytest.mark.parametrize("lm", [None, phone_lm()])
def test_what_comes_in_pieces_is_read_as_the_whole(lm: NGramModel | None, size: int) -> None:
    trie = LexiconTrie(phone_spellings(), PHONES)
    scores = LexiconScores(None if lm is None else WordNGram(lm, trie.words), 0.8, 0.3, blank_penalty=0.5)
    decoder = LexiconBeamDecoder(PHONES, 0.1, trie, 8, scores, beam_threshold=20.0)
    for log_probs in torch.cat([random_log_probs(2, 25, 4, seed=1), speech_like(2, 25, 4, seed=2)]):
        reading = decoder.stream()
        assert reading.best() == NOTHING
        for first in range(0, len(log_probs), size):
            reading.push(log_probs[first : first + size])
            so_far = log_probs[None, : first + size]
            assert_same([reading.best()], decoder(so_far, torch.tensor([so_far.shape[1]]))[0])
        reading.push(log_probs[:0])
        with pytest.raises(DataError, match="not a number"):
            reading.push(torch.full((1, 4), math.nan))


@pytest.mark.parametrize("lm", [None, phone_lm()])
def test_words_that_are_settled_stay(lm: NGramModel | None) -> None:
    trie = LexiconTrie(phone_spellings(), PHONES)
    scores = LexiconScores(None if lm is None else WordNGram(lm, trie.words), 0.8, 0.3)
    num_settled = []
    for log_probs in torch.cat([random_log_probs(4, 60, 4, seed=3, sharpness=4.0), speech_like(4, 60, 4, seed=4)]):
        reading = LexiconBeamDecoder(PHONES, 0.1, trie, 4, scores).stream()
        assert reading.num_settled() == 0
        settled: list[str] = []
        for piece in log_probs.split(3):
            reading.push(piece)
            words = [word.text for word in reading.best().words]
            assert words[: len(settled)] == settled
            assert len(settled) <= reading.num_settled() <= len(words)
            settled = words[: reading.num_settled()]
        num_settled.append(len(settled))
    assert max(num_settled) > 4


def test_runs_of_blanks_count_as_one_in_each_piece() -> None:
    tokens = letters(4)
    trie = LexiconTrie(Spellings.of(["a", "ab", "b"], tokens), tokens)
    decoder = LexiconBeamDecoder(tokens, 0.1, trie, 20, LexiconScores(), blank_threshold=0.9)
    log_probs = one_hot([0, 0, 0, 1, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0], 4)
    reading = decoder.stream()
    for first in range(0, 14, 5):
        reading.push(log_probs[0, first : first + 5])
    assert_same([reading.best()], decoder(log_probs, torch.tensor([14]))[0])


def test_what_is_left_of_a_word_at_the_end_is_given() -> None:
    tokens = letters(4)
    trie = LexiconTrie(Spellings.of(["ab"], tokens), tokens)
    [[hypothesis]] = LexiconBeamDecoder(tokens, 0.1, trie, 1, LexiconScores())(one_hot([0, 1, 0], 4), torch.tensor([3]))
    assert hypothesis.text == "a"


def test_the_parts_must_belong_together() -> None:
    tokens = letters(4)
    trie = LexiconTrie(Spellings.of(["ab"], tokens), tokens)
    with pytest.raises(ConfigError, match="unknown"):
        LexiconBeamDecoder(tokens, 0.1, trie, 4, LexiconScores(unknown_score=UNKNOWN))
    with pytest.raises(ConfigError, match="lm"):
        LexiconBeamDecoder(tokens, 0.1, trie, 4, LexiconScores(WordNGram(letter_lm(), ["a", "b"])))
    with pytest.raises(DataError, match="knows none"):
        WordNGram(letter_lm(), ["zzz"])


def test_words_that_the_model_lacks_share_the_probability_of_an_unknown_one() -> None:
    lm, words = letter_lm(), ["a", "yy", "zz", "xx", "hot"]
    whole = lm.word_log_probs([lm.vocabulary.encode(["zz"])])[0][0]
    first = torch.full((6,), WordNGram(lm, words).start_state)
    found = [
        WordNGram(lm, words, {"hot"}).lookup(first, torch.arange(6))[0].tolist()
        for words in (words, words[:2] + ["hot"] * 3)
    ]
    assert found[0][1:4] == pytest.approx([whole - math.log(3)] * 3, abs=1e-5)
    assert found[0][4:] == pytest.approx([whole] * 2, abs=1e-5)
    assert found[1][1:] == pytest.approx([whole] * 5, abs=1e-5), "one word alone has all of it"
    scorer = WordNGram(lm, words, {"hot"})
    assert scorer.num_unknown == 4
    assert torch.equal(scorer.unigrams(), scorer.lookup(torch.zeros_like(first), torch.arange(6))[0])


def test_recombination_finds_the_best_hypothesis_with_a_smaller_beam() -> None:
    tokens, lm = letters(5), estimate([["a", "ab"], ["b", "ab", "c"], ["ca", "ab"], ["ba", "a", "cab"]], 2)
    trie = LexiconTrie(Spellings.of(lm.vocabulary.words[3:], tokens), tokens)
    log_probs, lengths = (speech_like(60, 40, 5, seed=3) / 3).log_softmax(dim=-1), torch.full((60,), 40)

    def best(beam_size: int, hyps_per_state: int | None) -> list[Hypothesis]:
        scores = LexiconScores(WordNGram(lm, trie.words), 0.8)
        decoder = LexiconBeamDecoder(tokens, 0.1, trie, beam_size, scores, hyps_per_state=hyps_per_state)
        return [nbest[0] for nbest in decoder(log_probs, lengths)]

    truth, apart, recombined = best(2000, None), best(20, None), best(20, 1)

    def misses(found: list[Hypothesis]) -> int:
        return sum(hypothesis.text != true.text for hypothesis, true in zip(found, truth, strict=True))

    def shortfalls(found: list[Hypothesis]) -> list[float]:
        return [true.score - hypothesis.score for hypothesis, true in zip(found, truth, strict=True)]

    assert misses(recombined) <= min(0.2 * len(truth), misses(apart) - 1)
    assert sum(shortfalls(recombined)) < 0.7 * sum(shortfalls(apart))
    assert min(shortfalls(recombined)) > -1e-3, "no score is above the best there is"
    assert max(shortfalls(recombined)) < 1.1


def test_what_is_recombined_is_in_the_lists_with_its_own_score() -> None:
    tokens, lm = letters(5), estimate([["a", "ab"], ["b", "ab", "c"], ["ca", "ab"], ["ba", "a", "cab"]], 2)
    trie = LexiconTrie(Spellings.of(lm.vocabulary.words[3:], tokens), tokens)
    log_probs, lengths = speech_like(30, 40, 5, seed=3).log_softmax(dim=-1), torch.arange(41, 11, -1).clamp(max=40)

    def lists(beam_size: int, hyps_per_state: int | None, nbest: int) -> list[list[Hypothesis]]:
        scores = LexiconScores(WordNGram(lm, trie.words), 0.8)
        decoder = LexiconBeamDecoder(tokens, 0.1, trie, beam_size, scores, nbest=nbest, hyps_per_state=hyps_per_state)
        return decoder(log_probs, lengths)

    truth, found, best = lists(2000, None, 30), lists(40, 1, 10), lists(40, 1, 1)
    num_found = 0
    for expected, hypotheses, (one,) in zip(truth, found, best, strict=True):
        scores = {hypothesis.text: hypothesis.score for hypothesis in expected}
        assert len({hypothesis.text for hypothesis in hypotheses}) == len(hypotheses) == 10
        assert [each.score for each in hypotheses] == sorted((each.score for each in hypotheses), reverse=True)
        assert hypotheses[0].score >= one.score - 1e-3
        for hypothesis in hypotheses:
            if hypothesis.text in scores:
                assert hypothesis.score == pytest.approx(scores[hypothesis.text], abs=0.02)
                assert hypothesis.text == " ".join(word.text for word in hypothesis.words)
        num_found += len({each.text for each in hypotheses} & {each.text for each in expected[:10]})
    assert num_found > 0.7 * 300


@pytest.mark.parametrize("hyps_per_state", [None, 1, 2])
@pytest.mark.parametrize("beam_size", [1, 2, 8])
def test_a_list_may_be_as_long_as_the_beam(beam_size: int, hyps_per_state: int | None) -> None:
    trie = LexiconTrie(phone_spellings(), PHONES)
    decoder = LexiconBeamDecoder(
        PHONES, 0.1, trie, beam_size, LexiconScores(), nbest=beam_size, hyps_per_state=hyps_per_state
    )
    for nbest in decoder(random_log_probs(2, 6, 4, seed=0), torch.tensor([6, 4])):
        assert 1 <= len(nbest) <= beam_size
        assert [each.score for each in nbest] == sorted((each.score for each in nbest), reverse=True)


@pytest.mark.parametrize("lengths", [[0, 0], [3, 0]])
def test_lists_of_recordings_without_frames_hold_nothing_said(lengths: list[int]) -> None:
    trie = LexiconTrie(phone_spellings(), PHONES)
    decoder = LexiconBeamDecoder(PHONES, 0.1, trie, 8, LexiconScores(), nbest=4)
    found = decoder(random_log_probs(2, max(lengths), 4, seed=0), torch.tensor(lengths))
    assert [hypothesis.text for hypothesis in found[1]] == [""]
    assert len(found[0]) == (4 if lengths[0] else 1)


def spoken(hypothesis: Hypothesis) -> list[str]:
    return [span.text for span in hypothesis.tokens]


def test_homophones_and_separators_are_scored_as_the_search_scores_them() -> None:
    log_probs, lengths = speech_like(6, 14, 4, seed=5).log_softmax(dim=-1), torch.full((6,), 14)
    lm = phone_lm(2)
    for silence in (None, "z"):
        trie = LexiconTrie(phone_spellings(), PHONES, silence=silence)
        scores = LexiconScores(WordNGram(lm, trie.words), 0.8, 0.3)
        lists = [
            LexiconBeamDecoder(PHONES, 0.1, trie, 300, scores, nbest=20, hyps_per_state=per_state)(log_probs, lengths)
            for per_state in (None, 1)
        ]
        for expected, found in zip(*lists, strict=True):
            wanted = {hypothesis.text: hypothesis for hypothesis in expected}
            pairs = [(hypothesis, wanted[hypothesis.text]) for hypothesis in found if hypothesis.text in wanted]
            assert len(pairs) >= 10
            assert max(mine.score - best.score for mine, best in pairs) < 1e-3
            same = [(mine, best) for mine, best in pairs if spoken(mine) == spoken(best)]
            assert len(same) > 0.7 * len(pairs), "others are pronounced in another way, or pause elsewhere"
            assert [mine.score for mine, _ in same] == pytest.approx([best.score for _, best in same], abs=1e-3)


def test_recombination_keeps_the_best_of_each_state() -> None:
    scores = torch.tensor([[5.0, 4.0, 3.0, 2.0, 1.0, -torch.inf]])
    states = torch.tensor([[7, 7, 7, 8, 7, 9]])
    for per_class, expected in ((1, [5.0, 2.0, -torch.inf]), (2, [5.0, 4.0, 2.0]), (5, [5.0, 4.0, 3.0])):
        found, places = best_of_each(scores, states, 3, per_class)
        assert found.tolist() == [expected]
        finite = found > -torch.inf
        assert torch.equal(scores.gather(1, places)[finite], found[finite])
    found, places = best_of_each(scores, states, 2, 1, among=3)
    assert found.tolist() == [[5.0, -torch.inf]], "only the best three are looked at"
    assert places[0, 0] == 0


def test_recombination_tells_near_and_far_states_apart() -> None:
    generator = torch.Generator().manual_seed(0)
    base = torch.randint(-(2**63), 2**63 - 1, (50, 1), generator=generator)
    apart = torch.cat([base + torch.arange(30), base ^ (1 << torch.arange(63)), base - (torch.arange(30) << 20)], dim=1)
    for row in apart.split(1):
        states = torch.unique(row)[None]
        scores = torch.rand(states.shape, generator=generator)
        twice = torch.cat([states, states], dim=1)
        found, _ = best_of_each(torch.cat([scores, scores - 1], dim=1), twice, twice.shape[1])
        assert torch.equal(found[:, : states.shape[1]], scores.sort(dim=1, descending=True).values)
        assert (found[:, states.shape[1] :] == -torch.inf).all()
