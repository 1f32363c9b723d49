"""A few utterances with the layout of LibriSpeech."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

SPEAKERS = """\
;ID  |SEX| SUBSET           |MINUTES| NAME
14   | F | tiny             | 25.03 | A Reader
60   | M | tiny             | 20.18 | |CBW|Simon
"""
CHAPTERS = {"tiny": {"14-208": 2, "60-9": 1}, "other": {"7-1": 1}}


def make_tree(root: Path, make_audio: Callable[..., Path], chapters: dict[str, dict[str, int]] = CHAPTERS) -> Path:
    """Writes FLAC files, transcripts "WORD <number>" and SPEAKERS.TXT; gives the folder LibriSpeech."""
    corpus = root / "LibriSpeech"
    for subset, counts in chapters.items():
        for prefix, count in counts.items():
            folder = corpus / subset / prefix.replace("-", "/")
            ids = [f"{prefix}-{number:04d}" for number in range(count)]
            for seed, utterance_id in enumerate(ids):
                make_audio(folder / f"{utterance_id}.flac", seed=hash_of(utterance_id) + seed)
            (folder / f"{prefix}.trans.txt").write_text("".join(f"{each} WORD {each[-1]}\n" for each in ids))
    (corpus / "SPEAKERS.TXT").write_text(SPEAKERS)
    return corpus


def hash_of(utterance_id: str) -> int:
    """Returns a number of its own to each utterance."""
    return int(utterance_id.replace("-", ""))
