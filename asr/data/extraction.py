"""Cached features: the front end's static values of cuts, computed by several processes, one NumPy file each."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import re
import signal
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lhotse import CutSet, Features
from lhotse.cut import Cut
from lhotse.cut.data import DataCut
from lhotse.utils import fastcopy

import asr.corpora.manifests  # noqa: F401  (chooses Lhotse's audio backend, in worker processes too)
from asr.audio.rates import Seconds
from asr.data.dataset import read_waveform
from asr.errors import AsrError, ConfigError, DataError
from asr.features.cmvn import Statistics
from asr.features.frontend import FrontEnd
from asr.files import written_whole
from asr.locking import leftovers

_CHUNK = 16  # cuts that a process takes at once
_LEFT_SECONDS = 86400.0  # after which an unfinished file is what a killed run left: others may write here now

_frontend: FrontEnd  # of a worker process


@dataclass(frozen=True)
class _Job:
    cut: Cut
    speed: float
    key: str  # file below the folder, as Lhotse's "numpy_files" names it


class Extraction:
    """Features of cuts and of their copies at other speeds, kept in a folder.

    A file's name holds a digest of all that its values follow from: the audio file with its size and time, the segment,
    the speed, the front end's fingerprint. What is cached is not computed again, what has changed is.

    The cuts keep the order of the input, each followed by its copies, named ``<id>_sp<factor>`` as Lhotse names them.
    All are at the front end's sample rate. Lhotse's own ``perturb_speed`` on them would drop the features: training on
    cached features plays those copies and makes no new ones.

    Args:
        cuts: utterances with recordings.
        frontend: whose static values are kept; its statistics and dither play no part.
        folder: where the files lie.
        speeds: factors; 1.1 is faster and higher. 1.0 has to be among them.

    Raises:
        ConfigError: a speed is not possible.
        DataError: a cut has no recording of its own, or is too short for a frame.

    Attributes:
        missing_seconds: audio that is still to be read.
    """

    def __init__(
        self, cuts: Iterable[Cut], frontend: FrontEnd, folder: str | Path, speeds: Sequence[float] = (1.0,)
    ) -> None:
        """Finds out what is cached already."""
        if 1.0 not in speeds or not all(0.5 <= speed <= 2.0 for speed in speeds):
            remedy = "give factors from 0.5 to 2, 1.0 among them"
            raise ConfigError("speeds", f"are {', '.join(map(str, speeds))}", remedy)
        self.folder = Path(folder).resolve()
        self.frontend = FrontEnd(**frontend.settings()).eval()
        self._jobs = [self._job(cut, speed) for cut in cuts for speed in sorted(set(speeds), key=lambda s: s != 1.0)]
        self._missing = [job for job in self._jobs if not self._is_there(job)]
        self.missing_seconds: Seconds = sum(job.cut.duration for job in self._missing)

    def __len__(self) -> int:
        """Returns the number of cuts, copies included."""
        return len(self._jobs)

    @property
    def num_missing(self) -> int:
        """Cuts, copies included, that are still to be computed."""
        return len(self._missing)

    def run(self, num_jobs: int = 1) -> Generator[Seconds, None, None]:
        """Computes what is missing, in ``num_jobs`` processes of one thread each; 1 computes in this one.

        Yields:
            Seconds of audio that were done since the last time.

        Raises:
            DataError: naming the utterance whose audio cannot be read, or the file that cannot be written.
            AsrError: a process was killed.
        """
        for folder in self.folder.glob("[0-9a-f][0-9a-f]"):
            for left in leftovers(folder / "*.npy", _LEFT_SECONDS):
                left.unlink(missing_ok=True)
        chunks = [self._missing[first : first + _CHUNK] for first in range(0, len(self._missing), _CHUNK)]
        if num_jobs == 1 or len(chunks) < 2:
            yield from self._run_here(chunks)
        else:
            yield from self._run_processes(chunks, min(num_jobs, len(chunks)))
        self._missing, self.missing_seconds = [], 0.0

    def _run_here(self, chunks: list[list[_Job]]) -> Iterator[Seconds]:
        num_threads = torch.get_num_threads()
        torch.set_num_threads(1)  # single utterances are too small to be shared
        try:
            for chunk in chunks:
                yield _compute(chunk, self.frontend, self.folder)
        finally:
            torch.set_num_threads(num_threads)

    def _run_processes(self, chunks: list[list[_Job]], num_jobs: int) -> Iterator[Seconds]:
        others = set(multiprocessing.active_children())
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(num_jobs, context, _start_worker, (self.frontend.settings(),))
        futures: list[Future[Seconds]] = []
        try:
            with _without_ctrl_c():
                futures += [pool.submit(_compute_in_worker, chunk, self.folder) for chunk in chunks]
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            found = "a process that computes features was killed, for lack of memory perhaps"
            raise AsrError(self.folder, found, "run the command again with fewer jobs; what is done is kept") from None
        finally:
            with _without_ctrl_c():
                if not all(future.done() for future in futures):
                    for process in set(multiprocessing.active_children()) - others:
                        process.terminate()
                pool.shutdown(cancel_futures=True)

    def cuts(self) -> CutSet:
        """Returns the cuts with their features, copies included."""
        return CutSet.from_cuts(self._with_features(job) for job in self._jobs)

    def count_statistics(self, statistics: Statistics) -> None:
        """Counts all frames at speed 1, differences included, towards mean and deviation."""
        for job in self._jobs:
            if job.speed == 1.0:
                static = torch.from_numpy(np.load(self.folder / job.key)).unsqueeze(0)
                lengths = torch.tensor([static.shape[1]])
                statistics.update(self.frontend.add_deltas(static, lengths), lengths)

    def _job(self, cut: Cut, speed: float) -> _Job:
        if not isinstance(cut, DataCut) or not cut.has_recording:
            raise DataError(cut.id, "is not one recording", "features are cached for cuts of one recording only")
        rate = self.frontend.sample_rate
        cut = cut.drop_features() if cut.has_features else cut
        cut = cut if speed == 1.0 else cut.perturb_speed(speed)
        cut = cut if cut.sampling_rate == rate else cut.resample(rate)
        if self._num_frames(cut) == 0:
            raise DataError(cut.id, f"has {cut.num_samples} samples, too few for a frame", "leave it out")
        return _Job(cut, speed, _file_name(cut, self.frontend.fingerprint))

    def _num_frames(self, cut: Cut) -> int:
        return int(self.frontend.frame_lengths(torch.tensor(cut.num_samples)))

    def _is_there(self, job: _Job) -> bool:
        try:
            values = np.load(self.folder / job.key, mmap_mode="r")
        except (OSError, ValueError):
            return False
        shape = (self._num_frames(job.cut), self.frontend.static_dim)
        return bool(values.shape == shape and values.dtype == np.float32)

    def _with_features(self, job: _Job) -> Cut:
        rate = self.frontend.sample_rate
        features = Features(
            type=self.frontend.kind,
            num_frames=self._num_frames(job.cut),
            num_features=self.frontend.static_dim,
            frame_shift=self.frontend.hop_length / rate,
            sampling_rate=rate,
            start=job.cut.start,
            duration=job.cut.duration,
            storage_type="numpy_files",
            storage_path=str(self.folder),
            storage_key=job.key,
            recording_id=job.cut.recording.id,
            channels=job.cut.channel,
        )
        return fastcopy(job.cut, features=features)


def _file_name(cut: Cut, fingerprint: str) -> str:
    """Names a cut's file: a folder of two digits, the id as far as it makes a file name, and a digest."""
    recording = cut.recording.to_dict()
    content = [fingerprint, cut.id, cut.start, cut.duration, cut.channel, recording]
    for path in (Path(source.source) for source in cut.recording.sources if source.type == "file"):
        try:
            content += [path.stat().st_size, path.stat().st_mtime_ns]
        except OSError as error:
            found = f"audio of {cut.id} cannot be read ({error.strerror})"
            raise DataError(path, found, "check the path or run asr prepare again") from None
    digest = hashlib.sha256(json.dumps(content, default=repr).encode()).hexdigest()[:16]
    return f"{digest[:2]}/{re.sub(r'[^A-Za-z0-9._-]', '_', cut.id)[-100:]}-{digest}.npy"


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Ignores Ctrl-C, for good in processes that are started meanwhile: this one tells them to stop."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)


def _start_worker(settings: dict[str, Any]) -> None:
    global _frontend
    torch.set_num_threads(1)
    _frontend = FrontEnd(**settings).eval()


def _compute_in_worker(chunk: list[_Job], folder: Path) -> Seconds:
    return _compute(chunk, _frontend, folder)


@torch.no_grad()
def _compute(chunk: list[_Job], frontend: FrontEnd, folder: Path) -> Seconds:
    """Computes and writes the features of some cuts; returns their seconds."""
    for job in chunk:
        waveform = read_waveform(job.cut, frontend.sample_rate)
        if len(waveform) != job.cut.num_samples:
            found = f"the audio has {len(waveform)} samples, the manifest {job.cut.num_samples}"
            raise DataError(job.cut.id, found, "run asr prepare again")
        features, _ = frontend.static(waveform.unsqueeze(0), torch.tensor([len(waveform)]))
        with written_whole(folder / job.key) as beside, beside.open("wb") as file:
            np.save(file, features[0].numpy(), allow_pickle=False)
    return float(sum(job.cut.duration for job in chunk))
