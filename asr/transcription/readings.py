"""Recordings on their way through a recogniser: what has been read of them, and what has been recognised."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from asr.audio.rates import Seconds, samples_to_seconds
from asr.audio.waveforms import peek
from asr.decoding.hypothesis import Hypothesis
from asr.errors import AsrError, DataError
from asr.transcription.inputs import Recording
from asr.transcription.long_audio import Chunk
from asr.transcription.transcript import Transcript, Voice, join, stitch
from asr.transcription.turns import mixed

STEREO = ("L", "R")
"""What the speakers of the left and the right channel are called."""


@dataclass(eq=False)
class Reading:
    """A recording on its way.

    Attributes:
        recording: what is read.
        name: what tables call it; empty for the file's name.
        sample_rate: Hz of the file; 0 until it was opened.
        channels: those that are recognised, one after another.
        is_read: whether all of it has been read.
        error: why it cannot be transcribed.
    """

    recording: Recording
    name: str = ""
    sample_rate: int = 0
    channels: list[Channel] = field(default_factory=list)
    is_read: bool = False
    error: AsrError | None = None

    @property
    def path(self) -> Path:
        """The file, as it was named or found."""
        return self.recording.path

    @property
    def is_done(self) -> bool:
        """Whether its transcript is there, or will never be."""
        return self.error is not None or (self.is_read and all(channel.is_done for channel in self.channels))

    @property
    def left_out_at_end(self) -> Seconds:
        """Seconds of silence at the end, which no chunk covers."""
        return sum(channel.left_out_at_end / len(self.channels) for channel in self.channels)

    def open(self, channel: int | None, is_separate: bool) -> None:
        """Finds out what channels there are to read.

        Args:
            channel: which one, from 0; None for all together, or each by itself.
            is_separate: whether each is read by itself.

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
        """Keeps why it cannot be transcribed, with the line of the list that named it."""
        where = self.recording.where
        self.error = DataError(f"{where}: {error.where}", error.found, error.remedy) if where else error

    def transcript(self) -> Transcript:
        """Returns the transcript of a recording that is done without an error."""
        found = [channel.hypothesis() for channel in self.channels]
        duration = max(channel.duration for channel in self.channels)
        if len(found) == 1:
            return Transcript(self.path, duration, found[0], self.name, sample_rate=self.sample_rate)
        names = STEREO if len(found) == len(STEREO) else [str(number + 1) for number in range(len(found))]
        voices = tuple(Voice(name, hypothesis) for name, hypothesis in zip(names, found, strict=True))
        return Transcript(self.path, duration, mixed(voices), self.name, voices, self.sample_rate)


@dataclass(eq=False)
class Channel:
    """A channel of a recording, or all of them together where ``number`` is None."""

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

    def count(self, blocks: Iterable[Tensor]) -> Iterator[Tensor]:
        """Yields blocks, shape (S,) each, and counts their samples."""
        for block in blocks:
            self.num_samples += len(block)
            yield block

    def finish(self, sample_rate: int) -> None:
        """Notes that the end was reached."""
        end = samples_to_seconds(self.num_samples, sample_rate)
        self.left_out_at_end, self.duration, self.is_read = max(0.0, end - self.duration), end, True

    def expect(self, chunk: Chunk, sample_rate: int) -> Task:
        """Returns the task to recognise the next chunk."""
        end = chunk.start + samples_to_seconds(len(chunk.waveform), sample_rate)
        new = (end - self.duration) / len(self.reading.channels)
        task = Task(self, len(self.joins), chunk, end - chunk.start, new)
        self.joins.append(chunk.join)
        self.duration = end
        return task

    def hypothesis(self) -> Hypothesis:
        """Returns what was recognised, its chunks put together."""
        parts = [self.hypotheses[place] for place in range(len(self.joins))]
        for place, between in enumerate(self.joins):
            if between is not None:
                parts[place - 1], parts[place] = stitch(parts[place - 1], parts[place], *between)
        return join(parts)


@dataclass(frozen=True, eq=False)
class Task:
    """A chunk to recognise, and where its hypothesis belongs.

    Attributes:
        channel: which it is of.
        place: of the chunk in it.
        chunk: what to recognise.
        seconds: of audio in it.
        new_seconds: of the recording, without what overlaps the chunk before it and with the silence left out there; of
            several channels each has its share.
    """

    channel: Channel
    place: int
    chunk: Chunk
    seconds: Seconds
    new_seconds: Seconds

    @property
    def reading(self) -> Reading:
        """The recording that it is of."""
        return self.channel.reading


def batches(tasks: Iterable[Task], batch_seconds: Seconds) -> Iterator[list[Task]]:
    """Puts tasks of about the same length together, the longest first, until padded they would be too long."""
    batch: list[Task] = []
    for task in sorted(tasks, key=lambda task: task.seconds, reverse=True):
        if batch and (len(batch) + 1) * batch[0].seconds > batch_seconds:
            yield batch
            batch = []
        batch.append(task)
    if batch:
        yield batch


def finished(pending: deque[Reading], on_failure: Callable[[Path, AsrError], None] | None) -> Iterator[Transcript]:
    """Takes the recordings that are done from the front, as far as there is none before them that is not.

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
