"""LibriSpeech, and corpora with its layout, as Lhotse cuts: one split for each subset, or splits by speaker.

``<subset>/<speaker>/<chapter>/<speaker>-<chapter>-<number>.flac`` (or ``.opus``) lies beside
``<speaker>-<chapter>.trans.txt``, whose lines are "ID WORDS".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lhotse import CutSet

from asr.corpora.alignments import align, find_textgrids
from asr.corpora.checks import Problem
from asr.corpora.listing import Listed, make_splits
from asr.errors import DataError, UsageError
from asr.files import numbered_lines

_SPEAKERS_FORM = "write SPLIT=ID,ID of speakers or chapters, such as train=4406,4088-158077 test=5652"

NUM_UTTERANCES = {
    "train-clean-100": 28539,
    "train-clean-360": 104014,
    "train-other-500": 148688,
    "dev-clean": 2703,
    "dev-other": 2864,
    "test-clean": 2620,
    "test-other": 2939,
    "train-clean-5": 1519,
    "dev-clean-2": 1089,
}
"""Utterances of the official subsets.

**Source**: the transcripts of OpenSLR's resources 12 and 31, as counted in Kaldi's recipes.
"""

ENDINGS = (".flac", ".opus")

_EXPECTED = "give the folder LibriSpeech, which holds train-clean-100/ or other subsets"
_AGAIN = "copy or download it again"


@dataclass
class Subset:
    """What a subset's folder holds.

    Attributes:
        name: of the folder.
        folder: its path.
        utterances: those with audio and transcript, sorted by id.
        problems: utterances that lack one of the two.
    """

    name: str
    folder: Path
    utterances: list[Listed] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def prepare(
    corpus_dir: str | Path,
    *,
    subsets: Sequence[str] = (),
    speakers: Mapping[str, Sequence[str]] | None = None,
    alignments: str | Path | None = None,
    partial: bool = False,
    problems: list[Problem] | None = None,
    num_jobs: int = 1,
) -> dict[str, CutSet]:
    """Returns the cuts of each subset, one supervision each.

    ``custom`` has ``subset``, ``chapter`` and, where ``SPEAKERS.TXT`` lies beside the subsets, ``sex`` (F or M).

    Args:
        corpus_dir: the folder ``LibriSpeech``, the one above it, or a folder of speakers, which is then the one subset.
        subsets: names of the subsets; none takes all that are there.
        speakers: speakers, or chapters as ``speaker-chapter``, of each split that is to replace the subsets; others are
            left out.
        alignments: a folder with ``<utterance id>.TextGrid`` files, at any depth, for ``alignment["word"]`` and
            ``alignment["phone"]``.
        partial: whether official subsets may lack utterances.
        problems: utterances without audio, transcript or (where asked for) alignment are added here and left out,
            possibly all of a split; None raises.
        num_jobs: files opened at a time.

    Raises:
        DataError: the layout is not there, a subset, speaker or chapter is missing, an official subset is incomplete,
            or lists are damaged.
    """
    textgrids = None if alignments is None else find_textgrids(alignments)
    found = [read_subset(name, folder) for name, folder in _chosen(Path(corpus_dir), subsets).items()]
    if not partial:
        _check_whole(found)
    listed, own = _listed(found, speakers)
    splits = make_splits(listed, None if problems is None else own, num_jobs)
    _describe(splits, found)
    if textgrids is not None:
        splits, misaligned = _align(splits, textgrids)
        own += misaligned
    if problems is None and own:
        raise DataError(f"{own[0].utterance_id} ({own[0].path})", f"{own[0].reason}: {own[0].found}", _AGAIN)
    if problems is not None:
        problems += own
    return splits


def find_subsets(corpus_dir: Path) -> dict[str, Path]:
    """Returns the folders of the subsets by name: those that hold speakers or have an official name.

    Raises:
        DataError: there is none.
    """
    if not corpus_dir.is_dir():
        raise DataError(corpus_dir, "no such folder", _EXPECTED)
    if _has_speakers(corpus_dir):
        return {corpus_dir.absolute().name: corpus_dir}
    for folder in (corpus_dir, corpus_dir / "LibriSpeech"):
        inside = [path for path in sorted(folder.iterdir()) if path.is_dir()] if folder.is_dir() else []
        found = {path.name: path for path in inside if path.name in NUM_UTTERANCES or _has_speakers(path)}
        if found:
            return found
    raise DataError(corpus_dir, "has no subset with the layout of LibriSpeech", _EXPECTED)


def read_subset(name: str, folder: Path) -> Subset:
    """Finds the utterances of a subset; FLAC is preferred to Opus.

    Raises:
        DataError: a line of a transcript is not "ID WORDS" of its chapter, or an id occurs twice.
    """
    subset = Subset(name, folder)
    for chapter in _chapters(folder):
        prefix = f"{chapter.parent.name}-{chapter.name}"
        transcript = chapter / f"{prefix}.trans.txt"
        texts = _transcripts(transcript, prefix) if transcript.is_file() else {}
        files = sorted(chapter.iterdir())
        audio = {path.stem: path for ending in reversed(ENDINGS) for path in files if path.suffix.lower() == ending}
        for utterance_id in sorted(texts.keys() | audio.keys()):
            path, text = audio.get(utterance_id), texts.get(utterance_id)
            if path is not None and text is not None:
                utterance = Listed(utterance_id, path, text, speaker=chapter.parent.name, language="English")
                subset.utterances.append(utterance)
            elif path is None:
                expected = str(chapter / f"{utterance_id}{ENDINGS[0]}")
                subset.problems.append(Problem(utterance_id, expected, "no-audio", f"only {transcript.name} has it"))
            else:
                missing = "has no line for it" if texts else "is missing or empty"
                subset.problems.append(Problem(utterance_id, str(path), "no-text", f"{transcript.name} {missing}"))
    return subset


def read_sexes(path: Path) -> dict[str, str]:
    """Returns F or M for each speaker of a ``SPEAKERS.TXT``; nothing if there is no such file.

    Raises:
        DataError: a line is not of the form "ID | SEX | SUBSET | MINUTES | NAME".
    """
    sexes: dict[str, str] = {}
    if not path.is_file():
        return sexes
    for number, line in numbered_lines(path):
        if not line.strip() or line.startswith(";"):
            continue
        fields = [cell.strip() for cell in line.split("|", maxsplit=4)]
        if len(fields) != 5 or fields[1] not in ("F", "M"):
            raise DataError(f"{path}:{number}", f"{line.strip()!r} is not ID | SEX | SUBSET | MINUTES | NAME", _AGAIN)
        sexes[fields[0]] = fields[1]
    return sexes


def _chosen(corpus_dir: Path, subsets: Sequence[str]) -> dict[str, Path]:
    there = find_subsets(corpus_dir)
    missing = [name for name in subsets if name not in there]
    if missing:
        raise DataError(corpus_dir, f"has no subset {', '.join(missing)}", f"there are {', '.join(there)}")
    return {name: there[name] for name in subsets} if subsets else there


def _has_speakers(folder: Path) -> bool:
    return next(_chapters(folder), None) is not None


def _chapters(folder: Path) -> Iterator[Path]:
    """Yields the folders ``<speaker>/<chapter>`` in the order of their numbers."""
    for speaker in _numbered(folder):
        yield from _numbered(speaker)


def _numbered(folder: Path) -> list[Path]:
    found = [path for path in folder.iterdir() if path.name.isdecimal() and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name))


def _transcripts(path: Path, prefix: str) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, line in numbered_lines(path):
        utterance_id, *words = line.split() or [""]
        if not utterance_id:
            continue
        if not utterance_id.startswith(f"{prefix}-") or utterance_id in texts:
            doubled = utterance_id in texts
            found = f"{utterance_id} is there twice" if doubled else f"{utterance_id!r} is not an id of this chapter"
            raise DataError(f"{path}:{number}", found, _AGAIN)
        texts[utterance_id] = " ".join(words)
    return texts


def _check_whole(subsets: Sequence[Subset]) -> None:
    for subset in subsets:
        official = NUM_UTTERANCES.get(subset.name)
        number = len(subset.utterances) + len(subset.problems)
        if official is not None and number != official:
            found = f"{number} utterances are listed or found here, {subset.name} has {official}"
            raise DataError(subset.folder, found, f"{_AGAIN}, or take what is there with --partial")


def _listed(
    subsets: Sequence[Subset], speakers: Mapping[str, Sequence[str]] | None
) -> tuple[dict[str, list[Listed]], list[Problem]]:
    """Returns the utterances of each split and the problems of those that were wanted."""
    listed = {subset.name: subset.utterances for subset in subsets}
    problems = [problem for subset in subsets for problem in subset.problems]
    if speakers is None:
        return listed, problems
    wanted = {name for names in speakers.values() for name in names}
    return _by_speaker(listed, speakers), [problem for problem in problems if wanted & _names_of(problem)]


def _by_speaker(
    listed: Mapping[str, Sequence[Listed]], speakers: Mapping[str, Sequence[str]]
) -> dict[str, list[Listed]]:
    spoken: dict[str, list[Listed]] = defaultdict(list)
    for utterances in listed.values():
        for utterance in utterances:
            for name in (utterance.speaker or "", utterance.utterance_id.rpartition("-")[0]):
                spoken[name].append(utterance)
    wanted = [name for names in speakers.values() for name in names]
    missing = [name for name in wanted if name not in spoken]
    if missing:
        raise DataError(f"--speakers {missing[0]}", f"has no utterance in {', '.join(listed)}", "check the numbers")
    whole = [name for name in wanted if "-" in name and name.partition("-")[0] in wanted]
    if whole:
        found = f"speaker {whole[0].partition('-')[0]} is named, too, with all chapters"
        raise DataError(f"--speakers {whole[0]}", found, "name chapters of this speaker only")
    return {split: [utterance for name in names for utterance in spoken[name]] for split, names in speakers.items()}


def _names_of(problem: Problem) -> set[str]:
    """Returns the speaker and the chapter, as ``speakers`` names them, of an utterance with a problem."""
    chapter = Path(problem.path).parent
    return {chapter.parent.name, f"{chapter.parent.name}-{chapter.name}"}


def _align(splits: Mapping[str, CutSet], textgrids: Mapping[str, Path]) -> tuple[dict[str, CutSet], list[Problem]]:
    """Aligns cuts in place; returns those that could be, possibly none of a split, and why the others could not."""
    problems = [problem for cuts in splits.values() for problem in align(cuts, textgrids)]
    bad = {problem.utterance_id for problem in problems}
    good = {split: CutSet.from_cuts(cut for cut in cuts if cut.id not in bad) for split, cuts in splits.items()}
    return good, problems


def _describe(splits: Mapping[str, CutSet], subsets: Sequence[Subset]) -> None:
    """Stores what else is known of each utterance in ``custom``."""
    folders = {utterance.utterance_id: subset.folder for subset in subsets for utterance in subset.utterances}
    sexes = {folder.parent: read_sexes(folder.parent / "SPEAKERS.TXT") for folder in set(folders.values())}
    for cut in (cut for cuts in splits.values() for cut in cuts):
        supervision, folder = cut.supervisions[0], folders[cut.id]
        sex = sexes[folder.parent].get(supervision.speaker)
        known = {"subset": folder.absolute().name, "chapter": cut.id.split("-")[1], "sex": sex}
        supervision.custom = {key: value for key, value in known.items() if value is not None}


def parse_speakers(given: Sequence[str]) -> dict[str, list[str]]:
    """Returns the speakers and chapters of each split, written as "SPLIT=ID,ID".

    Raises:
        UsageError: an item has another form, or a split, speaker or chapter is named twice.

    Example:
        >>> parse_speakers(["train=4406,4088-158077", "test=5652"])
        {'train': ['4406', '4088-158077'], 'test': ['5652']}
    """
    speakers: dict[str, list[str]] = {}
    for each in given:
        split, equals, names = each.partition("=")
        chosen = [name for name in names.split(",") if name]
        if not split.replace("-", "").replace("_", "").isalnum() or not equals or not chosen or split in speakers:
            raise UsageError(f"--speakers {each}", "is not SPLIT=IDS, or repeats a split", _SPEAKERS_FORM)
        speakers[split] = chosen
    everyone = [name for names in speakers.values() for name in names]
    doubled = [name for name in everyone if everyone.count(name) > 1]
    if doubled:
        raise UsageError("--speakers", f"{doubled[0]} is named twice", "give each to one split")
    return speakers
