"""Recognition by torch: an acoustic model, a decoder, and what chooses among its hypotheses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.audio.rates import Seconds
from asr.audio.resampling import Waveform
from asr.decoding.decoder import Decoder
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.hypothesis import Hypothesis
from asr.models.acoustic import AcousticModel
from asr.models.averaged import AveragedModel
from asr.models.devices import move
from asr.models.piecewise import check_piecewise
from asr.portable.model import PortableModel, mean_log_probs
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN
from asr.transcription.exact import OpenBlocks, exact_chunks
from asr.transcription.long_audio import Chunk, Cutting
from asr.transcription.rescoring import Heard, Rescorer


class TorchEngine:
    """Recognises batches with an acoustic model in torch.

    Args:
        model: a trained model; its other heads are for ``rescorers``.
        tokens: the table of its outputs.
        decoder: turns log-probabilities into hypotheses; greedy if None.
        device: "cpu", "cuda" or "cuda:N".
        rescorers: functions that reorder the N-best lists of the decoder or choose from them, applied in order.

    Raises:
        ConfigError: the device cannot be used.

    Attributes:
        device: device of the model.
        tokens: the table of its outputs.
        decoder: turns log-probabilities into hypotheses.
        rescorers: functions that reorder its N-best lists or choose from them, applied in order.
    """

    def __init__(
        self,
        model: AcousticModel | AveragedModel,
        tokens: TokenTable,
        decoder: Decoder | None = None,
        device: str | torch.device = "cpu",
        rescorers: Sequence[Rescorer] = (),
    ) -> None:
        """Moves the model to its device."""
        self.device = move(model.eval(), device)
        self.model: AcousticModel | AveragedModel = model
        self.tokens = tokens
        self.decoder = decoder or GreedyDecoder(tokens, model.frame_seconds)
        self.rescorers = rescorers

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""
        return self.model.frontend.sample_rate

    def check_exact(self) -> None:
        """Refuses models that cannot hear a whole recording at once.

        Raises:
            ConfigError: each of a model's frames sees all others.
        """
        for model in self._models:
            check_piecewise(model)

    def exact_chunks(
        self, open_blocks: OpenBlocks, cutting: Cutting | None, on_progress: Callable[[Seconds], None] | None
    ) -> Iterator[Chunk]:
        """Yields the parts of a recording with their log-probabilities; see :mod:`asr.transcription.exact`."""
        return exact_chunks(self._models, self.tokens, open_blocks, cutting, on_progress)

    @property
    def _models(self) -> list[AcousticModel]:
        return self.model.parts if isinstance(self.model, AveragedModel) else [self.model]

    def num_frames(self, num_samples: Sequence[int]) -> list[int]:
        """Returns the frames of log-probabilities of waveforms of so many samples."""
        lengths = self.model.frontend.frame_lengths(torch.tensor(num_samples))
        return [int(length) for length in self.model.encoder.output_lengths(lengths)]

    @torch.inference_mode()
    def recognize(self, waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the best hypothesis of each waveform, shape (S,), of at least one frame."""
        padded, lengths = _batch(waveforms)
        padded, lengths = padded.to(self.device), lengths.to(self.device)
        return _best(self._hear(padded, lengths), self.decoder, self.rescorers)

    def _hear(self, waveforms: Tensor, lengths: Tensor) -> Heard:
        """Runs the model once, for all its heads."""
        if isinstance(self.model, AcousticModel) and self.model.heads:
            found, frames = self.model.classify_heads(*self.model.frontend(waveforms, lengths))
            return Heard(waveforms, lengths, {name: outputs[-1] for name, outputs in found.items()}, frames)
        log_probs, frames = self.model(waveforms, lengths)
        return Heard(waveforms, lengths, {MAIN: log_probs}, frames)

    @torch.inference_mode()
    def decode(self, log_probs: Sequence[NDArray[np.float32]], waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the best hypothesis of each waveform, shape (S,), whose posteriors, (N, V), N > 0, are known."""
        padded, lengths = _batch(waveforms)
        rows, frames = _batch(log_probs)
        padded, lengths, rows, frames = (each.to(self.device) for each in (padded, lengths, rows, frames))
        return _best(Heard(padded, lengths, {MAIN: rows}, frames), self.decoder, self.rescorers)


class SearchEngine:
    """Recognises batches with acoustic models that need no torch, and searches in torch.

    Args:
        models: at least one; what several hear is averaged.
        decoder: turns log-probabilities into hypotheses.
        rescorers: functions that reorder the N-best lists of the decoder or choose from them, applied in order.
    """

    def __init__(self, models: Sequence[PortableModel], decoder: Decoder, rescorers: Sequence[Rescorer] = ()) -> None:
        self.models, self.decoder, self.rescorers = models, decoder, rescorers

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""
        return self.models[0].frontend.sample_rate

    def num_frames(self, num_samples: Sequence[int]) -> list[int]:
        """Returns the frames of log-probabilities of waveforms of so many samples."""
        return [self.models[0].num_frames(count) for count in num_samples]

    @torch.inference_mode()
    def recognize(self, waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the best hypothesis of each waveform, shape (S,), of at least one frame."""
        heard = [torch.from_numpy(rows) for rows in mean_log_probs(self.models, waveforms)]
        frames = torch.tensor([len(rows) for rows in heard])
        posteriors = {MAIN: pad_sequence(heard, batch_first=True)}
        return _best(Heard(*_batch(waveforms), posteriors, frames), self.decoder, self.rescorers)


def _batch(waveforms: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Returns waveforms padded, shape (B, S, *), and their lengths, shape (B,)."""
    padded = pad_sequence([torch.as_tensor(waveform) for waveform in waveforms], batch_first=True)
    return padded, torch.tensor([len(waveform) for waveform in waveforms])


def _best(heard: Heard, decoder: Decoder, rescorers: Sequence[Rescorer]) -> list[Hypothesis]:
    nbests = decoder(heard.heads[MAIN], heard.num_frames)
    for rescorer in rescorers:
        nbests = rescorer(nbests, heard)
    return [nbest[0] for nbest in nbests]
