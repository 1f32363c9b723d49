"""Posteriors that are computed once, and decoded with each of the weights that are tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import DecoderParts, DecoderSettings
from asr.scoring.rules import PolicyRule
from asr.text.policy import TextPolicy, get_policy
from asr.text.tokens import TokenTable
from asr.tuning.search import Grid, Weights

LM_WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
TOKEN_SCORES = (-1.0, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
WORD_SCORES = (-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0)
BLANK_PENALTIES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
WORD_LM_WEIGHTS = (0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
WORD_POLICY = "upper-no-punctuation"
"""Text policy of transcripts when words are searched by their phones, because lexicons are in upper case."""
_START = (0.6, 0.0, 1.0)
"""Start of a search over words: language model weight, word score, blank penalty."""


def rule_of(settings: DecoderSettings, tokens: TokenTable, policy: TextPolicy) -> PolicyRule:
    """Returns the rule that a decoder is tuned by: words, even if searched by their phones; otherwise phones.

    Args:
        settings: settings of the decoder.
        tokens: the table of the model's outputs.
        policy: text policy of the model.
    """
    if tokens.unit == "phone" and settings.lexicon:
        return PolicyRule(get_policy(WORD_POLICY), "word")
    return PolicyRule(policy, "phone" if tokens.unit == "phone" else "word")


@dataclass(frozen=True, eq=False)
class Posteriors:
    """Posteriors that a decoder searches.

    The weights are the language model weight, the score per word (per token without a lexicon), and the blank penalty.

    Attributes:
        batches: utterance ids, natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
        parts: what decoders with these settings share.
        settings: settings of the decoder, of which only the weights are tuned.
        tuning_beam_size: beam size while weights are tried; None for that of the settings.
    """

    batches: Sequence[tuple[list[str], Tensor, Tensor]]
    parts: DecoderParts
    settings: DecoderSettings
    tuning_beam_size: int | None = None

    @property
    def grid(self) -> Grid:
        """All likely weights if a search is quick, otherwise a walk from the usual weights."""
        if not self.settings.lexicon:
            return Grid((LM_WEIGHTS if self.settings.lm else (), TOKEN_SCORES, ()))
        if not self.settings.lm:
            return Grid(((), WORD_SCORES, BLANK_PENALTIES), start=(0.0, *_START[1:]))
        return Grid((WORD_LM_WEIGHTS, WORD_SCORES, BLANK_PENALTIES), start=_START)

    @property
    def choices(self) -> None:
        """None, because each search finds its own hypotheses."""

    def attempt(self, weights: Weights) -> Mapping[str, Sequence[Hypothesis]]:
        """Searches with the beam size for tuning, for first hypotheses only."""
        beam_size = self.tuning_beam_size or self.settings.beam_size
        return self._decode(replace(self.settings.weighted(weights), beam_size=beam_size, nbest=1))

    def read(self, weights: Weights | None) -> Mapping[str, Sequence[Hypothesis]]:
        """Searches with the settings; without weights, decodes greedily."""
        return self._decode(self.settings.weighted(weights))

    def _decode(self, settings: DecoderSettings) -> dict[str, list[Hypothesis]]:
        decoder = settings.decoder(self.parts)
        found: dict[str, list[Hypothesis]] = {}
        for names, log_probs, lengths in self.batches:
            found |= zip(names, decoder(log_probs, lengths), strict=True)
        return found

    def name(self, weights: Weights | None) -> str:
        """Returns a readable name of weights."""
        return self.settings.weighted(weights).weights
