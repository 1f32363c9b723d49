from __future__ import annotations

import itertools
import math
import random
from collections import defaultdict

import pytest
import torch
import torch.nn.functional as F

from asr.decoding.beams import merge_blank_frames
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.decoding.prefix_search import Extensions
from asr.errors import ConfigError, DataError
from tests.decoding.bigram import Bigram
from tests.decoding.enumeration import (
    assert_same,
    best_path,
    letters,
    phones,
    random_log_probs,
    sequence_log_probs,
    speech_like,
)

WIDE = 200  # more than the 148 sequences of three tokens that five frames can hold


def sequence_of(hypothesis) -> tuple[int, ...]:
    return tuple(int(token.text) for token in hypothesis.tokens)


def full_log_probs(log_probs, lengths, sequences) -> torch.Tensor:
    """Returns the exact CTC likelihood of one sequence for each row."""
    targets = torch.tensor([token for sequence in sequences for token in sequence], dtype=torch.int64)
    target_lengths = torch.tensor([len(sequence) for sequence in sequences])
    return -F.ctc_loss(log_probs.double().transpose(0, 1), targets, lengths, target_lengths, reduction="none")


@pytest.mark.parametrize("num_tokens", [2, 3, 4])
def test_equals_enumeration(num_tokens):
    for seed in range(80):
        num_frames = 1 + seed % 5
        log_probs = random_log_probs(1, num_frames, num_tokens, seed, sharpness=1.0 + seed % 4)
        expected = sequence_log_probs(log_probs[0])
        decoder = PrefixBeamDecoder(phones(num_tokens), 0.1, beam_size=WIDE, nbest=WIDE)
        (hypotheses,) = decoder(log_probs, torch.tensor([num_frames]))
        found = {sequence_of(hypothesis): hypothesis.score for hypothesis in hypotheses}
        assert len(found) == len(hypotheses)
        assert found == pytest.approx(expected, abs=1e-5)
        scores = [hypothesis.score for hypothesis in hypotheses]
        assert scores == sorted(scores, reverse=True)


def plain_search(log_probs, beam_size: int) -> list[tuple[tuple[int, ...], float]]:
    """Runs the textbook's algorithm on one utterance, (N, V), with dicts of prefixes: log p(blank), log p(token)."""

    def log_add(*values):
        highest = max(values)
        return highest + math.log(sum(math.exp(v - highest) for v in values)) if highest > -math.inf else highest

    beams = {(): (0.0, -math.inf)}
    for row in log_probs.double().tolist():
        grown: dict = defaultdict(lambda: (-math.inf, -math.inf))
        for prefix, (ends_blank, ends_token) in beams.items():
            total = log_add(ends_blank, ends_token)
            old = grown[prefix]
            repeated = ends_token + row[prefix[-1]] if prefix else -math.inf
            grown[prefix] = (log_add(old[0], total + row[0]), log_add(old[1], repeated))
            for token in range(1, len(row)):
                source = ends_blank if prefix[-1:] == (token,) else total
                old = grown[(*prefix, token)]
                grown[(*prefix, token)] = (old[0], log_add(old[1], source + row[token]))
        beams = dict(sorted(grown.items(), key=lambda item: -log_add(*item[1]))[:beam_size])
    return [(prefix, log_add(*parts)) for prefix, parts in beams.items()]


@pytest.mark.parametrize("make", [speech_like, random_log_probs])
@pytest.mark.parametrize("beam_size", [1, 3, 16])
def test_narrow_beams_equal_the_textbook(make, beam_size):
    log_probs, lengths = make(3, 40, 12, seed=beam_size), torch.full((3,), 40)
    decoded = PrefixBeamDecoder(phones(12), 0.1, beam_size, nbest=beam_size)(log_probs, lengths)
    for row, hypotheses in enumerate(decoded):
        expected = plain_search(log_probs[row], beam_size)
        assert [sequence_of(h) for h in hypotheses] == [prefix for prefix, _ in expected]
        assert [h.score for h in hypotheses] == pytest.approx([score for _, score in expected], abs=1e-9)


def test_times_are_those_of_the_best_path():
    for seed in range(30):
        log_probs = random_log_probs(1, 5, 3, seed)
        for hypothesis in PrefixBeamDecoder(phones(3), 0.5, WIDE, nbest=10)(log_probs, torch.tensor([5]))[0]:
            path, _ = best_path(log_probs[0], sequence_of(hypothesis))
            frames = [0] * 5
            for token in hypothesis.tokens:
                begin, end = round(token.start / 0.5), round(token.end / 0.5)
                frames[begin:end] = [int(token.text)] * (end - begin)
            assert tuple(frames) == path


def test_language_model_equals_enumeration():
    weight, token_score = 0.7, 0.4
    for seed in range(100):
        num_frames, num_tokens = 1 + seed % 5, 2 + seed % 3
        lm = Bigram(num_tokens, seed)
        log_probs = random_log_probs(1, num_frames, num_tokens, seed)
        expected = {
            sequence: score + weight * lm.log_prob(sequence) + token_score * len(sequence)
            for sequence, score in sequence_log_probs(log_probs[0]).items()
        }
        decoder = PrefixBeamDecoder(
            phones(num_tokens), 0.1, WIDE, nbest=WIDE, lm=lm, lm_weight=weight, token_score=token_score
        )
        (hypotheses,) = decoder(log_probs, torch.tensor([num_frames]))
        assert {sequence_of(h): h.score for h in hypotheses} == pytest.approx(expected, abs=1e-5)


def test_what_the_language_model_forbids_is_never_written():
    lm = Bigram(3, seed=0, forbidden=((1, 2), (0, 1)))
    decoder = PrefixBeamDecoder(phones(3), 0.1, WIDE, nbest=WIDE, lm=lm, lm_weight=0.5)
    (hypotheses,) = decoder(random_log_probs(1, 5, 3, seed=0), torch.tensor([5]))
    sequences = [sequence_of(hypothesis) for hypothesis in hypotheses]
    assert all(math.isfinite(hypothesis.score) for hypothesis in hypotheses)
    assert len(sequences) == len(set(sequences)) == 7
    assert not any((1, 2) in zip((0, *s), s, strict=False) or s[:1] == (1,) for s in sequences)


def test_token_score_alone_equals_enumeration():
    for seed in range(40):
        log_probs = random_log_probs(1, 5, 3, seed)
        expected = {s: score + 0.6 * len(s) for s, score in sequence_log_probs(log_probs[0]).items()}
        decoder = PrefixBeamDecoder(phones(3), 0.1, WIDE, nbest=WIDE, token_score=0.6)
        found = {sequence_of(h): h.score for h in decoder(log_probs, torch.tensor([5]))[0]}
        assert found == pytest.approx(expected, abs=1e-5)


def test_scores_are_lower_bounds_of_the_full_likelihood():
    log_probs, lengths = random_log_probs(8, 30, 6, seed=0), torch.full((8,), 30)
    for hypotheses in zip(*PrefixBeamDecoder(phones(6), 0.1, 8, nbest=8)(log_probs, lengths), strict=True):
        exact = full_log_probs(log_probs, lengths, [sequence_of(hypothesis) for hypothesis in hypotheses])
        assert all(h.score <= full + 1e-6 for h, full in zip(hypotheses, exact.tolist(), strict=True))


def test_narrow_beam_with_few_extensions_equals_one_with_all():
    class Silent(Bigram):
        """A model that says nothing, for with a model all extensions are listed."""

        def __init__(self, num_tokens):
            self.table = torch.zeros(num_tokens, num_tokens)

    for seed, beam_size in ((0, 1), (1, 2), (2, 5), (3, 16), (4, 40)):
        log_probs = random_log_probs(4, 25, 12, seed)
        lengths, tokens = torch.tensor([25, 20, 25, 3]), phones(12)
        few = PrefixBeamDecoder(tokens, 0.1, beam_size, nbest=beam_size)(log_probs, lengths)
        every = PrefixBeamDecoder(tokens, 0.1, beam_size, nbest=beam_size, lm=Silent(12), lm_weight=1.0)
        for mine, theirs in zip(few, every(log_probs, lengths), strict=True):
            assert [h.text for h in mine] == [h.text for h in theirs]
            assert [h.score for h in mine] == pytest.approx([h.score for h in theirs], abs=1e-9)
    assert len(Extensions.of(100, 31, True, torch.device("cpu")).ranks) < 700 < 100 * 31


def test_wider_beams_find_no_worse():
    log_probs, lengths = random_log_probs(16, 40, 10, seed=5, sharpness=1.5), torch.full((16,), 40)
    means = []
    for beam_size in (1, 2, 4, 8, 16, 64):
        decoded = PrefixBeamDecoder(phones(10), 0.1, beam_size)(log_probs, lengths)
        means.append(full_log_probs(log_probs, lengths, [sequence_of(h[0]) for h in decoded]).mean().item())
    assert all(wider >= narrower - 0.01 for narrower, wider in itertools.pairwise(means))
    assert means[-1] > means[0] + 0.5


def test_finds_better_than_greedy():
    for make in (speech_like, random_log_probs):
        log_probs, lengths, tokens = make(16, 60, 12, seed=0), torch.full((16,), 60), phones(12)
        beam, greedy = (
            full_log_probs(log_probs, lengths, [sequence_of(h[0]) for h in decoder(log_probs, lengths)])
            for decoder in (PrefixBeamDecoder(tokens, 0.1, 16), GreedyDecoder(tokens, 0.1))
        )
        assert (beam >= greedy - 1e-6).float().mean() > 0.9
        assert beam.mean() >= greedy.mean() - 1e-6
    assert beam.mean() > greedy.mean() + 0.5  # the random ones


@pytest.mark.parametrize("with_lm", [False, True])
def test_batch_of_one_equals_batch_of_many(with_lm):
    log_probs = torch.cat([random_log_probs(8, 50, 20, seed=1), speech_like(8, 50, 20, seed=1)])
    lengths = torch.tensor([50, 49, 12, 0, 1, 30, 22, 50, 7, 33, 41, 2, 50, 18, 44, 5])
    lm = Bigram(20, seed=0) if with_lm else None
    decoder = PrefixBeamDecoder(letters(20), 0.04, 12, nbest=5, lm=lm, lm_weight=0.3)
    together = decoder(log_probs, lengths)
    assert decoder(log_probs, lengths) == together
    for row in range(16):
        assert_same(decoder(log_probs[row : row + 1, : lengths[row]], lengths[row : row + 1])[0], together[row])
    shuffled = random.Random(0).sample(range(16), 16)
    for hypotheses, row in zip(decoder(log_probs[shuffled], lengths[shuffled]), shuffled, strict=True):
        assert_same(hypotheses, together[row])


def flashlight_best(log_probs, num_tokens: int, beam_size: int) -> tuple[int, ...]:
    flashlight = pytest.importorskip("flashlight.lib.text.decoder")  # no wheels for Python 3.13
    options = flashlight.LexiconFreeDecoderOptions(
        beam_size=beam_size,
        beam_size_token=num_tokens,
        beam_threshold=1e9,
        lm_weight=0.0,
        sil_score=0.0,
        log_add=True,
        criterion_type=flashlight.CriterionType.CTC,
    )
    decoder = flashlight.LexiconFreeDecoder(options, flashlight.ZeroLM(), num_tokens, 0, [])
    frames = log_probs.float().contiguous()
    path = decoder.decode(frames.data_ptr(), *frames.shape)[0].tokens[1:-1]  # between start and end
    return tuple(token for before, token in zip([0, *path], path, strict=False) if token > 0 and token != before)


@pytest.mark.parametrize("make", [speech_like, random_log_probs])
def test_agrees_with_flashlight_or_finds_better(make):
    num_tokens, beam_size = 32, 16
    log_probs, lengths = make(40, 80, num_tokens, seed=0), torch.full((40,), 80)
    ours = [sequence_of(h[0]) for h in PrefixBeamDecoder(phones(num_tokens), 0.1, beam_size)(log_probs, lengths)]
    theirs = [flashlight_best(row, num_tokens, beam_size) for row in log_probs]
    mine, other = full_log_probs(log_probs, lengths, ours), full_log_probs(log_probs, lengths, theirs)
    # A beam is no guarantee: which prefixes fall out of it depends on details: flashlight keeps those that end in
    # blank apart from those that do not.
    assert (mine >= other - 1e-6).float().mean() >= 0.95
    assert mine.mean() >= other.mean()


def test_threshold_drops_what_is_far_below_the_best():
    log_probs, lengths = random_log_probs(4, 20, 8, seed=0), torch.full((4,), 20)
    wide = PrefixBeamDecoder(phones(8), 0.1, 50, nbest=50)(log_probs, lengths)
    close = PrefixBeamDecoder(phones(8), 0.1, 50, beam_threshold=0.4, nbest=50)(log_probs, lengths)
    for all_of_them, some in zip(wide, close, strict=True):
        assert 1 <= len(some) < len(all_of_them)
        assert some[0].score - some[-1].score <= 0.4
        assert len({h.text for h in some}) == len(some)


def test_few_tokens_a_frame_are_enough_on_sure_posteriors():
    log_probs, lengths = speech_like(8, 60, 30, seed=3), torch.full((8,), 60)
    full = PrefixBeamDecoder(phones(30), 0.1, 16)(log_probs, lengths)
    few = PrefixBeamDecoder(phones(30), 0.1, 16, token_topk=8)(log_probs, lengths)
    assert [h[0].text for h in few] == [h[0].text for h in full]
    every = PrefixBeamDecoder(phones(30), 0.1, 16, token_topk=1000)(log_probs, lengths)
    assert every == full


def test_merged_blank_frames_keep_hypotheses_times_and_almost_their_scores():
    sure = torch.zeros(4, 200, 10)
    sure[..., 0] = 9.0
    sure[:, 5::7] = 3 * torch.randn(4, 28, 10, generator=torch.Generator().manual_seed(0))
    log_probs, lengths = sure.log_softmax(dim=-1), torch.tensor([200, 150, 90, 5])
    merged, merged_lengths = merge_blank_frames(log_probs, lengths, blank=0, threshold=0.99)
    assert merged.shape[1] == int(merged_lengths.max()) < 80
    exact = PrefixBeamDecoder(phones(10), 0.1, 16)(log_probs, lengths)
    quick = PrefixBeamDecoder(phones(10), 0.1, 16, blank_threshold=0.99)(log_probs, lengths)
    for (one,), (other,) in zip(exact, quick, strict=True):
        assert one.tokens == other.tokens
        assert one.score == pytest.approx(other.score, abs=0.05)


def test_nothing_heard():
    decoder = PrefixBeamDecoder(letters(4), 0.1, 4, nbest=4)
    (hypotheses,) = decoder(torch.zeros(1, 0, 4), torch.tensor([0]))
    assert [(h.text, h.score) for h in hypotheses] == [("", 0.0)]
    assert decoder(torch.zeros(0, 5, 4), torch.zeros(0, dtype=torch.int64)) == []


def test_posteriors_of_exactly_zero():
    log_probs = torch.full((1, 4, 3), -math.inf)
    for frame, token in enumerate([1, 0, 1, 2]):
        log_probs[0, frame, token] = 0.0
    (hypotheses,) = PrefixBeamDecoder(phones(3), 0.1, 8, nbest=8)(log_probs, torch.tensor([4]))
    assert [(h.text, h.score) for h in hypotheses] == [("1 1 2", 0.0)]
    with pytest.raises(DataError, match=r"no path is possible in rows \[0\]"):
        PrefixBeamDecoder(phones(3), 0.1, 8)(torch.full((1, 2, 3), -math.inf), torch.tensor([2]))


def test_settings_out_of_range_are_named():
    for name, value in (
        ("beam_size", 0),
        ("nbest", 5),
        ("nbest", 0),
        ("beam_threshold", 0.0),
        ("token_topk", 0),
        ("blank_threshold", 1.5),
    ):
        with pytest.raises(ConfigError, match=f"{name}: cannot be {value}"):
            PrefixBeamDecoder(phones(3), 0.1, **{"beam_size": 4, name: value})
