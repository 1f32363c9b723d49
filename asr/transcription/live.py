"""Words while they are spoken: a stream of samples to partial and final words, with their delay."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch

from asr.audio.rates import Seconds, samples_to_seconds
from asr.audio.resampling import Waveform
from asr.errors import ConfigError
from asr.features import streaming
from asr.features.streaming import REMEMBERED_MS, is_streamed_exactly, streamed_features
from asr.models.acoustic import AcousticModel
from asr.models.streaming import check_streaming, streamed_log_probs, waiting_frames
from asr.transcription.recognizer import Engine
from asr.transcription.torch_engine import TorchEngine
from asr.transcription.word_stream import LiveWord, WordStream


class LiveReader:
    """Reads a stream with an acoustic model and a decoder; memory does not grow with the stream.

    Args:
        engine: a model that can be read live, and a decoder.

    Raises:
        ConfigError: the model has to hear a recording to its end, or it is none that can be read live here.

    Attributes:
        words: finds the words, and counts their delays.
        heard: seconds of the stream that have come.
        num_left_out: rescorers of the engine, which live reading does without: they choose among lists for whole
            chunks.
    """

    def __init__(self, engine: Engine) -> None:
        engine, self._model = _checked(engine)
        self.words = WordStream(engine.decoder, engine.tokens, self._model.frame_seconds)
        self.heard: Seconds = 0.0
        self.num_left_out = len(engine.rescorers)

    def describe(self) -> str:
        """Returns how long outputs wait, and how features are normalised, in one line."""
        frontend = self._model.frontend
        num_frames = streaming.waiting_frames(frontend) + waiting_frames(self._model)
        waiting = samples_to_seconds(num_frames * frontend.hop_length, frontend.sample_rate)
        said = f"a frame waits for at most {waiting:.2f} s of sound; features are normalised "
        if is_streamed_exactly(frontend):
            return f"{said}as in training (cmvn: {frontend.cmvn})"
        said += f"over the last {REMEMBERED_MS / 1000:g} s, in training over utterances (cmvn: {frontend.cmvn})"
        return f"{said}; a model trained with model.frontend.init_args.cmvn=global hears what it learnt"

    def read(self, blocks: Iterable[Waveform]) -> Iterator[LiveWord]:
        """Yields the words of a stream while it comes.

        Args:
            blocks: consecutive waveforms at the model's rate, shape (S,) each.
        """
        features = streamed_features(self._model.frontend, map(torch.from_numpy, self._count(blocks)))
        for rows in streamed_log_probs(self._model, features):
            yield from self.words.advance(rows, self.heard)
        yield from self.words.finish(self.heard)

    def _count(self, blocks: Iterable[Waveform]) -> Iterator[Waveform]:
        num_samples = 0
        for block in blocks:
            num_samples += len(block)
            self.heard = samples_to_seconds(num_samples, self._model.frontend.sample_rate)
            yield block


def _checked(engine: Engine) -> tuple[TorchEngine, AcousticModel]:
    if not isinstance(engine, TorchEngine):
        raise ConfigError("live", "an ONNX network hears whole chunks only", "take a model with --backend torch")
    if not isinstance(engine.model, AcousticModel):
        raise ConfigError("live", "several models are averaged over whole chunks", "take one of them")
    check_streaming(engine.model)
    return engine, engine.model
