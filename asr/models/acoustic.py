"""What a recogniser needs and no more: front end, encoder, CTC outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.attention_decoder import AttentionDecoder, AttentionSizes
from asr.models.branched import BranchedEncoder
from asr.text.writing import MAIN

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Encoder(Protocol):
    """What the acoustic model needs of an encoder: a module that turns features into encoded frames."""

    output_dim: int
    time_stride: int

    def __call__(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns encoded frames (B, N, D) and their lengths (B,) for features (B, T, F) and lengths (B,)."""

    def output_lengths(self, lengths: Tensor) -> Tensor:
        """Returns the numbers of encoder frames for numbers of feature frames, shape (B,)."""


class HearingModel(Protocol):
    """A model that hears: it has a front end and an encoder."""

    frontend: FrontEnd
    encoder: Encoder


class SpeechModel(HearingModel, Protocol):
    """A model that reads speech: waveforms in, frames out, whatever a search makes of them."""

    output: nn.Linear

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns frames (B, N, *) and their lengths (B,) for waveforms (B, S) and lengths (B,)."""


class HeadSize(NamedTuple):
    """The size of a head beside the main one.

    Attributes:
        num_tokens: tokens including blank.
        own_layer: whether it has a last recurrent layer of its own, beside that of the encoder.
    """

    num_tokens: int
    own_layer: bool = False


class Attending(NamedTuple):
    """An attention decoder beside CTC.

    Attributes:
        head: whose frames it looks at and whose tokens it writes; see :data:`asr.text.writing.MAIN`.
        sizes: its sizes.
    """

    head: str
    sizes: AttentionSizes


class Head(nn.Module):
    """An output layer beside the main one.

    Args:
        width: width D of an encoded frame.
        num_tokens: tokens including blank, V.
        layer: a last layer of its own; None takes that of the encoder.
    """

    layer: nn.Module | None
    output: nn.Linear

    def __init__(self, width: int, num_tokens: int, layer: nn.Module | None) -> None:
        super().__init__()
        self.layer = layer
        self.output = nn.Linear(width, num_tokens)


class AcousticModel(nn.Module):
    """Turns waveforms or features into log-probabilities of tokens.

    There is one main output; other heads, such as letters beside phones, share the encoder with it. Beside the CTC of
    one of them there may be an attention decoder, which only searches and losses that know of it take.

    **Source**: Graves et al. 2006 for the output layer: one linear map, softmax over tokens and blank.

    Args:
        frontend: waveforms to features.
        encoder: features to encoded frames.
        num_tokens: tokens of the main output including blank, V.
        heads: sizes of the heads beside it, by name.
        attending: head and sizes of an attention decoder; None for none.

    Raises:
        ConfigError: a name is none for a head, or a head is to have a layer of its own, and the encoder does not show
            its layers or has only one, or the head of the attention decoder is none.

    Attributes:
        attention: the attention decoder; None without one.
        attention_head: the head that it is of; empty without one.
    """

    frontend: FrontEnd
    encoder: Encoder
    attention: AttentionDecoder | None

    def __init__(
        self,
        frontend: FrontEnd,
        encoder: nn.Module,
        num_tokens: int,
        heads: Mapping[str, HeadSize] | None = None,
        attending: Attending | None = None,
    ) -> None:
        super().__init__()
        self.frontend = frontend
        self.encoder = encoder  # type: ignore[assignment]
        width = self.encoder.output_dim
        self.output = nn.Linear(width, num_tokens)
        self.heads = nn.ModuleDict()
        for name, size in (heads or {}).items():
            if not _NAME.fullmatch(name) or name == MAIN or hasattr(self.heads, name):
                raise ConfigError(f"head {name[:40]!r}", "is no name for one", "take a word such as char or phone")
            self.heads[name] = Head(width, size.num_tokens, self._another_layer() if size.own_layer else None)
        self.attention, self.attention_head = None, ""
        if attending is not None:
            self._attend(*attending)

    def _attend(self, head: str, sizes: AttentionSizes) -> None:
        if head != MAIN and head not in self.heads:
            choices = f"choose from {', '.join((MAIN, *self.heads))}"
            raise ConfigError("attention decoder, head", f"there is no {head[:40]!r}", choices)
        output = self.output_of(head)
        self.attention, self.attention_head = AttentionDecoder(output.in_features, output.out_features, sizes), head

    def _another_layer(self) -> nn.Module:
        if not hasattr(self.encoder, "another_last_layer"):
            raise self._hidden("leave own_layer out")
        layer: nn.Module = self.encoder.another_last_layer()
        return layer

    def _hidden(self, remedy: str) -> ConfigError:
        where = f"encoder {type(self.encoder).__name__}"
        return ConfigError(where, "does not show its layers", f"{remedy}, or take RecurrentEncoder")

    @property
    def frame_seconds(self) -> float:
        """Seconds from one encoder frame to the next."""
        return self.encoder.time_stride * self.frontend.hop_length / self.frontend.sample_rate

    def of_head(self, name: str) -> AcousticModel:
        """Returns the model whose only output is one of the heads; it shares the weights.

        Args:
            name: of a head, or :data:`asr.text.writing.MAIN`.
        """
        output, encoder = self.output_of(name), self.encoder
        if name != MAIN:
            layer = self._head(name).layer
            encoder = encoder if layer is None else BranchedEncoder(encoder, layer)  # type: ignore[arg-type]
        model = AcousticModel(self.frontend, encoder, output.out_features)  # type: ignore[arg-type]
        model.output = output
        if self.attention is not None and name == self.attention_head:
            model.attention, model.attention_head = self.attention, MAIN
        return model.train(self.training)

    def output_of(self, name: str) -> nn.Linear:
        """Returns the output layer of a head, or that of :data:`asr.text.writing.MAIN`."""
        return self.output if name == MAIN else self._head(name).output

    def _head(self, name: str) -> Head:
        head = self.heads[name]
        assert isinstance(head, Head)
        return head

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns log-probabilities of the main output for waveforms.

        Args:
            waveforms: samples in [-1, 1] at the front end's rate, shape (B, S).
            lengths: samples of each, shape (B,).

        Returns:
            Natural-log posteriors, shape (B, N, V), and their lengths, shape (B,).
        """
        return self.classify(*self.frontend(waveforms, lengths))

    def classify(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns log-probabilities of the main output for complete features, augmented or not.

        Args:
            features: output of the front end, shape (B, T, F).
            lengths: frames of each, shape (B,).

        Returns:
            Natural-log posteriors in float32, shape (B, N, V), and their lengths, shape (B,).
        """
        encoded, encoded_lengths = self.encoder(features, lengths)  # (B, T, F) -> (B, N, D)
        return self.classify_encoded(encoded), encoded_lengths

    def classify_encoded(self, encoded: Tensor) -> Tensor:
        """Returns the log-probabilities of encoded frames in float32: (*, D) -> (*, V)."""
        return _log_probs(self.output, encoded)

    def classify_heads(
        self, features: Tensor, lengths: Tensor, layers: Sequence[int] = ()
    ) -> tuple[dict[str, list[Tensor]], Tensor]:
        """Returns log-probabilities of all heads, computed in one pass, and of lower layers by the same output layers.

        Args besides those of :meth:`classify`:
            layers: lower layers of the encoder, counted from 1.

        Returns:
            For :data:`asr.text.writing.MAIN` and the name of each other head, natural-log posteriors in float32, each
            of shape (B, N, V): those of ``layers``, then those of the last layer. And their lengths, shape (B,).

        Raises:
            ConfigError: the encoder does not expose its layers, has too few, or their width is not that of its output.
        """
        encoded, encoded_lengths = self.encode_heads(features, lengths, layers)
        return {name: self.classify_layers(name, frames) for name, frames in encoded.items()}, encoded_lengths

    def classify_layers(self, name: str, layers: Sequence[Tensor]) -> list[Tensor]:
        """Returns the log-probabilities of a head in float32, for frames of several layers: (B, N, D) -> (B, N, V)."""
        return [_log_probs(self.output_of(name), frames) for frames in layers]

    def encode_heads(
        self, features: Tensor, lengths: Tensor, layers: Sequence[int] = ()
    ) -> tuple[dict[str, list[Tensor]], Tensor]:
        """Returns the encoded frames that each head reads, (B, N, D), where :meth:`classify_heads` has posteriors.

        Args and errors are those of :meth:`classify_heads`.
        """
        outputs, encoded_lengths = self._encode(features, lengths, layers)
        lower = [outputs[layer - 1] for layer in layers]
        found = {MAIN: [*lower, outputs[-1]]}
        for name in self.heads:
            layer = self._head(name).layer
            found[name] = [*lower, outputs[-1] if layer is None else layer(outputs[-2], encoded_lengths)]
        return found, encoded_lengths

    def _encode(self, features: Tensor, lengths: Tensor, layers: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """Returns the outputs of all layers where lower ones are needed, else that of the encoder alone."""
        if not layers and all(head.layer is None for head in self.heads.values()):
            encoded, encoded_lengths = self.encoder(features, lengths)
            return [encoded], encoded_lengths
        if not hasattr(self.encoder, "outputs"):
            raise self._hidden("leave intermediate out")
        outputs, encoded_lengths = self.encoder.outputs(features, lengths)
        where = f"encoder {type(self.encoder).__name__}"
        if any(not 1 <= layer < len(outputs) for layer in layers):
            raise ConfigError(where, f"layers {list(layers)} of {len(outputs)}", f"take some below {len(outputs)}")
        if any(outputs[layer - 1].size(2) != self.encoder.output_dim for layer in layers):
            raise ConfigError(where, "lower layers are of another width than its output", "leave intermediate out")
        return outputs, encoded_lengths


def _log_probs(output: nn.Module, encoded: Tensor) -> Tensor:
    """Returns natural-log posteriors in float32, shape (*, V), of encoded frames, shape (*, D)."""
    return torch.log_softmax(output(encoded).float(), dim=-1)
