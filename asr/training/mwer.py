"""Minimum word error rate: trains hypotheses with few errors to be likelier than those with many."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.decoding.prefix_beam import PrefixBeamDecoder
from asr.errors import ConfigError
from asr.scoring.counts import Unit, count_errors
from asr.text.tokens import BLANK, TokenTable


class MWER:
    """Minimum word error rate (MWER): trains the number of errors to expect of the model's own N-best list.

    The loss of an utterance is ``sum over k of p_k * (W_k - mean W) + ctc_weight * CTC``. W_k are the errors of the
    k-th hypothesis, p_k its share of the probability of all in the list, each a sum over its alignments; the list is
    what a prefix beam search finds, without a language model. Errors are those of words or, for phones, of phones: each
    head counts what it writes. Meant for a model that CTC has trained (``init_from``), with a low learning rate.

    Without the mean of the errors the gradient would be the same, because the p_k add up to 1.

    **Source**: Prabhavalkar et al. 2018, "Minimum word error rate training for attention-based sequence-to-sequence
    models", https://arxiv.org/abs/1712.01818, section 3.2; the default weight is theirs.

    Args:
        nbest: K, hypotheses of a list.
        beam_size: prefixes kept per frame of the search.
        ctc_weight: weight of the CTC loss.

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(self, nbest: int = 4, beam_size: int = 8, ctc_weight: float = 0.01) -> None:
        if not 2 <= nbest <= beam_size or not 0 <= ctc_weight < math.inf:
            found = f"nbest is {nbest}, beam_size {beam_size}, ctc_weight {ctc_weight}"
            remedy = "nbest is 2 or more, beam_size no less than nbest, ctc_weight 0 or more"
            raise ConfigError("model.objective.mwer", found, remedy)
        self.nbest, self.beam_size, self.ctc_weight = nbest, beam_size, ctc_weight

    def risk(self, tokens: TokenTable) -> Risk:
        """Returns what counts the errors to expect of a head.

        Args:
            tokens: the table of its outputs.
        """
        return Risk(tokens, self.nbest, self.beam_size)


class Risk:
    """Counts the errors to expect of the N-best lists of one head.

    Args:
        tokens: the table of its outputs.
        nbest: K, hypotheses of a list.
        beam_size: prefixes kept per frame of the search.

    Attributes:
        unit: what is counted.
    """

    def __init__(self, tokens: TokenTable, nbest: int, beam_size: int) -> None:
        """Makes the search."""
        self._tokens = tokens
        self._search = PrefixBeamDecoder(tokens, 1.0, beam_size, nbest=nbest)
        self.unit: Unit = "phone" if tokens.unit == "phone" else "word"

    def __call__(self, log_probs: Tensor, input_lengths: Tensor, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Returns the errors to expect, and the same without the mean of each list, both of shape (B,).

        Args:
            log_probs: natural-log posteriors from ``log_softmax``, shape (B, N, V).
            input_lengths: encoder frames of each utterance, shape (B,).
            texts: B transcripts, after the text policy.
        """
        with torch.no_grad():
            heard = log_probs.detach().float().nan_to_num(nan=0.0, neginf=-math.inf)  # losses tell of NaN
            token_ids, token_lengths, scores = self._search.search(heard, input_lengths.to(heard.device))
        errors = self._count(token_ids, token_lengths, texts).to(log_probs)
        likelihoods = nbest_log_probs(log_probs, input_lengths, token_ids, token_lengths)
        return expected_errors(likelihoods.masked_fill(scores.isinf(), -math.inf), errors)

    def _count(self, token_ids: Tensor, token_lengths: Tensor, texts: Sequence[str]) -> Tensor:
        """Returns the errors of each hypothesis, shape (B, K)."""
        lists = zip(token_ids.tolist(), token_lengths.tolist(), strict=True)
        pairs = [pair for nbest in lists for pair in zip(*nbest, strict=True)]  # B * K
        hyps = [self._tokens.decode(ids[:length]) for ids, length in pairs]
        refs = [text for text in texts for _ in range(token_ids.size(1))]
        counts = [float(each.errors) for each in count_errors(refs, hyps, self.unit)]
        return torch.tensor(counts, dtype=torch.float64).view(token_lengths.shape)


def nbest_log_probs(log_probs: Tensor, input_lengths: Tensor, token_ids: Tensor, token_lengths: Tensor) -> Tensor:
    """Returns the natural-log probability of each hypothesis, the sum over its alignments, shape (B, K).

    Args:
        log_probs: natural-log posteriors from ``log_softmax``, shape (B, N, V).
        input_lengths: encoder frames of each utterance, shape (B,).
        token_ids: hypotheses, padded, shape (B, K, L).
        token_lengths: tokens of each hypothesis, shape (B, K).
    """
    time_first = log_probs.transpose(0, 1)  # (B, N, V) -> (N, B, V)
    token_ids = F.pad(token_ids, (0, 1), value=BLANK + 1)  # at least one, which an empty hypothesis does not use
    losses = [
        F.ctc_loss(time_first, ids, input_lengths, lengths, blank=BLANK, reduction="none")
        for ids, lengths in zip(token_ids.unbind(1), token_lengths.unbind(1), strict=True)
    ]
    return -torch.stack(losses, dim=1)


def expected_errors(likelihoods: Tensor, errors: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the errors to expect of each list, and the same without the mean of the list, both of shape (B,).

    **Source**: Prabhavalkar et al. 2018, equation 4, the renormalised probabilities above it.

    Args:
        likelihoods: natural-log probability of each hypothesis, -inf where a list is shorter, shape (B, K).
        errors: of each hypothesis, shape (B, K).

    Example:
        >>> likelihoods = torch.tensor([[0.3, 0.1, 0.0]]).log()
        >>> [each.tolist() for each in expected_errors(likelihoods, torch.tensor([[0.0, 2.0, 9.0]]))]
        [[0.5], [-0.5]]
    """
    is_there = ~likelihoods.isneginf()
    expected = (likelihoods.softmax(dim=1) * errors).sum(dim=1)
    mean = (errors * is_there).sum(dim=1) / is_there.sum(dim=1)
    return expected, expected - mean
