"""The parts of a recogniser, from a model file or from other files that replace them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from asr.checkpoints.model_file.reading import ModelFile, load_model_file
from asr.decoding.parts import DecoderParts
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.transcription.rescoring import Rescorer, chooser, load_rescorer, make_rescorer


@dataclass(frozen=True, eq=False)
class Opened:
    """A model file with the settings to decode with.

    Attributes:
        file: its content.
        settings: decoder settings.
        parts: the parts of the decoder.
        rescorers: functions that reorder its N-best lists, or choose from them, applied in order.
    """

    file: ModelFile
    settings: DecoderSettings
    parts: DecoderParts
    rescorers: list[Rescorer]


def open_model_file(
    file: str | Path | ModelFile,
    settings: DecoderSettings | None,
    rescoring: Sequence[RescoringSettings] | None,
    confidence: ConfidenceSettings | None,
    device: str | torch.device,
) -> Opened:
    """Reads a model file; see :meth:`asr.transcription.recognizer.Recognizer.from_file`."""
    file = file if isinstance(file, ModelFile) else load_model_file(file)
    settings = settings or file.settings
    settings.check()
    acoustic = file.acoustic[0]
    sample_rate = acoustic.model.frontend.sample_rate
    if rescoring is not None:
        rescorers = [load_rescorer(each, sample_rate, device) for each in rescoring]
    else:
        chosen = [] if settings.beam_size == 1 or settings.exact else file.rescoring
        rescorers = [make_rescorer(each, model, sample_rate, device) for each, model in chosen]
    if confidence is None and rescoring is None:
        confidence = file.confidence_of(settings)
    if not rescorers:
        settings = settings.for_confidence(confidence)
    elif settings.nbest == 1:
        settings = settings.choosing()
    if confidence is not None:
        rescorers.append(chooser(confidence))
    if file.has_files_of(settings):
        return Opened(file, settings, file.parts, rescorers)
    frame_seconds = acoustic.model.frame_seconds
    parts = DecoderParts.read(settings, acoustic.tokens, acoustic.policy, frame_seconds)
    return Opened(file, settings, parts, rescorers)
