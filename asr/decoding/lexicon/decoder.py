"""Beam search over the words of a lexicon with an n-gram of words, the beams of a whole batch as tensors."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from asr.decoding.alignment import align, sum_of_paths
from asr.decoding.beams import TokenFrames, check_beam, merge_blank_frames, require
from asr.decoding.decoder import TokenPaths, check_log_probs, trace
from asr.decoding.hypothesis import NOTHING, Hypothesis
from asr.decoding.lexicon.arcs import LexiconScores, WeightedTrie
from asr.decoding.lexicon.beams import LexiconBeams, WordStep
from asr.decoding.lexicon.endings import WordSequences, best_sequences
from asr.decoding.lexicon.search import LexiconSearch
from asr.decoding.lexicon.tracing import with_words
from asr.decoding.lexicon.trie import NO_WORD, LexiconTrie
from asr.text.tokens import BLANK, TokenTable

MOST_LOST = 64
"""Prefixes of a frame that are remembered, for N-best lists, when better ones take their place."""


class LexiconBeamDecoder:
    """Finds the word sequences of the highest score.

    A hypothesis is a token sequence and how it is cut into words. It scores

        log P(tokens | audio) + lm_weight * log P_lm(words, </s>) + word_score * number of words,

    where the first term sums over all alignments, in which a separator (``|``, silence) may stand before the first word
    and be repeated between and after words, each frame of blank costs ``blank_penalty``, and an unknown word adds
    ``unknown_score``. Of several with the same words (pronunciations, separators at the end) the N-best list has the
    best one. Prefixes whose continuations score alike, whatever comes, are *recombined*: of those with the same last
    token and the same states of trie and language model the best ``hyps_per_state`` stay, which leaves room in the beam
    for what does differ. N-best lists are made of the others, too: they are remembered with what they lost to, as in a
    lattice, and scored by all their alignments in the end. With all of them kept the search is exact when no prefix
    ever leaves the beam: what it looks ahead guides it and does not count. Times come from the best alignment of each
    hypothesis. If a beam ends without any whole word sequence, its unfinished last word is returned as far as it is
    spelled, and the score lacks it.

    **Source**: the search is that of Graves 2012 and Hannun et al. 2014 as in
    :class:`asr.decoding.prefix_beam.PrefixBeamDecoder`; the trie with its look-ahead ("smearing") and the scores are
    those of Collobert, Puhrsch and Synnaeve, "Wav2Letter: an end-to-end ConvNet-based speech recognition system", 2016,
    whose program, flashlight-text, it is tested against. That adds up the probabilities of what it recombines; here a
    hypothesis scores by its own alignments alone. For recombination see :func:`asr.decoding.beams.best_of_each`.

    Args:
        tokens: names the V tokens.
        frame_seconds: seconds from one frame to the next.
        trie: the lexicon, built from these tokens.
        beam_size: K, prefixes kept per frame; larger is slower and more exact.
        scores: what else counts than what was heard.
        beam_threshold: prefixes whose score is this much (natural log) below the best are dropped.
        token_topk: likeliest tokens of a frame by which prefixes may grow; None for all.
        blank_threshold: runs of frames in which blank is likelier than this count as one; 1 searches every frame.
        nbest: hypotheses returned for each utterance, at most ``beam_size``.
        hyps_per_state: prefixes kept of those that nothing to come can tell apart; 1 finds the best hypothesis with
            the smallest beam, None keeps all.
        blank: index of blank.

    Raises:
        ConfigError: a number is out of its range, or the parts do not belong together.
    """

    def __init__(
        self,
        tokens: TokenTable,
        frame_seconds: float,
        trie: LexiconTrie,
        beam_size: int,
        scores: LexiconScores,
        beam_threshold: float = math.inf,
        token_topk: int | None = None,
        blank_threshold: float = 1.0,
        nbest: int = 1,
        hyps_per_state: int | None = 1,
        blank: int = BLANK,
    ) -> None:
        check_beam(beam_size, beam_threshold, nbest, token_topk, blank_threshold)
        is_count = hyps_per_state is None or hyps_per_state >= 1
        require("hyps_per_state", hyps_per_state, is_count, "1 or more")
        require("trie", f"of {trie.num_tokens} tokens", trie.num_tokens == len(tokens), f"one of {len(tokens)}")
        scores.check(trie)
        self.tokens, self.frame_seconds, self.blank = tokens, frame_seconds, blank
        self.trie, self.scores, self.hyps_per_state = trie, scores, hyps_per_state
        self.beam_size, self.beam_threshold, self.nbest = beam_size, beam_threshold, nbest
        self.token_topk, self.blank_threshold = min(token_topk or len(tokens), len(tokens) - 1), blank_threshold
        self._arcs: WeightedTrie | None = None

    @torch.inference_mode()
    def __call__(self, log_probs: Tensor, input_lengths: Tensor) -> list[list[Hypothesis]]:
        """Decodes a batch; see :class:`asr.decoding.decoder.Decoder`."""
        input_lengths = input_lengths.to(log_probs.device)
        check_log_probs(log_probs, input_lengths, len(self.tokens))
        if not len(log_probs):
            return []
        log_probs = log_probs.float()
        return self._hypotheses(log_probs, input_lengths, self._search(log_probs, input_lengths))

    def stream(self) -> WordsSoFar:
        """Returns a search of one utterance that comes piece by piece."""
        return WordsSoFar(self)

    def _hypotheses(self, log_probs: Tensor, input_lengths: Tensor, found: WordSequences) -> list[list[Hypothesis]]:
        alignment = align(log_probs, input_lengths, found.token_ids, found.token_lengths, self.blank)
        paths = TokenPaths(found.token_ids, found.token_lengths, alignment.token_index, found.scores)
        hypotheses = trace(paths, log_probs, self.tokens, self.frame_seconds, self.blank)
        return with_words(hypotheses, found, self.trie, self.tokens)

    def _weighted(self, device: torch.device) -> WeightedTrie:
        if self._arcs is None or self._arcs.weights.device != device:
            self.trie.to(device)
            if self.scores.lm is not None:
                self.scores.lm.to(device)
            self._arcs = WeightedTrie.of(self.trie, self.scores)
        return self._arcs

    def _searched(self, log_probs: Tensor, input_lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the posteriors that are searched, and their lengths."""
        if self.blank_threshold < 1:
            log_probs, input_lengths = merge_blank_frames(log_probs, input_lengths, self.blank, self.blank_threshold)
        if self.scores.blank_penalty:
            log_probs = log_probs.clone()
            log_probs[:, :, self.blank] -= self.scores.blank_penalty
        return log_probs, input_lengths

    def _begin(self, batch_size: int, device: torch.device, num_lost: int = 0) -> tuple[LexiconSearch, LexiconBeams]:
        """Returns a search, and the beams before the first frame."""
        arcs = self._weighted(device)
        beams = LexiconBeams.start(
            batch_size,
            self.beam_size,
            last=self.blank if arcs.trie.separator is None else arcs.trie.separator,
            lm_state=arcs.lm.start_state if arcs.lm else 0,
            like=arcs.weights,
        )
        return LexiconSearch(arcs, self.blank, self.beam_threshold, self.hyps_per_state, num_lost), beams

    def _search(self, log_probs: Tensor, input_lengths: Tensor) -> WordSequences:
        """Returns the N best word sequences; sorts utterances by length, so that those that have ended drop out."""
        log_probs, input_lengths = self._searched(log_probs, input_lengths)
        lengths, order = input_lengths.sort(descending=True, stable=True)
        frames = TokenFrames.of(log_probs[order].double(), self.blank, self.token_topk)
        num_lost = 0 if self.nbest == 1 or self.hyps_per_state is None else min(self.beam_size, MOST_LOST)
        search, beams = self._begin(len(order), log_probs.device, num_lost)
        arcs = search.arcs
        frames_left, finished, steps = lengths.tolist(), list[LexiconBeams](), list[WordStep]()
        active = len(order)
        for frame in range(log_probs.shape[1]):
            still = active
            while still and frames_left[still - 1] <= frame:
                still -= 1
            if still < active:
                finished.append(beams.rows(still, active))
                beams, active = beams.rows(0, still), still
            if not active:
                break
            beams, step = search.advance(beams, frames, frame)
            steps.append(step)
        beams = LexiconBeams.join([beams.rows(0, active), *reversed(finished)])
        if not num_lost:
            return best_sequences(beams, steps, arcs, self.nbest).rows(order.argsort())
        spare = self.nbest // 2  # a sequence may be better than it seemed before all its alignments were counted
        found = best_sequences(beams, steps, arcs, self.nbest + spare).rows(order.argsort())
        if found.bonuses is None:  # without frames nothing was recombined
            return found
        paths = found.token_ids, found.token_lengths, self.blank, arcs.trie.separator
        return found.best_by(sum_of_paths(log_probs, input_lengths, *paths), self.nbest)


class WordsSoFar:
    """A search of one utterance that goes on with each piece of posteriors.

    What it finds is what :class:`LexiconBeamDecoder` finds in all pieces at once, but for runs of blanks, which count
    as one within a piece, and for lists: it keeps one hypothesis.

    Args:
        decoder: how to search.
    """

    def __init__(self, decoder: LexiconBeamDecoder) -> None:
        self._decoder = decoder
        self._pieces: list[Tensor] = []
        self._search: LexiconSearch | None = None
        self._steps: list[WordStep] = []

    def push(self, log_probs: Tensor) -> None:
        """Goes on with the frames that follow.

        Args:
            log_probs: their natural-log posteriors, shape (N, V).

        Raises:
            DataError: they are not numbers.
        """
        if not len(log_probs):
            return
        decoder, piece = self._decoder, log_probs.float()[None]
        check_log_probs(piece, _length_of(piece), len(decoder.tokens))
        if self._search is None:
            self._search, self._beams = decoder._begin(1, piece.device)
        self._pieces.append(piece)
        searched, _ = decoder._searched(piece, _length_of(piece))
        frames = TokenFrames.of(searched.double(), decoder.blank, decoder.token_topk)
        for frame in range(searched.shape[1]):
            self._beams, step = self._search.advance(self._beams, frames, frame)
            self._steps.append(step)

    def best(self) -> Hypothesis:
        """Returns the best hypothesis of all that has come.

        Raises:
            DataError: no path is possible.
        """
        if self._search is None:
            return NOTHING
        whole = torch.cat(self._pieces, dim=1)
        found = best_sequences(self._beams, self._steps, self._search.arcs, 1)
        return self._decoder._hypotheses(whole, _length_of(whole), found)[0][0]

    def num_settled(self) -> int:
        """Returns how many words at the beginning all hypotheses share that are still kept: nothing can change them."""
        if self._search is None:
            return 0
        slots, place = (self._beams.scores[0] > -math.inf).nonzero()[:, 0], len(self._steps)
        while place and len(slots) > 1:
            place -= 1
            slots = torch.unique(self._steps[place].sources[0, slots])
        slot, count = int(slots[0]), 0
        for step in reversed(self._steps[:place]):
            count += int(step.words[0, slot]) != NO_WORD
            slot = int(step.sources[0, slot])
        return count


def _length_of(log_probs: Tensor) -> Tensor:
    return torch.tensor([log_probs.shape[1]], device=log_probs.device)
