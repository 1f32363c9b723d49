"""Writes model files from checkpoints, settings, and the lexicon and language models that these name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from asr.checkpoints.acoustic import ACOUSTIC, Loaded
from asr.checkpoints.attention import head_of, without_attention
from asr.checkpoints.kinds import load_stored_model
from asr.checkpoints.language import LoadedLanguageModel
from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.card import Card
from asr.checkpoints.model_file.lexicon import write_lexicon
from asr.checkpoints.model_file.members import Written
from asr.checkpoints.model_file.networks import write_network
from asr.checkpoints.model_file.ngram import write_ngram
from asr.checkpoints.model_file.pronouncer import write_pronouncer
from asr.checkpoints.model_file.reading import PRONUNCIATION_PART
from asr.checkpoints.pruned import WHOLE, Pruning
from asr.checkpoints.reading import StoredModel, read_model
from asr.checkpoints.rescoring import own_head, rescoring_model
from asr.decoding.parts import DecoderParts
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.errors import ConfigError
from asr.models.averaged import average


@dataclass(frozen=True)
class Recipe:
    """The ingredients of a model file.

    Attributes:
        checkpoints: acoustic models with the same tokens; the posteriors of several are averaged.
        settings: decoder settings, which name the files of lexicon and language model.
        rescoring: weights of other models, which name their checkpoints.
        precision: precision of the weights and of the scores of the n-gram model.
        card: description of the file for people.
        is_portable: whether acoustic models are written as ONNX, to run without torch.
        confidence: how the best hypothesis is chosen at last, and how sure its words are; None for the first.
        pruning: how the acoustic models are made smaller.
        g2p: checkpoint of a model that pronounces words without a lexicon; None for none.
    """

    checkpoints: Sequence[str]
    settings: DecoderSettings
    rescoring: Sequence[RescoringSettings]
    precision: Precision
    card: Card
    is_portable: bool = False
    confidence: ConfidenceSettings | None = None
    pruning: Pruning = WHOLE
    g2p: str | None = None


def export_model(recipe: Recipe, path: str | Path) -> list[str]:
    """Writes a model file, whole or not at all; equal recipes give equal files.

    Model files are read by CTC alone: attention decoders are left out.

    Args:
        recipe: the ingredients.
        path: the file.

    Returns:
        The checkpoints whose attention decoders were left out.

    Raises:
        AsrError: an ingredient cannot be read or contradicts another, or the file cannot be written.
    """
    written = Written()
    stored, models, attends = zip(*(_load_acoustic(each, recipe.pruning) for each in recipe.checkpoints), strict=True)
    tokens, policy, frame_seconds = models[0].tokens, models[0].policy, models[0].model.frame_seconds
    for checkpoint, each in zip(recipe.checkpoints, models, strict=True):
        if each.tokens != tokens or each.policy != policy:
            found = f"has other tokens or another text policy than {recipe.checkpoints[0]}"
            raise ConfigError(checkpoint, found, "leave it out, or rescore with it: --rescore")
    average([each.model for each in models])  # raises an error if their frames differ
    parts = DecoderParts.read(recipe.settings, tokens, policy, frame_seconds)
    parts.decoder(recipe.settings)  # raises likewise
    recipe.settings.for_confidence(recipe.confidence)  # raises likewise
    manifest: dict[str, Any] = {
        "card": dict(recipe.card),
        "precision": recipe.precision,
        **_write_acoustic(recipe, stored, models, written),
        "rescoring": [
            _write_rescoring(each, recipe, models, f"rescoring_{place}", written)
            for place, each in enumerate(recipe.rescoring)
        ],
        "decoder": asdict(_without_folders(recipe.settings)),
    }
    if recipe.g2p is not None:
        manifest[PRONUNCIATION_PART] = write_pronouncer(recipe.g2p, tokens, recipe.precision, written)
    if recipe.confidence is not None:
        manifest["confidence"] = asdict(recipe.confidence)
    if parts.lm is not None:
        manifest["ngram"] = write_ngram(parts.lm, recipe.precision, written)
    if parts.trie is not None and parts.coverage is not None:
        num_spellings = parts.coverage.num_spellings
        manifest["lexicon"] = {**write_lexicon(parts.trie, written), "num_spellings": num_spellings}
    written.save(path, manifest)
    return [each for each, is_left_out in zip(recipe.checkpoints, attends, strict=True) if is_left_out]


def _write_acoustic(
    recipe: Recipe, stored: Sequence[StoredModel], models: Sequence[Loaded], written: Written
) -> dict[str, Any]:
    pairs = list(enumerate(zip(stored, models, strict=True)))
    if recipe.is_portable:
        from asr.checkpoints.model_file.onnx_encoder import write_portable  # and onnxruntime

        written_models = [
            write_portable(each, loaded, recipe.precision, f"portable_{place}", written)
            for place, (each, loaded) in pairs
        ]
        return {"acoustic": [], "portable": written_models}
    return {
        "acoustic": [
            write_network(each, loaded.model, recipe.precision, f"acoustic_{place}", written)
            for place, (each, loaded) in pairs
        ]
    }


def _load_acoustic(path: str, pruning: Pruning) -> tuple[StoredModel, Loaded, bool]:
    """Returns a checkpoint without its attention decoder, the model in it, and whether it had one."""
    found = read_model(path, ACOUSTIC.incomplete, ACOUSTIC.remedy)
    stored = pruning.of(without_attention(found))
    return stored, ACOUSTIC.load_stored(stored), bool(head_of(found))


def _write_rescoring(
    settings: RescoringSettings, recipe: Recipe, models: Sequence[Loaded], part: str, written: Written
) -> dict[str, Any]:
    """Returns the entry of a model that rescores; a head of the only acoustic model is in the file with it."""
    described = asdict(replace(settings, model=Path(settings.model).name))
    is_alone = len(models) == 1 and not recipe.is_portable
    if is_alone and own_head(models[0], settings, recipe.checkpoints[0]):
        return described
    stored = without_attention(read_model(settings.model, ACOUSTIC.incomplete, ACOUSTIC.remedy))
    sample_rate, model = models[0].model.frontend.sample_rate, load_stored_model(stored)
    rescoring_model(model, settings.head, sample_rate, settings.model)  # raises if it cannot
    assert isinstance(model, Loaded | LoadedLanguageModel)
    network = model.model if isinstance(model, Loaded) else model.network
    return {**described, "network": write_network(stored, network, recipe.precision, part, written)}


def _without_folders(settings: DecoderSettings) -> DecoderSettings:
    lexicon = tuple(Path(file).name for file in settings.lexicon)
    return replace(settings, lm=Path(settings.lm).name, lexicon=lexicon)
