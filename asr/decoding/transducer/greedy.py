"""Greedy decoding with a transducer: the likeliest step, again and again."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.decoding.transducer.emissions import Emissions
from asr.decoding.transducer.prefixes import Prefixes
from asr.decoding.transducer.search import TransducerSearch


class TransducerGreedyDecoder(TransducerSearch):
    """Takes the likeliest of all tokens and blank in a frame: a token is added, and blank goes on to the next frame.

    The score is the natural-log probability of that one alignment. An utterance gets as many tokens as it has frames at
    most. Utterances of a batch do not affect each other.

    **Source**: Graves 2012, section 2.6, with a beam of one and without the sum over alignments.
    """

    def search(self, heard: Tensor, input_lengths: Tensor) -> Emissions:
        """Returns the tokens of a batch, and the frames that they are said in."""
        rows = torch.arange(len(heard), device=heard.device)
        prefixes = Prefixes.empty(self.model, len(heard), self.blank)
        frame, num_tokens, scores = torch.zeros_like(rows), torch.zeros_like(rows), torch.zeros_like(rows).double()
        steps: list[tuple[Tensor, Tensor]] = []
        while bool((frame < input_lengths).any()):
            is_active, place = frame < input_lengths, frame.clamp(max=heard.size(1) - 1)
            here = heard[rows, place]
            log_probs = self.model.join(here, prefixes.said).log_softmax(dim=1)  # (B, V)
            best, choice = log_probs.max(dim=1)
            is_token = (choice != self.blank) & (num_tokens < input_lengths)
            best = torch.where(is_token, best, log_probs[:, self.blank])
            is_token &= is_active
            scores += torch.where(is_active, best, 0.0)
            steps.append((torch.where(is_token, choice, -1), place))
            prefixes.extend(is_token, choice)
            num_tokens = num_tokens + is_token
            frame = frame + (is_active & ~is_token)
        return _emissions(steps, num_tokens, scores)


def _emissions(steps: list[tuple[Tensor, Tensor]], num_tokens: Tensor, scores: Tensor) -> Emissions:
    """Returns one sequence for each utterance.

    Args:
        steps: of each step the token that it added to each utterance, or -1, and its frame, shape (B,) each.
        num_tokens: tokens of each utterance, shape (B,).
        scores: natural-log score of each, shape (B,).
    """
    if not steps:
        nothing = num_tokens.new_zeros(len(num_tokens), 1, 0)
        return Emissions(nothing, nothing, num_tokens[:, None], scores[:, None])
    token_ids, frames = (torch.stack(column, dim=1) for column in zip(*steps, strict=True))  # (B, steps)
    order = (token_ids < 0).byte().argsort(dim=1, stable=True)[:, : int(num_tokens.max())]
    token_ids, frames = token_ids.gather(1, order).clamp(min=0), frames.gather(1, order)
    return Emissions(token_ids[:, None], frames[:, None], num_tokens[:, None], scores[:, None])
