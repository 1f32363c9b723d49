"""Decodes posteriors with pyctcdecode and prints texts and seconds as JSON; bench_decoding.py runs it elsewhere."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from pyctcdecode import build_ctcdecoder


def main() -> None:
    """Decodes, round after round, after one to warm up."""
    settings = json.loads(sys.argv[1])
    with np.load(settings["posteriors"]) as arrays:
        tokens = json.loads(str(arrays["tokens"]))["tokens"]
        rows = np.split(arrays["log_probs"], np.cumsum(arrays["lengths"])[:-1])
    labels = ["", *(" " if token == "|" else token for token in tokens[1:])]
    decoder = build_ctcdecoder(
        labels,
        settings["arpa"],
        unigrams=Path(settings["words"]).read_text(encoding="utf-8").split("\n"),
        alpha=settings["lm_weight"],  # it turns KenLM's decimal logarithms into natural ones itself
        beta=settings["word_score"],
    )
    clock = time.process_time if settings["cpu_time"] else time.perf_counter
    seconds = []
    for _ in range(settings["rounds"] + 1):
        begun = clock()
        texts = [
            decoder.decode(
                utterance, beam_width=settings["beam_size"], beam_prune_logp=-min(settings["beam_threshold"], 1e9)
            )
            for utterance in rows
        ]
        seconds.append(clock() - begun)
    print(json.dumps({"texts": texts, "seconds": seconds[1:]}))


if __name__ == "__main__":
    main()
