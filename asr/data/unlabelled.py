"""Speech whose transcripts nobody asks for: what predictive models train on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from lhotse import CutSet

from asr.corpora.checks import Problem
from asr.corpora.listening import audio_path
from asr.data.module import SpeechData
from asr.data.utterances import Utterance, split_copies
from asr.errors import ConfigError


class Listener(Protocol):
    """What :class:`UnlabelledData` asks of the module that trains on them, besides what :class:`SpeechData` asks.

    Attributes:
        min_frames: encoder frames that an utterance has to have.
    """

    min_frames: int


class UnlabelledData(SpeechData):
    """Training and validation sets of cuts with transcripts or without; the same settings as :class:`SpeechData`.

    Nothing is joined (``mixing.joined_steps``).
    """

    def setup(self, stage: str) -> None:
        """Reads and checks the cuts; see :meth:`SpeechData.setup`."""
        if self.mixing.joined_steps:
            found = f"is {self.mixing.joined_steps:g}, and nothing is joined where transcripts are not read"
            raise ConfigError("data.mixing.joined_steps", found, "give 0")
        super().setup(stage)

    def check_utterances(self, cuts: CutSet, speeds: Sequence[float]) -> tuple[list[Utterance], list[Problem]]:
        """Returns the utterances that are long enough, without transcripts, and those that are too short."""
        learner = cast(Listener, self.learner)
        fastest = max(speeds, default=1.0)
        originals, copies = split_copies(cuts)
        utterances, problems = [], []
        for cut in originals:
            frames = self._encoder_frames(cut, fastest)
            if frames < learner.min_frames:
                found = f"{frames} encoder frames at speed {fastest:g}, and {learner.min_frames} are needed"
                problems.append(Problem(cut.id, audio_path(cut), "too-short", found))
                continue
            utterances.append(Utterance(cut, "", (), copies.get(cut.id, {})))
        return utterances, problems
