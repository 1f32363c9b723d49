"""CTC prefix beam search, the beams of a whole batch as tensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asr.decoding.alignment import align
from asr.decoding.beams import Step, TokenFrames, check_beam, merge_blank_frames, random_numbers, require, walk_back
from asr.decoding.decoder import TokenPaths, check_log_probs, trace
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.prefix_search import Beams, Extensions, PrefixSearch
from asr.decoding.token_scorer import TokenScorer
from asr.errors import DataError
from asr.text.tokens import BLANK, TokenTable


class PrefixBeamDecoder:
    """Finds the token sequences whose alignments are likeliest in sum.

    A hypothesis scores ``log P(tokens | audio) + lm_weight * log P_lm(tokens) + token_score * number of tokens``, where
    the first term sums over all alignments. The search is exact when no prefix ever leaves the beam. Utterances do not
    affect each other: a batch is decoded as its utterances are one by one. Times come from the best alignment of each
    hypothesis.

    **Source**: Graves, "Supervised sequence labelling with recurrent neural networks", 2012, section 7.5; Hannun et
    al., "First-pass large vocabulary continuous speech recognition using bi-directional recurrent DNNs", 2014,
    algorithm 1. Equal prefixes are found by comparing 64-bit hashes of them.

    Args:
        tokens: names the V tokens.
        frame_seconds: seconds from one frame to the next.
        beam_size: K, prefixes kept per frame; larger is slower and more exact.
        beam_threshold: prefixes whose score is this much (natural log) below the best are dropped.
        nbest: hypotheses returned for each utterance, at most ``beam_size``.
        blank: index of blank.
        lm: scores the next token after those before it.
        lm_weight: what its natural-log scores are multiplied by; 0 switches it off.
        token_score: natural-log score added per token; above 0 favours longer hypotheses.
        token_topk: likeliest tokens of a frame by which prefixes may grow; None for all.
        blank_threshold: runs of frames in which blank is likelier than this count as one frame of blank. Posteriors
            are peaky, so 0.999 takes a fraction of the time; 1 searches every frame.

    Raises:
        ConfigError: a number is out of its range.
    """

    def __init__(
        self,
        tokens: TokenTable,
        frame_seconds: float,
        beam_size: int,
        beam_threshold: float = math.inf,
        nbest: int = 1,
        blank: int = BLANK,
        lm: TokenScorer | None = None,
        lm_weight: float = 0.0,
        token_score: float = 0.0,
        token_topk: int | None = None,
        blank_threshold: float = 1.0,
    ) -> None:
        check_beam(beam_size, beam_threshold, nbest, token_topk, blank_threshold)
        require("tokens", len(tokens), len(tokens) >= 2, "blank and at least one more")
        self.tokens, self.frame_seconds, self.blank = tokens, frame_seconds, blank
        self.beam_size, self.beam_threshold, self.nbest = beam_size, beam_threshold, nbest
        self.lm, self.lm_weight, self.token_score = lm if lm_weight else None, lm_weight, token_score
        self.token_topk = min(token_topk or math.inf, len(tokens) - 1)
        self.blank_threshold = blank_threshold

    @torch.inference_mode()
    def __call__(self, log_probs: Tensor, input_lengths: Tensor) -> list[list[Hypothesis]]:
        """Decodes a batch; see :class:`asr.decoding.decoder.Decoder`."""
        input_lengths = input_lengths.to(log_probs.device)
        check_log_probs(log_probs, input_lengths, len(self.tokens))
        log_probs = log_probs.float()
        token_ids, token_lengths, scores = self.search(log_probs, input_lengths)
        alignment = align(log_probs, input_lengths, token_ids, token_lengths, self.blank)
        paths = TokenPaths(token_ids, token_lengths, alignment.token_index, scores)
        return trace(paths, log_probs, self.tokens, self.frame_seconds, self.blank)

    def search(self, log_probs: Tensor, input_lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the N best sequences: token_ids (B, nbest, L), their lengths and scores, each (B, nbest).

        Where there are fewer sequences, scores are -inf and lengths 0.

        Args:
            log_probs: natural-log posteriors, float32, shape (B, N, V).
            input_lengths: frames of each utterance, on the same device, shape (B,).
        """
        if self.blank_threshold < 1:
            log_probs, input_lengths = merge_blank_frames(log_probs, input_lengths, self.blank, self.blank_threshold)
        batch, num_frames, num_tokens = log_probs.shape
        device, beam_size = log_probs.device, self.beam_size
        # Without a language model no more than K + 1 tokens of a frame can matter, see Extensions.of.
        num_best = int(self.token_topk) if self.lm else min(int(self.token_topk), beam_size + 1)
        frames = TokenFrames.of(log_probs, self.blank, num_best, is_sorted=True)
        extensions = Extensions.of(beam_size, num_best, self.lm is None, device)
        search = PrefixSearch(
            extensions, random_numbers(num_tokens, 0).to(device), self.blank, self.beam_threshold, self.token_score
        )
        beams = Beams.start(batch, beam_size, self.blank, device)
        states = self.lm.start(batch, beam_size, device) if self.lm else beams.last  # unused
        shortest = int(input_lengths.min()) if batch else 0
        own, steps = torch.arange(beam_size, device=device), []
        for frame in range(num_frames):
            token_bonus = self.lm_weight * self.lm.score(states) if self.lm else None
            after, step = search.advance(beams, frames, frame, token_bonus)
            if frame >= shortest:  # utterances that have ended stay as they are
                active = (frame < input_lengths)[:, None]
                after = after.where(active, beams)
                step = Step(torch.where(active, step.sources, own), torch.where(active, step.token_ids, -1))
            if self.lm:
                states = self.lm.advance(states, step.sources, step.token_ids.clamp(min=0), step.token_ids >= 0)
            beams = after
            steps.append(step)
        return self._best(beams, states, steps)

    def _best(self, beams: Beams, states: Tensor, steps: list[Step]) -> tuple[Tensor, Tensor, Tensor]:
        scores = beams.scores
        if self.lm:
            scores = torch.where(scores.isinf(), scores, scores + self.lm_weight * self.lm.finish(states))
        scores, slots = scores.topk(self.nbest, dim=1)
        impossible = scores[:, 0].isinf().nonzero()[:, 0].tolist()
        if impossible:
            raise DataError("log_probs", f"no path is possible in rows {impossible} of the batch", "check the model")
        columns = [step.token_ids for step in steps]
        [token_ids], token_lengths = walk_back([step.sources for step in steps], [columns], slots)
        return token_ids, torch.where(scores.isinf(), 0, token_lengths), scores
