"""What the searches of a model file are made of: lexicon, n-gram model, and networks that choose among hypotheses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from asr.checkpoints.acoustic import Loaded
from asr.checkpoints.model_file.lexicon import read_lexicon
from asr.checkpoints.model_file.members import Members
from asr.checkpoints.model_file.networks import read_network
from asr.checkpoints.pronunciation import LoadedPronouncer
from asr.checkpoints.rescoring import OwnHead, RescoringModel, rescoring_model
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.lexicon.word_ngram import WordNGram
from asr.decoding.parts import Coverage, DecoderParts
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import ConfigError
from asr.lm.ngram import NGramModel
from asr.models.averaged import average
from asr.text.tokens import TokenTable

Rescoring = tuple[tuple[RescoringSettings, RescoringModel], ...]


def read_acoustic(members: Members) -> tuple[Loaded, ...]:
    """Builds the acoustic models of a file, all of the same tokens.

    Raises:
        AsrError: they are damaged, of several kinds, or cannot be averaged.
    """
    found: list[Loaded] = []
    for place, each in enumerate(members.manifest.records("acoustic")):
        loaded = read_network(members, each, f"acoustic_{place}")
        if not isinstance(loaded, Loaded) or (found and loaded.tokens != found[0].tokens):
            raise members.foreign("its acoustic models are of several kinds")
        found.append(loaded)
    if not found:
        raise members.foreign("it has no acoustic model")
    try:
        average([each.model for each in found])
    except ConfigError as error:
        raise members.foreign(f"{error.where}: {error.found}") from None
    return tuple(found)


def read_rescoring(members: Members, acoustic: Sequence[Loaded], sample_rate: int) -> Rescoring:
    """Builds the models that choose among hypotheses, in order, with their weights.

    Args:
        members: of the file.
        acoustic: its acoustic models; a head of the only one may choose.
        sample_rate: of its acoustic models, in Hz.

    Raises:
        AsrError: one is damaged, or cannot choose.
    """
    found: list[tuple[RescoringSettings, RescoringModel]] = []
    for place, each in enumerate(members.manifest.records("rescoring")):
        part, settings = f"rescoring_{place}", RescoringSettings.of(each)
        if not each.has("network") and len(acoustic) == 1 and settings.head in acoustic[0].beside:
            found.append((settings, OwnHead(acoustic[0].head(settings.head))))
            continue
        loaded = read_network(members, each.record("network"), part)
        try:
            found.append((settings, rescoring_model(loaded, settings.head, sample_rate, part)))
        except ConfigError as error:
            raise members.foreign(f"{error.where}: {error.found}") from None
    return tuple(found)


def read_pronouncer(members: Members, part: str) -> LoadedPronouncer:
    """Builds the pronunciation model of a file that has one.

    Args:
        members: of the file.
        part: its name in the manifest, and the folder of its members.

    Raises:
        AsrError: it is damaged, or a model of another kind.
    """
    loaded = read_network(members, members.manifest.record(part), part)
    if not isinstance(loaded, LoadedPronouncer):
        raise members.foreign("its pronunciation model is of another kind")
    return loaded


def read_parts(
    members: Members,
    settings: DecoderSettings,
    ngram: Callable[[], NGramModel | None],
    tokens: TokenTable,
    frame_seconds: float,
) -> DecoderParts:
    """Returns what the decoder of a file is made of.

    Args:
        members: of the file.
        settings: how to decode.
        ngram: gives its n-gram model.
        tokens: of its acoustic models.
        frame_seconds: seconds from one of their frames to the next.

    Raises:
        AsrError: it is damaged, or does not go together.
    """
    manifest = members.manifest
    if bool(settings.lm) != manifest.has("ngram") or bool(settings.lexicon) != manifest.has("lexicon"):
        raise members.foreign("its decoder lacks what its settings name, or has more")
    try:
        # The lexicon comes first: another thread may still be reading the n-gram.
        trie = _read_trie(members, settings, tokens) if settings.lexicon else None
        parts = DecoderParts(tokens, frame_seconds, ngram())
        parts = parts if trie is None else _with_lexicon(members, trie, parts)
        parts.decoder(settings)
    except ConfigError as error:
        raise members.foreign(f"{error.where}: {error.found}") from None
    return parts


def _read_trie(members: Members, settings: DecoderSettings, tokens: TokenTable) -> LexiconTrie:
    found = members.manifest.record("lexicon")
    return read_lexicon(members, found, tokens, settings.silence, settings.unknown_score is not None)


def _with_lexicon(members: Members, trie: LexiconTrie, parts: DecoderParts) -> DecoderParts:
    words = None if parts.lm is None else WordNGram(parts.lm, trie.words)
    num_unknown = 0 if words is None else words.num_unknown
    num_spellings = members.manifest.record("lexicon").whole("num_spellings")
    coverage = Coverage(len(trie.words), num_spellings, num_unknown=num_unknown)
    return DecoderParts(parts.tokens, parts.frame_seconds, parts.lm, trie, words, coverage)
