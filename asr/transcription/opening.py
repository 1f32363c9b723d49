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


@dataclass(frozen=True, eq=False)
class Chosen:
    """A choice that does not contradict itself, with what its small files hold; the model is not read yet.

    Attributes:
        choice: the model and its settings.
        settings: what decodes; None where the model file says it.
        rescoring: other models and their weights, which are applied in order.
        confidence: how the best hypothesis is chosen at last; None for the first, or as the model file says.
        hotwords: words and phrases that are expected.
        option: names a field in errors, such as "--beam-size" for "beam_size".
    """

    choice: Choice
    settings: DecoderSettings | None
    rescoring: Sequence[RescoringSettings]
    confidence: ConfidenceSettings | None
    hotwords: Hotwords | None
    option: Callable[[str], str]

    def open(self) -> tuple[Recognizer, DecoderSettings]:
        """Returns the recogniser and the settings that it decodes with.

        Raises:
            UsageError: the choice contradicts what the model file says.
            ConfigError: the search takes no hot words.
            AsrError: a file cannot be read, the device cannot be used, or the settings do not fit the model.
        """
        from asr.transcription.recognizer import Recognizer

        choice, settings = self.choice, self.settings
        if choice.model:
            return self._open_file(choice.model)
        assert choice.checkpoint is not None
        assert settings is not None
        device, num_workers = _machine(choice, needs_torch=True)
        parts = settings, self.rescoring, self.confidence
        load = partial(Recognizer.from_checkpoint, choice.checkpoint, *parts, head=choice.head)
        return load(hotwords=self.hotwords, device=device, num_workers=num_workers), settings

    def _open_file(self, model: str) -> tuple[Recognizer, DecoderSettings]:
        from asr.checkpoints.model_file.reading import load_model_file
        from asr.transcription.recognizer import Recognizer

        file = load_model_file(model)
        is_rescored = bool(self.rescoring) or file.has_rescoring
        settings = _settings(self.choice, self.settings or file.settings, is_rescored, self.option)
        if self.hotwords:
            settings.check_hotwords(self.option)
        device, num_workers = _machine(self.choice, needs_torch=not file.portable)
        parts = settings, self.rescoring or None, self.confidence
        load = partial(Recognizer.from_file, file, *parts, hotwords=self.hotwords)
        return load(device=device, num_workers=num_workers), settings


def choose(choice: Choice, option: Callable[[str], str] = str, hotwords: Hotwords | None = None) -> Chosen:
    """Reads the small files of a choice, and refuses what can be refused without the model.

    Args:
        choice: the model and its settings.
        option: names a field in errors, such as "--beam-size" for "beam_size".
        hotwords: words and phrases that are expected.

    Raises:
        UsageError: parts of the choice contradict each other.
        ConfigError: the search takes no hot words.
        DataError: a file of settings cannot be read.
    """
    if choice.model and choice.head:
        raise UsageError(option("head"), "a model file says itself what it decodes with", "leave it out")
    settings = DecoderSettings.load(choice.settings) if choice.settings else None
    if not choice.model:
        settings = _settings(choice, settings or DecoderSettings(), bool(choice.rescoring), option)
    rescoring = [RescoringSettings.load(file) for file in choice.rescoring]
    confidence = ConfidenceSettings.load(choice.confidence) if choice.confidence else None
    if hotwords and settings:
        settings.check_hotwords(option)
    return Chosen(choice, settings, rescoring, confidence, hotwords, option)


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
    """Returns the settings to decode with: ``own``, those of a file or of the model itself, or those of the choice."""
    settings = own
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
