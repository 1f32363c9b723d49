"""Recognisers as people choose them: a model, and how it decodes in place of its own settings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.errors import UsageError
from asr.machine import num_processes

if TYPE_CHECKING:
    from asr.text.hotwords import Hotwords
    from asr.transcription.recognizer import Recognizer


@dataclass(frozen=True)
class Choice:
    """What to transcribe with; None and empty leave the choice to the model file, or to greedy decoding.

    Attributes:
        model: model file that ``asr export`` wrote, or "english" for the model in the box; None for a checkpoint.
        checkpoint: checkpoint that ``asr train`` wrote; None for a model file.
        head: head of the checkpoint; None for the main one, and for a model file.
        settings: file of a decoder and its weights.
        beam_size: hypotheses kept, in place of such a file.
        rescoring: files of other models and their weights, which are applied in order.
        confidence: file of calibrated confidences and of the choice of the hypothesis, which come last.
        nbest: hypotheses for rescoring.
        device: "cpu", "cuda" or "cuda:N"; None for CUDA if there is a device.
        threads: batches recognised at the same time on a CPU; None for one per core.
    """

    model: str | None = None
    checkpoint: str | None = None
    head: str | None = None
    settings: str | None = None
    beam_size: int | None = None
    rescoring: Sequence[str] = ()
    confidence: str | None = None
    nbest: int | None = None
    device: str | None = None
    threads: int | None = None


def open_recognizer(
    choice: Choice, option: Callable[[str], str] = str, hotwords: Hotwords | None = None
) -> tuple[Recognizer, DecoderSettings]:
    """Returns a recogniser and the settings that it decodes with.

    Args:
        choice: the model and its settings.
        option: names a field in errors, such as "--beam-size" for "beam_size".
        hotwords: words and phrases that are expected.

    Raises:
        UsageError: parts of the choice contradict each other.
        ConfigError: the search takes no hot words.
        AsrError: a file cannot be read, the device cannot be used, or the settings do not fit the model.
    """
    if choice.model and choice.head:
        raise UsageError(option("head"), "a model file says itself what it decodes with", "leave it out")
    is_rescored = bool(choice.rescoring)
    settings = None if choice.model else _settings(choice, DecoderSettings(), is_rescored, option)
    rescoring = [RescoringSettings.load(file) for file in choice.rescoring]
    confidence = ConfidenceSettings.load(choice.confidence) if choice.confidence else None
    if hotwords and settings:
        settings.check_hotwords(option)
    from asr.transcription.recognizer import Recognizer

    if choice.model:
        from asr.checkpoints.model_file.reading import load_model_file

        file = load_model_file(choice.model)
        settings = _settings(choice, file.settings, is_rescored or file.has_rescoring, option)
        if hotwords:
            settings.check_hotwords(option)
        device, num_workers = _machine(choice, needs_torch=not file.portable)
        recognizer = Recognizer.from_file(
            file, settings, rescoring or None, confidence, hotwords=hotwords, device=device, num_workers=num_workers
        )
        return recognizer, settings
    assert choice.checkpoint is not None
    assert settings is not None
    device, num_workers = _machine(choice, needs_torch=True)
    load = partial(Recognizer.from_checkpoint, choice.checkpoint, settings, rescoring, confidence, head=choice.head)
    return load(hotwords=hotwords, device=device, num_workers=num_workers), settings


def _machine(choice: Choice, needs_torch: bool) -> tuple[str, int]:
    """Returns the device, and the number of batches to recognise at the same time."""
    device = "cpu"
    if needs_torch:
        import torch  # not before contradictions are refused: it takes a second

        torch.set_num_threads(1)  # see num_workers of Recognizer
        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = choice.device or device
    return device, 1 if device.startswith("cuda") else choice.threads or num_processes()


def _settings(choice: Choice, own: DecoderSettings, is_rescored: bool, option: Callable[[str], str]) -> DecoderSettings:
    """Returns the chosen settings or, where nothing is chosen, those of the model itself."""
    settings = DecoderSettings.load(choice.settings) if choice.settings else own
    if choice.beam_size is not None:
        is_beam = choice.beam_size > 1
        settings = replace(own, beam_size=choice.beam_size, nbest=1) if is_beam else DecoderSettings()
    if choice.nbest is not None and not is_rescored:
        raise UsageError(option("nbest"), "nothing chooses among them", f"give {option('rescoring')}, or leave it out")
    if not choice.rescoring and choice.nbest is None:
        return settings
    if settings.beam_size == 1:
        remedy = f"give {option('settings')} of a beam, or {option('beam_size')}"
        raise UsageError(option("rescoring"), "one hypothesis leaves no choice", remedy)
    settings = settings.choosing(choice.nbest)
    settings.check(option)
    return settings
