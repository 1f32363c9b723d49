"""The files of a folder with TIMIT's layout, who is in which split, and what is missing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from asr.corpora.timit_speakers import (
    CORE_TEST_SPEAKERS,
    DEV_SPEAKERS,
    NUM_TEST_SPEAKERS,
    TRAIN_SPEAKERS,
    TRAIN_SPEAKERS_BY_DIALECT,
)
from asr.errors import DataError

KINDS = ("WAV", "TXT", "WRD", "PHN")
TRAIN, TEST = "TRAIN", "TEST"
SPLITS_FILE = "SPLITS.TXT"

_NUM_SENTENCES = 8  # of each TIMIT speaker, without the two that all speakers read
_DEEPEST = 2  # levels above TRAIN and TEST at which the folder may be given
_SPLIT_NAMES = ("train", "dev", "test")


@dataclass
class Utterance:
    """A sentence of a speaker and its files.

    Attributes:
        top: TRAIN or TEST.
        dialect: region, such as DR1.
        speaker: upper-case name; its first letter is the sex.
        sentence: upper-case name, such as SX127.
        files: by kind: WAV, TXT, WRD, PHN, as far as they exist.
    """

    top: str
    dialect: str
    speaker: str
    sentence: str
    files: dict[str, Path] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Utterance id, unique in the corpus."""
        return f"{self.speaker}_{self.sentence}"

    @property
    def place(self) -> str:
        """Its path below the corpus, without the ending."""
        return f"{self.top}/{self.dialect}/{self.speaker}/{self.sentence}"


@dataclass
class Layout:
    """What a corpus folder holds.

    Attributes:
        root: the folder that holds TRAIN and TEST.
        utterances: all but the SA sentences, sorted by place.
        splits: names of the speakers by split: train, dev, test.
        is_timit: whether the splits are TIMIT's, not those of the corpus' own ``SPLITS.TXT``.
        sa_speakers: names of the speakers with an SA sentence.
        doubles: complaints of files that exist in upper and in lower case.
    """

    root: Path
    utterances: list[Utterance]
    splits: dict[str, list[str]]
    is_timit: bool
    sa_speakers: frozenset[str] = frozenset()
    doubles: tuple[str, ...] = ()

    def of(self, split: str) -> list[Utterance]:
        """Returns the utterances of train, dev, test, or of test_full, which is all of TEST, dev included."""
        if split == "test_full":
            return [utterance for utterance in self.utterances if utterance.top == TEST]
        names = set(self.splits[split])
        return [utterance for utterance in self.utterances if utterance.speaker in names]


def read_layout(corpus_dir: Path) -> Layout:
    """Finds the utterances below TRAIN and TEST, in upper or lower case, also inside a folder ``TIMIT`` as on the disc.

    Raises:
        DataError: there is no such folder, no TRAIN or TEST in it, no utterance in them, or ``SPLITS.TXT`` is damaged.
    """
    root = _find_root(Path(corpus_dir).absolute())
    found: dict[tuple[str, str, str, str], Utterance] = {}
    places: dict[tuple[str, ...], Path] = {}
    doubles: list[str] = []
    sa_speakers: set[str] = set()
    for top in (TRAIN, TEST):
        for parts, path in _files(_child(root, top) or root / top):
            dialect, speaker, name = (part.upper() for part in parts)
            sentence, _, ending = name.partition(".")
            # Some copies have X.WAV as SPHERE with X.WAV.wav as RIFF beside it.
            kind = ending.split(".")[0]
            if not dialect.startswith("DR") or kind not in KINDS:
                continue
            if sentence.startswith("SA"):
                sa_speakers.add(speaker)
                continue
            other = places.setdefault((top, dialect, speaker, name), path)
            if other != path:
                doubles.append(f"{other.relative_to(root)} is there again as {path.relative_to(root)}")
            key = (top, dialect, speaker, sentence)
            utterance = found.setdefault(key, Utterance(*key))
            if kind not in utterance.files or ending == kind:
                utterance.files[kind] = path
    if not found:
        what = "only SA sentences are" if sa_speakers else "no utterance is"
        raise DataError(root, f"{what} in its TRAIN and TEST", "give a folder with the layout of TIMIT")
    utterances = [found[key] for key in sorted(found)]
    own = _child(root, SPLITS_FILE)
    splits = {"train": list(TRAIN_SPEAKERS), "dev": list(DEV_SPEAKERS), "test": list(CORE_TEST_SPEAKERS)}
    if own is not None:
        splits = _read_splits(own)
    return Layout(root, utterances, splits, own is None, frozenset(sa_speakers), tuple(doubles))


def complaints(layout: Layout) -> list[str]:
    """Returns a line on everything that is missing or superfluous, by name; none if the corpus is whole."""
    return [*_speaker_complaints(layout), *_sentence_complaints(layout), *_file_complaints(layout), *layout.doubles]


def _speaker_complaints(layout: Layout) -> Iterator[str]:
    places: dict[str, set[str]] = defaultdict(set)
    for utterance in layout.utterances:
        places[utterance.speaker].add(f"{utterance.top}/{utterance.dialect}")
    for split, speakers in layout.splits.items():
        top = TRAIN if split == "train" else TEST
        for speaker in speakers:
            if speaker not in places:
                what = "has SA sentences alone" if speaker in layout.sa_speakers else "is missing"
                yield f"{top}: speaker {speaker} {what} ({split})"
            elif not all(place.startswith(f"{top}/") for place in places[speaker]):
                yield f"speaker {speaker} is in {', '.join(sorted(places[speaker]))} but belongs in {top} ({split})"
    for speaker in places:
        yield from _oddities(layout, speaker, sorted(places[speaker]))
        if layout.is_timit and len(places[speaker]) == 1:
            yield from _misplaced(speaker, min(places[speaker]))
    number = sum(min(own).startswith(TEST) for own in places.values())
    if layout.is_timit and number != NUM_TEST_SPEAKERS:
        yield f"TEST: {number} speakers instead of {NUM_TEST_SPEAKERS}"


def _oddities(layout: Layout, speaker: str, places: list[str]) -> Iterator[str]:
    if len(places) > 1:
        yield f"speaker {speaker} is in several places: {', '.join(places)}"
    if speaker[0] not in "FM":
        yield f"{places[0]}/{speaker}: a speaker's name begins with F or M, their sex"
    is_known = any(speaker in speakers for speakers in layout.splits.values())
    # The lists name 74 of TIMIT's 168 test speakers; the others are in test_full alone.
    if not is_known and (places[0].startswith(TRAIN) or not layout.is_timit):
        yield f"{places[0]}/{speaker}: no split has this speaker"


def _misplaced(speaker: str, place: str) -> Iterator[str]:
    """Yields complaints of training speakers in another region's folder; our lists do not have those of TEST."""
    for dialect, names in TRAIN_SPEAKERS_BY_DIALECT.items():
        if speaker in names and place.startswith(TRAIN) and place != f"{TRAIN}/{dialect}":
            yield f"speaker {speaker} is in {place} but belongs in {TRAIN}/{dialect}"


def _sentence_complaints(layout: Layout) -> Iterator[str]:
    sentences: dict[str, list[str]] = defaultdict(list)
    for utterance in layout.utterances:
        sentences[f"{utterance.top}/{utterance.dialect}/{utterance.speaker}"].append(utterance.sentence)
    for place, names in sentences.items():
        if layout.is_timit and len(names) != _NUM_SENTENCES:
            yield f"{place}: {len(names)} sentences instead of {_NUM_SENTENCES} ({' '.join(names)})"


def _file_complaints(layout: Layout) -> Iterator[str]:
    for utterance in layout.utterances:
        for kind in KINDS:
            if kind not in utterance.files:
                yield f"{utterance.place}.{kind} is missing"
    for name, count in Counter(utterance.id for utterance in layout.utterances).items():
        if count > 1:
            yield f"{name} is there {count} times"


def _find_root(corpus_dir: Path) -> Path:
    if not corpus_dir.is_dir():
        raise DataError(corpus_dir, "no such folder", "give the folder that holds TIMIT's TRAIN and TEST")
    folder: Path | None = corpus_dir
    for _ in range(_DEEPEST + 1):
        if folder is not None:
            here = [_child(folder, top) for top in (TRAIN, TEST)]
            if any(here):
                for top, child in zip((TRAIN, TEST), here, strict=True):
                    if child is None or not child.is_dir():
                        raise DataError(folder, f"has no folder {top}", "copy the corpus again, whole")
                return folder
            folder = _child(folder, "TIMIT")
    raise DataError(corpus_dir, "has no folders TRAIN and TEST", "give the folder that holds them")


def _child(folder: Path, name: str) -> Path | None:
    found = [path.name for path in sorted(folder.iterdir()) if path.name.upper() == name]
    if len(found) > 1:
        raise DataError(folder, f"has {' and '.join(found)}", "put them together, or leave one of them")
    return folder / found[0] if found else None


def _files(folder: Path) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Yields the files three levels below a folder, with the names on the way."""
    for path in sorted(folder.glob("*/*/*")):
        parts = path.relative_to(folder).parts
        if not any(part.startswith(".") for part in parts):
            yield parts, path


def _read_splits(path: Path) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {name: [] for name in _SPLIT_NAMES}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split()
        if len(fields) != 2 or fields[1] not in splits:
            raise DataError(f"{path}:{number}", f"{line!r} is not a speaker and a split", "write lines like: MABC0 dev")
        splits[fields[1]].append(fields[0].upper())
    return splits
