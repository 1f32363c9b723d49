"""The transducer: an encoder, a network that reads the tokens so far, and one that joins the two."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from asr.features.frontend import FrontEnd
from asr.models.acoustic import Encoder
from asr.models.dropout import Dropout

State = tuple[Tensor, Tensor]
"""Outputs and cells of all layers after the latest token, each of shape (num_layers, B, H)."""

_RANGE = 0.1


@dataclass(frozen=True)
class TransducerSizes:
    """The sizes of what a transducer has beside its encoder.

    Attributes:
        embedding_dim: width of a token's embedding.
        hidden_dim: units of a layer of the prediction network.
        num_layers: its layers.
        joint_dim: width of the layer that joins encoder and prediction network.
        dropout: share of values dropped before and after the layers of the prediction network.
    """

    embedding_dim: int
    hidden_dim: int
    num_layers: int
    joint_dim: int
    dropout: float = 0.0


class PredictionNetwork(nn.Module):
    """LSTM layers over the tokens so far: a language model of tokens without its output.

    Names and shapes of its weights are those of :class:`asr.lm.recurrent.RecurrentLM`, from which it can begin. What
    the language model reads as the beginning of a sentence is blank here.

    Args:
        num_tokens: tokens including blank, V.
        sizes: its sizes.
    """

    def __init__(self, num_tokens: int, sizes: TransducerSizes) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_tokens, sizes.embedding_dim)
        between = sizes.dropout if sizes.num_layers > 1 else 0.0
        self.layers = nn.LSTM(
            sizes.embedding_dim, sizes.hidden_dim, sizes.num_layers, batch_first=True, dropout=between
        )
        self.dropout = Dropout(sizes.dropout)
        nn.init.uniform_(self.embedding.weight, -_RANGE, _RANGE)

    def forward(self, token_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Reads tokens; later ones and padding do not affect what comes before.

        Args:
            token_ids: tokens, with blank at the beginning, shape (B, L).
            state: after earlier tokens; None if there are none.

        Returns:
            Hidden values after each token, shape (B, L, H), and the state after the last one.
        """
        hidden, state = self.layers(self.dropout(self.embedding(token_ids)), state)  # (B, L) -> (B, L, H)
        return self.dropout(hidden), state


class Transducer(nn.Module):
    """Turns waveforms or features, and the tokens so far, into scores of the next token or of the next frame.

    In frame t after u tokens the scores are ``W_y tanh(W_l h_t + W_p p_u + b) + b_y``, with h_t of the encoder and p_u
    of the prediction network. Both parts of the sum are computed beforehand, so that joining costs an addition, tanh
    and the output layer.

    **Source**: Graves 2012, "Sequence transduction with recurrent neural networks", for the model; Graves, Mohamed &
    Hinton 2013, equations 15 to 17, for joining in a layer of tanh. The two linear maps that they apply to the encoder
    one after the other are one here.

    Args:
        frontend: waveforms to features.
        encoder: features to encoded frames.
        num_tokens: tokens including blank, V.
        sizes: of the prediction network and of the joint, J.
    """

    frontend: FrontEnd
    encoder: Encoder

    def __init__(self, frontend: FrontEnd, encoder: nn.Module, num_tokens: int, sizes: TransducerSizes) -> None:
        super().__init__()
        self.frontend = frontend
        self.encoder = encoder  # type: ignore[assignment]
        self.prediction = PredictionNetwork(num_tokens, sizes)
        self.heard = nn.Linear(self.encoder.output_dim, sizes.joint_dim)
        self.said = nn.Linear(sizes.hidden_dim, sizes.joint_dim, bias=False)
        self.output = nn.Linear(sizes.joint_dim, num_tokens)

    @property
    def frame_seconds(self) -> float:
        """Seconds from one encoder frame to the next."""
        return self.encoder.time_stride * self.frontend.hop_length / self.frontend.sample_rate

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the part that waveforms have in the joint, for a search.

        Args:
            waveforms: samples in [-1, 1] at the front end's rate, shape (B, S).
            lengths: samples of each, shape (B,).

        Returns:
            Frames, shape (B, N, J), and their lengths, shape (B,).
        """
        return self.hear(*self.frontend(waveforms, lengths))

    def hear(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the part that complete features, shape (B, T, F), have in the joint; see :meth:`forward`."""
        encoded, encoded_lengths = self.encoder(features, lengths)  # (B, T, F) -> (B, N, D)
        return self.heard(encoded), encoded_lengths  # (B, N, D) -> (B, N, J)

    def say(self, token_ids: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Returns the part that the tokens so far have in the joint, shape (B, L, J), and the state after them.

        Args:
            token_ids: tokens, with blank at the beginning, shape (B, L).
            state: after earlier tokens; None if there are none.
        """
        hidden, state = self.prediction(token_ids, state)  # (B, L) -> (B, L, H)
        return self.said(hidden), state  # (B, L, H) -> (B, L, J)

    def join(self, heard: Tensor, said: Tensor) -> Tensor:
        """Returns the scores of all tokens before the softmax in float32, of parts that broadcast: (*, J) -> (*, V)."""
        return self.output(torch.tanh(heard + said)).float()  # type: ignore[no-any-return]

    def scores(self, features: Tensor, lengths: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the scores in each frame after each number of targets, as the loss takes them.

        Args:
            features: complete features, augmented or not, shape (B, T, F).
            lengths: frames of each, shape (B,).
            targets: token ids with blank in front, padded, shape (B, L + 1).

        Returns:
            Scores before the softmax, shape (B, N, L + 1, V), and the encoder frames of each utterance, shape (B,).
        """
        heard, heard_lengths = self.hear(features, lengths)
        return self.join_all(heard, targets), heard_lengths

    def join_all(self, heard: Tensor, targets: Tensor) -> Tensor:
        """Returns the scores in each frame, of :meth:`hear`, (B, N, J), after each number of targets; see above."""
        said, _ = self.say(targets)
        return self.join(heard[:, :, None], said[:, None])  # (B, N, 1, J) + (B, 1, L + 1, J) -> (B, N, L + 1, V)
