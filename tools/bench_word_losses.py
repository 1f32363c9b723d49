"""Times training steps of a recurrent language model: scores of all words at once, block by block, and of some words.

    python tools/bench_word_losses.py [--words 20000] [--hidden-dim 512] [--samples 2048] [--rounds 5]

Each way takes a step, forward and backward in bfloat16 (in float32 on processors without it), in turns; printed are
medians of processor seconds, of one thread, and their ratios to all words at once.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.lm.recurrent import RecurrentLM
from asr.machine import keep_memory
from asr.runs.precision import has_half
from asr.training.word_losses import chances, sampled_cross_entropy, summed_cross_entropy

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

SENTENCES, LENGTH = 80, 26


def at_once(hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Returns the loss with the scores of all words in memory."""
    return F.cross_entropy(F.linear(hidden, weight, bias).float(), targets, reduction="sum")


def step_seconds(model: RecurrentLM, loss: Loss, words: Tensor) -> float:
    """Takes a step and returns its processor seconds."""
    model.zero_grad(set_to_none=True)
    begun = time.process_time()
    with torch.autocast("cpu", torch.bfloat16, enabled=has_half()):
        hidden, _ = model.read(words[:, :-1])
        total = loss(hidden.flatten(0, 1), *model.scoring(), words[:, 1:].flatten())
    total.backward()  # type: ignore[no-untyped-call]
    return time.process_time() - begun


def main() -> None:
    """Times all ways in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("words", 20000),
        ("embedding-dim", 128),
        ("hidden-dim", 512),
        ("samples", 2048),
        ("rounds", 5),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    keep_memory()  # as asr train does
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = RecurrentLM(arguments.words, arguments.embedding_dim, arguments.hidden_dim, num_layers=1, dropout=0.1)
    often = 1 / torch.arange(1, arguments.words + 1)  # Zipf's law
    words = 3 + torch.multinomial(often[3:], SENTENCES * (LENGTH + 1), replacement=True).view(SENTENCES, LENGTH + 1)
    chance = chances(often / often.min(), arguments.samples)
    ways: dict[str, Loss] = {
        "all words at once": at_once,
        "all words, block by block": summed_cross_entropy,
        f"{arguments.samples} words": partial(sampled_cross_entropy, chances=chance),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(arguments.rounds + 1):
        for name, loss in ways.items():
            taken = step_seconds(model, loss, words)
            if turn:  # the first one warms up
                seconds[name].append(taken)
    reference = statistics.median(seconds["all words at once"])
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name}: {median:.3f} s for {SENTENCES * LENGTH:,} words, ratio {median / reference:.2f}")


if __name__ == "__main__":
    main()
