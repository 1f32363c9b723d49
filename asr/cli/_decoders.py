"""The settings of a decoder as asr decode takes, tunes, writes and reads them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import DataError, UsageError
from asr.files import written_whole

if TYPE_CHECKING:
    from asr.decoding.decoder import Decoder
    from asr.lm.ngram import NGramModel
    from asr.transcription.checkpoint import Loaded


@dataclass(frozen=True)
class DecoderSettings:
    """How to decode.

    Attributes:
        beam_size: hypotheses kept; 1 is greedy.
        nbest: hypotheses given for each utterance.
        exact: whether a bigram is searched exactly, for the best path, in place of a beam.
        lm: file of an n-gram model of tokens; empty for none.
        lm_weight: what its natural-log scores are multiplied by.
        token_score: natural-log score added per token.
    """

    beam_size: int = 1
    nbest: int = 1
    exact: bool = False
    lm: str = ""
    lm_weight: float = 0.0
    token_score: float = 0.0

    def check(self) -> None:
        """Refuses what does not go together.

        Raises:
            UsageError: naming the option.
        """
        if not self.exact and not 1 <= self.nbest <= self.beam_size:
            raise UsageError("--nbest", f"{self.nbest} with a beam of {self.beam_size}", "give 1 to --beam-size")
        if self.exact and not self.lm:
            raise UsageError("--exact", "there is no --lm to search with", "give a bigram of tokens, or leave it out")
        if self.exact and self.nbest > 1:
            raise UsageError(
                "--exact", f"it finds one path, and --nbest is {self.nbest}", "take a beam for N-best lists"
            )
        if self.lm and not self.exact and self.beam_size == 1:
            raise UsageError("--lm", "greedy decoding takes no language model", "give --beam-size, or --exact")
        if not self.lm and (self.lm_weight or self.token_score) and self.beam_size == 1:
            raise UsageError("--lm-weight, --token-score", "greedy decoding takes neither", "give --beam-size and --lm")

    @property
    def label(self) -> str:
        """What its files of hypotheses are called after."""
        name = "exact" if self.exact else "greedy" if self.beam_size == 1 else f"beam{self.beam_size}"
        return f"{name}_{Path(self.lm).name.split('.')[0]}" if self.lm else name

    def decoder(self, loaded: Loaded, lm: NGramModel | None) -> Decoder:
        """Gives the decoder.

        Args:
            loaded: the checkpoint, whose tokens are decoded.
            lm: what is in the file of that name.
        """
        from asr.decoding.bigram_viterbi import BigramViterbiDecoder
        from asr.decoding.greedy import GreedyDecoder
        from asr.decoding.ngram_scorer import NGramScorer, bigram_table
        from asr.decoding.prefix_beam import PrefixBeamDecoder

        tokens, frame_seconds = loaded.tokens, loaded.model.frame_seconds
        if self.exact:
            assert lm is not None
            table = bigram_table(lm, tokens)
            return BigramViterbiDecoder(tokens, frame_seconds, table, self.lm_weight, self.token_score)
        if self.beam_size == 1:
            return GreedyDecoder(tokens, frame_seconds)
        return PrefixBeamDecoder(
            tokens,
            frame_seconds,
            beam_size=self.beam_size,
            nbest=self.nbest,
            lm=None if lm is None else NGramScorer(lm, tokens),
            lm_weight=self.lm_weight,
            token_score=self.token_score,
        )

    def save(self, path: Path, **notes: object) -> None:
        """Writes the settings, with notes on where they come from, as JSON."""
        with written_whole(path) as beside:
            beside.write_text(f"{json.dumps({**asdict(self), **notes}, indent=2)}\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> DecoderSettings:
        """Reads what :meth:`save` wrote.

        Raises:
            DataError: the file is something else.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            settings = cls(**{field.name: found[field.name] for field in fields(cls)})
            return replace(settings, lm_weight=float(settings.lm_weight), token_score=float(settings.token_score))
        except (OSError, ValueError, KeyError, TypeError) as error:
            reason = f"is no settings of a decoder ({type(error).__name__}: {error})"
            raise DataError(path, reason, "make it with: asr decode --tune") from None
