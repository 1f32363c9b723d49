from __future__ import annotations

import pytest
import torch

from asr.decoding.decoder import Decoder
from asr.decoding.greedy import GreedyDecoder
from asr.errors import DataError
from tests.decoding.enumeration import collapse, letters, phones, random_log_probs, speech_like


def one_hot(path: list[int], num_tokens: int) -> torch.Tensor:
    return (20.0 * torch.nn.functional.one_hot(torch.tensor([path]), num_tokens)).log_softmax(dim=-1)


def test_collapses_as_ctc_does_and_gives_times():
    decoder: Decoder = GreedyDecoder(letters(4), frame_seconds=0.5)  # <blank> a b |
    (hypothesis,) = decoder(one_hot([0, 1, 1, 0, 1, 3, 3, 0, 2, 0], 4), torch.tensor([10]))[0]
    assert hypothesis.text == "aa b"
    assert [(t.text, t.start, t.end) for t in hypothesis.tokens] == [
        ("a", 0.5, 1.5),
        ("a", 2.0, 2.5),
        ("|", 2.5, 3.5),
        ("b", 4.0, 4.5),
    ]
    assert [(w.text, w.start, w.end) for w in hypothesis.words] == [("aa", 0.5, 2.5), ("b", 4.0, 4.5)]
    assert hypothesis.score == pytest.approx(0.0, abs=1e-5)
    assert 0.99 < hypothesis.confidence <= 1.0


def test_every_phone_is_a_word():
    (hypothesis,) = GreedyDecoder(phones(4), 0.1)(one_hot([1, 1, 2, 3], 4), torch.tensor([4]))[0]
    assert hypothesis.text == "1 2 3"
    assert hypothesis.words == hypothesis.tokens


def test_equals_a_plain_loop_and_does_not_see_padding():
    log_probs, lengths = speech_like(5, 40, 12, seed=0), torch.tensor([40, 31, 1, 0, 17])
    for row, hypotheses in enumerate(GreedyDecoder(phones(12), 0.04)(log_probs, lengths)):
        best, path = log_probs[row, : lengths[row]].max(dim=-1)
        assert len(hypotheses) == 1
        assert hypotheses[0].text == " ".join(map(str, collapse(tuple(path.tolist()))))
        assert hypotheses[0].score == pytest.approx(best.sum().item(), abs=1e-4)


def test_batch_of_one_equals_batch_of_many():
    log_probs, lengths = random_log_probs(16, 50, 20, seed=1), torch.randint(1, 51, (16,))
    decoder = GreedyDecoder(letters(20), 0.04)
    alone = [decoder(log_probs[row : row + 1, : lengths[row]], lengths[row : row + 1])[0] for row in range(16)]
    assert decoder(log_probs, lengths) == alone


def test_word_confidence_is_the_least_of_its_frames():
    sure, unsure = [0.0, 9.0, 0.0, 0.0], [0.0, 1.0, 0.9, 0.0]
    decoder = GreedyDecoder(letters(4), 0.1)
    spans = []
    for frames in ([sure, sure], [sure, unsure], [unsure, unsure]):
        log_probs = torch.tensor([frames]).log_softmax(dim=-1)
        spans.append(decoder(log_probs, torch.tensor([2]))[0][0].words[0].confidence)
    assert spans[0] > spans[1] == spans[2]


def test_nothing_heard():
    for log_probs, length in ((one_hot([0, 0, 0], 4), 3), (one_hot([1, 1, 1], 4), 0), (torch.zeros(1, 0, 4), 0)):
        (hypothesis,) = GreedyDecoder(letters(4), 0.1)(log_probs, torch.tensor([length]))[0]
        assert (hypothesis.text, hypothesis.tokens, hypothesis.words) == ("", (), ())
        assert hypothesis.confidence == 1.0
    assert GreedyDecoder(letters(4), 0.1)(torch.zeros(0, 5, 4), torch.zeros(0, dtype=torch.int64)) == []


def test_half_precision():
    log_probs = speech_like(2, 30, 12, seed=2)
    decoder, lengths = GreedyDecoder(phones(12), 0.04), torch.tensor([30, 30])
    halves = decoder(log_probs.half(), lengths)
    assert [h[0].text for h in halves] == [h[0].text for h in decoder(log_probs, lengths)]


def test_refuses_wrong_shapes_and_broken_models():
    decoder, log_probs = GreedyDecoder(letters(4), 0.1), random_log_probs(3, 5, 4, seed=0)
    for bad, lengths in (
        (log_probs[0], torch.tensor([5])),
        (log_probs[..., :3], torch.tensor([5, 5, 5])),
        (log_probs, torch.tensor([5, 5])),
        (log_probs, torch.tensor([5, 5, 6])),
        (log_probs, torch.tensor([5, 5, -1])),
    ):
        with pytest.raises(ValueError, match="Found"):
            decoder(bad, lengths)
    broken = log_probs.clone()
    broken[1, 2, 0] = float("nan")
    with pytest.raises(DataError, match="rows 1 of the batch"):
        decoder(broken, torch.tensor([5, 5, 5]))
    assert len(decoder(broken, torch.tensor([5, 2, 5]))) == 3  # only padding is broken
