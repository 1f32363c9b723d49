"""Writes the recordings of cuts as they would sound in a room, in noise, and through a telephone.

    python tools/worsen_cuts.py data/librispeech/dev-clean-2_cuts.jsonl.gz --out data/worse
    asr decode --checkpoint best.ckpt --cuts data/worse/{room,noise,room_noise,telephone}_cuts.jsonl.gz --label worse

Each condition has one setting, so that error rates of different models can be compared: a generated room with a
reverberation time of 0.4 s and 3 dB more direct sound than reverberation; white noise, pink noise or babble at 15 dB;
both; and nothing above 3.4 kHz but white noise at -60 dB. Rooms and noise are drawn by the ids of the utterances.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import soundfile
import torch
from lhotse import AudioSource, Recording
from lhotse.cut import Cut, MonoCut
from lhotse.utils import fastcopy
from torch import Tensor

from asr.augmentation.band import LimitBand
from asr.augmentation.base import Augmentation
from asr.augmentation.noise import AddNoise
from asr.augmentation.reverb import Reverberate
from asr.corpora.manifests import read_cuts, write_cuts
from asr.data.dataset import read_waveform
from asr.features.frontend import FrontEnd
from asr.features.random import utterance_seed


def conditions(frontend: FrontEnd) -> dict[str, Sequence[Augmentation]]:
    """Returns what happens to the waveforms in each condition."""
    room = Reverberate(frontend, (0.4, 0.4), (3.0, 3.0))
    noise = AddNoise(frontend, (15.0, 15.0))
    return {
        "room": [room],
        "noise": [noise],
        "room_noise": [room, noise],
        "telephone": [LimitBand(frontend, (3400, 3400), (-60, -60))],
    }


def worsened(waveform: Tensor, steps: Sequence[Augmentation], name: str) -> Tensor:
    """Returns a recording in a condition, softer where it would be clipped: (S,) -> (S,)."""
    batch, lengths = waveform[None], torch.tensor([len(waveform)])
    for step in steps:
        batch, _ = step(batch, lengths, torch.tensor([utterance_seed(0, 0, name)]))
    return batch[0] / max(1.0, batch.abs().max().item())


def written(cuts: Sequence[Cut], steps: Sequence[Augmentation], folder: Path, sample_rate: int) -> Iterator[Cut]:
    """Writes the recordings of cuts in a condition and yields cuts of them."""
    for cut in cuts:
        path = folder / f"{cut.id}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = worsened(read_waveform(cut, sample_rate), steps, cut.id)
        soundfile.write(path, samples.numpy(), sample_rate)
        seconds = len(samples) / sample_rate
        recording = Recording(cut.id, [AudioSource("file", [0], str(path))], sample_rate, len(samples), seconds)
        said = [fastcopy(each, recording_id=cut.id, channel=0) for each in cut.supervisions]
        yield MonoCut(cut.id, 0.0, seconds, 0, said, recording=recording, custom=cut.custom)


def main() -> None:
    """Writes a file of cuts for each condition, and prints its name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cuts", metavar="CUTS", help="file that asr prepare wrote")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder for recordings and cuts")
    arguments = parser.parse_args()
    frontend = FrontEnd()
    cuts = list(read_cuts(arguments.cuts))
    for name, steps in conditions(frontend).items():
        path = arguments.out / f"{name}_cuts.jsonl.gz"
        write_cuts(written(cuts, steps, arguments.out / name, frontend.sample_rate), path)
        print(path, flush=True)


if __name__ == "__main__":
    main()
