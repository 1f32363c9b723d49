"""Mean and variance of a training set's features, for global normalisation."""

from __future__ import annotations

import torch

from asr.data.dataset import SpeechDataset
from asr.data.plan import PlannedBatch
from asr.features.cmvn import Statistics
from asr.features.frontend import FrontEnd

BATCH_SIZE = 16


@torch.no_grad()
def estimate_statistics(frontend: FrontEnd, dataset: SpeechDataset, max_utterances: int) -> Statistics:
    """Returns statistics of the complete features of utterances evenly spread over a set, with ``num_frames``.

    Args:
        frontend: whose features, deltas included, are measured before normalisation, in training with dither.
        dataset: the training set.
        max_utterances: most utterances that are read.
    """
    total = len(dataset.utterances)
    step = max(1, -(-total // max_utterances))
    chosen = sorted(range(0, total, step), key=lambda index: dataset.utterances[index].seconds)
    statistics = Statistics(frontend.feature_dim)
    for first in range(0, len(chosen), BATCH_SIZE):
        batch = dataset[PlannedBatch(tuple(chosen[first : first + BATCH_SIZE]), speed=1.0, epoch=0)]
        static, lengths = batch.inputs, batch.lengths
        if batch.kind == "waveforms":
            static, lengths = frontend.static(static, lengths, batch.seeds)
        statistics.update(frontend.add_deltas(static, lengths), lengths)
    return statistics
