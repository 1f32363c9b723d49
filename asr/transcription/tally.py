"""What becomes of recordings: how many are done, how many failed, and what is to be said about the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from asr.transcription.transcript import Transcript


@dataclass
class Tally:
    """Counts recordings.

    Attributes:
        num_recordings: how many there are to do.
        sample_rate: Hz of the model.
        is_separate: whether channels are recognised apart.
        num_done: transcripts that were taken, and so were written or printed.
        num_failed: recordings that gave none.
        num_resampled: transcripts of recordings with another rate than the model.
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
        """Yields transcripts; each is done when the next one is asked for."""
        for transcript in transcripts:
            yield transcript
            self.num_done += 1
            self.num_resampled += transcript.sample_rate != self.sample_rate
            self.num_without_speakers += not transcript.voices

    @property
    def progress(self) -> str:
        """How far it is."""
        return f"{self.num_done} of {self.num_recordings} files are done"

    @property
    def outcome(self) -> str:
        """How it ended."""
        return f"{self.num_failed} of {self.num_recordings} files failed"

    def remarks(self) -> list[str]:
        """Returns what was done to some of the recordings."""
        remarks = []
        if self.num_resampled:
            remarks.append(
                f"{self.num_resampled} of {self.num_recordings} files were resampled to {self.sample_rate} Hz"
            )
        if self.is_separate and self.num_without_speakers:
            found = f"{self.num_without_speakers} of {self.num_recordings} files have one channel"
            remarks.append(f"{found}, and no speakers are told apart in them")
        return remarks
