"""What can be wrong with an utterance, found by reading all audio and text once before any training."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass, field
from pathlib import Path

from lhotse import CutSet
from lhotse.cut import Cut

from asr.audio.rates import Seconds
from asr.corpora.listening import audio_path, listen
from asr.corpora.targets import target_text
from asr.errors import DataError
from asr.files import written_whole
from asr.text.policy import TextPolicy

SILENT_PEAK = 1e-4  # of full scale, after the mean is subtracted: three steps of 16-bit audio

_HEADER = ("utterance_id", "path", "reason", "found")


@dataclass(frozen=True)
class Problem:
    """Why an utterance, with its audio file, cannot be used: a keyword, and what was found, in words.

    Reasons are "unreadable", "empty", "silent", "no-audio", "no-text", "empty-text", "text", "too-short", "too-long",
    "rate", "duplicate-id", "duplicate-audio" and those of single corpora.
    """

    utterance_id: str
    path: str
    reason: str
    found: str


@dataclass(frozen=True)
class Limits:
    """What is allowed of an utterance.

    Attributes:
        min_duration: seconds; shorter ones are "too-short".
        max_duration: seconds; longer ones are "too-long".
        sample_rate: Hz; others are "rate". None allows all.
        policy: must not refuse the transcript or leave it empty; None takes it as it is.
    """

    min_duration: Seconds = 0.0
    max_duration: Seconds = float("inf")
    sample_rate: int | None = None
    policy: TextPolicy | None = None


@dataclass(frozen=True)
class _Findings:
    """What reading one cut found: its problems, a digest of its samples, and the channel to read it from."""

    problems: list[Problem] = field(default_factory=list)
    digest: str | None = None
    channel: int | None = None


def examine(
    splits: Mapping[str, CutSet],
    limits: Limits,
    num_jobs: int = 1,
    advance: Callable[[Seconds], None] | None = None,
    cancelling: dict[str, int] | None = None,
) -> list[Problem]:
    """Reads every utterance and returns what is wrong, in the order of the splits.

    A cut in two splits (AN4's train and train_all) is read once and is no problem. Audio that is too long is not read.

    Args:
        splits: cuts with one supervision each.
        limits: what is allowed.
        num_jobs: utterances read at a time.
        advance: called with the seconds of each utterance that has been read.
        cancelling: utterances whose channels cancel each other are added here, each with its loudest channel, the one
            that was examined.
    """
    cuts = _distinct(splits)
    problems = _doubled_ids(splits)
    digests: dict[str, str] = {}
    with ThreadPoolExecutor(max(1, num_jobs)) as pool:
        for cut, findings in zip(cuts, pool.map(lambda cut: _examine_cut(cut, limits), cuts), strict=True):
            problems.extend(findings.problems)
            if findings.digest is not None:
                digests[cut.id] = findings.digest
            if findings.channel is not None and cancelling is not None:
                cancelling[cut.id] = findings.channel
            if advance is not None:
                advance(cut.duration)
    return problems + _duplicates_across(splits, digests)


def leave_out(splits: Mapping[str, CutSet], problems: Iterable[Problem]) -> dict[str, CutSet]:
    """Returns the splits without the utterances that have a problem.

    Raises:
        DataError: nothing is left of a split.
    """
    bad = {problem.utterance_id for problem in problems}
    kept = {split: CutSet.from_cuts(cut for cut in cuts if cut.id not in bad) for split, cuts in splits.items()}
    for split, cuts in kept.items():
        if not len(cuts):
            raise DataError(f"split {split}", "no utterance is left of it", "see quarantine.tsv for the reasons")
    return kept


def note(problem: Problem, problems: list[Problem] | None, remedy: str) -> None:
    """Adds a problem to the list of them.

    Raises:
        DataError: there is no list: the problem itself, with what to do.
    """
    if problems is None:
        raise DataError(problem.path, problem.found, remedy)
    problems.append(problem)


def write_quarantine(problems: Iterable[Problem], path: str | Path) -> None:
    """Writes problems as a tab-separated table with a header line, which stands alone when there are none.

    Raises:
        DataError: the file cannot be written.
    """
    rows = [_HEADER, *map(astuple, problems)]
    with written_whole(path) as beside:
        lines = ("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in rows)
        # File names need not be UTF-8; the table must be.
        beside.write_text("".join(lines), encoding="utf-8", errors="backslashreplace", newline="\n")


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
    """Finds equal audio in two splits; the one less needed for evaluation is the problem."""
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
    if cut.duration > limits.max_duration:
        return _Findings(problems)
    try:
        heard = listen(cut)
    except DataError as error:
        return _Findings([Problem(cut.id, path, "unreadable", error.found), *problems])
    if heard.peak <= SILENT_PEAK:
        problems.append(Problem(cut.id, path, "silent", f"no sample is louder than {SILENT_PEAK} of full scale"))
    return _Findings(problems, heard.digest, heard.channel)


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
