"""Making the corpus: speakers speak, noise is added, and everything is laid out like TIMIT."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from asr.corpora.synth.espeak import installed
from asr.corpora.synth.recording import SNR_DB, record
from asr.corpora.synth.speakers import SPLITS, Speaker, plan_speakers
from asr.corpora.synth.speech import read_speech, speak, write_text
from asr.errors import ConfigError

_VERSION = 1  # part of the settings: a change makes finished corpora anew
_SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}  # of the minutes
_USES = {"train": "TRN", "dev": "DEV", "test": "TST"}
_COMPLETED, _UNFINISHED, _SPEECH = ".completed", ".unfinished", ".speech"
_OWN = ("TRAIN", "TEST", "DOC", "SPLITS.TXT", _SPEECH, _COMPLETED, _UNFINISHED)


def generate(
    corpus_dir: Path,
    *,
    minutes: float,
    num_speakers: int = 40,
    seed: int = 0,
    jobs: int = 2,
    on_seconds: Callable[[float], None] | None = None,
) -> None:
    """Makes a corpus with the layout of TIMIT, spoken by espeak-ng.

    ``TRAIN`` has 80 % of the minutes and 70 % of the speakers; ``TEST`` has the rest, half of it for dev, named in
    ``SPLITS.TXT``. They share no speaker, no voice variant and no sentence. ``DOC/SPKRINFO.TXT`` lists the speakers,
    ``DOC/NOISE.TXT`` the noise of each recording.

    The same settings (and libraries) produce the same bytes, whatever ``jobs`` is. A finished corpus with the same
    settings is kept, an interrupted one is continued, one with other settings is replaced.

    Args:
        corpus_dir: missing, empty, or a corpus that this function made.
        minutes: audio in all; each speaker ends with the first sentence that fills their share.
        num_speakers: speakers in all.
        seed: decides on speakers, sentences and noise.
        jobs: speakers processed at a time.
        on_seconds: called with the seconds of each finished recording, from any thread.

    Raises:
        ConfigError: a setting is out of range, the folder holds something else, or espeakng-loader is not installed.
        DataError: a file cannot be written.
    """
    corpus_dir = Path(corpus_dir).absolute()
    _check(minutes, jobs, seed)
    speakers = plan_speakers(num_speakers, seed)
    numbers = {"minutes": float(minutes), "num_speakers": num_speakers, "seed": seed, "snr_db": SNR_DB}
    settings = json.dumps({"version": _VERSION, **numbers})
    if _reads(corpus_dir / _COMPLETED, settings):
        return
    installed()
    _claim(corpus_dir, settings)
    noises = _record(corpus_dir, speakers, minutes, seed, jobs, on_seconds)
    _write_lists(corpus_dir, speakers, noises)
    shutil.rmtree(corpus_dir / _SPEECH)
    for leftover in corpus_dir.glob("T*/*/*/.*"):  # of a process killed while writing
        leftover.unlink()
    (corpus_dir / _UNFINISHED).rename(corpus_dir / _COMPLETED)


def _record(
    corpus_dir: Path,
    speakers: list[Speaker],
    minutes: float,
    seed: int,
    jobs: int,
    on_seconds: Callable[[float], None] | None,
) -> list[str]:
    """Lets all speakers speak, then records each with the others in the background; returns a line for each noise."""
    counts = {split: sum(speaker.split == split for speaker in speakers) for split in SPLITS}
    seconds = {split: 60 * minutes * _SHARES[split] / counts[split] for split in SPLITS}
    folder = corpus_dir / _SPEECH
    folder.mkdir(exist_ok=True)

    def speak_all(index: int) -> None:
        speaker = speakers[index]
        speak(folder, speaker, seconds[speaker.split], seed, itertools.count(1 + index, len(speakers)))

    def record_all(index: int) -> list[str]:
        speaker = speakers[index]
        speech = {other.name: read_speech(folder, other) for other in speakers if other.split == speaker.split}
        own = speech.pop(speaker.name)
        return record(corpus_dir, speaker, own, list(speech.values()), seed, on_seconds)

    with ThreadPoolExecutor(jobs) as pool:  # the work is done in espeak-ng, NumPy and PyTorch
        list(pool.map(speak_all, range(len(speakers))))
        return list(itertools.chain.from_iterable(pool.map(record_all, range(len(speakers)))))


def _write_lists(corpus_dir: Path, speakers: list[Speaker], noises: list[str]) -> None:
    documents = corpus_dir / "DOC"
    lines = ["; ID Sex DR Use Voice Rate Pitch Range"]
    for speaker in speakers:
        voice, use = speaker.voice, _USES[speaker.split]
        columns = (speaker.name, speaker.sex, speaker.dialect, use, voice.voice, voice.rate, voice.pitch, voice.range)
        lines.append(" ".join(map(str, columns)))
    write_text(documents / "SPKRINFO.TXT", "\n".join([*lines, ""]))
    write_text(documents / "NOISE.TXT", "\n".join(["; utterance noise SNR(dB) level(dBFS)", *noises, ""]))
    write_text(corpus_dir / "SPLITS.TXT", "".join(f"{speaker.name} {speaker.split}\n" for speaker in speakers))


def _check(minutes: float, jobs: int, seed: int) -> None:
    if not 0 < minutes < float("inf"):
        raise ConfigError("minutes", f"{minutes} is not a length", "give a number above 0")
    if jobs < 1:
        raise ConfigError("jobs", f"{jobs} is too few", "give at least 1")
    if seed < 0:
        raise ConfigError("seed", f"{seed} is negative", "give a whole number from 0")


def _reads(mark: Path, settings: str) -> bool:
    return mark.is_file() and mark.read_text(encoding="utf-8") == settings


def _claim(corpus_dir: Path, settings: str) -> None:
    """Prepares the folder: new, emptied of a corpus with other settings, or as an interruption left it."""
    is_ours = any((corpus_dir / mark).is_file() for mark in (_COMPLETED, _UNFINISHED))
    if not is_ours and corpus_dir.exists() and not (corpus_dir.is_dir() and not any(corpus_dir.iterdir())):
        raise ConfigError(corpus_dir, "exists and holds no synthetic corpus", "give the name of a new folder")
    if is_ours and not _reads(corpus_dir / _UNFINISHED, settings):
        for path in (corpus_dir / name for name in _OWN):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    write_text(corpus_dir / _UNFINISHED, settings)
