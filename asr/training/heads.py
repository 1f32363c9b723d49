"""The heads of an acoustic model in training: their settings, and their errors on the dev set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from asr.data.batch import Batch
from asr.decoding.greedy import GreedyDecoder
from asr.errors import ConfigError
from asr.models.acoustic import AcousticModel
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN, Writing
from asr.training.dev_errors import AcousticErrors
from asr.training.losses import CTCObjective


@dataclass(frozen=True)
class HeadSettings:
    """A head beside the main one.

    Attributes:
        tokens: state of its token table; on the command line, the path of its file.
        text_policy: name of the policy applied to its transcripts.
        weight: its share of the loss; the main head has what remains of 1.
        own_layer: whether it has a last recurrent layer of its own.
    """

    tokens: dict[str, Any]
    text_policy: str
    weight: float = 0.5
    own_layer: bool = False

    @property
    def writing(self) -> Writing:
        """How it writes."""
        return Writing(TokenTable.from_state(self.tokens), get_policy(self.text_policy))

    def recorded(self) -> dict[str, Any]:
        """Returns the settings for a checkpoint, with this version of the policy, even if policies change later."""
        return asdict(self) | {"text_policy": get_policy(self.text_policy).reference}


def loss_weights(heads: Mapping[str, HeadSettings]) -> dict[str, float]:
    """Returns the share of each head in the loss, the main one first.

    Args:
        heads: those beside the main one.

    Raises:
        ConfigError: a share is negative, or nothing is left for the main head.

    Example:
        >>> loss_weights({"char": HeadSettings({}, "verbatim", weight=0.25)})
        {'main': 0.75, 'char': 0.25}
    """
    weights = {name: head.weight for name, head in heads.items()}
    rest = 1 - sum(weights.values())
    if not (rest > 0 and all(weight >= 0 for weight in weights.values())):  # NaN is neither
        found = f"have weights {', '.join(f'{weight:g}' for weight in weights.values())}"
        raise ConfigError("model.heads", found, "give each 0 or more, together less than 1")
    return {MAIN: rest, **weights}


class HeadErrors(AcousticErrors):
    """The loss and the errors of one head of an acoustic model on a dev set.

    Args besides those of :class:`AcousticErrors`:
        frame_seconds: seconds from one frame of its outputs to the next.
        objective: what it is trained by, and whose loss is counted.
    """

    def __init__(self, name: str, tokens: TokenTable, frame_seconds: float, objective: CTCObjective) -> None:
        super().__init__(name, tokens)
        self._name, self._decoder, self._objective = name, GreedyDecoder(tokens, frame_seconds), objective

    def count(self, model: AcousticModel, encoded: Mapping[str, list[Tensor]], lengths: Tensor, batch: Batch) -> None:
        """Counts the errors on a batch; see :class:`AcousticErrors`."""
        of_head = batch.of_head(self._name)
        (log_probs,) = model.classify_layers(self._name, encoded[self._name])
        losses = self._objective.utterance_losses(log_probs, lengths, of_head)
        self.add(losses, self._decoder(log_probs, lengths), of_head)
