"""Cuts made ready for training: text policy applied, tokens looked up, too short ones found."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.utils import perturb_num_samples

from asr.corpora.checks import Problem
from asr.corpora.listening import audio_path
from asr.corpora.targets import target_text
from asr.errors import DataError
from asr.text.writing import MAIN, Labels, Writing


@dataclass(frozen=True)
class Utterance:
    """One utterance of a training or validation set.

    Attributes:
        cut: where its audio or its features lie.
        text: its transcript, after the text policy.
        token_ids: the same as tokens.
        copies: cached copies of other speeds, by their factor.
        spare_frames: encoder frames beyond those that CTC needs, at the highest speed, for the head that needs most.
        beside: what the heads beside the main one learn of it, by name.
    """

    cut: Cut
    text: str
    token_ids: tuple[int, ...]
    copies: dict[float, Cut]
    spare_frames: int = 0
    beside: Mapping[str, Labels] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Its length."""
        return float(self.cut.duration)

    @property
    def labels(self) -> dict[str, Labels]:
        """What each head learns of it, the main one first."""
        return {MAIN: Labels(self.text, self.token_ids), **self.beside}


def required_frames(token_ids: Sequence[int | str]) -> int:
    """Returns the encoder frames that CTC needs at least: one for each token, and a blank between equal neighbours.

    **Source**: Graves et al. 2006.

    Example:
        >>> required_frames([1, 1, 2])
        4
    """
    repeats = sum(first == second for first, second in itertools.pairwise(token_ids))
    return len(token_ids) + repeats


def split_copies(cuts: CutSet) -> tuple[list[Cut], dict[str, dict[float, Cut]]]:
    """Separates the speed copies of a cache from the utterances themselves.

    Args:
        cuts: all cuts; a copy is named as Lhotse names it, ``<utterance id>_sp<factor>``.

    Returns:
        The utterances, and for each id its copies by factor.
    """
    originals: list[Cut] = []
    copies: dict[str, dict[float, Cut]] = {}
    for cut in cuts:
        name, mark, factor = cut.id.rpartition("_sp")
        if mark and factor.replace(".", "", 1).isdigit():
            copies.setdefault(name, {})[float(factor)] = cut
        else:
            originals.append(cut)
    return originals, copies


def num_samples(cut: Cut, sample_rate: int, speed: float) -> int:
    """Returns the samples of a cut at another rate and speed."""
    samples = cut.num_samples if cut.sampling_rate == sample_rate else cut.resample(sample_rate).num_samples
    return int(samples if speed == 1.0 else perturb_num_samples(samples, speed))


def read_utterances(
    cuts: CutSet,
    writings: Mapping[str, Writing],
    encoder_frames: Callable[[Cut, float], int],
    speeds: Iterable[float],
) -> tuple[list[Utterance], list[Problem]]:
    """Checks each cut and returns those that can be trained on.

    Args:
        cuts: the set, speed copies of a cache included.
        writings: how each head writes, the main one first.
        encoder_frames: returns the encoder frames N of a cut at a speed.
        speeds: factors that training draws from.

    Returns:
        Utterances, and the problems of the others: for one of the heads, a label outside the table, no text, or fewer
        encoder frames than the ``L + repeats`` that CTC needs.
    """
    fastest = max(speeds, default=1.0)
    originals, copies = split_copies(cuts)
    utterances, problems = [], []
    for cut in originals:
        try:
            labels = {name: _labels(cut, name, writing) for name, writing in writings.items()}
            frames = encoder_frames(cut, fastest)
            spare = min(_spare_frames(name, each, frames, fastest) for name, each in labels.items())
        except _UnfitError as error:
            problems.append(Problem(cut.id, audio_path(cut), error.reason, error.found))
            continue
        main = labels.pop(MAIN)
        utterances.append(Utterance(cut, *main, copies.get(cut.id, {}), spare, labels))
    return utterances, problems


class _UnfitError(Exception):
    """An utterance that a head cannot be trained on."""

    def __init__(self, head: str, reason: str, found: str) -> None:
        super().__init__(found)
        self.reason, self.found = reason, found if head == MAIN else f"{head}: {found}"


def _labels(cut: Cut, head: str, writing: Writing) -> Labels:
    try:
        labels = writing.labels(target_text(cut, writing.tokens.unit), cut.id)
    except DataError as error:
        raise _UnfitError(head, "label", error.found) from None
    if not labels.token_ids:
        raise _UnfitError(head, "empty-text", f"no text after policy {writing.policy.name}")
    return labels


def _spare_frames(head: str, labels: Labels, frames: int, speed: float) -> int:
    needed = required_frames(labels.token_ids)
    if frames < needed:
        found = f"{frames} encoder frames at speed {speed:g}, {len(labels.token_ids)} tokens need {needed}"
        raise _UnfitError(head, "too-short-for-labels", found)
    return frames - needed
