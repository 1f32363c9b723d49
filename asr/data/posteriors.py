"""The posteriors of cuts, computed in batches of like length, several at a time where there are cores for them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch
from lhotse.cut import Cut
from torch import Tensor
from torch.nn import functional as F

from asr.data.batch import Batch
from asr.data.dataset import SpeechDataset
from asr.data.loader import Loader
from asr.data.plan import plan_epoch
from asr.data.utterances import Utterance
from asr.decoding.decoder import Decoder
from asr.decoding.hypothesis import Hypothesis
from asr.machine import num_processes
from asr.models.acoustic import AcousticModel, SpeechModel

_MAX_BATCH_SIZE = 64

T = TypeVar("T")


def posteriors(
    model: AcousticModel, cuts: Sequence[Cut], batch_seconds: float, num_workers: int = 1
) -> Iterator[tuple[list[str], Tensor, Tensor]]:
    """Yields the log-probabilities of all cuts as :func:`read_with` computes them, on the device of the model.

    Yields:
        Utterance ids, natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
    """
    for ids, (log_probs, lengths) in read_with(lambda *found: found, model, cuts, batch_seconds, num_workers):
        yield ids, log_probs, lengths


def decode_cuts(
    decoder: Decoder,
    model: SpeechModel,
    cuts: Sequence[Cut],
    batch_seconds: float,
    num_workers: int,
    on_progress: Callable[[float], None],
) -> Iterator[tuple[str, list[Hypothesis]]]:
    """Decodes cuts and returns an iterator over the id and N-best list of each, in order; see :func:`read_with`.

    Args:
        decoder: turns what the model returns into N-best lists.
        model: in evaluation mode.
        cuts: what to decode.
        batch_seconds: most seconds of the padded batches that are computed at the same time.
        num_workers: processes that read audio ahead.
        on_progress: called with seconds of audio that have been decoded.
    """
    seconds = {cut.id: cut.duration for cut in cuts}
    found: dict[str, list[Hypothesis]] = {}
    for ids, nbest in read_with(decoder, model, cuts, batch_seconds, num_workers):
        found |= zip(ids, nbest, strict=True)
        on_progress(sum(seconds[each] for each in ids))
    return ((cut.id, found[cut.id]) for cut in cuts)


def read_with(
    search: Callable[[Tensor, Tensor], T],
    model: SpeechModel,
    cuts: Sequence[Cut],
    batch_seconds: float,
    num_workers: int = 1,
) -> Iterator[tuple[list[str], T]]:
    """Yields what a search finds in what a model hears of all cuts, shortest first.

    On a CPU one batch per core is computed and searched at the same time, each in one thread.

    Args:
        search: called with what the model returns of a batch, such as posteriors, and their lengths; a decoder is one.
        model: in evaluation mode.
        cuts: what to read.
        batch_seconds: most seconds of the padded batches that are computed at the same time.
        num_workers: processes that read audio ahead.

    Yields:
        Utterance ids, and what the search found in them.

    Raises:
        DataError: naming the utterance whose audio cannot be read.
    """
    dataset = SpeechDataset([Utterance(cut, "", (), {}) for cut in cuts], model.frontend.sample_rate, False, seed=0)
    device = model.output.weight.device
    num_threads = num_processes() if device.type == "cpu" else 1
    share = min(batch_seconds, sum(dataset.lengths)) / num_threads
    plan = plan_epoch(dataset.lengths, max_padded=share, max_batch_size=_MAX_BATCH_SIZE, shuffle=False)

    def read(batch: Batch) -> tuple[list[str], T]:
        batch = batch.to(device)
        lacking = max(0, model.frontend.hop_length - batch.inputs.size(1))  # samples of a frame, which need not count
        with torch.inference_mode():
            return batch.utterance_ids, search(*model(F.pad(batch.inputs, (0, lacking)), batch.lengths))

    return _side_by_side(read, iter(Loader(dataset, plan, num_workers, pin_memory=False)), num_threads)


def _side_by_side(
    function: Callable[[Batch], tuple[list[str], T]], batches: Iterator[Batch], num_threads: int
) -> Iterator[tuple[list[str], T]]:
    """Yields a function's results for each batch, in order; reads at most one batch more than there are threads."""
    running: deque[Future[tuple[list[str], T]]] = deque()
    with ThreadPoolExecutor(num_threads) as threads:
        try:
            for batch in batches:
                running.append(threads.submit(function, batch))
                if len(running) > num_threads:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for future in running:
                future.cancel()
