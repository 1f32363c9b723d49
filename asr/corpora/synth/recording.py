"""Second step: noise is added to what a speaker said, and recordings are written in TIMIT's layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from asr.audio.waveforms import write_wav
from asr.corpora.synth import noise
from asr.corpora.synth.labels import Label
from asr.corpora.synth.speakers import Speaker
from asr.corpora.synth.speech import SAMPLE_RATE, Sentence, Speech, write_text

SNR_DB = (5.0, 25.0)  # least and greatest ratio of speech to noise, over each whole recording
_SPEAKER_LEVEL = (-30.0, -22.0)  # RMS in dB of full scale
_UTTERANCE_LEVEL = (-3.0, 3.0)  # dB around the speaker's
_LOUDEST = 0.98  # of full scale
_NOISE = 4  # a stream of random numbers


def record(
    corpus_dir: Path,
    speaker: Speaker,
    speech: Speech,
    others: Sequence[Speech],
    seed: int,
    on_seconds: Callable[[float], None] | None,
) -> list[str]:
    """Writes the recordings of a speaker that are not there yet; returns a line on the noise of each.

    Seed and name of the speaker decide on noise and levels. Babble is made of the speech of others; without any, noise
    is white or pink. ``on_seconds`` is called with the length of each recording.
    """
    folder = corpus_dir / speaker.top / speaker.dialect / speaker.name
    folder.mkdir(parents=True, exist_ok=True)
    own_seed = [seed, *speaker.name.encode(), _NOISE]
    loudness = np.random.default_rng(own_seed).uniform(*_SPEAKER_LEVEL)
    talkers = [other.samples for other in others]
    kinds = noise.KINDS if talkers else tuple(kind for kind in noise.KINDS if kind != "babble")
    lines = []
    for index, sentence in enumerate(speech.sentences):
        generator = np.random.default_rng([*own_seed, index])
        kind, ratio = kinds[int(generator.integers(len(kinds)))], float(generator.uniform(*SNR_DB))
        level = float(loudness + generator.uniform(*_UTTERANCE_LEVEL))
        lines.append(f"{speaker.name}_{sentence.name} {kind} {ratio:.2f} {level:.2f}")
        if not (folder / f"{sentence.name}.TXT").is_file():
            clean = np.asarray(speech.samples[sentence.start : sentence.end], dtype=np.float64)
            noisy = noise.add_noise(clean, noise.make(kind, len(clean), talkers, generator), ratio)
            _write(folder, sentence, noise.set_level(noisy, level, _LOUDEST))
        if on_seconds:
            on_seconds((sentence.end - sentence.start) / SAMPLE_RATE)
    return lines


def _write(folder: Path, sentence: Sentence, waveform: noise.Waveform) -> None:
    import torch

    write_wav(folder / f"{sentence.name}.WAV", torch.from_numpy(waveform.astype(np.float32)), SAMPLE_RATE)
    write_text(folder / f"{sentence.name}.PHN", _lines(sentence.labels.phones))
    write_text(folder / f"{sentence.name}.WRD", _lines(sentence.labels.words))
    # Last, as a sign that the others are there.
    write_text(folder / f"{sentence.name}.TXT", f"0 {len(waveform)} {sentence.text}\n")


def _lines(labels: Sequence[Label]) -> str:
    return "".join(f"{label.start} {label.end} {label.symbol}\n" for label in labels)
