"""The posteriors of cuts, computed in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from lhotse.cut import Cut
from torch import Tensor

from asr.data.dataset import SpeechDataset
from asr.data.loader import read_batches
from asr.data.plan import plan_epoch
from asr.data.utterances import Utterance
from asr.models.acoustic import AcousticModel


def posteriors(
    model: AcousticModel, cuts: Sequence[Cut], batch_seconds: float, num_workers: int = 1, max_batch_size: int = 64
) -> Iterator[tuple[list[str], Tensor, Tensor]]:
    """Gives the log-probabilities of all cuts, shortest first.

    Args:
        model: in evaluation mode; where it stands is where the posteriors are.
        cuts: what to read.
        batch_seconds: most seconds of a padded batch.
        num_workers: processes that read audio ahead.
        max_batch_size: most utterances of a batch.

    Yields:
        Utterance ids, natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).

    Raises:
        DataError: naming the utterance whose audio cannot be read.
    """
    dataset = SpeechDataset([Utterance(cut, "", (), {}) for cut in cuts], model.frontend.sample_rate, False, seed=0)
    plan = plan_epoch(dataset.lengths, batch_seconds=batch_seconds, max_batch_size=max_batch_size, shuffle=False)
    device = model.output.weight.device
    for batch in read_batches(dataset, plan, num_workers, pin_memory=False):
        batch = batch.to(device)
        assert batch.waveforms is not None
        with torch.inference_mode():
            log_probs, lengths = model(batch.waveforms, batch.lengths)
        yield batch.utterance_ids, log_probs, lengths
