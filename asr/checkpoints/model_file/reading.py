"""Reads model files; no code from them runs, no other file is opened, and torch is imported only where it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from asr.box.english import model_path
from asr.checkpoints.model_file.card import Card, describe_card, headline, read_card
from asr.checkpoints.model_file.hotwords import read_hotwords_entry
from asr.checkpoints.model_file.members import Members
from asr.checkpoints.model_file.ngram import read_ngram
from asr.checkpoints.model_file.portable import LoadedPortable, read_portable
from asr.checkpoints.rows import Row
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.dependencies import DependencyError, needing_torch
from asr.errors import ConfigError
from asr.lm.ngram import NGramModel
from asr.records import Record
from asr.text.hotwords import Hotwords
from asr.text.lexicon import Lexicon

if TYPE_CHECKING:
    from asr.checkpoints.acoustic import Loaded
    from asr.checkpoints.model_file.search import Rescoring
    from asr.checkpoints.pronunciation import LoadedPronouncer
    from asr.decoding.parts import DecoderParts
    from asr.text.hotwords import Pronounce

PRONUNCIATION_PART = "pronunciation"
"""Name of the pronunciation model in the manifest, and the folder of its members."""
_OF_WORDS = (f"{PRONUNCIATION_PART}/",)
"""Beginnings of the members that are read where a word has no pronunciation."""
_OF_SEARCH = ("ngram", "lexicon", "rescoring_", *_OF_WORDS)
"""Beginnings of the members that only searches read."""


@dataclass(frozen=True, eq=False)
class ModelFile:
    """The content of a model file.

    Attributes:
        path: the file.
        card: description of the file for people.
        precision: precision of its weights.
        acoustic: acoustic models with the same tokens, whose posteriors are averaged.
        portable: the same if they run without torch; one of the two is empty.
        settings: decoder settings; the files that they name are in the model file.
        members: the members that decoder and rescoring are read from on first use.
        ngram: gives the n-gram model of its decoder; None for a file without one.
        confidence: how the best hypothesis is chosen at last, and how sure its words are; None for the first.
        hotwords: words and phrases that its searches favour; None for none.
    """

    path: Path
    card: Card
    precision: str
    acoustic: tuple[Loaded, ...]
    portable: tuple[LoadedPortable, ...]
    settings: DecoderSettings
    members: Members
    ngram: Callable[[], NGramModel | None]
    confidence: ConfidenceSettings | None
    hotwords: Hotwords | None = None

    @property
    def first(self) -> Loaded | LoadedPortable:
        """The first of its acoustic models."""
        return self.acoustic[0] if self.acoustic else self.portable[0]

    @property
    def sample_rate(self) -> int:
        """Sample rate of its acoustic models in Hz."""
        return self.first.model.frontend.sample_rate

    @property
    def has_rescoring(self) -> bool:
        """Whether other models rescore the hypotheses."""
        return bool(self.members.manifest.records("rescoring"))

    @cached_property
    def parts(self) -> DecoderParts:
        """The parts of its decoder.

        Raises:
            DependencyError: torch is missing.
            AsrError: they do not make up a decoder.
        """
        with needing_torch(self.path):
            from asr.checkpoints.model_file.search import read_parts
        return read_parts(self.members, self.settings, self.ngram, self.first.tokens, self.first.model.frame_seconds)

    @cached_property
    def rescoring(self) -> Rescoring:
        """Weights and models that rescore the hypotheses in order; errors are those of ``parts``."""
        if not self.has_rescoring:
            return ()
        with needing_torch(self.path):
            from asr.checkpoints.model_file.search import read_rescoring
        return read_rescoring(self.members, self.acoustic, self.sample_rate)

    @cached_property
    def lexicon(self) -> Lexicon | None:
        """The pronunciations in the file, None if it has none in phones; errors as for ``parts``."""
        if self.parts.trie is None or self.parts.tokens.unit != "phone":
            return None
        from asr.decoding.lexicon.growing import pronunciations

        return Lexicon(pronunciations(self.parts.trie, self.parts.tokens))

    @cached_property
    def pronouncer(self) -> LoadedPronouncer | None:
        """The model that pronounces words that the lexicon lacks, None if there is none; errors as for ``parts``."""
        if not self.members.manifest.has(PRONUNCIATION_PART):
            return None
        with needing_torch(self.path):
            from asr.checkpoints.model_file.search import read_pronouncer
        return read_pronouncer(self.members, PRONUNCIATION_PART)

    @property
    def pronounce(self) -> Pronounce | None:
        """Pronounces words that the lexicon lacks, None if nothing does; the model is read when it is first called."""
        return self._pronounce if self.members.manifest.has(PRONUNCIATION_PART) else None

    def _pronounce(self, words: Iterable[str]) -> Lexicon:
        assert self.pronouncer is not None
        return self.pronouncer.lexicon(words)

    def complete(self) -> None:
        """Reads what searches use, and refuses members that belong to nothing; errors are those of ``parts``."""
        _ = self.rescoring, self.parts
        self.members.finish(_OF_WORDS if self.members.manifest.has(PRONUNCIATION_PART) else ())

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

    def hotwords_of(self, settings: DecoderSettings) -> Hotwords | None:
        """Returns the hot words if settings are of a search that takes some."""
        takes_words = self.first.tokens.unit != "phone" or bool(settings.lexicon)
        return self.hotwords if settings.beam_size > 1 and not settings.exact and takes_words else None

    def describe(self) -> list[Row]:
        """Returns the rows of ``asr info``: card, models, decoder; torch is imported only for networks that rescore."""
        rows = [*describe_card(self.card), ("size", f"{self.path.stat().st_size:,} bytes"), ("weights", self.precision)]
        for each in self.acoustic or self.portable:
            rows += each.describe()
        weights = "" if self.settings == DecoderSettings() else f", {self.settings.weights}"  # greedy has none
        rows.append(("decoder", f"{self.settings.label}{weights}"))
        rows += _describe_search(self.members.manifest)
        for settings, described in self._describe_rescoring():
            head = f", head {settings.head}" if settings.head else ""
            rows.append(("rescoring", f"{settings.model}{head}, weight {settings.weight:g}"))
            rows += described
        if self.portable and (self.settings.beam_size > 1 or self.settings.exact):
            rows.append(("without torch", "asr transcribe --beam-size 1 only, which is greedy"))
        if self.hotwords is not None:
            rows.append(("hot words", f"{len(self.hotwords.phrases):,}, score {self.hotwords.score:g} per letter"))
        if self.confidence is not None:
            chosen = "fewest expected errors" if self.confidence.risk_scale else "highest score"
            rows.append(("confidence", f"calibrated on lists of {self.confidence.nbest}; {chosen}"))
        return rows

    def _describe_rescoring(self) -> list[tuple[RescoringSettings, list[Row]]]:
        """Returns the settings and the rows of each model that rescores; without torch, their networks are unread."""
        try:
            return [(settings, model.describe()) for settings, model in self.rescoring]
        except DependencyError:
            unread = [("network", "is described where torch is installed")]
            return [(RescoringSettings.of(each), unread) for each in self.members.manifest.records("rescoring")]


def load_model_file(path: str | Path) -> ModelFile:
    """Reads a model file and builds its models; those that only searches use wait until then if torch is not needed.

    Args:
        path: the file, or "english" for the model in the box.

    Raises:
        CheckpointError: the file is missing, damaged, of another kind or of a newer version.
        AsrError: its content does not make up a recogniser.
    """
    members = Members(model_path(path))
    manifest = members.manifest
    card, precision = read_card(manifest), manifest.text("precision")
    settings = DecoderSettings.of(manifest.record("decoder"))
    confidence, hotwords = _read_confidence(members, settings), read_hotwords_entry(members)
    if manifest.has("portable"):
        portable = _read_portable(members)
        later = partial(read_ngram, members)
        file = ModelFile(members.path, card, precision, (), portable, settings, members, later, confidence, hotwords)
        members.finish(_OF_SEARCH)
        return file
    with ThreadPoolExecutor(1) as beside:  # NumPy reads the n-grams while Python imports torch
        ngram = beside.submit(read_ngram, members).result
        with needing_torch(members.path, is_portable=False):
            from asr.checkpoints.model_file.search import read_acoustic
        acoustic = read_acoustic(members)
        file = ModelFile(members.path, card, precision, acoustic, (), settings, members, ngram, confidence, hotwords)
        file.complete()
    return file


def read_headline(path: str | Path) -> str:
    """Returns in one line what a model is and how many words it gets wrong; errors as for the whole file."""
    return headline(read_card(Members(model_path(path)).manifest))


def _read_confidence(members: Members, settings: DecoderSettings) -> ConfidenceSettings | None:
    if not members.manifest.has("confidence"):
        return None
    confidence = ConfidenceSettings.of(members.manifest.record("confidence"))
    try:
        settings.for_confidence(confidence)
    except ConfigError as error:
        raise members.foreign(f"{error.where}: {error.found}") from None
    return confidence


def _read_portable(members: Members) -> tuple[LoadedPortable, ...]:
    records = members.manifest.records("portable")
    found = tuple(read_portable(members, each, f"portable_{place}") for place, each in enumerate(records))
    kinds = {(each.tokens, each.model.frontend.sample_rate, each.model.frame_seconds) for each in found}
    if len(kinds) != 1 or members.manifest.records("acoustic"):
        raise members.foreign("its acoustic models are of several kinds")
    return found


def _describe_search(manifest: Record) -> list[Row]:
    """Returns the sizes of lexicon and n-gram model, which the manifest states."""
    rows: list[Row] = []
    if manifest.has("lexicon"):
        num_words, num_spellings = map(manifest.record("lexicon").whole, ("num_words", "num_spellings"))
        rows.append(("lexicon", f"{num_words:,} words, {num_spellings:,} spellings"))
    if manifest.has("ngram"):
        counts = manifest.record("ngram").items("num_ngrams")
        if not all(type(count) is int for count in counts):
            raise manifest.record("ngram").error("num_ngrams", "a list of whole numbers")
        rows.append(("n-grams", f"{', '.join(f'{count:,}' for count in counts)} of orders 1 to {len(counts)}"))
    if manifest.has(PRONUNCIATION_PART):
        rows.append(("other words", "are pronounced from their letters, by a model of their own"))
    return rows


def _files(settings: DecoderSettings) -> Mapping[str, object]:
    """Returns the settings that lexicon and language model depend on, whatever their folder."""
    return {
        "lm": Path(settings.lm).name,
        "lexicon": [Path(file).name for file in settings.lexicon],
        "silence": settings.silence,
        "unknown": settings.unknown_score is None,
    }
