"""An acoustic model for searches that read CTC and an attention decoder together: both look at the same frames."""

from __future__ import annotations

from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, Encoder
from asr.models.attention_decoder import AttentionDecoder
from asr.text.writing import MAIN


class JointModel(nn.Module):
    """Turns waveforms into the encoded frames that CTC and the attention decoder of the main head read.

    Args:
        model: an acoustic model, whose weights are shared; see :meth:`AcousticModel.of_head` for another head.

    Raises:
        ConfigError: its main head has no attention decoder.

    Attributes:
        output: the output layer of CTC.
        attention: the attention decoder.
        frame_seconds: seconds from one encoder frame to the next.
    """

    frontend: FrontEnd
    encoder: Encoder
    attention: AttentionDecoder

    def __init__(self, model: AcousticModel) -> None:
        super().__init__()
        if model.attention is None or model.attention_head != MAIN:
            raise ConfigError("model", "has no attention decoder beside this head", "read it with CTC alone")
        self.frontend, self.encoder, self.output = model.frontend, model.encoder, model.output
        self.attention, self.frame_seconds = model.attention, model.frame_seconds

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns encoded frames for waveforms.

        Args:
            waveforms: samples in [-1, 1] at the front end's rate, shape (B, S).
            lengths: samples of each, shape (B,).

        Returns:
            Encoded frames, shape (B, N, D), and their lengths, shape (B,).
        """
        return self.encoder(*self.frontend(waveforms, lengths))
