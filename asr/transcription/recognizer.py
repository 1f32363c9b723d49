"""Recordings to transcripts: reads, cuts, batches, recognises, and puts everything back in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.audio import Seconds, stream
from asr.checkpoints.acoustic import load_checkpoint
from asr.decoding.decoder import Decoder
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import Coverage, DecoderSettings, RescoringSettings
from asr.errors import AsrError, DataError
from asr.models.acoustic import AcousticModel
from asr.models.devices import move
from asr.text.tokens import TokenTable
from asr.transcription.inputs import Recording
from asr.transcription.long_audio import Cutting, cut
from asr.transcription.readings import Reading, Task, batches, finished
from asr.transcription.transcript import Transcript

if TYPE_CHECKING:
    from asr.transcription.rescoring import Rescorer

BATCH_SECONDS: Seconds = 160.0  # eight chunks of the longest kind: a CPU gains little from more
_POOLED_BATCHES = 4  # at least, that are filled before they are sorted by length
_FIRST_SHARE = 16  # the first batches are smaller by this, so that the first transcripts come soon
_BLOCK_SECONDS: Seconds = 10.0
_NOTHING = Hypothesis(text="", tokens=(), words=(), score=0.0, confidence=1.0)


class Recognizer:
    """A trained model that reads recordings of any length.

    Attributes:
        device: where the model is.
        decoder: log-probabilities to hypotheses.
        rescorers: what puts its N-best lists in another order, one after the other.
        coverage: how much of the decoder's lexicon can be searched; None where it has none.

    Example::

        recognizer = Recognizer.from_checkpoint("best.ckpt", DecoderSettings.load("3gram.json"))
        for transcript in recognizer.transcribe(["a.wav", "b.flac"]):
            print(transcript.path, transcript.text)
    """

    def __init__(
        self,
        model: AcousticModel,
        tokens: TokenTable,
        decoder: Decoder | None = None,
        device: str | torch.device = "cpu",
        num_workers: int = 1,
        coverage: Coverage | None = None,
        rescorers: Sequence[Rescorer] = (),
    ) -> None:
        """Moves the model to its device.

        Args:
            model: a trained model.
            tokens: the table of its outputs.
            decoder: log-probabilities to hypotheses; greedy when None.
            device: "cpu", "cuda" or "cuda:N".
            num_workers: batches that are recognised at the same time. On a CPU, as many as there are cores with
                ``torch.set_num_threads(1)`` are faster than one batch in many threads, which wait for one another in
                every layer and stand still when another program takes one of their cores.
            coverage: of the decoder's lexicon.
            rescorers: what puts the N-best lists of the decoder in another order, one after the other.

        Raises:
            ConfigError: there is no such device here.
        """
        self.device = move(model.eval(), device)
        self.model, self.num_workers, self.coverage = model, num_workers, coverage
        self.decoder = decoder or GreedyDecoder(tokens, model.frame_seconds)
        self.rescorers = rescorers

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
            settings: how to decode; greedy when None. Without rescoring one hypothesis is asked for, whatever ``nbest``
                is.
            rescoring: weights of other models that choose among the ``nbest`` hypotheses, one after the other.
            device: "cpu", "cuda" or "cuda:N".
            num_workers: batches that are recognised at the same time, see :class:`Recognizer`.

        Raises:
            CheckpointError: the file holds no model that can be built.
            ConfigError: there is no such device here, or the settings do not go together, or not with the model.
            DataError: a file that the settings name cannot be read, or does not fit the model.
        """
        loaded = load_checkpoint(path)
        settings = settings or DecoderSettings()
        settings = settings if rescoring else replace(settings, nbest=1)
        parts = settings.read_parts(loaded.tokens, loaded.policy, loaded.model.frame_seconds)
        decoder = settings.decoder(parts)
        rescorers = _load_rescorers(rescoring, loaded.model.frontend.sample_rate, device)
        return cls(loaded.model, loaded.tokens, decoder, device, num_workers, parts.coverage, rescorers)

    @property
    def sample_rate(self) -> int:
        """Hz that recordings are resampled to."""
        return self.model.frontend.sample_rate

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
        batch_seconds: Seconds = BATCH_SECONDS,
        cutting: Cutting | None = None,
        channel: int | None = None,
        separate: bool = False,
        on_failure: Callable[[Path, AsrError], None] | None = None,
        on_progress: Callable[[Seconds], None] | None = None,
    ) -> Iterator[Transcript]:
        """Yields the transcript of each recording, in their order; none for those that fail.

        Recordings are read block by block and cut at pauses, and their long silences are left out; chunks of about the
        same length, of whichever recording, are recognised together. Memory grows with ``batch_seconds``, not with the
        length of recordings.

        Args:
            paths: audio files of any rate and number of channels, or recordings that have a name for tables.
            batch_seconds: seconds of audio, with padding, that are recognised together.
            cutting: how long recordings are cut.
            channel: which of several to read, from 0; None for the mean of all, or the loudest where they cancel out.
            separate: whether each of several channels is recognised apart, as a speaker: L and R, or 1, 2, and so on.
            on_failure: called, in the order of paths, with a file that cannot be transcribed and the reason.
            on_progress: called with seconds of audio when they have been recognised.

        Raises:
            AsrError: a file cannot be transcribed, and there is no ``on_failure``.
        """
        pending: deque[Reading] = deque()
        pool: list[Task] = []
        most = batch_seconds * max(_POOLED_BATCHES, self.num_workers)
        pooled, enough = 0.0, most / _FIRST_SHARE
        for path in paths:
            pending.append(reading := _reading(path))
            for task in self._read(reading, cutting, channel, separate):
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

    @torch.inference_mode()
    def recognize(self, waveforms: Sequence[Tensor]) -> list[Hypothesis]:
        """Recognises a batch of waveforms.

        Args:
            waveforms: samples at :attr:`sample_rate`, shape (S,) each.

        Returns:
            The best hypothesis of each; an empty one for a waveform that is shorter than a frame.
        """
        sample_lengths = torch.tensor([len(waveform) for waveform in waveforms])
        frames = self.model.encoder.output_lengths(self.model.frontend.frame_lengths(sample_lengths))
        if not bool((frames > 0).all()):
            voiced = [waveform for waveform, length in zip(waveforms, frames.tolist(), strict=True) if length]
            found = iter(self.recognize(voiced) if voiced else [])
            return [next(found) if length else _NOTHING for length in frames.tolist()]
        padded = pad_sequence(list(waveforms), batch_first=True)  # (B, S)
        padded, sample_lengths = padded.to(self.device), sample_lengths.to(self.device)
        nbests = self.decoder(*self.model(padded, sample_lengths))
        for rescorer in self.rescorers:
            nbests = rescorer(nbests, padded, sample_lengths)
        return [nbest[0] for nbest in nbests]

    def _read(self, reading: Reading, cutting: Cutting | None, channel: int | None, separate: bool) -> Iterator[Task]:
        rate, stored = self.sample_rate, reading.recording.stored
        try:
            reading.open(channel, separate)
            for each in reading.channels:
                blocks = stream(reading.path, rate, _BLOCK_SECONDS, each.number, stored)
                for chunk in cut(each.count(blocks), rate, cutting):
                    yield each.expect(chunk, rate)
                each.finish(rate)
        except AsrError as error:
            reading.fail(error)
        reading.is_read = True

    def _recognize_pool(
        self, pool: Sequence[Task], batch_seconds: Seconds, on_progress: Callable[[Seconds], None] | None
    ) -> None:
        """Recognises the chunks that wait, those of about the same length together."""
        tasks = [task for task in pool if task.reading.error is None]
        share = sum(task.seconds for task in tasks) / self.num_workers
        with ThreadPoolExecutor(self.num_workers) as workers:
            for seconds in workers.map(self._recognize_batch, batches(tasks, min(batch_seconds, share))):
                if on_progress is not None:
                    on_progress(seconds)

    def _recognize_batch(self, batch: Sequence[Task]) -> Seconds:
        """Hands out the hypotheses of a batch and returns the seconds of audio that were new in it."""
        try:
            found = self.recognize([task.chunk.waveform for task in batch])
        except AsrError as error:
            if len(batch) > 1:  # one of them is at fault; the others need not suffer
                return sum(self._recognize_batch([task]) for task in batch)
            batch[0].reading.fail(DataError(batch[0].reading.path, f"cannot be recognised ({error})"))
            return 0.0
        for task, hypothesis in zip(batch, found, strict=True):
            task.channel.hypotheses[task.place] = hypothesis.shift(task.chunk.start)
        return sum(task.new_seconds for task in batch)


def _load_rescorers(
    settings: Sequence[RescoringSettings], sample_rate: int, device: str | torch.device
) -> list[Rescorer]:
    if not settings:
        return []  # and language models are not imported
    from asr.transcription.rescoring import load_rescorer

    return [load_rescorer(each, sample_rate, device) for each in settings]


def _reading(path: str | Path | Recording) -> Reading:
    if isinstance(path, Recording):
        return Reading(path, str(path.name))
    return Reading(Recording(Path(path), Path(Path(path).name)))
