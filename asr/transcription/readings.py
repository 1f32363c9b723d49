"""Recordings in progress: what has been read and recognised so far."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from asr.audio.rates import Seconds, samples_to_seconds
from asr.audio.resampling import Waveform
from asr.audio.waveforms import peek
from asr.decoding.hypothesis import Hypothesis
from asr.errors import AsrError
from asr.transcription.inputs import Recording
from asr.transcription.long_audio import Chunk
from asr.transcription.transcript import Transcript, Voice, join, stitch
from asr.transcription.turns import mixed

STEREO = ("L", "R")
"""Names of the speakers in the left and the right channel."""


@dataclass(eq=False)
class Reading:
    """A recording in progress.

    Attributes:
        recording: the recording.
        name: its name in tables; empty for the file's name.
        sample_rate: sample rate of the file in Hz; 0 until it is opened.
        channels: the channels that are recognised, in order.
        is_read: whether all of it has been read.
        error: the reason why it cannot be transcribed.
    """

    recording: Recording
    name: str = ""
    sample_rate: int = 0
    channels: list[Channel] = field(default_factory=list)
    is_read: bool = False
    error: AsrError | None = None

    @classmethod
    def of(cls, path: str | Path | Recording) -> Reading:
        """Returns the reading of a file, whose name in tables is the file's, or of a recording that has one."""
        if isinstance(path, Recording):
            return cls(path, str(path.name))
        return cls(Recording(Path(path), Path(Path(path).name)))

    @property
    def path(self) -> Path:
        """The file, as named or found."""
        return self.recording.path

    @property
    def is_done(self) -> bool:
        """Whether its transcript is complete, or it has failed."""
        return self.error is not None or (self.is_read and all(channel.is_done for channel in self.channels))

    @property
    def left_out_at_end(self) -> Seconds:
        """Seconds of silence at the end, which no chunk covers."""
        return sum(channel.left_out_at_end / len(self.channels) for channel in self.channels)

    def open(self, channel: int | None, is_separate: bool) -> None:
        """Finds the channels to read.

        Args:
            channel: channel to read, from 0; None for all.
            is_separate: whether each of several channels is read separately.

        Raises:
            DataError: the file cannot be read.
        """
        header = peek(self.path, self.recording.stored)
        self.sample_rate = header.sample_rate
        if is_separate and header.num_channels > 1:
            self.channels = [Channel(self, number) for number in range(header.num_channels)]
        else:
            self.channels = [Channel(self, channel)]

    def fail(self, error: AsrError) -> None:
        """Stores the reason why it cannot be transcribed, with the line of the list that names it."""
        self.error = self.recording.failure(error)

    def transcript(self) -> Transcript:
        """Returns the transcript of a recording that is done and has not failed."""
        found = [channel.hypothesis() for channel in self.channels]
        duration = max(channel.duration for channel in self.channels)
        if len(found) == 1:
            return Transcript(self.path, duration, found[0], self.name, sample_rate=self.sample_rate)
        names = STEREO if len(found) == len(STEREO) else [str(number + 1) for number in range(len(found))]
        voices = tuple(Voice(name, hypothesis) for name, hypothesis in zip(names, found, strict=True))
        return Transcript(self.path, duration, mixed(voices), self.name, voices, self.sample_rate)


@dataclass(eq=False)
class Channel:
    """A channel of a recording, or all of them mixed if ``number`` is None."""

    reading: Reading
    number: int | None = None
    num_samples: int = 0
    duration: Seconds = 0.0
    left_out_at_end: Seconds = 0.0
    is_read: bool = False
    joins: list[tuple[Seconds, Seconds] | None] = field(default_factory=list)
    hypotheses: dict[int, Hypothesis] = field(default_factory=dict)

    @property
    def is_done(self) -> bool:
        """Whether all its chunks have been recognised."""
        return self.is_read and len(self.hypotheses) == len(self.joins)

    def count(self, blocks: Iterable[Waveform]) -> Iterator[Waveform]:
        """Yields blocks, shape (S,) each, and counts their samples."""
        for block in blocks:
            self.num_samples += len(block)
            yield block

    def count_chunks(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """Yields chunks that hold all samples once, and counts these."""
        for chunk in chunks:
            self.num_samples += len(chunk.waveform)
            yield chunk

    def sharing(self, on_progress: Callable[[Seconds], None] | None) -> Callable[[Seconds], None] | None:
        """Returns a function to call with seconds of this channel; those of all channels are as long as one."""
        if on_progress is None:
            return None
        return lambda seconds: on_progress(seconds / len(self.reading.channels))

    def finish(self, sample_rate: int) -> None:
        """Records that all of it has been read."""
        end = samples_to_seconds(self.num_samples, sample_rate)
        self.left_out_at_end, self.duration, self.is_read = max(0.0, end - self.duration), end, True

    def expect(self, chunk: Chunk, sample_rate: int) -> Task:
        """Returns the task to recognise the next chunk."""
        end = chunk.start + samples_to_seconds(len(chunk.waveform), sample_rate)
        new = 0.0 if chunk.log_probs is not None else (end - self.duration) / len(self.reading.channels)
        task = Task(self, len(self.joins), chunk, end - chunk.start, new)
        self.joins.append(chunk.join)
        self.duration = end
        return task

    def hypothesis(self) -> Hypothesis:
        """Returns the joined hypotheses of its chunks."""
        parts = [self.hypotheses[place] for place in range(len(self.joins))]
        for place, between in enumerate(self.joins):
            if between is not None:
                parts[place - 1], parts[place] = stitch(parts[place - 1], parts[place], *between)
        return join(parts)


@dataclass(frozen=True, eq=False)
class Task:
    """A chunk to recognise, and the place of its hypothesis.

    Attributes:
        channel: the channel that it is part of.
        place: its number in the channel.
        chunk: the chunk.
        seconds: seconds of audio in it.
        new_seconds: the same without the overlap with the previous chunk, with the silence left out before it, divided
            by the number of channels; 0 where its log-probabilities are known already.
    """

    channel: Channel
    place: int
    chunk: Chunk
    seconds: Seconds
    new_seconds: Seconds

    @property
    def reading(self) -> Reading:
        """The recording that it is part of."""
        return self.channel.reading


def batches(tasks: Iterable[Task], batch_seconds: Seconds) -> Iterator[list[Task]]:
    """Yields batches of tasks of similar length, the longest first, with a limit on the padded length."""
    batch: list[Task] = []
    for task in sorted(tasks, key=lambda task: task.seconds, reverse=True):
        if batch and (len(batch) + 1) * batch[0].seconds > batch_seconds:
            yield batch
            batch = []
        batch.append(task)
    if batch:
        yield batch


def finished(pending: deque[Reading], on_failure: Callable[[Path, AsrError], None] | None) -> Iterator[Transcript]:
    """Yields transcripts from the front of the queue, up to the first recording that is not done.

    Raises:
        AsrError: a recording cannot be transcribed, and there is no ``on_failure``.
    """
    while pending and pending[0].is_done:
        reading = pending.popleft()
        if reading.error is None:
            yield reading.transcript()
        elif on_failure is None:
            raise reading.error
        else:
            on_failure(reading.path, reading.error)
