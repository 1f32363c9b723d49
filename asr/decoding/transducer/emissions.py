"""What searches with a transducer find: tokens and the frames that they were said in; from these to hypotheses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from asr.decoding.confidence import frame_confidence
from asr.decoding.hypothesis import Hypothesis, hypothesis_of
from asr.models.transducer import Transducer
from asr.text.tokens import TokenTable


@dataclass(frozen=True)
class Emissions:
    """K token sequences for each of B utterances, with the frame of each token.

    Attributes:
        token_ids: the sequences, padded, shape (B, K, L).
        frames: the frame in which each token was said, shape (B, K, L).
        token_lengths: tokens of each sequence, shape (B, K).
        scores: natural-log scores, best first along K; -inf marks an empty place, shape (B, K).
    """

    token_ids: Tensor
    frames: Tensor
    token_lengths: Tensor
    scores: Tensor


def hypotheses_of(
    found: Emissions, heard: Tensor, model: Transducer, tokens: TokenTable, blank: int
) -> list[list[Hypothesis]]:
    """Returns the hypotheses of what a search found, with the times and the confidence of each token and word.

    A token lasts for the frame in which it is said, where several may be; a word from its first token to its last.
    The confidence of a token is that of its place in the joint, see :func:`asr.decoding.confidence.frame_confidence`,
    a word's the least of its tokens.

    Args:
        found: what the search found.
        heard: the part of the audio in the joint, shape (B, N, J).
        model: the transducer.
        tokens: names the tokens and finds the words.
        blank: index of blank.

    Returns:
        For each utterance its hypotheses in order, those with a score of -inf left out.
    """
    confidence = _confidence(found, heard, model, blank)
    columns = (found.token_lengths, found.scores, found.token_ids, found.frames, confidence)
    return [
        [
            hypothesis_of(ids[:length], frames, frames, sure, score, tokens, model.frame_seconds)
            for length, score, ids, frames, sure in zip(*utterance, strict=True)
            if score != -torch.inf
        ]
        for utterance in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _confidence(found: Emissions, heard: Tensor, model: Transducer, blank: int) -> Tensor:
    """Returns the confidence of each token, shape (B, K, L); that of padding is arbitrary."""
    batch_size, _, longest = found.token_ids.shape
    if not longest or not heard.size(1):
        return heard.new_ones(found.token_ids.shape)
    before = torch.nn.functional.pad(found.token_ids, (1, 0), value=blank)[..., :-1].flatten(0, 1)  # (B K, L)
    said = model.say(before)[0].view(*found.token_ids.shape, -1)
    at = found.frames.view(batch_size, -1, 1).expand(-1, -1, heard.size(2))
    places = heard.gather(1, at).view(said.shape)  # (B, K, L, J)
    return frame_confidence(model.join(places, said).log_softmax(dim=-1), blank)
