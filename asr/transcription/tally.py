"""Counts of recordings that were transcribed or aligned, that failed, or that need a remark."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asr.transcription.alignment import Alignment
from asr.transcription.transcript import Transcript


@dataclass
class Tally:
    """Counts recordings that are transcribed.

    Attributes:
        num_recordings: number of recordings to transcribe.
        sample_rate: sample rate of the model in Hz.
        is_separate: whether channels are recognised separately.
        num_done: transcripts that were written or printed.
        num_failed: recordings without a transcript.
        num_resampled: transcripts of recordings that have another sample rate than the model.
        num_without_speakers: transcripts of recordings with one channel.
    """

    num_recordings: int
    sample_rate: int
    is_separate: bool = False
    num_done: int = 0
    num_failed: int = 0
    num_resampled: int = 0
    num_without_speakers: int = 0

    def count(self, transcripts: Iterable[Transcript]) -> Iterator[Transcript]:
        """Yields transcripts, each of which counts as done when the next one is requested."""
        for transcript in transcripts:
            yield transcript
            self.num_done += 1
            self.num_resampled += transcript.sample_rate != self.sample_rate
            self.num_without_speakers += not transcript.voices

    @property
    def progress(self) -> str:
        """How many recordings are done."""
        return f"{self.num_done} of {self.num_recordings} files are done"

    @property
    def outcome(self) -> str:
        """How many recordings failed."""
        return f"{self.num_failed} of {self.num_recordings} files failed"

    def remarks(self) -> list[str]:
        """Returns the remarks about some of the recordings, one line each."""
        remarks = []
        if self.num_resampled:
            remarks.append(
                f"{self.num_resampled} of {self.num_recordings} files were resampled to {self.sample_rate} Hz"
            )
        if self.is_separate and self.num_without_speakers:
            found = f"{self.num_without_speakers} of {self.num_recordings} files have one channel"
            remarks.append(f"{found}: their speakers are not told apart")
        return remarks


@dataclass
class AlignmentTally:
    """Counts recordings that are aligned.

    Attributes:
        num_recordings: number of recordings to align.
        num_words: words of the texts.
        num_missing: words that are not said.
        num_stretches: stretches of speech that are not in the text.
        num_done: alignments that were written or printed.
        num_failed: recordings without an alignment.
    """

    num_recordings: int
    num_words: int = 0
    num_missing: int = 0
    num_stretches: int = 0
    num_done: int = 0
    num_failed: int = 0

    def add(self, alignment: Alignment) -> None:
        """Counts an alignment, which is done, and its words."""
        self.num_done += 1
        self.num_words += len(alignment.words)
        self.num_missing += alignment.num_missing
        self.num_stretches += len(alignment.untranscribed)

    @property
    def progress(self) -> str:
        """How many recordings are done."""
        return f"{self.num_done} of {self.num_recordings} files are done"

    @property
    def outcome(self) -> str:
        """How many words and stretches do not match, and how many recordings failed."""
        words = f"{self.num_words:,} words: {self.num_missing:,} are not said"
        stretches = f"{self.num_stretches:,} stretches of speech are not in the text"
        return f"{words}, {stretches}; {self.num_failed} of {self.num_recordings} files failed"
