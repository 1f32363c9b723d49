"""Recognition by torch: an acoustic model, a decoder, and what chooses among its hypotheses."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from asr.audio.resampling import Waveform
from asr.decoding.decoder import Decoder
from asr.decoding.greedy import GreedyDecoder
from asr.decoding.hypothesis import Hypothesis
from asr.models.acoustic import AcousticModel
from asr.models.averaged import AveragedModel
from asr.models.devices import move
from asr.portable.model import PortableModel, mean_log_probs
from asr.text.tokens import TokenTable
from asr.transcription.rescoring import Rescorer


class TorchEngine:
    """Recognises batches with an acoustic model in torch.

    Args:
        model: a trained model.
        tokens: the table of its outputs.
        decoder: turns log-probabilities into hypotheses; greedy if None.
        device: "cpu", "cuda" or "cuda:N".
        rescorers: functions that reorder the N-best lists of the decoder, applied in order.

    Raises:
        ConfigError: the device cannot be used.

    Attributes:
        device: device of the model.
        decoder: turns log-probabilities into hypotheses.
        rescorers: functions that reorder its N-best lists, applied in order.
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
        self.decoder = decoder or GreedyDecoder(tokens, model.frame_seconds)
        self.rescorers = rescorers

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""
        return self.model.frontend.sample_rate

    def num_frames(self, num_samples: Sequence[int]) -> list[int]:
        """Returns the frames of log-probabilities of waveforms of so many samples."""
        lengths = self.model.frontend.frame_lengths(torch.tensor(num_samples))
        return [int(length) for length in self.model.encoder.output_lengths(lengths)]

    @torch.inference_mode()
    def recognize(self, waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the best hypothesis of each waveform, shape (S,), of at least one frame."""
        padded, lengths = _batch(waveforms)
        padded, lengths = padded.to(self.device), lengths.to(self.device)
        log_probs, frames = self.model(padded, lengths)
        return _best(log_probs, frames, padded, lengths, self.decoder, self.rescorers)


class SearchEngine:
    """Recognises batches with acoustic models that need no torch, and searches in torch.

    Args:
        models: at least one; what several hear is averaged.
        decoder: turns log-probabilities into hypotheses.
        rescorers: functions that reorder the N-best lists of the decoder, applied in order.
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
        return _best(pad_sequence(heard, batch_first=True), frames, *_batch(waveforms), self.decoder, self.rescorers)


def _batch(waveforms: Sequence[Waveform]) -> tuple[Tensor, Tensor]:
    """Returns waveforms padded, shape (B, S), and their lengths, shape (B,)."""
    padded = pad_sequence([torch.as_tensor(waveform) for waveform in waveforms], batch_first=True)
    return padded, torch.tensor([len(waveform) for waveform in waveforms])


def _best(
    log_probs: Tensor,
    frames: Tensor,
    waveforms: Tensor,
    lengths: Tensor,
    decoder: Decoder,
    rescorers: Sequence[Rescorer],
) -> list[Hypothesis]:
    nbests = decoder(log_probs, frames)
    for rescorer in rescorers:
        nbests = rescorer(nbests, waveforms, lengths)
    return [nbest[0] for nbest in nbests]
