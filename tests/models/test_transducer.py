"""The transducer: what it reads, and what neither later tokens nor padding change."""

from __future__ import annotations

import torch

from tests.decoding.transducer.truth import make_transducer, next_log_probs


@torch.no_grad()
def test_scores_are_those_of_each_frame_after_each_number_of_tokens() -> None:
    model, features = make_transducer(4), torch.randn(1, 5, 6)
    scores, lengths = model.scores(features, torch.tensor([5]), torch.tensor([[0, 2, 3]]))
    assert (tuple(scores.shape), lengths.tolist()) == ((1, 5, 3, 4), [5])
    heard, _ = model.hear(features, torch.tensor([5]))
    for tokens in ((), (2,), (2, 3)):
        expected = next_log_probs(model, heard[0, 4], tokens)
        torch.testing.assert_close(scores[0, 4, len(tokens)].double().log_softmax(dim=0), expected)


@torch.no_grad()
def test_utterances_do_not_depend_on_their_batch() -> None:
    model, features = make_transducer(4), torch.randn(3, 7, 6)
    lengths, tokens = torch.tensor([7, 3, 5]), torch.tensor([[0, 2, 3, 1], [0, 1, 0, 0], [0, 3, 3, 0]])
    together, _ = model.scores(features, lengths, tokens)
    for row, (num_frames, num_tokens) in enumerate(((7, 4), (3, 2), (5, 3))):
        alone, _ = model.scores(
            features[row : row + 1, :num_frames], lengths[row : row + 1], tokens[row : row + 1, :num_tokens]
        )
        torch.testing.assert_close(alone[0], together[row, :num_frames, :num_tokens], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_tokens_read_one_by_one_are_those_read_at_once() -> None:
    model, tokens = make_transducer(4), torch.tensor([[0, 2, 3, 1]])
    said, _ = model.say(tokens)
    state = None
    for place in range(4):
        one, state = model.say(tokens[:, place : place + 1], state)
        torch.testing.assert_close(one[:, 0], said[:, place])


def test_waveforms_are_heard_as_their_features_are() -> None:
    model, waveforms, lengths = make_transducer(4), 0.1 * torch.randn(2, 1600), torch.tensor([1600, 800])
    heard, heard_lengths = model(waveforms, lengths)
    expected, expected_lengths = model.hear(*model.frontend(waveforms, lengths))
    assert torch.equal(heard, expected)
    assert heard_lengths.tolist() == expected_lengths.tolist() == [10, 5]
