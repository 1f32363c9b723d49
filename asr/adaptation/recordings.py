"""The recordings that a model is adapted to, and those among them that judge it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from asr.audio.rates import Seconds
from asr.corpora.folder import prepare
from asr.data.dataset import read_waveform
from asr.errors import DataError
from asr.scoring.rules import PolicyRule

if TYPE_CHECKING:
    from lhotse.cut import Cut

LEAST_RECORDINGS = 5
_SHARE = 5  # one of so many is held out
_INNER_SHARE = 4  # of the others, one of so many chooses how far adaptation goes
_LONGEST: Seconds = 60.0


@dataclass(frozen=True, eq=False)
class Spoken:
    """A recording with its transcript.

    Attributes:
        id: utterance id.
        waveform: samples at the rate of the model, shape (S,).
        text: the transcript as errors are counted, under the rule's text policy.
    """

    id: str
    waveform: Tensor
    text: str


@dataclass(frozen=True)
class Division:
    """Recordings by what they are for.

    Attributes:
        outer: what is adapted to while it is found out how far.
        inner: what says how far.
        held_out: what judges the result, and is used for nothing else.
    """

    outer: list[Spoken]
    inner: list[Spoken]
    held_out: list[Spoken]

    @property
    def own(self) -> list[Spoken]:
        """The recordings that the result is adapted to: all but those held out."""
        return [*self.outer, *self.inner]


def find_recordings(path: str | Path) -> list[Cut]:
    """Finds recordings with transcripts, in any of the forms of :mod:`asr.corpora.folder`, in the order of their ids.

    Args:
        path: a folder or a list.

    Raises:
        DataError: there are fewer than five, two have the same id, or one is longer than a minute or cannot be read.
    """
    cuts = sorted((cut for split in prepare(path).values() for cut in split), key=lambda cut: cut.id)
    if len(cuts) < LEAST_RECORDINGS:
        found = f"holds {len(cuts)} recordings with transcripts, and a fifth of them is held out"
        raise DataError(path, found, f"give {LEAST_RECORDINGS} or more; a few minutes are better")
    doubled = next((one.id for one, other in pairwise(cuts) if one.id == other.id), None)
    if doubled is not None:
        raise DataError(path, f"utterance id {doubled} occurs twice", "give each recording an id of its own")
    for cut in cuts:
        if cut.duration > _LONGEST:
            found = f"is {cut.duration:.0f} s long, and up to {_LONGEST:.0f} s are heard at once"
            raise DataError(cut.id, found, "cut it into utterances; asr align tells when words are said")
    return cuts


def read_recordings(cuts: Sequence[Cut], rule: PolicyRule, sample_rate: int) -> list[Spoken]:
    """Reads recordings with transcripts.

    Args:
        cuts: what :func:`find_recordings` found.
        rule: how words are counted.
        sample_rate: of the model, in Hz.

    Raises:
        DataError: one has no transcript, or cannot be read.
    """
    spoken = []
    for cut in cuts:
        text = rule.apply(cut.supervisions[0].text or "", cut.id)
        if not text.split():
            raise DataError(cut.id, "has no transcript", "write what is said, or leave the recording out")
        spoken.append(Spoken(cut.id, read_waveform(cut, sample_rate), text))
    return spoken


def divide(spoken: Sequence[Spoken], seed: int) -> Division:
    """Divides recordings at random: a fifth is held out, and of the others a fourth says how far to go.

    Args:
        spoken: five recordings or more.
        seed: of the drawing; equal seeds draw equally.
    """
    order = np.random.default_rng(seed).permutation(len(spoken)).tolist()
    num_held_out = max(1, round(len(order) / _SHARE))
    num_inner = max(1, round((len(order) - num_held_out) / _INNER_SHARE))
    parts = order[:num_held_out], order[num_held_out : num_held_out + num_inner], order[num_held_out + num_inner :]
    held_out, inner, outer = ([spoken[place] for place in sorted(part)] for part in parts)
    return Division(outer, inner, held_out)


def padded(spoken: Sequence[Spoken]) -> tuple[Tensor, Tensor]:
    """Returns waveforms, shape (B, S), and their lengths, shape (B,)."""
    waveforms = [each.waveform for each in spoken]
    lengths = torch.tensor([len(waveform) for waveform in waveforms])
    return torch.nn.utils.rnn.pad_sequence(waveforms, batch_first=True), lengths


def seconds(spoken: Sequence[Spoken], sample_rate: int) -> Seconds:
    """Returns the seconds of recordings at a sample rate in Hz."""
    return sum(len(each.waveform) for each in spoken) / sample_rate
