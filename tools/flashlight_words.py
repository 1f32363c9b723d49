"""flashlight-text's lexicon decoder with our lexicon, language model and weights: the yardstick of decoding."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from flashlight.lib.text.decoder import CriterionType, LexiconDecoder, LexiconDecoderOptions, SmearingMode, Trie
from flashlight.lib.text.decoder.kenlm import KenLM
from flashlight.lib.text.dictionary import Dictionary

from asr.decoding.lexicon.spellings import Spellings
from asr.lm.ngram import NGramModel
from asr.text.tokens import BLANK, SPACE_TOKEN, TokenTable


class FlashlightWords:
    """Decodes characters one utterance at a time. Every word ends in ``|``, so posteriors must end with one."""

    def __init__(
        self,
        tokens: TokenTable,
        spellings: Spellings,
        arpa: Path,
        lm: NGramModel,
        beam_size: int,
        lm_weight: float,
        word_score: float,
        beam_threshold: float = math.inf,
        token_topk: int | None = None,
    ) -> None:
        """Makes a decoder.

        Args:
            tokens: characters.
            spellings: the words.
            arpa: the language model's file.
            lm: the same model.
            beam_size: hypotheses kept.
            lm_weight: what natural-log scores are multiplied by.
            word_score: added per word.
            beam_threshold: natural log.
            token_topk: tokens considered per frame.
        """
        space, self.words = tokens.ids[SPACE_TOKEN], spellings.words
        ten = math.log(10)  # KenLM's scores are decimal logarithms
        trie = Trie(len(tokens), space)
        for place, ids in spellings.entries:
            unigram = lm.lookup([0], [lm.vocabulary.ids.get(self.words[place], 0)])[0][0] / ten
            trie.insert([*ids, space], place, unigram)
        trie.smear(SmearingMode.MAX)
        options = LexiconDecoderOptions(
            beam_size=beam_size,
            beam_size_token=token_topk or len(tokens),
            beam_threshold=min(beam_threshold, 1e9),
            lm_weight=lm_weight * ten,
            word_score=word_score,
            unk_score=-math.inf,
            sil_score=0.0,
            log_add=True,
            criterion_type=CriterionType.CTC,
        )
        self._kept = KenLM(str(arpa), Dictionary(list(self.words))), trie  # the decoder does not own them
        self._decoder = LexiconDecoder(options, trie, self._kept[0], space, BLANK, -1, [], False)

    def decode(self, log_probs: torch.Tensor) -> tuple[str, float]:
        """Returns the best text and its score.

        Args:
            log_probs: natural-log posteriors on the CPU, shape (N, V).
        """
        rows = log_probs.float().contiguous()
        best = self._decoder.decode(rows.data_ptr(), *rows.shape)[0]
        return " ".join(self.words[word] for word in best.words if word >= 0), best.score
