"""Turns recordings into transcripts: reads, cuts, batches and recognises them, and restores their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from asr.audio.rates import Seconds
from asr.audio.resampling import Waveform
from asr.audio.waveforms import stream
from asr.box.english import ENGLISH
from asr.decoding.hypothesis import NOTHING, Hypothesis
from asr.decoding.settings import ConfidenceSettings, DecoderSettings, RescoringSettings
from asr.dependencies import needing_torch
from asr.errors import AsrError, ConfigError, DataError
from asr.machine import return_memory
from asr.text.hotwords import Hotwords
from asr.text.writing import MAIN
from asr.transcription.inputs import Recording
from asr.transcription.long_audio import Chunk, Cutting, cut
from asr.transcription.readings import Reading, Task, batches, finished
from asr.transcription.transcript import Transcript

if TYPE_CHECKING:
    import torch

    from asr.checkpoints.model_file.reading import ModelFile
    from asr.decoding.parts import Coverage
    from asr.transcription.exact import OpenBlocks
    from asr.transcription.silences import Levels

_BATCH_SECONDS: Seconds = 160.0  # eight chunks of maximal length; with four a CPU takes a third longer
_WIDE_BEAM, _WIDE_SECONDS = 128, 80.0  # a wider beam is as fast with half as much, and takes 0.2 GB less
_POOLED_BATCHES = 4  # at least so many are filled before chunks are sorted by length
_FIRST_SHARE = 16  # the first pool is smaller by this factor, so that the first transcripts come soon
_BLOCK_SECONDS: Seconds = 10.0


class Engine(Protocol):
    """What recognises batches of waveforms."""

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""

    def num_frames(self, num_samples: Sequence[int]) -> list[int]:
        """Returns the frames of log-probabilities of waveforms of so many samples."""

    def recognize(self, waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the best hypothesis of each waveform, shape (S,), of at least one frame."""


@runtime_checkable
class ExactEngine(Protocol):
    """What recognises a recording of any length as one tensor."""

    def check_exact(self) -> None:
        """Refuses models that cannot, with a ConfigError."""

    def exact_chunks(
        self, open_blocks: OpenBlocks, cutting: Cutting | None, on_progress: Callable[[Seconds], None] | None
    ) -> Iterator[Chunk]:
        """Yields the parts of a recording with their log-probabilities."""

    def decode(self, log_probs: Sequence[Levels], waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the best hypothesis of each part, shape (N, V), N > 0, of waveforms, shape (S,)."""


class Recognizer:
    """A trained model that transcribes recordings of any length.

    Args:
        engine: a model and a decoder, in torch or without it.
        num_workers: batches recognised at the same time. On a CPU, one batch per core, each in one thread
            (``torch.set_num_threads(1)``), is faster than one batch in many threads, which wait for each other in
            every layer and stall when another program takes one of their cores.
        coverage: coverage of the decoder's lexicon.
        beam_size: of the decoder; 1 for greedy.

    Attributes:
        engine: a model and a decoder.
        coverage: how much of the decoder's lexicon can be searched; None without a lexicon.
        batch_seconds: seconds of audio that are recognised together unless others are given.

    Example::

        recognizer = Recognizer.from_checkpoint("best.ckpt", DecoderSettings.load("3gram.json"))
        for transcript in recognizer.transcribe(["a.wav", "b.flac"]):
            print(transcript.path, transcript.text)
    """

    def __init__(
        self, engine: Engine, num_workers: int = 1, coverage: Coverage | None = None, beam_size: int = 1
    ) -> None:
        self.engine, self.num_workers, self.coverage = engine, num_workers, coverage
        self.batch_seconds = _WIDE_SECONDS if beam_size > _WIDE_BEAM else _BATCH_SECONDS

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path,
        settings: DecoderSettings | None = None,
        rescoring: Sequence[RescoringSettings] = (),
        confidence: ConfidenceSettings | None = None,
        *,
        head: str | None = None,
        hotwords: Hotwords | None = None,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
    ) -> Recognizer:
        """Returns the recogniser of a checkpoint that ``asr train`` wrote.

        Args:
            path: the checkpoint.
            settings: how to decode; greedy if None. Without rescoring, ``nbest`` is 1, or what ``confidence`` needs.
            rescoring: other models, or heads of this one, and their weights; they rescore the ``nbest`` in order.
            confidence: how the best hypothesis is chosen, and how sure its words are; None for the decoder's word.
            head: head of the model that is decoded, such as "char" beside phones; None for the main one.
            hotwords: words and phrases that are expected; for settings of a beam.
            device: "cpu", "cuda" or "cuda:N".
            num_workers: batches recognised at the same time; see :class:`Recognizer`.

        Raises:
            CheckpointError: the file has no model that can be built.
            ConfigError: the device cannot be used, or the settings contradict each other or the model.
            DataError: a file that the settings name cannot be read, or does not fit the model.
        """
        from asr.checkpoints.acoustic import load_checkpoint  # and torch, which not all recognisers need
        from asr.decoding.parts import DecoderParts
        from asr.transcription.rescoring import chooser, load_rescorers
        from asr.transcription.torch_engine import TorchEngine

        loaded = load_checkpoint(path).head(head)
        settings = settings or DecoderSettings()
        settings = settings if rescoring else settings.for_confidence(confidence)
        parts = DecoderParts.read(settings, loaded.tokens, loaded.policy, loaded.model.frame_seconds)
        parts = parts.with_hotwords(hotwords, loaded.policy)
        decoder = parts.decoder(settings)
        rescorers, needs_heads = load_rescorers(rescoring, loaded, path, device)
        rescorers += [chooser(confidence)] if confidence else []
        model = loaded.model if needs_heads else loaded.head(MAIN).model
        engine = TorchEngine(model, loaded.tokens, decoder, device, rescorers)
        return cls(engine, num_workers, parts.coverage, settings.beam_size)

    @classmethod
    def from_file(
        cls,
        file: str | Path | ModelFile = ENGLISH,
        settings: DecoderSettings | None = None,
        rescoring: Sequence[RescoringSettings] | None = None,
        confidence: ConfidenceSettings | None = None,
        *,
        hotwords: Hotwords | None = None,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
    ) -> Recognizer:
        """Returns the recogniser of a model file that ``asr export`` wrote.

        Args:
            file: the file, its content, or "english" for the model in the box.
            settings: how to decode, in place of the file's own. Files that they name are taken from the model file if
                its own settings name the same, whatever the folder.
            rescoring: as for :meth:`from_checkpoint`, in place of the models in the file; if empty, nothing rescores.
            confidence: as for :meth:`from_checkpoint`; if None, that of the file, which holds for its own weights and
                rescoring only.
            hotwords: words and phrases that are expected, in place of those in the file; for settings of a beam.
            device: "cpu", "cuda" or "cuda:N"; an ONNX network takes "cpu" only.
            num_workers: batches recognised at the same time; see :class:`Recognizer`.

        Raises:
            CheckpointError: the file is missing, damaged, of a newer version, or does not make up a recogniser.
            ConfigError: the device cannot be used, or the settings contradict each other or the model.
            DataError: a file that the settings name cannot be read, or does not fit the model.
            DependencyError: torch is missing, and the file or the search needs it.
        """
        from asr.checkpoints.model_file.reading import ModelFile, load_model_file
        from asr.transcription.portable_engine import PortableEngine

        file = file if isinstance(file, ModelFile) else load_model_file(file)
        if file.portable and str(device) != "cpu":
            raise ConfigError("device", f"is {device}, and its ONNX network runs on a CPU", "give cpu")
        wanted = settings or file.settings
        if confidence is None and rescoring is None:
            confidence = file.confidence_of(wanted)
        if file.portable and wanted.beam_size == 1 and not wanted.exact and not (rescoring or hotwords):
            wanted.check()
            wanted.for_confidence(confidence)
            models = [each.model for each in file.portable]
            return cls(PortableEngine(models, file.first.tokens, confidence), num_workers)
        with needing_torch(file.path):
            from asr.transcription.model_files import open_engine

        engine, coverage = open_engine(file, settings, rescoring, confidence, hotwords, device)
        return cls(engine, num_workers, coverage, wanted.beam_size)

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
        paths: Iterable[str | Path | Recording],
        *,
        batch_seconds: Seconds | None = None,
        cutting: Cutting | None = None,
        channel: int | None = None,
        separate: bool = False,
        exact: bool = False,
        on_failure: Callable[[Path, AsrError], None] | None = None,
        on_progress: Callable[[Seconds], None] | None = None,
    ) -> Iterator[Transcript]:
        """Yields the transcript of each recording in order, without those that fail.

        Recordings are read block by block and cut at pauses; chunks of similar length, from any recording, are
        recognised together. Memory grows with ``batch_seconds``, not with the length of recordings.

        Args:
            paths: audio files of any sample rate and number of channels, or recordings with names.
            batch_seconds: seconds of audio, including padding, that are recognised together; None for
                :attr:`batch_seconds`.
            cutting: how long recordings are cut; the defaults if None.
            channel: channel to read, from 0; None for the mean of all, or the loudest if they cancel out.
            separate: whether each channel is recognised as a speaker of its own: L and R, or 1, 2, and so on.
            exact: whether the network hears a whole recording at once, see :mod:`asr.transcription.exact`.
            on_failure: called, in the order of paths, with a file that fails and the reason.
            on_progress: called with the seconds of audio that have been recognised.

        Raises:
            ConfigError: ``exact`` does not go with the model, see :meth:`check_exact`.
            AsrError: a file cannot be transcribed, and there is no ``on_failure``.
        """
        if exact:
            self.check_exact()
        pending, pool = deque[Reading](), list[Task]()
        batch_seconds = batch_seconds or self.batch_seconds
        most = batch_seconds * max(_POOLED_BATCHES, self.num_workers)
        pooled, enough = 0.0, most / _FIRST_SHARE
        for path in paths:
            pending.append(reading := Reading.of(path))
            for task in self._read(reading, cutting, channel, separate, exact, on_progress):
                pool.append(task)
                pooled += task.seconds
                if pooled >= enough:
                    self._recognize_pool(pool, batch_seconds, on_progress)
                    pool, pooled, enough = [], 0.0, min(most, 2 * enough)
                    yield from finished(pending, on_failure)
            if on_progress is not None and reading.left_out_at_end > 0:
                on_progress(reading.left_out_at_end)
        self._recognize_pool(pool, batch_seconds, on_progress)
        yield from finished(pending, on_failure)

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
        return [next(found) if length else NOTHING for length in lengths]

    def check_exact(self) -> None:
        """Refuses models that cannot hear a whole recording at once.

        Raises:
            ConfigError: the model needs no torch, or each of its frames sees all others.
        """
        if not isinstance(self.engine, ExactEngine):
            raise ConfigError(
                "exact", "an ONNX network cannot be run piece by piece", "take a model with --backend torch"
            )
        self.engine.check_exact()

    def _read(
        self,
        reading: Reading,
        cutting: Cutting | None,
        channel: int | None,
        separate: bool,
        exact: bool,
        on_progress: Callable[[Seconds], None] | None,
    ) -> Iterator[Task]:
        rate, stored = self.sample_rate, reading.recording.stored
        try:
            reading.open(channel, separate)
            for each in reading.channels:
                blocks = partial(stream, reading.path, rate, _BLOCK_SECONDS, each.number, stored)
                if exact and isinstance(self.engine, ExactEngine):
                    chunks = each.count_chunks(self.engine.exact_chunks(blocks, cutting, each.sharing(on_progress)))
                else:
                    chunks = cut(each.count(blocks()), rate, cutting)
                for chunk in chunks:
                    yield each.expect(chunk, rate)
                each.finish(rate)
        except AsrError as error:
            reading.fail(error)
        reading.is_read = True

    def _recognize_pool(
        self, pool: Sequence[Task], batch_seconds: Seconds, on_progress: Callable[[Seconds], None] | None
    ) -> None:
        """Recognises the pooled chunks, those of similar length together."""
        tasks = [task for task in pool if task.reading.error is None]
        share = sum(task.seconds for task in tasks) / self.num_workers
        with ThreadPoolExecutor(self.num_workers) as workers:
            for seconds in workers.map(self._recognize_batch, batches(tasks, min(batch_seconds, share))):
                if on_progress is not None:
                    on_progress(seconds)
        return_memory()

    def _recognize_chunks(self, chunks: Sequence[Chunk]) -> list[Hypothesis]:
        if chunks[0].log_probs is None or not isinstance(self.engine, ExactEngine):
            return self.recognize([chunk.waveform for chunk in chunks])
        heard = [(chunk.log_probs, chunk.waveform) for chunk in chunks if chunk.log_probs is not None]
        spoken = [each for each in heard if len(each[0])]
        found = iter(self.engine.decode(*map(list, zip(*spoken, strict=True))) if spoken else [])
        return [next(found) if len(rows) else NOTHING for rows, _ in heard]

    def _recognize_batch(self, batch: Sequence[Task]) -> Seconds:
        """Assigns the hypotheses of a batch to their recordings, and returns its seconds of new audio."""
        try:
            found = self._recognize_chunks([task.chunk for task in batch])
        except AsrError as error:
            if len(batch) > 1:  # one of them is at fault; the others are recognised alone
                return sum(self._recognize_batch([task]) for task in batch)
            batch[0].reading.fail(DataError(batch[0].reading.path, f"cannot be recognised ({error})"))
            return 0.0
        for task, hypothesis in zip(batch, found, strict=True):
            task.channel.hypotheses[task.place] = hypothesis.shift(task.chunk.start)
        return sum(task.new_seconds for task in batch)
