"""An attention decoder beside CTC in training: its settings, its share of the loss, its errors on the dev set."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from asr.data.batch import Batch
from asr.decoding.joint.beam import JointBeamDecoder
from asr.errors import ConfigError
from asr.models.acoustic import AcousticModel, Attending
from asr.models.attention_decoder import AttentionDecoder, AttentionSizes
from asr.models.lengths import valid_frames
from asr.text.tokens import BLANK, TokenTable
from asr.text.writing import MAIN
from asr.training.dev_errors import AcousticErrors
from asr.training.losses import StepLoss
from asr.training.transducer_module import padded_targets

NAME = "attention"
"""What the metrics of an attention decoder are called after."""


@dataclass(frozen=True)
class AttentionSettings(AttentionSizes):
    """An attention decoder beside CTC, trained with it.

    Attributes besides those of :class:`AttentionSizes`:
        head: whose frames it looks at and whose tokens it writes, by name; "main" for the main one.
        weight: its share w of the loss of this head, ``(1 - w) * CTC + w * cross entropy``.
        label_smoothing: share of the probability of each token that all V tokens are to have evenly.
    """

    head: str = MAIN
    weight: float = 0.3
    label_smoothing: float = 0.0

    def checked(self, heads: Collection[str]) -> AttentionSettings:
        """Returns these settings.

        Args:
            heads: names of the heads beside the main one.

        Raises:
            ConfigError: a setting is out of range, or a head has the name of the decoder's metrics.
        """
        if not 0 < self.weight <= 1:
            raise ConfigError("model.attention.weight", f"is {self.weight:g}", "give a share above 0, at most 1")
        if not 0 <= self.label_smoothing < 1:
            found = f"is {self.label_smoothing:g}"
            raise ConfigError("model.attention.label_smoothing", found, "give a share from 0 to below 1")
        if NAME in heads:
            found = "is what the metrics of the attention decoder are called"
            raise ConfigError(f"head {NAME!r}", found, "give the head another name")
        return self

    @property
    def attending(self) -> Attending:
        """What the model needs to know of it."""
        sizes = {each.name: getattr(self, each.name) for each in fields(AttentionSizes)}
        return Attending(self.head, AttentionSizes(**sizes))

    def recorded(self) -> dict[str, Any]:
        """Returns the settings for a checkpoint, without those that only training needs."""
        head, sizes = self.attending
        return {"head": head, **asdict(sizes)}

    def losses(self, decoder: AttentionDecoder, encoded: Tensor, lengths: Tensor, batch: Batch) -> Tensor:
        """Returns the cross entropy of the targets of each utterance and of its end, see :func:`cross_entropies`."""
        return cross_entropies(decoder, encoded, lengths, batch, self.label_smoothing)

    def joined(self, ctc: StepLoss, losses: Tensor, batch: Batch, loss_per: str) -> StepLoss:
        """Returns the loss of the head: that of CTC and that of the decoder, each with its share.

        Args:
            ctc: of the head.
            losses: cross entropy of each utterance in nats, shape (B,).
            batch: the batch of the head, for what it is of the step.
            loss_per: "token" or "utterance": what the loss is a mean over.
        """
        share, total = batch.share, losses.sum()
        own = share.part(total, share.num_targets if loss_per == "token" else share.num_utterances)
        sums = ctc.sums | {"attention_loss": (total, batch.target_lengths.sum())}
        return StepLoss(torch.lerp(ctc.loss, own, self.weight), ctc.losses + losses, sums)


def recorded(settings: AttentionSettings | None) -> dict[str, Any] | None:
    """Returns the settings for a checkpoint; None where there is no attention decoder."""
    return None if settings is None else settings.recorded()


def cross_entropies(
    decoder: AttentionDecoder, encoded: Tensor, lengths: Tensor, batch: Batch, label_smoothing: float = 0.0
) -> Tensor:
    """Returns the cross entropy of the targets of each utterance and of its end in nats, shape (B,).

    The decoder reads the targets, whatever it would have written (teacher forcing). Of two views it is the mean.

    **Source**: Kim, Hori & Watanabe 2017, "Joint CTC-attention based end-to-end speech recognition using multi-task
    learning", equation 11; label smoothing, Szegedy et al. 2016, section 7.

    Args:
        decoder: the attention decoder.
        encoded: encoded frames, shape (B, N, D), of two views (2 B, N, D).
        lengths: frames of each utterance or view.
        batch: the batch, for its targets.
        label_smoothing: share e of the target's probability that all V tokens are to have evenly.
    """
    num_views = len(encoded) // len(batch)
    read = padded_targets(batch)  # (B, L + 1)
    written = F.pad(read[:, 1:], (0, 1), value=BLANK)
    log_probs = decoder(encoded, lengths, read.repeat(num_views, 1))  # (views * B, L + 1, V)
    right = log_probs.gather(2, written.repeat(num_views, 1)[:, :, None])[:, :, 0]
    wanted = torch.lerp(right, log_probs.mean(dim=2), label_smoothing) if label_smoothing else right
    is_target = valid_frames(batch.target_lengths + 1, read.size(1)).repeat(num_views, 1)
    losses = -wanted.masked_fill(~is_target, 0.0).sum(dim=1)
    return losses.view(num_views, -1).mean(dim=0)


class AttentionErrors(AcousticErrors):
    """The loss of an attention decoder, and the errors of greedy decoding with it alone, on a dev set.

    Args:
        head: the head that it is of.
        tokens: the table of the head.
    """

    def __init__(self, head: str, tokens: TokenTable) -> None:
        super().__init__(NAME, tokens)
        self.head, self._tokens = head, tokens

    def count(self, model: AcousticModel, encoded: Mapping[str, list[Tensor]], lengths: Tensor, batch: Batch) -> None:
        """Counts the errors on a batch; see :class:`AcousticErrors`."""
        assert model.attention is not None
        frames, of_head = encoded[self.head][-1], batch.of_head(self.head)
        output = model.output_of(self.head)
        search = JointBeamDecoder(model.attention, output, self._tokens, model.frame_seconds, 1, ctc_weight=0.0)
        losses = cross_entropies(model.attention, frames, lengths, of_head)
        self.add(losses, search(frames, lengths), of_head)
