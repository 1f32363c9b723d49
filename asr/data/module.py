"""The Lightning data module: cut files in, batches out, and the position in the epoch kept for resuming."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np
import torch
from lhotse import CutSet
from lhotse.cut import Cut

from asr.corpora.checks import Problem, write_quarantine
from asr.corpora.manifests import read_cuts
from asr.data.dataset import SpeechDataset
from asr.data.hours import draw_hours
from asr.data.joining import Joint
from asr.data.mixing import Mixing, Mixture, Rehearsal
from asr.data.plan import PlannedBatch, plan_epoch
from asr.data.planned import PlannedData
from asr.data.shards import shard_numbers
from asr.data.statistics import estimate_statistics
from asr.data.utterances import Utterance, num_samples, read_utterances
from asr.data.windows import Windows
from asr.errors import ConfigError, DataError
from asr.features.cmvn import load_statistics
from asr.features.description import read_description
from asr.features.frontend import FrontEnd
from asr.models.acoustic import HearingModel
from asr.text.writing import Writing

logger = logging.getLogger(__name__)

_UNMIXED, _UNREHEARSED = Mixing(), Rehearsal()


class SpeechLearner(Protocol):
    """What :class:`SpeechData` asks of the module that trains on them.

    Attributes:
        model: says at which rate audio is read, and how many encoder frames remain of it.
        writings: how each of its heads writes, the main one first; none for a module that learns from audio alone.
    """

    model: HearingModel
    writings: Mapping[str, Writing]

    @property
    def augments_waveforms(self) -> bool:
        """Whether training changes waveforms, which cached features cannot follow."""
        ...


class SpeechData(PlannedData):
    """Training and validation sets of cuts, as batches of waveforms or of cached features.

    Args:
        train_cuts: cut files, with features where ``asr features`` wrote them.
        val_cuts: cut files that choose the best checkpoint.
        batch_seconds: most seconds of a padded batch, over all ranks; larger is fewer and smoother steps.
        max_batch_size: most utterances of a batch, over all ranks.
        speeds: factors of speed perturbation, one drawn for each batch.
        ascending_epochs: first epochs in which batches come shortest first (SortaGrad).
        num_workers: loader processes; 0 reads in the training process.
        on_problem: whether utterances that cannot be trained on stop the run or are left out and counted.
        cmvn_utterances: most utterances that global statistics are measured on.
        seed: of the order, the speeds and the augmentation.
        quarantine: where utterances that cannot be trained on are listed.
        mixing: which utterances come together in an epoch.
        train_hours: hours of training speech, at most, drawn by the seed from the utterances that can be trained on;
            None takes all. See :func:`asr.data.hours.draw_hours`.
        rehearsal: old data that are trained on beside ``train_cuts``; ``train_hours`` draws none of them.

    Raises:
        ConfigError: ``mixing``, ``train_hours`` or ``rehearsal`` is out of its range or does not fit the files.
    """

    train_set: SpeechDataset
    val_set: SpeechDataset

    def __init__(
        self,
        train_cuts: list[str],
        val_cuts: list[str],
        batch_seconds: float,
        max_batch_size: int,
        speeds: list[float] | None = None,
        ascending_epochs: int = 0,
        num_workers: int = 1,
        on_problem: Literal["refuse", "leave-out"] = "refuse",
        cmvn_utterances: int = 2000,
        seed: int = 0,
        quarantine: str | None = None,
        mixing: Mixing = _UNMIXED,
        train_hours: float | None = None,
        rehearsal: Rehearsal = _UNREHEARSED,
    ) -> None:
        """Reads no file: :meth:`setup` does."""
        super().__init__(num_workers, batch_seconds, max_batch_size, seed)
        self.train_hours = train_hours
        mixing.check(len(train_cuts))
        rehearsal.check()
        self.rehearsal = rehearsal
        self.train_cuts, self.val_cuts, self.mixing = train_cuts, val_cuts, mixing
        self.speeds = speeds or [1.0]
        self.ascending_epochs, self.on_problem = ascending_epochs, on_problem
        self.cmvn_utterances, self.quarantine = cmvn_utterances, quarantine

    def setup(self, stage: str) -> None:
        """Reads and checks the cuts, and measures the statistics that the front end still lacks."""
        learner = cast(SpeechLearner, self.learner)
        self._model, self._writings = learner.model, learner.writings
        self._problems: list[Problem] = []
        self.val_set, _ = self._read("validation", self.val_cuts, [1.0])
        if stage != "fit":
            return
        old = self.rehearsal.cuts
        self.train_set, counts = self._read("training", self.train_cuts, self.speeds, self.mixing.window_shards, old)
        self._mixture, self._windows = self._mix(counts), self._divide()
        if self.train_set.cached and learner.augments_waveforms:
            found = "waveform augmentation is set, but the training cuts carry cached features"
            remedy = "take the augmentation out of model, or train on the cuts without features"
            raise ConfigError("data.train_cuts", found, remedy)
        if self._model.frontend.needs_statistics:
            self._normalise(self._model.frontend)
        self.report_plan(self.train_set.lengths)

    def _normalise(self, frontend: FrontEnd) -> None:
        """Sets the front end's statistics to those that lie beside the cached features, or measures them."""
        kept = Path(self.train_cuts[0]).with_name("cmvn.json")
        if self.train_set.cached and kept.exists():
            load_statistics(kept, frontend)
            logger.info("normalisation taken from %s", kept)
            return
        statistics = estimate_statistics(frontend, self.train_set, self.cmvn_utterances)
        frontend.set_statistics(statistics.mean, statistics.std)
        logger.info("normalisation measured on %s frames of training features", f"{statistics.num_frames:,}")

    def _mix(self, counts: list[int]) -> Mixture | None:
        """Returns how often utterances come, if files have weights; of each file so many are in the training set."""
        files, weights = [*self.train_cuts, *self.rehearsal.cuts], self.mixing.weights
        if weights is None and not self.rehearsal.cuts:
            return None
        weights = weights or [1.0] * len(self.train_cuts)
        num_old = sum(counts[len(weights) :])
        if num_old:
            num_new = sum(weight * count for weight, count in zip(weights, counts, strict=False))
            weights = [*weights, *[self.rehearsal.weight(num_new, num_old)] * len(self.rehearsal.cuts)]
        for file, weight, count in zip(files, weights, counts, strict=True):
            logger.info("%s: %s utterances, %g times an epoch", file, f"{count:,}", weight)
        mixture = Mixture(self.train_set.lengths, counts, weights, self.seed)
        logger.info("an epoch: %s utterances", f"{len(mixture.longest):,}")
        return mixture

    def _divide(self) -> Windows | None:
        """Returns the shards that are read one window after the other, if they are."""
        width = self.mixing.window_shards
        if width is None:
            return None
        shards = shard_numbers(utterance.cut for utterance in self.train_set.utterances)
        logger.info("%d shards, %d at a time", len(set(shards)), width)
        return Windows(shards, width)

    def _draw(self, utterances: list[Utterance], counts: list[int], hours: float) -> tuple[list[Utterance], list[int]]:
        """Returns so many hours of utterances, and how many of them are of each file."""
        chosen = draw_hours(utterances, hours, self.seed)
        kept: list[int] = np.diff(np.searchsorted(chosen, np.cumsum([0, *counts]))).tolist()
        found = f"{len(chosen):,} of {len(utterances):,} utterances"
        logger.info("training: %s are drawn by seed %d, data.train_hours=%g", found, self.seed, hours)
        return [utterances[place] for place in chosen], kept

    def check_utterances(self, cuts: CutSet, speeds: Sequence[float]) -> tuple[list[Utterance], list[Problem]]:
        """Returns the utterances that can be trained on, and what is wrong with the others."""
        return read_utterances(cuts, self._writings, self._encoder_frames, speeds)

    def _read(
        self,
        name: str,
        files: Sequence[str],
        speeds: Sequence[float],
        window_shards: int | None = None,
        old: Sequence[str] = (),
    ) -> tuple[SpeechDataset, list[int]]:
        """Reads and checks cut files, of new and of old speech, and counts the utterances of each file.

        Of new speech for training, so many hours are drawn if they are given.
        """
        problems: list[Problem] = []
        cached: set[bool] = set()
        read = [self._read_file(file, speeds, problems, cached) for file in (*files, *old)]
        if len(cached) > 1:
            found = "some cuts carry features and some do not"
            raise ConfigError(", ".join((*files, *old)), found, "run asr features on all")
        counts = [len(each) for each in read]
        utterances = [utterance for each in read[: len(files)] for utterance in each]
        rehearsed = [utterance for each in read[len(files) :] for utterance in each]
        self._check(name, utterances, problems)
        if old and not rehearsed:
            raise DataError("data.rehearsal.cuts", "no utterance is left", "check the cuts and the token table")
        if name == "training" and self.train_hours is not None:
            utterances, kept = self._draw(utterances, counts[: len(files)], self.train_hours)
            counts[: len(files)] = kept
        utterances += rehearsed
        in_all = sum(utterance.seconds for utterance in utterances) / 3600
        logger.info("%s: %s utterances, %.2f hours", name, f"{len(utterances):,}", in_all)
        rate = self._model.frontend.sample_rate
        joints = {name: Joint.of(writing.tokens) for name, writing in self._writings.items()}
        return SpeechDataset(utterances, rate, cached.pop(), self.seed, window_shards, joints), counts

    def _read_file(
        self, file: str, speeds: Sequence[float], problems: list[Problem], cached: set[bool]
    ) -> list[Utterance]:
        """Returns the utterances of a cut file; adds to the problems, and whether it has cached features."""
        cuts = read_cuts(file)
        has_features = self._check_cache(Path(file), next(iter(cuts)))
        cached.add(has_features)
        good, bad = self.check_utterances(cuts, speeds)
        if has_features:
            _check_copies(file, good, speeds)
        problems += bad
        return good

    def _check_cache(self, file: Path, cut: Cut) -> bool:
        if not cut.has_features:
            return False
        read_description(file.with_name("frontend.json"), self._model.frontend)
        return True

    def _encoder_frames(self, cut: Cut, speed: float) -> int:
        samples = torch.tensor([num_samples(cut, self._model.frontend.sample_rate, speed)])
        return int(self._model.encoder.output_lengths(self._model.frontend.frame_lengths(samples)))

    def _check(self, name: str, utterances: Sequence[Utterance], problems: Sequence[Problem]) -> None:
        if problems:
            where = self.quarantine or "quarantine.tsv"
            self._problems += problems
            write_quarantine(self._problems, Path(where))
            first = "; ".join(f"{problem.utterance_id} ({problem.reason}: {problem.found})" for problem in problems[:3])
            found = f"{len(problems)} of {len(utterances) + len(problems)} {name} utterances cannot be used: {first}"
            if self.on_problem == "refuse":
                raise DataError(where, found, "mend them, or set data.on_problem=leave-out")
            logger.warning("%s: %s; left out", where, found)
        if not utterances:
            raise DataError(f"data.{name}", "no utterance is left", "check the cuts and the token table")

    def plan_training(self, epoch: int) -> list[PlannedBatch]:
        """Returns the batches of the steps of an epoch."""
        return plan_epoch(
            self.train_set.lengths,
            max_padded=self.max_padded,
            max_batch_size=self.max_batch_size,
            speeds=self.speeds,
            seed=self.seed,
            epoch=epoch,
            ascending=epoch < self.ascending_epochs,
            mixture=self._mixture,
            windows=self._windows,
            joined_steps=self.mixing.joined_steps,
        )


def _check_copies(file: str, utterances: Sequence[Utterance], speeds: Sequence[float]) -> None:
    for speed in speeds:
        lacking = [utterance.cut.id for utterance in utterances if speed not in (1.0, *utterance.copies)]
        if lacking:
            found = f"no cached copy of {lacking[0]} and {len(lacking) - 1} others at speed {speed:g}"
            raise ConfigError(file, found, "add it to asr features --speeds, or take it out of data.speeds")
