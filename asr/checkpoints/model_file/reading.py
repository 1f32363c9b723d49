"""Reads model files; no code from them runs, and no other file is opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.kind import LoadedModel, Row
from asr.checkpoints.language import LoadedLanguageModel
from asr.checkpoints.model_file.card import Card, describe_card, read_card
from asr.checkpoints.model_file.lexicon import read_lexicon
from asr.checkpoints.model_file.members import Members
from asr.checkpoints.model_file.networks import read_network
from asr.checkpoints.model_file.ngram import read_ngram
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.decoding.parts import Coverage, DecoderParts
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.errors import ConfigError
from asr.models.averaged import average


@dataclass(frozen=True, eq=False)
class ModelFile:
    """The content of a model file.

    Attributes:
        path: the file.
        card: description of the file for people.
        precision: precision of its weights.
        acoustic: acoustic models with the same tokens, whose posteriors are averaged.
        settings: decoder settings; the files that they name are in the model file.
        parts: the parts of its decoder.
        rescoring: weights and models that rescore the hypotheses in order.
        confidence: how the best hypothesis is chosen at last, and how sure its words are; None for the first.
    """

    path: Path
    card: Card
    precision: str
    acoustic: tuple[Loaded, ...]
    settings: DecoderSettings
    parts: DecoderParts
    rescoring: tuple[tuple[RescoringSettings, LoadedModel], ...]
    confidence: ConfidenceSettings | None = None

    def has_files_of(self, settings: DecoderSettings) -> bool:
        """Returns whether settings name the lexicon and the language model in the file."""
        return _files(settings) == _files(self.settings)

    def confidence_of(self, settings: DecoderSettings) -> ConfidenceSettings | None:
        """Returns the confidence if it holds for settings: with the weights of the file, whatever the size of the beam.

        It holds for greedy decoding only if that is what the file does.
        """
        own = self.settings
        alike = replace(settings, beam_size=own.beam_size, nbest=own.nbest, lm=own.lm, lexicon=own.lexicon)
        is_greedy = settings.beam_size == 1 and own.beam_size > 1
        return self.confidence if alike == own and self.has_files_of(settings) and not is_greedy else None

    def describe(self) -> list[Row]:
        """Returns the rows of ``asr info``: card, models, decoder."""
        rows = [*describe_card(self.card), ("size", f"{self.path.stat().st_size:,} bytes"), ("weights", self.precision)]
        for each in self.acoustic:
            rows += each.describe()
        weights = "" if self.settings == DecoderSettings() else f", {self.settings.weights}"  # greedy has none
        rows.append(("decoder", f"{self.settings.label}{weights}"))
        if self.parts.coverage is not None:
            coverage = self.parts.coverage
            rows.append(("lexicon", f"{coverage.num_words:,} words, {coverage.num_spellings:,} spellings"))
        if self.parts.lm is not None:
            counts = ", ".join(f"{count:,}" for count in self.parts.lm.num_ngrams)
            rows.append(("n-grams", f"{counts} of orders 1 to {self.parts.lm.order}"))
        for settings, model in self.rescoring:
            rows.append(("rescoring", f"{settings.model}, weight {settings.weight:g}"))
            rows += model.describe()
        if self.confidence is not None:
            chosen = "fewest expected errors" if self.confidence.risk_scale else "highest score"
            rows.append(("confidence", f"calibrated on lists of {self.confidence.nbest}; {chosen}"))
        return rows


def load_model_file(path: str | Path) -> ModelFile:
    """Reads a model file and builds its models.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind or of a newer version.
        AsrError: its content does not make up a recogniser.
    """
    members = Members(path)
    manifest = members.manifest
    acoustic: list[Loaded] = []
    for place, each in enumerate(manifest.records("acoustic")):
        loaded = read_network(members, each, f"acoustic_{place}")
        if not isinstance(loaded, Loaded) or (acoustic and loaded.tokens != acoustic[0].tokens):
            raise members.foreign("its acoustic models are of several kinds")
        acoustic.append(loaded)
    if not acoustic:
        raise members.foreign("it has no acoustic model")
    rescoring: list[tuple[RescoringSettings, LoadedModel]] = []
    for place, each in enumerate(manifest.records("rescoring")):
        model = read_network(members, each.record("network"), f"rescoring_{place}")
        if not isinstance(model, Loaded | LoadedLanguageModel):
            raise members.foreign("its rescoring uses a model that cannot rescore")
        rescoring.append((RescoringSettings.of(each), model))
    settings = DecoderSettings.of(manifest.record("decoder"))
    confidence = ConfidenceSettings.of(manifest.record("confidence")) if manifest.has("confidence") else None
    try:
        average([each.model for each in acoustic])
        parts = _read_parts(members, settings, acoustic[0])
        parts.decoder(settings)
        settings.for_confidence(confidence)
    except ConfigError as error:
        raise members.foreign(f"{error.where}: {error.found}") from None
    members.finish()
    card, precision = read_card(manifest), manifest.text("precision")
    return ModelFile(members.path, card, precision, tuple(acoustic), settings, parts, tuple(rescoring), confidence)


def _read_parts(members: Members, settings: DecoderSettings, acoustic: Loaded) -> DecoderParts:
    manifest, tokens, frame_seconds = members.manifest, acoustic.tokens, acoustic.model.frame_seconds
    if bool(settings.lm) != manifest.has("ngram") or bool(settings.lexicon) != manifest.has("lexicon"):
        raise members.foreign("its decoder lacks what its settings name, or has more")
    lm = read_ngram(members, manifest.record("ngram")) if settings.lm else None
    if not settings.lexicon:
        return DecoderParts(tokens, frame_seconds, lm)
    found = manifest.record("lexicon")
    trie = read_lexicon(members, found, tokens, settings.silence, settings.unknown_score is not None)
    words = None if lm is None else WordNGram(lm, trie.words)
    num_unknown = 0 if words is None else words.num_unknown
    coverage = Coverage(len(trie.words), found.whole("num_spellings"), num_unknown=num_unknown)
    return DecoderParts(tokens, frame_seconds, lm, trie, words, coverage)


def _files(settings: DecoderSettings) -> Mapping[str, object]:
    """Returns the settings that lexicon and language model depend on, whatever their folder."""
    return {
        "lm": Path(settings.lm).name,
        "lexicon": [Path(file).name for file in settings.lexicon],
        "silence": settings.silence,
        "unknown": settings.unknown_score is None,
    }
