"""Tunes the weights of a language model on posteriors that are computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli._decoders import DecoderSettings
from asr.cli.command import log
from asr.corpora.manifests import read_cuts
from asr.corpora.targets import target_text
from asr.data.posteriors import posteriors
from asr.decoding.tuning import climb, tune
from asr.errors import DataError
from asr.scoring.counts import ErrorCounts, count_errors
from asr.text.policy import get_policy

if TYPE_CHECKING:
    from lhotse.cut import Cut
    from torch import Tensor

    from asr.checkpoints.acoustic import Loaded
    from asr.cli._decoders import DecoderParts
    from asr.decoding.hypothesis import Hypothesis
    from asr.scoring.counts import Unit

LM_WEIGHTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
TOKEN_SCORES = (-1.0, -0.5, -0.25, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
WORD_SCORES = (-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0)
BLANK_PENALTIES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
WORD_LM_WEIGHTS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
_START = (0.6, 0.0, 1.0)
"""The weights with which a search over words begins: of the language model, per word, of blank."""

WORD_POLICY = "upper-no-punctuation"
"""What transcripts go through where words are searched by their phones: lexicons are in upper case."""

Weights = tuple[float, ...]
"""That of the language model, the score per word or token, and the penalty of blank."""


class DevSet:
    """Posteriors and references of cuts, on which weights are tried.

    Attributes:
        unit: whose errors are counted, words or phones.
        greedy_gives_unit: whether greedy decoding gives them; phones are no words.
    """

    def __init__(
        self, loaded: Loaded, cuts: Sequence[Cut], has_lexicon: bool, batch_seconds: float, num_workers: int
    ) -> None:
        """Computes the posteriors.

        Args:
            loaded: the checkpoint.
            cuts: utterances with transcripts.
            has_lexicon: whether words are searched, which a model of phones gives in upper case.
            batch_seconds: most seconds of a padded batch.
            num_workers: processes that read audio ahead.
        """
        is_spoken = has_lexicon and loaded.tokens.unit == "phone"
        target = "char" if is_spoken else loaded.tokens.unit
        self.loaded, self.policy = loaded, get_policy(WORD_POLICY) if is_spoken else loaded.policy
        self.unit: Unit = "phone" if target == "phone" else "word"
        self.greedy_gives_unit = not is_spoken
        self.refs = {cut.id: self.policy.apply(target_text(cut, target), cut.id) for cut in cuts}
        self.batches: list[tuple[list[str], Tensor, Tensor]] = list(
            posteriors(loaded.model, cuts, batch_seconds, num_workers)
        )

    def tune(self, settings: DecoderSettings, parts: DecoderParts, beam_size: int | None = None) -> Choice:
        """Finds the weights of least error; where none is as good as greedy decoding, that.

        Args:
            settings: of the search; what is chosen differs in weights alone.
            parts: what it reads.
            beam_size: of the searches while weights are tried; None is that of the settings.
        """
        greedy = math.inf
        if self.greedy_gives_unit:
            greedy = self.error_rate(DecoderSettings(), parts)
            log(f"greedy: {100 * greedy:.2f} % of {self.unit}s")
        tried: dict[Weights, float] = {}

        def error_rate(weights: Weights) -> float:
            if weights not in tried:
                narrowed = replace(settings, beam_size=beam_size or settings.beam_size, nbest=1)
                tried[weights] = self.error_rate(narrowed.weighted(*weights), parts)
                log(f"{settings.name_weights(*weights)}: {100 * tried[weights]:.2f} % of {self.unit}s")
            return tried[weights]

        without = error_rate((0.0, 0.0, 0.0))
        best = min(self._search(settings, error_rate).items(), key=lambda item: item[1])
        weights = best[0] if best[1] < without else (0.0, 0.0, 0.0)
        rows = tuple((*each, rate) for each, rate in tried.items())
        if greedy < tried[weights]:
            return Choice(DecoderSettings(), "greedy decoding", greedy, without, greedy, rows)
        return Choice(
            settings.weighted(*weights), settings.name_weights(*weights), tried[weights], without, greedy, rows
        )

    @staticmethod
    def _search(settings: DecoderSettings, error_rate: Callable[[Weights], float]) -> dict[Weights, float]:
        """Tries weights: all that are likely where a search is quick, a walk from the usual ones where it is not."""
        if not settings.lexicon:
            found = tune(
                lambda weight, score: error_rate((weight, score, 0.0)), LM_WEIGHTS if settings.lm else (), TOKEN_SCORES
            )
            return {(found.lm_weight, found.token_score, 0.0): found.error_rate}
        weight, score, penalty = _START
        word_scores, lm_weights = sorted((0.0, *WORD_SCORES)), WORD_LM_WEIGHTS if settings.lm else (0.0,)
        start = (weight if settings.lm else 0.0, score, penalty)
        return climb(error_rate, (lm_weights, word_scores, BLANK_PENALTIES), start)

    def error_rate(self, settings: DecoderSettings, parts: DecoderParts) -> float:
        """Gives the error rate, as a fraction."""
        counts = ErrorCounts()
        for nbest_of in self.decode(settings, parts):
            hyps = [self.policy.apply(nbest[0].text) for nbest in nbest_of.values()]
            counts = sum(count_errors([self.refs[name] for name in nbest_of], hyps, self.unit), counts)
        return counts.rate

    def decode(self, settings: DecoderSettings, parts: DecoderParts) -> Iterator[dict[str, list[Hypothesis]]]:
        """Gives the N-best lists of each batch, by utterance id."""
        decoder = settings.decoder(self.loaded, parts)
        for names, log_probs, lengths in self.batches:
            yield dict(zip(names, decoder(log_probs, lengths), strict=True))


@dataclass(frozen=True)
class Choice:
    """The settings of least error on a dev set.

    Attributes:
        settings: of the decoder.
        named: its weights, for people.
        error_rate: with them, as a fraction.
        without: the error rate of the same search with weights of 0.
        greedy: that of greedy decoding; infinite where it gives phones and words are counted.
        tried: weights, each with its error rate behind it, in the order of trying.
    """

    settings: DecoderSettings
    named: str
    error_rate: float
    without: float
    greedy: float
    tried: tuple[Weights, ...]


def tune_decoder(loaded: Loaded, settings: DecoderSettings, parts: DecoderParts, arguments: Any) -> str:
    """Tunes on the cuts, writes the settings, and gives a line on what was found."""
    cuts = [cut for file in arguments.cuts for cut in read_cuts(file)]
    dev = DevSet(loaded, cuts, bool(settings.lexicon), arguments.batch_seconds, arguments.workers)
    best = dev.tune(settings, parts, arguments.tuning_beam_size)
    notes = {
        "tuned_on": arguments.cuts,
        "unit": dev.unit,
        "text_policy": f"{dev.policy.name} ({dev.policy.hash})",
        "error_rate": best.error_rate,
        "greedy_error_rate": best.greedy if dev.greedy_gives_unit else None,
        "tried": best.tried,
    }
    best.settings.save(Path(arguments.tune), **notes)
    rates = f"{100 * best.error_rate:.2f} % of {dev.unit}s, {100 * best.without:.2f} % without"
    greedy = f", {100 * best.greedy:.2f} % greedy" if dev.greedy_gives_unit else ""
    return f"{best.named}: {rates}{greedy}; written to {arguments.tune}"


def decode_crosswise(
    loaded: Loaded, settings: DecoderSettings, parts: DecoderParts, file: str, arguments: Any
) -> Iterator[tuple[str, list[Hypothesis]]]:
    """Gives each utterance's id and N-best list, in the order of the cuts; no utterance is tuned on itself.

    Raises:
        DataError: the cuts are of fewer than two speakers.
    """
    cuts = list(read_cuts(file))
    limits = (bool(settings.lexicon), arguments.batch_seconds, arguments.workers)
    halves = [DevSet(loaded, half, *limits) for half in halve(cuts, file)]
    found: dict[str, list[Hypothesis]] = {}
    for tuned_on, decoded in (halves, halves[::-1]):
        best = tuned_on.tune(settings, parts, arguments.tuning_beam_size)
        log(f"{best.named} from {len(tuned_on.refs)} utterances, for {len(decoded.refs)} others")
        for nbest_of in decoded.decode(best.settings, parts):
            found |= nbest_of
    return ((cut.id, found[cut.id]) for cut in cuts)


def halve(cuts: Sequence[Cut], where: str) -> tuple[list[Cut], list[Cut]]:
    """Gives two parts without a speaker in common: speakers in the order of their names, one here and one there.

    Raises:
        DataError: fewer than two speakers.
    """
    speakers = sorted({str(cut.supervisions[0].speaker) for cut in cuts})
    if len(speakers) < 2:
        found = f"has {len(speakers)} speaker{'' if len(speakers) == 1 else 's'}"
        raise DataError(where, found, "halves need two; tune on other cuts with --tune")
    first = set(speakers[::2])
    here = [cut for cut in cuts if str(cut.supervisions[0].speaker) in first]
    return here, [cut for cut in cuts if str(cut.supervisions[0].speaker) not in first]
