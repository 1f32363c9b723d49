"""How to decode, to rescore and to choose, as settings files say it: beams, lexicon, language model and weights."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.errors import ConfigError, DataError, UsageError
from asr.files import written_whole
from asr.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_KIND = "is no settings of a decoder"
_REMEDY = "make it with: asr tune decode"

CTC_WEIGHT = 0.3
"""Weight of CTC in a beam search with an attention decoder, if none is given (Watanabe et al. 2017)."""
NBEST = 100
"""Default number of hypotheses that other models choose from."""


@dataclass(frozen=True)
class _Saved:
    def save(self, path: str | Path, **notes: object) -> None:
        """Writes the settings, with notes on where they come from, as JSON."""
        with written_whole(path) as beside:
            beside.write_text(f"{json.dumps({**asdict(self), **notes}, indent=2)}\n", encoding="utf-8")


@dataclass(frozen=True)
class DecoderSettings(_Saved):
    """How to decode.

    Attributes:
        beam_size: hypotheses kept; 1 is greedy.
        nbest: hypotheses returned for each utterance.
        exact: whether a bigram is searched exactly, for the best path, in place of a beam.
        lm: file of an n-gram model, of words where there is a lexicon, else of tokens; empty for none.
        lm_weight: what its natural-log scores are multiplied by.
        token_score: natural-log score added per token.
        lexicon: files of the words to search among, or n-gram models that know them; none for a search over tokens.
        word_score: natural-log score added per word of the lexicon.
        blank_penalty: with a lexicon, natural-log score taken from each frame of blank.
        silence: token that may stand between words; empty for none.
        unknown_score: natural-log score added for a word that is not in the lexicon; None for a closed vocabulary.
        beam_threshold: with a lexicon, hypotheses this much (natural log) below the best are dropped.
        hyps_per_state: with a lexicon, hypotheses kept in the beam of those that the rest of an utterance cannot tell
            apart; None for one.
        ctc_weight: with an attention decoder, weight of CTC beside it: 0 for attention alone, 1 for CTC alone; None
            leaves it to the model, see :func:`asr.decoding.joint.choice.resolved`.
    """

    beam_size: int = 1
    nbest: int = 1
    exact: bool = False
    lm: str = ""
    lm_weight: float = 0.0
    token_score: float = 0.0
    lexicon: tuple[str, ...] = ()
    word_score: float = 0.0
    blank_penalty: float = 0.0
    silence: str = ""
    unknown_score: float | None = None
    beam_threshold: float = 30.0
    hyps_per_state: int | None = None
    ctc_weight: float | None = None

    def check(self, named: Callable[[str], str] = str) -> None:
        """Refuses what does not go together.

        Args:
            named: what errors call a field, such as its option.

        Raises:
            ConfigError: naming the fields.
        """
        beam_size, nbest, lm, lexicon = map(named, ("beam_size", "nbest", "lm", "lexicon"))
        if self.beam_size < 1:
            raise ConfigError(beam_size, str(self.beam_size), "give 1 for greedy decoding, or more")
        if not self.exact and not 1 <= self.nbest <= self.beam_size:
            raise ConfigError(nbest, f"{self.nbest} with a beam of {self.beam_size}", f"give 1 to {beam_size}")
        if self.exact:
            self._check_exact(named)
        elif self.beam_size == 1:
            if self.lm:
                raise ConfigError(
                    lm, "greedy decoding takes no language model", f"give {beam_size}, or {named('exact')}"
                )
            if self.lexicon:
                raise ConfigError(lexicon, "greedy decoding takes no lexicon", f"give {beam_size}")
            if self.lm_weight or self.token_score:
                weights = f"{named('lm_weight')}, {named('token_score')}"
                raise ConfigError(weights, "greedy decoding takes neither", f"give {beam_size} and {lm}")
        self._check_words(named)
        self._check_numbers(named)

    def check_hotwords(self, named: Callable[[str], str] = str) -> None:
        """Refuses searches that hot words cannot steer, naming fields as :meth:`check` does.

        Raises:
            ConfigError: decoding is greedy, or exact.
        """
        if self.exact:
            found = f"a search that is {named('exact')} takes no hot words"
            raise ConfigError(named("hotwords"), found, f"give {named('beam_size')} in its place")
        if self.beam_size == 1:
            remedy = f"give {named('beam_size')} of 2 or more, such as 32, or settings of a beam"
            raise ConfigError(named("hotwords"), "greedy decoding takes no hot words", remedy)

    def _check_exact(self, named: Callable[[str], str]) -> None:
        exact, nbest, lm, lexicon = map(named, ("exact", "nbest", "lm", "lexicon"))
        if not self.lm:
            raise ConfigError(exact, f"there is no {lm} to search with", "give a bigram of tokens, or leave it out")
        if self.nbest > 1:
            raise ConfigError(exact, f"it finds one path, and {nbest} is {self.nbest}", "take a beam for N-best lists")
        if self.lexicon:
            raise ConfigError(exact, f"it searches tokens, and {lexicon} has words", "leave one of them out")

    def _check_words(self, named: Callable[[str], str]) -> None:
        given = {
            "word_score": self.word_score,
            "blank_penalty": self.blank_penalty,
            "silence": self.silence,
            "unknown_score": self.unknown_score is not None,
            "hyps_per_state": self.hyps_per_state is not None,
        }
        if not self.lexicon and any(given.values()):
            fields = ", ".join(named(name) for name, is_given in given.items() if is_given)
            raise ConfigError(fields, "there are no words without a lexicon", f"give {named('lexicon')}")
        if self.lexicon and self.token_score:
            raise ConfigError(named("token_score"), "a lexicon has words", f"give {named('word_score')}")
        if self.hyps_per_state is not None and self.hyps_per_state < 1:
            raise ConfigError(named("hyps_per_state"), str(self.hyps_per_state), "give 1 or more")

    def _check_numbers(self, named: Callable[[str], str]) -> None:
        if not 0 <= self.lm_weight < math.inf:
            raise ConfigError(named("lm_weight"), f"{self.lm_weight:g}", "give 0 or more")
        if not self.beam_threshold > 0:
            raise ConfigError(named("beam_threshold"), f"{self.beam_threshold:g}", "give a number above 0, such as 30")
        if self.ctc_weight is not None and not 0 <= self.ctc_weight <= 1:
            remedy = "give 0 for attention alone, 1 for CTC alone, or a weight between"
            raise ConfigError(named("ctc_weight"), f"{self.ctc_weight:g}", remedy)

    def weighted(self, weights: tuple[float, ...] | None) -> DecoderSettings:
        """Returns the settings with other weights.

        Args:
            weights: that of the language model, the score per word (per token without a lexicon), and the penalty of
                blank, which only searches over words have; None for greedy decoding, which has no weights.
        """
        if weights is None:
            return DecoderSettings()
        lm_weight, score, blank_penalty = weights
        if self.lexicon:
            return replace(self, lm_weight=lm_weight, word_score=score, blank_penalty=blank_penalty)
        return replace(self, lm_weight=lm_weight, token_score=score)

    def choosing(self, nbest: int | None = None) -> DecoderSettings:
        """Returns the settings with several hypotheses, for other models to choose among.

        Args:
            nbest: how many; None for :data:`NBEST`, or all of a smaller beam.
        """
        return replace(self, nbest=nbest or min(NBEST, self.beam_size))

    def for_confidence(self, confidence: ConfidenceSettings | None) -> DecoderSettings:
        """Returns the settings with as many hypotheses as the choice of the best needs.

        Args:
            confidence: how it is chosen, among its ``nbest`` hypotheses or all of a smaller beam; None for the first.

        Raises:
            ConfigError: it needs several hypotheses, and the search finds one.
        """
        if confidence is None or confidence.nbest == 1:
            return replace(self, nbest=1)
        if self.exact or self.beam_size == 1:
            found = f"was tuned on lists of {confidence.nbest} hypotheses, and the search finds one"
            raise ConfigError("confidence", found, "decode with a beam, or tune it on hypotheses of this search")
        return self.choosing(min(confidence.nbest, self.beam_size))

    @property
    def weights(self) -> str:
        """Its weights, for people."""
        if self == DecoderSettings():
            return "greedy decoding"
        if self.lexicon:
            return f"lm_weight {self.lm_weight:g}, word_score {self.word_score:g}, blank_penalty {self.blank_penalty:g}"
        return f"lm_weight {self.lm_weight:g}, token_score {self.token_score:g}"

    @property
    def label(self) -> str:
        """What its files of hypotheses are called after."""
        name = "exact" if self.exact else "greedy" if self.beam_size == 1 else f"beam{self.beam_size}"
        name = f"{name}_lexicon" if self.lexicon else name
        name = name if self.ctc_weight is None else f"{name}_ctc{self.ctc_weight:g}"
        return f"{name}_{Path(self.lm).name.split('.')[0]}" if self.lm else name

    @classmethod
    def load(cls, path: str | Path) -> DecoderSettings:
        """Reads what :meth:`save` wrote.

        Raises:
            DataError: the file is something else, or a setting is of another type, not finite, or does not go with the
                others.
        """
        return cls.of(Record.read(path, _KIND, _REMEDY))

    @classmethod
    def of(cls, found: Record) -> DecoderSettings:
        """Returns the settings that a JSON object holds; see :meth:`load`."""
        if not all(isinstance(file, str) for file in found.items("lexicon")):
            raise found.error("lexicon", "a list of files")
        weights = {name: found.number(name) for name in ("lm_weight", "token_score", "word_score", "blank_penalty")}
        settings = cls(
            beam_size=found.whole("beam_size", 1),
            nbest=found.whole("nbest", 1),
            exact=found.flag("exact"),
            lm=found.text("lm"),
            lexicon=tuple(found.items("lexicon")),
            silence=found.text("silence"),
            unknown_score=found.number("unknown_score") if found.has("unknown_score") else None,
            beam_threshold=found.number("beam_threshold", least=0.0),
            hyps_per_state=found.whole("hyps_per_state", 1) if found.has("hyps_per_state") else None,
            ctc_weight=found.number("ctc_weight") if found.has("ctc_weight") else None,
            **weights,
        )
        try:
            settings.check()
        except ConfigError as error:
            raise DataError(found.where, f"{found.kind} ({error.where}: {error.found})", found.remedy) from None
        return settings


@dataclass(frozen=True)
class RescoringSettings(_Saved):
    """How N-best lists are rescored.

    Attributes:
        weight: what the natural-log probabilities of another model are multiplied by.
        word_score: natural-log score added per word.
        unknown_score: natural-log score added for each word that a language model does not know.
        model: checkpoint of the other model, of sentences or of speech; empty where a file does not say.
        head: head of a model of speech that scores, such as "char"; empty for the main one. Where the model is that of
            the search itself, its encoder runs once for both.
    """

    weight: float
    word_score: float = 0.0
    unknown_score: float = 0.0
    model: str = ""
    head: str = ""

    @classmethod
    def load(cls, path: str | Path) -> RescoringSettings:
        """Reads what :meth:`save` wrote.

        Raises:
            DataError: the file is something else, or a setting is of another type or not finite.
        """
        return cls.of(Record.read(path, "is no settings of rescoring", "make it with: asr tune rescore"))

    @classmethod
    def of(cls, found: Record) -> RescoringSettings:
        """Returns the settings that a JSON object holds; see :meth:`load`."""
        weight, word_score, unknown_score = map(found.number, ("weight", "word_score", "unknown_score"))
        model, head = (found.text(name) if found.has(name) else "" for name in ("model", "head"))
        return cls(weight, word_score, unknown_score, model, head)


@dataclass(frozen=True)
class ConfidenceSettings(_Saved):
    """How one hypothesis of a list is chosen, and how sure each of its words is.

    With p the posterior of a word in the list and c the confidence that the decoder has in it, its confidence is
    ``sigmoid(bias + posterior_weight * logit(p) + entropy_weight * logit(c))``, which never falls where p or c rises.

    Attributes:
        nbest: most hypotheses of the lists on which this was tuned.
        scale: what scores are multiplied by for posteriors.
        bias: see above.
        posterior_weight: see above, at least 0.
        entropy_weight: see above, at least 0.
        risk_scale: what scores are multiplied by for expected errors, of which the chosen hypothesis has the fewest; 0
            for the hypothesis with the highest score.
    """

    nbest: int
    scale: float
    bias: float
    posterior_weight: float
    entropy_weight: float
    risk_scale: float = 0.0

    @classmethod
    def load(cls, path: str | Path) -> ConfidenceSettings:
        """Reads what :meth:`save` wrote.

        Raises:
            DataError: the file is something else, or a setting is of another type or out of its range.
        """
        return cls.of(Record.read(path, "is no settings of confidence", "make it with: asr tune confidence"))

    @classmethod
    def of(cls, found: Record) -> ConfidenceSettings:
        """Returns the settings that a JSON object holds; see :meth:`load`."""
        names = ("scale", "posterior_weight", "entropy_weight", "risk_scale")
        values = {name: found.number(name, least=0.0) for name in names}
        return cls(nbest=found.whole("nbest", 1), bias=found.number("bias"), **values)


def load_rescoring(
    files: Sequence[str], models: Sequence[str], option: Callable[[str], str]
) -> list[RescoringSettings]:
    """Reads settings of rescoring, each with the model that it names, or with another one.

    Args:
        files: settings that :meth:`RescoringSettings.save` wrote.
        models: checkpoints in place of the named ones, one for each file; may be empty.
        option: names ``rescore_settings`` and ``rescore`` in errors.

    Raises:
        UsageError: there are more or fewer models than files, or a file names none.
        DataError: a file cannot be read.
    """
    found = [RescoringSettings.load(file) for file in files]
    if models and len(models) != len(found):
        raise UsageError(option("rescore"), f"{len(models)} models and {len(found)} settings", "give one for each")
    if models:
        found = [replace(each, model=model) for each, model in zip(found, models, strict=True)]
    if not all(each.model for each in found):
        raise UsageError(option("rescore_settings"), "name no model", f"give {option('rescore')}")
    return found
