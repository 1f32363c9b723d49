"""CMU AN4: 948 + 130 census answers (names, addresses, spelled letters and numbers) of 84 speakers, 16 kHz."""

from __future__ import annotations

import re
from pathlib import Path

from lhotse import CutSet

from asr.corpora.checks import Problem
from asr.corpora.download import Advance, fetch, unpack
from asr.corpora.listing import Listed, make_splits
from asr.errors import DataError
from asr.files import numbered_lines

URL = "http://www.speech.cs.cmu.edu/databases/an4/an4_sphere.tar.gz"

DEV_SPEAKERS = ("fbbh", "fjdn", "flrp", "fsrb", "mcel", "mgah", "mmal", "msjr")
"""Eight training speakers, 104 utterances, held out for choosing settings: AN4 has no official development set.

The first letter of a speaker's name is f for women and m for men. No speaker here has a namesake with a digit (such as
mdcs and mdcs2), who may be the same person.
"""

_LINE = re.compile(r"(?:<s>)?(?P<text>[^<>()]*)(?:</s>)?\s*\((?P<id>\S+)\)\s*")
_EXPECTED = "give the folder that holds wav/ and etc/"
_AGAIN = "download the corpus again"


def prepare(corpus_dir: str | Path, *, problems: list[Problem] | None = None, num_jobs: int = 1) -> dict[str, CutSet]:
    """Returns the cuts of AN4.

    Args:
        corpus_dir: the folder ``an4`` of CMU's archive: ``wav/{an4_clstk,an4test_clstk}/<speaker>/*.sph`` and
            ``etc/an4_{train,test}.{fileids,transcription}``.
        problems: utterances whose audio cannot be opened are added here and left out; None raises.
        num_jobs: files opened at a time.

    Returns:
        The splits train (844 utterances), dev (104, of :data:`DEV_SPEAKERS`), train_all (both, 948) and test (130).

    Raises:
        DataError: the folder is missing or has another layout, or lists and transcripts do not agree.
    """
    corpus_dir = Path(corpus_dir)
    if not corpus_dir.is_dir():
        raise DataError(corpus_dir, "no such folder", _EXPECTED)
    train_all, test = _listed(corpus_dir, "train"), _listed(corpus_dir, "test")
    train = [utterance for utterance in train_all if utterance.speaker not in DEV_SPEAKERS]
    dev = [utterance for utterance in train_all if utterance.speaker in DEV_SPEAKERS]
    splits = make_splits({"train": train, "dev": dev, "test": test}, problems, num_jobs)
    both = {cut.id: cut for name in ("train", "dev") for cut in splits[name]}
    in_order = [both[utterance.utterance_id] for utterance in train_all if utterance.utterance_id in both]
    return {**splits, "train_all": CutSet.from_cuts(in_order)}


def download(folder: str | Path, advance: Advance | None = None) -> Path:
    """Fetches and unpacks AN4 (64 MB) unless it is there; returns the folder for :func:`prepare`.

    CMU publishes no checksum: only the archive's length and gzip's own checksum are verified.

    Args:
        folder: receives the archive and the corpus folder.
        advance: called after each block.

    Raises:
        DataError: the transfer failed, or the archive is not AN4.
    """
    folder = Path(folder)
    if (folder / "an4").is_dir():
        return folder / "an4"
    return unpack(fetch(URL, folder / URL.rpartition("/")[2], advance=advance), "an4", folder)


def _listed(corpus_dir: Path, part: str) -> list[Listed]:
    transcripts = _transcripts(corpus_dir / "etc" / f"an4_{part}.transcription")
    listed = []
    fileids = corpus_dir / "etc" / f"an4_{part}.fileids"
    for number, line in numbered_lines(fileids):
        if not line.strip():
            continue
        audio = corpus_dir / "wav" / f"{line.strip()}.sph"
        if audio.stem not in transcripts:
            raise DataError(f"{fileids}:{number}", f"{audio.stem} has no transcript", _AGAIN)
        text = transcripts.pop(audio.stem)
        listed.append(Listed(audio.stem, audio, text, speaker=audio.parent.name, language="English"))
    if not listed or transcripts:
        left = f"{next(iter(transcripts))} of the transcripts is not listed" if transcripts else "lists no utterances"
        raise DataError(fileids, left, _AGAIN)
    return listed


def _transcripts(path: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for number, line in numbered_lines(path):
        match = _LINE.fullmatch(line)
        if match is None or match["id"] in texts:
            found = "is not of the form: WORDS (utterance-id)" if match is None else f"{match['id']} is there twice"
            raise DataError(f"{path}:{number}", found, _AGAIN)
        texts[match["id"]] = " ".join(match["text"].split())
    return texts
