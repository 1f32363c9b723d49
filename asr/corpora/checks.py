"""What can be wrong with an utterance, found by reading all audio and text once, before anything is trained."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from lhotse import CutSet
from lhotse.cut import Cut
from numpy.typing import NDArray

from asr.audio import Seconds, read
from asr.corpora.targets import target_text
from asr.errors import DataError
from asr.files import written_whole
from asr.text.policy import TextPolicy

SILENT_PEAK = 1e-4  # of full scale, after the mean is taken off: three steps of 16-bit audio

_HEADER = ("utterance_id", "path", "reason", "found")


@dataclass(frozen=True)
class Problem:
    """Why an utterance cannot be used.

    Attributes:
        utterance_id: the utterance.
        path: its audio file.
        reason: a keyword, such as "unreadable", "empty", "silent", "no-audio", "no-text", "empty-text", "text",
            "too-short", "too-long", "rate", "duplicate-id", "duplicate-audio".
        found: what was found, in words.
    """

    utterance_id: str
    path: str
    reason: str
    found: str


@dataclass(frozen=True)
class Limits:
    """What an utterance may be like.

    Attributes:
        min_duration: seconds; shorter ones are "too-short".
        max_duration: seconds; longer ones are "too-long".
        sample_rate: Hz; others are "rate". None allows all rates.
        policy: the transcript must not be empty or refused under it; None takes it as it is.
    """

    min_duration: Seconds = 0.0
    max_duration: Seconds = float("inf")
    sample_rate: int | None = None
    policy: TextPolicy | None = None


@dataclass(frozen=True)
class _Findings:
    """What reading one cut gives: its problems, and a digest of its samples."""

    problems: list[Problem] = field(default_factory=list)
    digest: str | None = None


def examine(
    splits: Mapping[str, CutSet],
    limits: Limits,
    num_jobs: int = 1,
    advance: Callable[[Seconds], None] | None = None,
) -> list[Problem]:
    """Reads every utterance and gives what is wrong, in the order of the splits.

    The same cut in two splits (AN4's train and train_all) is read once and is no problem.

    Args:
        splits: cuts with one supervision each.
        limits: what is allowed.
        num_jobs: utterances read at a time.
        advance: called with the seconds of each utterance that has been read.
    """
    cuts = _distinct(splits)
    problems = _doubled_ids(splits)
    digests: dict[str, str] = {}
    with ThreadPoolExecutor(max(1, num_jobs)) as pool:
        for cut, findings in zip(cuts, pool.map(lambda cut: _examine_cut(cut, limits), cuts), strict=True):
            problems.extend(findings.problems)
            if findings.digest is not None:
                digests[cut.id] = findings.digest
            if advance is not None:
                advance(cut.duration)
    return problems + _duplicates_across(splits, digests)


def leave_out(splits: Mapping[str, CutSet], problems: Iterable[Problem]) -> dict[str, CutSet]:
    """Gives the splits without the utterances that have a problem.

    Raises:
        DataError: nothing is left of a split.
    """
    bad = {problem.utterance_id for problem in problems}
    kept = {split: CutSet.from_cuts(cut for cut in cuts if cut.id not in bad) for split, cuts in splits.items()}
    for split, cuts in kept.items():
        if not len(cuts):
            raise DataError(f"split {split}", "no utterance is left of it", "see quarantine.tsv for the reasons")
    return kept


def write_quarantine(problems: Iterable[Problem], path: str | Path) -> None:
    """Writes problems as a table with tabs and a header line; only the header when there are none.

    Raises:
        DataError: the file cannot be written.
    """
    rows = [_HEADER, *((problem.utterance_id, problem.path, problem.reason, problem.found) for problem in problems)]
    with written_whole(path) as beside:
        lines = ("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)
        beside.write_text("".join(lines), encoding="utf-8", newline="\n")


def audio_path(cut: Cut) -> str:
    """Gives the file that a cut's audio lies in, or an empty string for mixed cuts."""
    return str(cut.recording.sources[0].source) if getattr(cut, "recording", None) is not None else ""


def _distinct(splits: Mapping[str, CutSet]) -> list[Cut]:
    return list({cut.id: cut for cuts in splits.values() for cut in cuts}.values())


def _place(cut: Cut) -> tuple[str, float, float]:
    return audio_path(cut), cut.start, cut.duration


def _doubled_ids(splits: Mapping[str, CutSet]) -> list[Problem]:
    problems: list[Problem] = []
    first: dict[str, tuple[str, tuple[str, float, float]]] = {}
    for split, cuts in splits.items():
        seen = Counter(cut.id for cut in cuts)
        for cut in cuts:
            other_split, place = first.setdefault(cut.id, (split, _place(cut)))
            if seen[cut.id] > 1:
                found = f"{seen[cut.id]} utterances of split {split} have this id"
            elif place != _place(cut):
                found = f"another utterance has this id, in split {other_split}: {place[0]}"
            else:
                continue
            problems.append(Problem(cut.id, audio_path(cut), "duplicate-id", found))
    return problems


def _duplicates_across(splits: Mapping[str, CutSet], digests: Mapping[str, str]) -> list[Problem]:
    """Finds equal audio in two splits; what is least needed for evaluation is the problem."""
    homes: dict[str, set[str]] = {}
    for split, cuts in splits.items():
        for cut in cuts:
            homes.setdefault(cut.id, set()).add(split)
    same: dict[str, list[Cut]] = {}
    for cut in _distinct(splits):
        if cut.id in digests:
            same.setdefault(digests[cut.id], []).append(cut)
    problems = []
    for cuts in same.values():
        kept = max(cuts, key=lambda cut: max(map(_evaluates, homes[cut.id])))
        for cut in cuts:
            elsewhere = homes[kept.id] - homes[cut.id]
            if elsewhere and homes[cut.id] - homes[kept.id]:
                found = f"the same audio is {kept.id} of split {min(elsewhere)}"
                problems.append(Problem(cut.id, audio_path(cut), "duplicate-audio", found))
    return problems


def _evaluates(split: str) -> int:
    return 2 if split.startswith("test") else int(split.startswith(("dev", "val", "eval")))


def _examine_cut(cut: Cut, limits: Limits) -> _Findings:
    path = audio_path(cut)
    problems = [Problem(cut.id, path, reason, found) for reason, found in (*_text(cut, limits), *_header(cut, limits))]
    try:
        silent, digest = _read(cut)
    except DataError as error:
        return _Findings([Problem(cut.id, path, "unreadable", error.found), *problems])
    if silent:
        problems.append(Problem(cut.id, path, "silent", f"no sample is louder than {SILENT_PEAK} of full scale"))
    return _Findings(problems, digest)


def _text(cut: Cut, limits: Limits) -> list[tuple[str, str]]:
    policy = limits.policy
    try:
        text = target_text(cut, "phone" if policy is not None and policy.phones else "char")
    except DataError as error:
        return [("no-text", error.found)]
    try:
        text = text.strip() if policy is None else policy.apply(text)
    except DataError as error:
        return [("text", error.found)]
    if text:
        return []
    return [("empty-text", "the transcript is empty" + (f" under policy {policy.name}" if policy else ""))]


def _header(cut: Cut, limits: Limits) -> list[tuple[str, str]]:
    found = []
    if cut.duration < limits.min_duration:
        found.append(("too-short", f"{cut.duration:.3f} s, less than {limits.min_duration:g} s"))
    if cut.duration > limits.max_duration:
        found.append(("too-long", f"{cut.duration:.3f} s, more than {limits.max_duration:g} s"))
    if limits.sample_rate not in (None, cut.sampling_rate):
        found.append(("rate", f"{cut.sampling_rate} Hz, not {limits.sample_rate} Hz"))
    return found


def _read(cut: Cut) -> tuple[bool, str]:
    """Reads the samples of a cut; gives whether they are silent, and a digest of them."""
    if _is_plain(cut):
        waveform = read(audio_path(cut), sample_rate=cut.sampling_rate, start=cut.start, duration=cut.duration)
        samples = waveform.numpy()
    else:
        try:
            samples = cut.load_audio().mean(axis=0)
        except Exception as error:  # Lhotse raises whatever the storage raises
            raise DataError(cut.id, f"audio cannot be read ({error})", "check the cuts") from None
    return not samples.size or bool(np.abs(samples - samples.mean()).max() <= SILENT_PEAK), _digest(samples)


def _digest(samples: NDArray[np.float32]) -> str:
    return hashlib.sha256(np.ascontiguousarray(samples).data).hexdigest()


def _is_plain(cut: Cut) -> bool:
    """Says whether a cut is a stretch of one audio file with all its channels, as asr.audio reads it."""
    recording = getattr(cut, "recording", None)
    if recording is None or len(recording.sources) != 1 or recording.transforms:
        return False
    channels = cut.channel if isinstance(cut.channel, list) else [cut.channel]
    return bool(recording.sources[0].type == "file" and channels == list(recording.sources[0].channels))
