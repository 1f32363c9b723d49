"""The best path through CTC posteriors and a bigram of tokens, exactly: no beam."""

from __future__ import annotations

import torch
from torch import Tensor

from asr.decoding.alignment import walk_back
from asr.decoding.decoder import check_log_probs, paths_of_frames, trace
from asr.decoding.hypothesis import Hypothesis
from asr.errors import ConfigError, DataError
from asr.text.tokens import BLANK, TokenTable


class BigramViterbiDecoder:
    """Finds the one path of highest score, where a beam would only look for it.

    A path scores ``log P(path | audio) + lm_weight * log P_lm(its tokens) + token_score * number of tokens``; all other
    paths of the same tokens are ignored. A state is the last token and whether a blank has followed it, so a frame
    is one max-plus product with the V x V bigram: meant for phones, not for words.

    **Source**: Viterbi 1967, on the CTC topology of Graves et al. 2006.

    Args:
        tokens: names the V tokens.
        frame_seconds: seconds from one frame to the next.
        bigram: natural-log probability of each token, along the columns, after each token, along the rows, shape
            (V, V); the row of blank is the start of the sentence, the column of blank its end; -inf forbids.
        lm_weight: what the bigram is multiplied by.
        token_score: natural-log score added per token; above 0 favours longer hypotheses.
        blank: index of blank.

    Raises:
        ConfigError: the bigram has another size, or values that are no log-probabilities.
    """

    def __init__(
        self,
        tokens: TokenTable,
        frame_seconds: float,
        bigram: Tensor,
        lm_weight: float = 1.0,
        token_score: float = 0.0,
        blank: int = BLANK,
    ) -> None:
        if bigram.shape != (len(tokens), len(tokens)):
            found = f"is {tuple(bigram.shape)} for a table of {len(tokens)} tokens"
            raise ConfigError("bigram", found, "estimate it over the same tokens")
        if bool((bigram.isnan() | (bigram > 0)).any()):
            raise ConfigError("bigram", "has values above 0, or none", "give natural-log probabilities")
        self.tokens, self.frame_seconds, self.blank = tokens, frame_seconds, blank
        weighted = lm_weight * bigram if lm_weight else torch.zeros_like(bigram)
        self.ends = weighted[:, blank].clone()
        self.transitions = weighted + token_score
        self.transitions[:, blank] = -torch.inf  # blank is no token that could follow

    @torch.inference_mode()
    def __call__(self, log_probs: Tensor, input_lengths: Tensor) -> list[list[Hypothesis]]:
        """Decodes a batch; see :class:`asr.decoding.decoder.Decoder`. Each list holds one hypothesis."""
        input_lengths = input_lengths.to(log_probs.device)
        check_log_probs(log_probs, input_lengths, len(self.tokens))
        states, scores = self._search(log_probs.double(), input_lengths)
        is_frame = torch.arange(states.shape[1], device=states.device) < input_lengths[:, None]
        path = torch.where(is_frame & (states < len(self.tokens)), states, self.blank)
        paths = paths_of_frames(path, scores, self.blank)
        return trace(paths, log_probs, self.tokens, self.frame_seconds, self.blank)

    def _search(self, log_probs: Tensor, input_lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the state of each frame of the best path, (B, N), and its score, (B,).

        State v is token v itself, state V + v a blank after it; V + blank is the blank at the beginning.
        """
        batch, num_frames, num_tokens = log_probs.shape
        transitions, ends = self.transitions.to(log_probs), self.ends.to(log_probs)
        diagonal = transitions.diagonal()
        every = torch.arange(2 * num_tokens, device=log_probs.device)
        own = every[:num_tokens]
        spoken = log_probs.new_full((batch, num_tokens), -torch.inf)
        silent = spoken.clone()
        silent[:, self.blank] = 0.0  # before the first frame
        moves = []
        for frame in range(num_frames):
            before, is_silent = torch.stack([spoken, silent]).max(dim=0)
            arrivals = before.unsqueeze(2) + transitions  # (B, U, V), U the token before
            arrivals.diagonal(dim1=1, dim2=2).copy_(silent + diagonal)  # the same token again needs a blank between
            best, source = arrivals.max(dim=1)  # (B, V)
            source = torch.where(source == own, own + num_tokens, source + num_tokens * is_silent.gather(1, source))
            stays = spoken >= best
            now_spoken = torch.where(stays, spoken, best) + log_probs[:, frame]
            rests = silent >= spoken
            now_silent = torch.where(rests, silent, spoken) + log_probs[:, frame, self.blank : self.blank + 1]
            active = (frame < input_lengths)[:, None]
            sources = torch.cat([torch.where(stays, own, source), torch.where(rests, own + num_tokens, own)], dim=1)
            moves.append(torch.where(active, every - sources, 0))
            spoken, silent = torch.where(active, now_spoken, spoken), torch.where(active, now_silent, silent)
        scores, state = torch.cat([spoken + ends, silent + ends], dim=1).max(dim=1)
        impossible = scores.isinf().nonzero()[:, 0].tolist()
        if impossible:
            raise DataError("log_probs", f"no path is possible in rows {impossible} of the batch", "check the bigram")
        return walk_back(moves, state), scores
