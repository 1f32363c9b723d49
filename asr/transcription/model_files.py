"""The engine of a recogniser, from a model file and from other files that replace its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from asr.checkpoints.model_file.reading import ModelFile
from asr.checkpoints.rescoring import OwnHead
from asr.decoding.parts import Coverage, DecoderParts
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.models.averaged import average
from asr.text.hotwords import Hotwords
from asr.text.writing import MAIN
from asr.transcription.rescoring import chooser, load_rescorer, make_rescorer
from asr.transcription.torch_engine import SearchEngine, TorchEngine


def open_engine(
    file: ModelFile,
    settings: DecoderSettings | None,
    rescoring: Sequence[RescoringSettings] | None,
    confidence: ConfidenceSettings | None,
    hotwords: Hotwords | None,
    device: str | torch.device,
) -> tuple[TorchEngine | SearchEngine, Coverage | None]:
    """Returns engine and coverage; see :meth:`asr.transcription.recognizer.Recognizer.from_file`."""
    settings = settings or file.settings
    settings.check()
    if rescoring is not None:
        rescorers = [load_rescorer(each, file.sample_rate, device) for each in rescoring]
    else:
        chosen = () if settings.beam_size == 1 or settings.exact else file.rescoring
        rescorers = [make_rescorer(each, model, device) for each, model in chosen]
    if not rescorers:
        settings = settings.for_confidence(confidence)
    elif settings.nbest == 1:
        settings = settings.choosing()
    if confidence is not None:
        rescorers.append(chooser(confidence))
    if file.has_files_of(settings):
        parts = file.parts
    else:
        parts = DecoderParts.read(settings, file.first.tokens, file.first.policy, file.first.model.frame_seconds)
    if hotwords is None:
        hotwords = file.hotwords_of(settings)
    elif hotwords.pronounce is None:
        hotwords = replace(hotwords, pronounce=file.pronounce)
    parts = parts.with_hotwords(hotwords, file.first.policy)
    decoder = parts.decoder(settings)
    if file.portable:
        return SearchEngine([each.model for each in file.portable], decoder, rescorers), parts.coverage
    own = () if rescoring is not None else file.rescoring
    needs_heads = any(isinstance(model, OwnHead) for _, model in own)
    model = average([each.model if needs_heads else each.head(MAIN).model for each in file.acoustic])
    return TorchEngine(model, parts.tokens, decoder, device, rescorers), parts.coverage
