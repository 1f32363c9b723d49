"""Anyone's own speech, in any of the usual forms."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from unicodedata import normalize

from lhotse import CutSet
from lhotse.audio import AudioSource
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from asr.corpora.channels import choose_channel
from asr.corpora.checks import Problem
from asr.corpora.folder_formats import MANIFEST_SUFFIXES, read_json_lines, read_kaldi, read_objects, read_pairs
from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import read_cuts
from asr.corpora.rows import Row
from asr.corpora.tables import read_table
from asr.errors import ConfigError, DataError

DEFAULT_SPLIT = "train"

_CUTS = ("MonoCut", "MultiCut", "MixedCut", "PaddingCut", "Cut")  # Lhotse's names for them in files

_EXPECTED = (
    "give a CSV or TSV file, JSON lines (NeMo's manifests too), Lhotse cuts, a Kaldi data directory, "
    "or a folder of x.wav beside x.txt"
)


def prepare(
    path: str | Path,
    *,
    by_name: bool = False,
    dev_fraction: float = 0.0,
    channel: int | None = None,
    problems: list[Problem] | None = None,
    num_jobs: int = 1,
) -> dict[str, CutSet]:
    """Returns the cuts of someone's own speech.

    Relative paths of audio files start at the folder of the list that names them. Texts, ids and speakers become
    Unicode NFC. Where no list names a split, everything is "train".

    Args:
        path: a list or a folder, in one of the forms of :mod:`asr.corpora.folder_formats`, or Lhotse cuts.
        by_name: ``path`` is a folder that holds a list or a folder for each split, named as the split.
        dev_fraction: share of the seconds of "train" to hold out as "dev", in whole speakers.
        channel: which one of several to take, counted from 1; None for all, whose mean training reads.
        problems: utterances that cannot become cuts are added here and left out; None raises.
        num_jobs: files opened at a time.

    Raises:
        ConfigError: ``dev_fraction`` is not between 0 and 1, or the corpus has a split "dev" already.
        DataError: the path is missing, empty or in none of these forms, a line of a list is wrong, or too few
            utterances are left to hold some out.
    """
    path = Path(path)
    if not 0 <= dev_fraction < 1:
        raise ConfigError("dev_fraction", f"is {dev_fraction}", "give a share from 0 up to 1, such as 0.1")
    splits: dict[str, CutSet] = {}
    for name, source in _sources(path) if by_name else [(DEFAULT_SPLIT, path)]:
        for split, cuts in _read(source, name, path if by_name else source, problems, num_jobs).items():
            splits[split] = CutSet.from_cuts([*splits.get(split, ()), *cuts])
    if not splits:
        raise DataError(path, "lists no utterances", _EXPECTED)
    _check_names(path, splits)
    if channel is not None:
        splits = choose_channel(splits, channel, problems)
    return _hold_out_dev(splits, dev_fraction, problems) if dev_fraction else splits


def _hold_out_dev(splits: dict[str, CutSet], fraction: float, problems: list[Problem] | None) -> dict[str, CutSet]:
    if "dev" in splits or DEFAULT_SPLIT not in splits:
        found = f"the corpus names its own splits: {', '.join(splits)}"
        raise ConfigError("dev_fraction", found, "leave it out, or the splits")
    whole = splits[DEFAULT_SPLIT]
    if problems and len(whole) < 2:
        first = problems[0]
        raise DataError(first.path, f"{first.found}; without it too little is left to split", "correct it first")
    train, dev = hold_out(whole, fraction)
    return {**splits, DEFAULT_SPLIT: train, "dev": dev}


def hold_out(cuts: CutSet, fraction: float) -> tuple[CutSet, CutSet]:
    """Splits cuts into two parts that share no speaker, always in the same way.

    Speakers are taken whole, in the order of a hash of their names, while they fit into the fraction of the seconds
    that the second part may have; if none fits, the shortest. An utterance of an unknown speaker counts as a speaker;
    if all are of one speaker, every utterance does.

    Raises:
        DataError: there are fewer than two utterances.
    """
    groups = _groups(cuts, by_speaker=True)
    if len(groups) < 2:
        groups = _groups(cuts, by_speaker=False)
    if len(groups) < 2:
        raise DataError("dev_fraction", f"{len(cuts)} utterance cannot be split", "give more speech")
    seconds = {group: sum(cut.duration for cut in members) for group, members in groups.items()}
    room = fraction * sum(seconds.values())
    chosen: set[str] = set()
    for group in sorted(groups, key=lambda group: hashlib.sha256(group.encode()).digest()):
        if seconds[group] <= room:
            chosen.add(group)
            room -= seconds[group]
    held = {cut.id for group in chosen or {min(seconds, key=lambda g: (seconds[g], g))} for cut in groups[group]}
    return cuts.filter(lambda cut: cut.id not in held).to_eager(), cuts.filter(lambda cut: cut.id in held).to_eager()


def _groups(cuts: CutSet, by_speaker: bool) -> dict[str, list[Cut]]:
    groups: dict[str, list[Cut]] = {}
    for cut in cuts:
        speaker = cut.supervisions[0].speaker if by_speaker else None
        groups.setdefault(f"utterance {cut.id}" if speaker is None else f"speaker {speaker}", []).append(cut)
    return groups


def _sources(path: Path) -> list[tuple[str, Path]]:
    """Returns the splits of a folder: the folders and lists in it, with their names."""
    _check_exists(path)
    if not path.is_dir():
        raise DataError(path, "is not a folder with a list or folder for each split", "leave out --splits")
    sources = []
    for child in sorted(path.iterdir()):
        suffix = next((suffix for suffix in MANIFEST_SUFFIXES if child.name.endswith(suffix)), None)
        if not child.name.startswith(".") and (child.is_dir() or suffix):
            sources.append((child.name.removesuffix(suffix or "").removesuffix("_cuts"), child))
    if not sources:
        raise DataError(path, "holds no list or folder for a split", "put train.csv, dev.csv … or train/, dev/ … in it")
    return sources


def _check_names(path: Path, splits: Iterable[str]) -> None:
    for split in splits:
        if not re.fullmatch(r"\w[\w.-]*", split):
            raise DataError(path, f"the split {split!r} cannot be part of a file name", "use letters, digits, - and _")


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise DataError(path, "no such file or folder", _EXPECTED)


def _read(path: Path, split: str, root: Path, problems: list[Problem] | None, num_jobs: int) -> dict[str, CutSet]:
    _check_exists(path)
    rows: Iterable[Row]
    if path.is_dir():
        rows = read_kaldi(path) if (path / "wav.scp").exists() else read_pairs(path, root, problems)
    elif path.name.endswith((".csv", ".tsv")):
        rows = read_table(path)
    elif path.name.endswith(MANIFEST_SUFFIXES):
        if _holds_cuts(path):
            return {split: CutSet.from_cuts(_own_cut(cut, path) for cut in read_cuts(path))}
        rows = read_json_lines(path, problems)
    else:
        raise DataError(path, "has no known form by its name", _EXPECTED)
    listed: dict[str, list[Listed]] = {}
    for row in rows:
        listed.setdefault(row.split or split, []).append(row.listed)
    if problems and not listed:
        listed[split] = []  # nothing is left, and the list of problems says why
    return make_splits(listed, problems, num_jobs)


def _holds_cuts(path: Path) -> bool:
    return any("supervisions" in item or item.get("type") in _CUTS for _, item in islice(read_objects(path), 1))


def _own_cut(cut: Cut, path: Path) -> Cut:
    """Returns a finished cut with absolute paths, NFC text and its supervision named as itself."""
    if len(cut.supervisions) != 1:
        remedy = "cut it with: lhotse cut trim-to-supervisions"
        raise DataError(f"{path}: {cut.id}", f"has {len(cut.supervisions)} supervisions, not one", remedy)
    if not hasattr(cut, "recording") or cut.recording is None:
        raise DataError(f"{path}: {cut.id}", "has no recording of its own", "give cuts that are not mixed")
    supervision = cut.supervisions[0]
    text = None if supervision.text is None else normalize("NFC", supervision.text)
    sources = [_absolute(source, path.parent) for source in cut.recording.sources]
    return fastcopy(
        cut,
        recording=fastcopy(cut.recording, sources=sources),
        supervisions=[fastcopy(supervision, id=cut.id, text=text)],
    )


def _absolute(source: AudioSource, folder: Path) -> AudioSource:
    if source.type != "file":
        return source
    return fastcopy(source, source=str((folder / source.source).absolute()))
