"""Measures how much an utterance's log-probabilities depend on what shares its batch.

    python tools/check_invariance.py data/an4/test_cuts.jsonl.gz

For every choice of ``conf/model`` (with random weights) and for the checkpoints named, each utterance of the cuts is
decoded alone and in shuffled batches of 16. Prints the largest difference of any log-probability and the number of
transcripts that differ; ends with status 1 above 1e-4 or with a transcript that differs.
"""

from __future__ import annotations

import argparse
import random

import torch
from torch import Tensor

from asr.checkpoints.acoustic import load_checkpoint
from asr.configuration.composition import compose_config, resolve
from asr.configuration.menu import groups
from asr.corpora.manifests import read_cuts
from asr.data.batch import pad
from asr.data.dataset import read_waveform
from asr.decoding.greedy import GreedyDecoder
from asr.models.acoustic import AcousticModel
from asr.runs.building import build
from asr.text.tokens import TokenTable

TOLERANCE = 1e-4
LETTERS = TokenTable("char", ("<blank>", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ", "|"))


def choice(name: str) -> AcousticModel:
    """Builds the model of a choice of ``conf/model`` with random weights."""
    config = resolve(compose_config([f"model={name}", "corpus=none", "name=none", "trainer.logger=false"]))
    config["model"]["tokens"] = LETTERS.state()
    return build(config).model.model.eval()


@torch.inference_mode()
def compare(model: AcousticModel, tokens: TokenTable, waveforms: list[Tensor]) -> tuple[float, int]:
    """Returns the largest difference of log-probabilities and the number of transcripts that differ."""
    decoder = GreedyDecoder(tokens, model.frame_seconds)
    order = list(range(len(waveforms)))
    random.Random(0).shuffle(order)
    largest, differing = 0.0, 0
    for first in range(0, len(order), 16):
        batch = [waveforms[index] for index in order[first : first + 16]]
        together, lengths = model(*pad(batch))
        texts = [nbest[0].text for nbest in decoder(together, lengths)]
        for row, waveform in enumerate(batch):
            alone, length = model(*pad([waveform]))
            frames = int(length)
            largest = max(largest, float((alone[0, :frames] - together[row, :frames]).abs().max()))
            differing += decoder(alone, length)[0][0].text != texts[row]
    return largest, differing


def main() -> int:
    """Checks every model and prints a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cuts", help="cut file")
    parser.add_argument("--checkpoint", nargs="*", default=[], help="trained models to check too")
    arguments = parser.parse_args()
    cuts = read_cuts(arguments.cuts)
    waveforms = [read_waveform(cut, 16000) for cut in cuts]
    models = {f"model={name}": (choice(name), LETTERS) for name in groups()["model"]}
    for path in arguments.checkpoint:
        loaded = load_checkpoint(path)
        models[path] = (loaded.model, loaded.tokens)
    bad = 0
    for name, (model, tokens) in models.items():
        largest, differing = compare(model, tokens, waveforms)
        bad += largest > TOLERANCE or differing > 0
        print(f"{name:<28} largest difference {largest:.2e}, {differing} of {len(waveforms)} transcripts differ")
    return int(bad > 0)


if __name__ == "__main__":
    raise SystemExit(main())
