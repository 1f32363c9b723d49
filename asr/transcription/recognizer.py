"""Turns recordings into transcripts: reads, cuts, batches and recognises them, and restores their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from asr.audio.rates import Seconds, samples_to_seconds
from asr.audio.resampling import Waveform
from asr.audio.waveforms import stream
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.dependencies import needing_torch
from asr.errors import AsrError, ConfigError, DataError
from asr.transcription.long_audio import Chunk, Cutting, cut
from asr.transcription.transcript import Transcript, join, stitch

if TYPE_CHECKING:
    import torch

    from asr.checkpoints.model_file.reading import ModelFile
    from asr.decoding.parts import Coverage

BATCH_SECONDS: Seconds = 160.0  # eight chunks of maximal length: a CPU gains little from more
_POOLED_BATCHES = 4  # at least so many are filled before chunks are sorted by length
_BLOCK_SECONDS: Seconds = 10.0
_NOTHING = Hypothesis(text="", tokens=(), words=(), score=0.0, confidence=1.0)


class Engine(Protocol):
    """What recognises batches of waveforms."""

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""

    def num_frames(self, num_samples: Sequence[int]) -> list[int]:
        """Returns the frames of log-probabilities of waveforms of so many samples."""

    def recognize(self, waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the best hypothesis of each waveform, shape (S,), of at least one frame."""


class Recognizer:
    """A trained model that transcribes recordings of any length.

    Args:
        engine: a model and a decoder, in torch or without it.
        num_workers: batches recognised at the same time. On a CPU, one batch per core, each in one thread
            (``torch.set_num_threads(1)``), is faster than one batch in many threads, which wait for each other in
            every layer and stall when another program takes one of their cores.
        coverage: coverage of the decoder's lexicon.

    Attributes:
        engine: a model and a decoder.
        coverage: how much of the decoder's lexicon can be searched; None without a lexicon.

    Example::

        recognizer = Recognizer.from_checkpoint("best.ckpt", DecoderSettings.load("3gram.json"))
        for transcript in recognizer.transcribe(["a.wav", "b.flac"]):
            print(transcript.path, transcript.text)
    """

    def __init__(self, engine: Engine, num_workers: int = 1, coverage: Coverage | None = None) -> None:
        self.engine, self.num_workers, self.coverage = engine, num_workers, coverage

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        settings: DecoderSettings | None = None,
        rescoring: Sequence[RescoringSettings] = (),
        *,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
    ) -> Recognizer:
        """Returns the recogniser of a checkpoint that ``asr train`` wrote.

        Args:
            path: the checkpoint.
            settings: how to decode; greedy if None. Without rescoring, ``nbest`` is 1 whatever it says.
            rescoring: other models and their weights, which rescore the ``nbest`` hypotheses in order.
            device: "cpu", "cuda" or "cuda:N".
            num_workers: batches recognised at the same time; see :class:`Recognizer`.

        Raises:
            CheckpointError: the file has no model that can be built.
            ConfigError: the device cannot be used, or the settings contradict each other or the model.
            DataError: a file that the settings name cannot be read, or does not fit the model.
        """
        from asr.checkpoints.acoustic import load_checkpoint  # and torch, which not all recognisers need
        from asr.decoding.parts import DecoderParts
        from asr.transcription.torch_engine import TorchEngine

        loaded = load_checkpoint(path)
        settings = settings or DecoderSettings()
        settings = settings if rescoring else replace(settings, nbest=1)
        parts = DecoderParts.read(settings, loaded.tokens, loaded.policy, loaded.model.frame_seconds)
        decoder = parts.decoder(settings)
        rescorers = []
        if rescoring:  # else language models are not imported
            from asr.transcription.rescoring import load_rescorer

            rescorers = [load_rescorer(each, loaded.model.frontend.sample_rate, device) for each in rescoring]
        engine = TorchEngine(loaded.model, loaded.tokens, decoder, device, rescorers)
        return cls(engine, num_workers, parts.coverage)

    @classmethod
    def from_file(
        cls,
        file: str | Path | ModelFile,
        settings: DecoderSettings | None = None,
        rescoring: Sequence[RescoringSettings] | None = None,
        *,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
    ) -> Recognizer:
        """Returns the recogniser of a model file that ``asr export`` wrote; all that it needs is in the file.

        Args:
            file: the file, or what has been read of it.
            settings: how to decode, in place of the file's own. What they name is taken from the file where its own
                settings name the same, whatever the folder.
            rescoring: as in :meth:`from_checkpoint`, in place of the models in the file; none switches these off.
            device: "cpu", "cuda" or "cuda:N"; an ONNX network takes "cpu" only.
            num_workers: batches that are recognised at the same time, see :class:`Recognizer`.

        Raises:
            CheckpointError: the file is missing, damaged, of a newer version, or holds what makes no recogniser.
            ConfigError: there is no such device here, or the settings do not go together, or not with the model.
            DataError: a file that the settings name cannot be read, or does not fit the model.
            DependencyError: torch is missing, and the file or the search needs it.
        """
        from asr.checkpoints.model_file.reading import ModelFile, load_model_file
        from asr.transcription.portable_engine import PortableEngine

        file = file if isinstance(file, ModelFile) else load_model_file(file)
        if file.portable and str(device) != "cpu":
            raise ConfigError("device", f"is {device}, and its ONNX network runs on a CPU", "give cpu")
        wanted = settings or file.settings
        if file.portable and wanted.beam_size == 1 and not wanted.exact and not rescoring:
            wanted.check()
            return cls(PortableEngine([each.model for each in file.portable], file.first.tokens), num_workers)
        with needing_torch(file.path):
            from asr.transcription.model_files import open_engine

        return cls(*open_engine(file, settings, rescoring, device, num_workers))

    @property
    def sample_rate(self) -> int:
        """The sample rate in Hz to which recordings are resampled."""
        return self.engine.sample_rate

    def transcribe_file(self, path: str | Path) -> Transcript:
        """Returns the transcript of a recording.

        Raises:
            AsrError: the file cannot be transcribed.
        """
        (transcript,) = self.transcribe([path])
        return transcript

    def transcribe(
        self,
        paths: Iterable[str | Path],
        *,
        batch_seconds: Seconds = BATCH_SECONDS,
        cutting: Cutting | None = None,
        channel: int | None = None,
        on_failure: Callable[[Path, AsrError], None] | None = None,
        on_progress: Callable[[Seconds], None] | None = None,
    ) -> Iterator[Transcript]:
        """Yields the transcript of each recording in order, without those that fail.

        Recordings are read block by block and cut at pauses, and long silences are removed; chunks of similar length,
        from any recording, are recognised together. Memory grows with ``batch_seconds``, not with the length of
        recordings.

        Args:
            paths: audio files of any sample rate and number of channels.
            batch_seconds: seconds of audio, including padding, that are recognised together.
            cutting: how long recordings are cut; the defaults if None.
            channel: channel to read, from 0; None for the mean of all, or the loudest if they cancel out.
            on_failure: called, in the order of paths, with a file that cannot be transcribed and the reason.
            on_progress: called with the seconds of audio that have been recognised.

        Raises:
            AsrError: a file cannot be transcribed, and there is no ``on_failure``.
        """
        pending: deque[_Reading] = deque()
        pool: list[_Task] = []
        pooled, enough = 0.0, batch_seconds * max(_POOLED_BATCHES, self.num_workers)
        for path in map(Path, paths):
            pending.append(reading := _Reading(path, channel))
            for task in self._read(reading, cutting):
                pool.append(task)
                pooled += task.seconds
                if pooled >= enough:
                    self._recognize_pool(pool, batch_seconds, on_progress)
                    pool, pooled = [], 0.0
                    yield from _finished(pending, on_failure)
            if on_progress is not None and reading.left_out_at_end > 0:
                on_progress(reading.left_out_at_end)
        self._recognize_pool(pool, batch_seconds, on_progress)
        yield from _finished(pending, on_failure)

    def recognize(self, waveforms: Sequence[Waveform | torch.Tensor]) -> list[Hypothesis]:
        """Recognises a batch of waveforms.

        Args:
            waveforms: samples at :attr:`sample_rate`, shape (S,) each, in float32, as arrays or as tensors on the CPU.

        Returns:
            The best hypothesis of each waveform; an empty one if it is shorter than a frame.
        """
        lengths = self.engine.num_frames([len(waveform) for waveform in waveforms])
        voiced = [np.asarray(waveform) for waveform, length in zip(waveforms, lengths, strict=True) if length]
        found = iter(self.engine.recognize(voiced) if voiced else [])
        return [next(found) if length else _NOTHING for length in lengths]

    def _read(self, reading: _Reading, cutting: Cutting | None) -> Iterator[_Task]:
        try:
            blocks = stream(reading.path, self.sample_rate, _BLOCK_SECONDS, reading.channel)
            for chunk in cut(reading.count(blocks), self.sample_rate, cutting):
                yield reading.expect(chunk, self.sample_rate)
            reading.finish(self.sample_rate)
        except AsrError as error:
            reading.error = error
        reading.is_read = True

    def _recognize_pool(
        self, pool: Sequence[_Task], batch_seconds: Seconds, on_progress: Callable[[Seconds], None] | None
    ) -> None:
        """Recognises the pooled chunks, those of similar length together."""
        tasks = [task for task in pool if task.reading.error is None]
        share = sum(task.seconds for task in tasks) / self.num_workers
        batches = _batches(tasks, min(batch_seconds, share))
        with ThreadPoolExecutor(self.num_workers) as workers:
            for seconds in workers.map(self._recognize_batch, batches):
                if on_progress is not None:
                    on_progress(seconds)

    def _recognize_batch(self, batch: Sequence[_Task]) -> Seconds:
        """Assigns the hypotheses of a batch to their recordings, and returns its seconds of new audio."""
        try:
            found = self.recognize([task.chunk.waveform for task in batch])
        except AsrError as error:
            if len(batch) > 1:  # one of them is at fault; the others are recognised alone
                return sum(self._recognize_batch([task]) for task in batch)
            batch[0].reading.error = DataError(batch[0].reading.path, f"cannot be recognised ({error})")
            return 0.0
        for task, hypothesis in zip(batch, found, strict=True):
            task.reading.hypotheses[task.place] = hypothesis.shift(task.chunk.start)
        return sum(task.new_seconds for task in batch)


@dataclass(eq=False)
class _Reading:
    """A recording in progress: what has been read and recognised so far."""

    path: Path
    channel: int | None = None
    num_samples: int = 0
    duration: Seconds = 0.0
    left_out_at_end: Seconds = 0.0
    is_read: bool = False
    error: AsrError | None = None
    joins: list[tuple[Seconds, Seconds] | None] = field(default_factory=list)
    hypotheses: dict[int, Hypothesis] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        return self.error is not None or (self.is_read and len(self.hypotheses) == len(self.joins))

    def count(self, blocks: Iterable[Waveform]) -> Iterator[Waveform]:
        for block in blocks:
            self.num_samples += len(block)
            yield block

    def finish(self, sample_rate: int) -> None:
        end = samples_to_seconds(self.num_samples, sample_rate)
        self.left_out_at_end, self.duration = max(0.0, end - self.duration), end

    def expect(self, chunk: Chunk, sample_rate: int) -> _Task:
        end = chunk.start + samples_to_seconds(len(chunk.waveform), sample_rate)
        task = _Task(self, len(self.joins), chunk, end - chunk.start, end - self.duration)
        self.joins.append(chunk.join)
        self.duration = end
        return task

    def transcript(self) -> Transcript:
        parts = [self.hypotheses[place] for place in range(len(self.joins))]
        for place, between in enumerate(self.joins):
            if between is not None:
                parts[place - 1], parts[place] = stitch(parts[place - 1], parts[place], *between)
        return Transcript(self.path, self.duration, join(parts))


@dataclass(frozen=True, eq=False)
class _Task:
    """A chunk to recognise, and the place of its hypothesis."""

    reading: _Reading
    place: int
    chunk: Chunk
    seconds: Seconds
    new_seconds: Seconds  # without the overlap with the previous chunk, with the silence left out before it


def _batches(tasks: Iterable[_Task], batch_seconds: Seconds) -> Iterator[list[_Task]]:
    """Yields batches of tasks of similar length, the longest first, with a limit on the padded length."""
    batch: list[_Task] = []
    for task in sorted(tasks, key=lambda task: task.seconds, reverse=True):
        if batch and (len(batch) + 1) * batch[0].seconds > batch_seconds:
            yield batch
            batch = []
        batch.append(task)
    if batch:
        yield batch


def _finished(pending: deque[_Reading], on_failure: Callable[[Path, AsrError], None] | None) -> Iterator[Transcript]:
    """Yields transcripts from the front of the queue, up to the first recording that is not done."""
    while pending and pending[0].is_done:
        reading = pending.popleft()
        if reading.error is None:
            yield reading.transcript()
        elif on_failure is None:
            raise reading.error
        else:
            on_failure(reading.path, reading.error)
