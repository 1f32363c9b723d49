"""First step: each speaker speaks their sentences; clean speech and labels are stored until noise is added."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.corpora.synth.espeak import Espeak, Spoken
from asr.corpora.synth.labels import BEGIN_END, Label, Labels, label
from asr.corpora.synth.sentences import sentences
from asr.corpora.synth.speakers import Speaker
from asr.files import written_whole

SAMPLE_RATE = 16000

_SILENCE = (0.10, 0.30)  # seconds before and after the sentence
_SENTENCES, _TIMES = 2, 3  # two streams of random numbers


@dataclass(frozen=True)
class Sentence:
    """A sentence as it was spoken.

    Attributes:
        name: SI and a number that is unique in the corpus.
        start: where its recording begins in the speaker's speech, in samples.
        end: where it ends there.
        labels: its phones and words, in samples from ``start``.
    """

    name: str
    text: str
    start: int
    end: int
    labels: Labels


@dataclass(frozen=True)
class Speech:
    """All that a speaker said, without noise.

    Attributes:
        samples: full scale 1, shape (S,); silences between the sentences included.
        sentences: what was said, in order.
    """

    samples: NDArray[np.float32]
    sentences: list[Sentence]


def speak(folder: Path, speaker: Speaker, seconds: float, seed: int, numbers: Iterator[int]) -> None:
    """Speaks sentences until they last ``seconds``, silences included, and stores them for :func:`read_speech`.

    Does nothing if they are there. Seed and name of the speaker decide on sentences and silences; ``numbers`` name the
    sentences.
    """
    done = folder / f"{speaker.name}.json"
    if done.is_file():
        return
    own_seed = [seed, *speaker.name.encode()]
    texts = sentences(speaker.split, np.random.default_rng([*own_seed, _SENTENCES]))
    silences = np.random.default_rng([*own_seed, _TIMES])
    spoken: list[Sentence] = []
    pieces: list[NDArray[np.float32]] = []
    end = 0
    with Espeak() as espeak:
        while end < seconds * SAMPLE_RATE:
            text = next(texts)
            samples, labels = _surround(espeak.speak(text, speaker.voice), text, silences)
            spoken.append(Sentence(f"SI{next(numbers)}", text, end, end + len(samples), labels))
            pieces.append(samples)
            end += len(samples)
    with written_whole(folder / f"{speaker.name}.npy") as beside:
        np.save(beside, np.concatenate(pieces))
    write_text(done, json.dumps([asdict(sentence) for sentence in spoken]))


def read_speech(folder: Path, speaker: Speaker) -> Speech:
    """Reads what :func:`speak` stored; the samples stay on disk until they are used."""
    samples = np.load(folder / f"{speaker.name}.npy", mmap_mode="r")
    records = json.loads((folder / f"{speaker.name}.json").read_text(encoding="utf-8"))
    return Speech(samples, [_sentence(record) for record in records])


def write_text(path: Path, text: str) -> None:
    """Writes a text file that appears whole.

    Raises:
        DataError: it cannot be written.
    """
    with written_whole(path) as beside:
        beside.write_text(text, encoding="utf-8")


def _sentence(record: dict[str, Any]) -> Sentence:
    phones, words = (tuple(Label(**fields) for fields in record["labels"][kind]) for kind in ("phones", "words"))
    return Sentence(record["name"], record["text"], record["start"], record["end"], Labels(phones, words))


def _surround(spoken: Spoken, text: str, silences: np.random.Generator) -> tuple[NDArray[np.float32], Labels]:
    """Resamples speech, puts silence around it, and moves the labels along."""
    import torch
    from torchaudio.functional import resample

    # In float64, so that a sum taken in another order cannot change a 16-bit sample.
    waveform = torch.from_numpy(spoken.samples.astype(np.float64) / 32768)
    speech = resample(waveform, spoken.sample_rate, SAMPLE_RATE).numpy()
    before, after = (round(float(silences.uniform(*_SILENCE)) * SAMPLE_RATE) for _ in range(2))
    num_samples = before + len(speech) + after
    labels = label(text, spoken)

    def move(original: Label) -> Label:
        start, end = (before + round(at * SAMPLE_RATE / spoken.sample_rate) for at in (original.start, original.end))
        return Label(original.symbol, start, end)

    phones, words = [move(phone) for phone in labels.phones], [move(word) for word in labels.words]
    inner = [phone for phone in phones if phone.symbol != BEGIN_END]
    phones = [Label(BEGIN_END, 0, inner[0].start), *inner, Label(BEGIN_END, inner[-1].end, num_samples)]
    return np.pad(speech, (before, after)).astype(np.float32), Labels(tuple(phones), tuple(words))
