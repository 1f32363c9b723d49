"""Beam search with CTC and an attention decoder, token by token, the beams of a whole batch as tensors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asr.decoding.alignment import align
from asr.decoding.beams import require, walk_back
from asr.decoding.decoder import TokenPaths, check_log_probs, trace
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.joint.ctc_prefixes import CTCFrames, CTCPrefixes
from asr.models.attention_decoder import AttentionDecoder, DecoderState, Heard
from asr.text.tokens import BLANK, TokenTable


@dataclass(frozen=True, eq=False)
class _Beams:
    """The K sequences that each utterance may still go on with, best first; tensors have shape (B, K).

    Attributes:
        scores: weighted natural-log probability of each with whatever follows; -inf for an empty place.
        attended: natural-log probability by the attention decoder alone.
        needed: frames that CTC needs for it: its tokens, and a blank between equal ones.
        prefixes: what CTC says of it.
        state: of the attention decoder before its last token.
    """

    scores: Tensor
    attended: Tensor
    needed: Tensor
    prefixes: CTCPrefixes
    state: DecoderState

    @classmethod
    def start(cls, frames: CTCFrames, state: DecoderState) -> _Beams:
        """Returns the empty sequence for each utterance."""
        prefixes = CTCPrefixes.empty(frames, state.context.size(1))
        attended = torch.zeros(prefixes.last.shape, dtype=torch.float64, device=prefixes.last.device)
        scores = attended.clone()
        scores[:, 1:] = -math.inf
        return cls(scores, attended, torch.zeros_like(prefixes.last), prefixes, state)


@dataclass(frozen=True, eq=False)
class _Step:
    """What a step did, to find the way back by; of K sequences that go on and M that have ended, shape (B, K + M).

    Attributes:
        sources: the place, among those before the step, that each came from.
        token_ids: the token that it added, or -1.
    """

    sources: Tensor
    token_ids: Tensor


class JointBeamDecoder:
    """Finds the token sequences that CTC and an attention decoder together find likeliest.

    Hypotheses of a beam have equally many tokens. Each is scored by

        (1 - w) log P_attention(h) + w log P_CTC(h...),

    the probability by CTC being that of all sequences that begin with it, and at its end that of the sequence itself.
    One ends where its end is among the K best of all that the beam can go on with. No score rises with a token, so that
    the search of an utterance is over when nothing in the beam is above its M-th best hypothesis that has ended. It is
    exact when nothing ever leaves the beam. No hypothesis has more tokens than CTC can say in the frames that there
    are: tokens and repeats are at most N. With a beam of 1 and w = 0 this is greedy decoding with attention alone.
    Utterances of a batch do not affect each other. Times and confidences are those of the best path by CTC.

    **Source**: Watanabe et al. 2017, "Hybrid CTC/attention architecture for end-to-end speech recognition", section
    III.C, one-pass decoding; its end detection by a threshold is an exact one here.

    Args:
        attention: the attention decoder.
        output: the output layer of CTC, of the same frames and tokens.
        tokens: names the V tokens.
        frame_seconds: seconds from one encoder frame to the next.
        beam_size: K, sequences kept for each number of tokens; larger is slower and more exact.
        nbest: M, hypotheses returned for each utterance, at most ``beam_size``.
        ctc_weight: w, from 0 to 1.
        blank: index of blank.

    Raises:
        ConfigError: a number is out of its range.
    """

    def __init__(
        self,
        attention: AttentionDecoder,
        output: nn.Linear,
        tokens: TokenTable,
        frame_seconds: float,
        beam_size: int,
        nbest: int = 1,
        ctc_weight: float = 0.3,
        blank: int = BLANK,
    ) -> None:
        require("beam_size", beam_size, beam_size >= 1, "1 or more")
        require("nbest", nbest, 1 <= nbest <= beam_size, f"from 1 to beam_size, which is {beam_size}")
        require("ctc_weight", ctc_weight, 0 <= ctc_weight <= 1, "from 0 to 1")
        self.attention, self.output, self.tokens, self.frame_seconds = attention, output, tokens, frame_seconds
        self.beam_size, self.nbest, self.ctc_weight, self.blank = beam_size, nbest, ctc_weight, blank

    @torch.inference_mode()
    def __call__(self, encoded: Tensor, input_lengths: Tensor, /) -> list[list[Hypothesis]]:
        """Decodes a batch.

        Args:
            encoded: encoded frames, shape (B, N, D).
            input_lengths: frames of each utterance, shape (B,).

        Returns:
            For each utterance its N-best list, best first, at least one hypothesis long.

        Raises:
            DataError: an utterance's frames are not numbers.
        """
        input_lengths = input_lengths.to(encoded.device)
        check_log_probs(encoded, input_lengths, self.output.in_features)
        if not encoded.size(1):
            encoded = encoded.new_zeros(len(encoded), 1, encoded.size(2))
        log_probs = self.output(encoded).float().log_softmax(dim=2)
        token_ids, token_lengths, scores = self._search(encoded, log_probs, input_lengths)
        alignment = align(log_probs, input_lengths, token_ids, token_lengths, self.blank)
        paths = TokenPaths(token_ids, token_lengths, alignment.token_index, scores)
        return trace(paths, log_probs, self.tokens, self.frame_seconds, self.blank)

    def _search(self, encoded: Tensor, log_probs: Tensor, input_lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the N best sequences: token_ids (B, M, L), their lengths and scores, each (B, M)."""
        heard = self.attention.listen(encoded, input_lengths)
        frames = CTCFrames.of(log_probs, input_lengths, self.blank)
        beams = _Beams.start(frames, self.attention.begin(heard, self.beam_size))
        ended = beams.scores.new_full((len(encoded), self.nbest), -math.inf)
        steps: list[_Step] = []
        while bool((beams.scores > -math.inf).any()):
            beams, ended, step = self._advance(beams, ended, heard)
            steps.append(step)
        slots = torch.arange(self.nbest, device=encoded.device).expand(len(encoded), -1) + self.beam_size
        columns = [step.token_ids for step in steps]
        [token_ids], token_lengths = walk_back([step.sources for step in steps], [columns], slots)
        return token_ids, torch.where(ended.isinf(), 0, token_lengths), ended

    def _advance(self, beams: _Beams, ended: Tensor, heard: Heard) -> tuple[_Beams, Tensor, _Step]:
        """Takes the beams of a batch one token further, or to their end."""
        last = beams.prefixes.last
        said, state = self.attention.step(heard, last, beams.state)
        attended = beams.attended[:, :, None] + self.attention.classify(said).double()  # (B, K, V)
        candidates, needed = self._candidates(beams, attended)
        num_tokens = attended.size(2)
        scores, choice = candidates.flatten(1).topk(self.beam_size, dim=1)
        places, token_ids = choice // num_tokens, choice % num_tokens
        is_end = token_ids == self.blank
        ended, end_choice = torch.cat([ended, scores.masked_fill(~is_end, -math.inf)], dim=1).topk(self.nbest, dim=1)
        is_old = end_choice < self.nbest
        end_sources = torch.where(
            is_old, self.beam_size + end_choice, places.gather(1, (end_choice - self.nbest).clamp(min=0))
        )
        is_alive = ~is_end & (scores > ended[:, -1:])
        step = _Step(
            torch.cat([places, end_sources], dim=1),
            torch.cat([torch.where(is_alive, token_ids, -1), torch.full_like(end_sources, -1)], dim=1),
        )
        after = _Beams(
            scores.masked_fill(~is_alive, -math.inf),
            attended.flatten(1).gather(1, choice),
            needed.flatten(1).gather(1, choice),
            beams.prefixes.extended(places, token_ids),
            state.take(places),
        )
        return after, ended, step

    def _candidates(self, beams: _Beams, attended: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the scores of all ways to go on, -inf for what cannot be, and the frames that CTC needs then.

        Args:
            beams: the beams.
            attended: natural-log probability of each sequence and token by the attention decoder, shape (B, K, V).

        Returns:
            Scores, and numbers of frames, both of shape (B, K, V); the token blank is the end.
        """
        token_ids = torch.arange(attended.size(2), device=attended.device)
        needed = beams.needed[:, :, None] + torch.where(token_ids == beams.prefixes.last[:, :, None], 2, 1)
        needed[:, :, self.blank] = beams.needed
        scores = attended
        if self.ctc_weight:
            scores = (1 - self.ctc_weight) * attended + self.ctc_weight * beams.prefixes.scores()
        is_out = (beams.scores == -math.inf)[:, :, None] | (needed > beams.prefixes.frames.lengths[:, None, None])
        return scores.masked_fill(is_out, -math.inf), needed
