"""CTC-CRF: CTC normalised over all token sequences, each weighted by an n-gram of the training transcripts."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence

from torch import Tensor

from asr.decoding.ngram_scorer import dense_table
from asr.errors import ConfigError
from asr.lm.kneser_ney import estimate
from asr.lm.vocabulary import Vocabulary
from asr.text.tokens import BLANK, TokenTable
from asr.training.path_sums import MIN_ORDER, PathGraph, path_sums, sequence_log_probs

logger = logging.getLogger(__name__)

_MOST_ENTRIES = 2**22  # of an n-gram: 45 tokens to the fourth


class CRF:
    """CTC-CRF: trains the tokens of an utterance to be likelier than all other sequences, judged with an n-gram too.

    The loss of an utterance is ``-log p_ctc(tokens) - log p_ngram(tokens) + log sum over paths of p(path)
    p_ngram(tokens of path) + ctc_weight * CTC``. The n-gram is estimated from the training transcripts before the first
    step, by modified Kneser-Ney, and is in no checkpoint. Meant for a model that CTC has trained (``init_from``).

    The log-posteriors of such a model are scores: what normalises a frame is the same for all paths and changes no
    search. They are to be combined with a language model; greedy decoding leaves out what training relied on.

    **Source**: Xiang & Ou 2019, "CRF-based single-stage acoustic modeling with CTC topology",
    https://arxiv.org/abs/1904.08311.

    Args:
        order: of the n-gram; an utterance costs twice V^order multiplications a frame, for orders 1 and 2 as many as
            for 3.
        ctc_weight: weight of the CTC term.

    Raises:
        ConfigError: a setting is out of range.
    """

    def __init__(self, order: int = 3, ctc_weight: float = 0.1) -> None:
        if order < 1 or not 0 <= ctc_weight < math.inf:
            found = f"order is {order}, ctc_weight {ctc_weight}"
            raise ConfigError(_WHERE, found, "order is 1 or more, ctc_weight 0 or more")
        self.order, self.ctc_weight = order, ctc_weight
        self._graph: PathGraph | None = None

    def learn(self, transcripts: Iterable[Sequence[int]], tokens: TokenTable) -> None:
        """Estimates the n-gram.

        Args:
            transcripts: token ids of each training utterance.
            tokens: the V tokens.

        Raises:
            ConfigError: V^order numbers would be too many.
        """
        order = max(self.order, MIN_ORDER)
        num_entries = len(tokens) ** order
        if num_entries > _MOST_ENTRIES:
            found = f"order {order} over {len(tokens)} tokens is {num_entries:,} probabilities in each frame"
            raise ConfigError(_WHERE, found, f"take a smaller unit or order, for at most {_MOST_ENTRIES:,}")
        sentences = ([tokens.tokens[token_id] for token_id in transcript] for transcript in transcripts)
        model = estimate(sentences, self.order, Vocabulary.of(tokens.tokens[1:]))
        self._graph = PathGraph.of(dense_table(model, tokens, order), BLANK)
        logger.info("CTC-CRF: n-grams of the training transcripts, %s", ", ".join(map(str, model.num_ngrams)))

    def added_losses(self, log_probs: Tensor, input_lengths: Tensor, targets: Tensor, target_lengths: Tensor) -> Tensor:
        """Returns what CTC-CRF adds to the CTC loss of each utterance in nats, shape (B,): below 0 where it is lower.

        Args:
            log_probs: natural-log posteriors, shape (B, N, V).
            input_lengths: encoder frames of each utterance, shape (B,).
            targets: token ids of all utterances, concatenated, shape (sum of target_lengths,).
            target_lengths: tokens of each utterance, shape (B,).
        """
        assert self._graph is not None  # learn() comes first
        graph = self._graph = self._graph.to(log_probs)
        return path_sums(log_probs, input_lengths, graph) - sequence_log_probs(targets, target_lengths, graph)


_WHERE = "model.objective.crf"
