"""Recognition without torch: NumPy and onnxruntime, greedily."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from asr.audio.resampling import Waveform
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.settings import ConfidenceSettings
from asr.decoding.word_confidence import choose
from asr.portable.greedy import decode_greedily
from asr.portable.model import PortableModel, mean_log_probs
from asr.text.tokens import TokenTable


class PortableEngine:
    """Recognises batches greedily with acoustic models that need no torch.

    Args:
        models: at least one; what several hear is averaged.
        tokens: the table of their outputs.
        confidence: how sure words are; as sure as the decoder says if None.
    """

    def __init__(
        self, models: Sequence[PortableModel], tokens: TokenTable, confidence: ConfidenceSettings | None = None
    ) -> None:
        self.models, self.tokens, self.confidence = models, tokens, confidence

    @property
    def sample_rate(self) -> int:
        """Hz of the waveforms."""
        return self.models[0].frontend.sample_rate

    def num_frames(self, num_samples: Sequence[int]) -> list[int]:
        """Returns the frames of log-probabilities of waveforms of so many samples."""
        return [self.models[0].num_frames(count) for count in num_samples]

    def recognize(self, waveforms: Sequence[Waveform]) -> list[Hypothesis]:
        """Returns the hypothesis of each waveform, shape (S,), of at least one frame."""
        heard = mean_log_probs(self.models, [np.asarray(waveform) for waveform in waveforms])
        found = [decode_greedily(rows, self.tokens, self.models[0].frame_seconds) for rows in heard]
        if self.confidence is None:
            return found
        return [nbest[0] for nbest in choose([[each] for each in found], self.confidence)]
