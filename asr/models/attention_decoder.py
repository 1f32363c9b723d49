"""An attention decoder: an LSTM that writes token by token, and looks at all encoded frames before each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from asr.errors import ConfigError
from asr.models.cells.choice import make_cell
from asr.models.dropout import Dropout
from asr.models.lengths import clear_padding, valid_frames

_RANGE = 0.1


@dataclass(frozen=True)
class AttentionSizes:
    """The sizes of an attention decoder.

    Attributes:
        embedding_dim: width of a token's embedding.
        hidden_dim: units of an LSTM layer, H.
        num_layers: LSTM layers, P.
        attention_dim: width in which frames and states are compared, A.
        location_channels: features of where attention was before, C; 0 leaves location out.
        location_width: encoder frames that such a feature sees, an odd number.
        dropout: share of values dropped after the embedding, between layers and before the output.
    """

    embedding_dim: int
    hidden_dim: int
    num_layers: int
    attention_dim: int
    location_channels: int
    location_width: int
    dropout: float = 0.0

    def check(self) -> None:
        """Refuses sizes that are none.

        Raises:
            ConfigError: naming the setting.
        """
        for name in ("embedding_dim", "hidden_dim", "num_layers", "attention_dim"):
            if getattr(self, name) < 1:
                raise ConfigError(f"attention decoder, {name}", f"is {getattr(self, name)}", "give 1 or more")
        if self.location_channels < 0:
            found = f"is {self.location_channels}"
            raise ConfigError("attention decoder, location_channels", found, "give 0 for none, or more")
        if self.location_width < 1 or self.location_width % 2 == 0:
            found = f"is {self.location_width}"
            raise ConfigError("attention decoder, location_width", found, "give an odd number, such as 101")
        if not 0 <= self.dropout < 1:
            raise ConfigError("attention decoder, dropout", f"is {self.dropout:g}", "take one from 0 to below 1")


class Heard(NamedTuple):
    """What a decoder looks at.

    Attributes:
        frames: encoded frames, zero in padding, shape (B, N, D).
        keys: what states are compared with, shape (B, N, A).
        is_frame: False for padding, shape (B, N); an utterance without frames has one, of zeros.
    """

    frames: Tensor
    keys: Tensor
    is_frame: Tensor


class DecoderState(NamedTuple):
    """What a decoder remembers of K token sequences for each of B utterances.

    Attributes:
        hidden: outputs of the layers, shape (P, B, K, H).
        cells: their memory, shape (P, B, K, H).
        context: the mean of the frames that it looked at last, shape (B, K, D).
        weights: how much of its attention each frame had, shape (B, K, N).
    """

    hidden: Tensor
    cells: Tensor
    context: Tensor
    weights: Tensor

    def take(self, places: Tensor) -> DecoderState:
        """Returns the states of the sequences at some places, shape (B, K')."""
        rows = torch.arange(len(places), device=places.device)[:, None]
        hidden, cells = self.hidden[:, rows, places], self.cells[:, rows, places]
        return DecoderState(hidden, cells, self.context[rows, places], self.weights[rows, places])


class AttentionDecoder(nn.Module):
    """Writes the next token from those before it and from the frames that it looks at.

    ::

        s_u = LSTM([E y_{u-1}; c_{u-1}], s_{u-1})           f_u = F * a_{u-1}
        e_{u,n} = w . tanh(W s_u + V h_n + U f_{u,n} + b)   a_u = softmax_n(e_u)
        c_u = sum_n a_{u,n} h_n                             p(y_u) = softmax(O [s_u; c_u] + b_O)

    F are convolutions over the frames, by which attention knows where it was and goes on from there. There are no
    symbols beyond those of CTC: as y_0 blank is the beginning of an utterance, and in p it is its end. Before the first
    token c_0 is zero and all attention is on the first frame. All is computed in float32, whatever the precision of the
    encoder. Padding and other utterances of a batch affect nothing.

    **Source**: Chorowski et al. 2015, equations 5 to 9, for attention that knows its location; Luong, Pham & Manning
    2015, section 3.3, for the order: the LSTM reads the token and the last context, and looks then.

    Args:
        frame_dim: width of an encoded frame, D.
        num_tokens: tokens including blank, V.
        sizes: its sizes.

    Raises:
        ConfigError: a size is none.
    """

    def __init__(self, frame_dim: int, num_tokens: int, sizes: AttentionSizes) -> None:
        super().__init__()
        sizes.check()
        self.sizes = sizes
        self.embedding = nn.Embedding(num_tokens, sizes.embedding_dim)
        widths = [sizes.embedding_dim + frame_dim, *[sizes.hidden_dim] * (sizes.num_layers - 1)]
        self.layers = nn.ModuleList(make_cell("lstm", width, sizes.hidden_dim) for width in widths)
        self.query = nn.Linear(sizes.hidden_dim, sizes.attention_dim, bias=False)
        self.key = nn.Linear(frame_dim, sizes.attention_dim)
        self.location, self.place = self._location()
        self.energy = nn.Linear(sizes.attention_dim, 1, bias=False)
        self.output = nn.Linear(sizes.hidden_dim + frame_dim, num_tokens)
        self.dropout = Dropout(sizes.dropout)
        nn.init.uniform_(self.embedding.weight, -_RANGE, _RANGE)

    def _location(self) -> tuple[nn.Conv1d | None, nn.Linear | None]:
        channels, width = self.sizes.location_channels, self.sizes.location_width
        if not channels:
            return None, None
        convolution = nn.Conv1d(1, channels, width, padding=width // 2, bias=False)
        return convolution, nn.Linear(channels, self.sizes.attention_dim, bias=False)

    def listen(self, encoded: Tensor, lengths: Tensor) -> Heard:
        """Returns what is to be looked at.

        Args:
            encoded: encoded frames, shape (B, N, D), at least one frame.
            lengths: frames of each utterance, shape (B,).
        """
        frames = clear_padding(encoded.float(), lengths)
        with _exact(frames):
            return Heard(frames, self.key(frames), valid_frames(lengths.clamp(min=1), frames.size(1)))

    def begin(self, heard: Heard, count: int = 1) -> DecoderState:
        """Returns the state before the first token, for K = ``count`` sequences of each utterance."""
        batch_size, num_frames, width = heard.frames.shape
        weights = heard.frames.new_zeros(batch_size, count, num_frames)
        weights[:, :, 0] = 1.0
        zeros = heard.frames.new_zeros(self.sizes.num_layers, batch_size, count, self.sizes.hidden_dim)
        return DecoderState(zeros, zeros, heard.frames.new_zeros(batch_size, count, width), weights)

    def step(self, heard: Heard, token_ids: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Reads a token, then looks at the frames.

        Args:
            heard: of :meth:`listen`.
            token_ids: the latest token of each sequence, blank at the beginning, shape (B, K).
            state: before it.

        Returns:
            What :meth:`classify` takes, shape (B, K, H + D), and the state after the token.
        """
        with _exact(heard.frames):
            return self._step(heard, self.dropout(self.embedding(token_ids)), state)

    def _step(self, heard: Heard, embedded: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Does what :meth:`step` does, with embeddings of the tokens, shape (B, K, E)."""
        shape = embedded.shape[:2]
        values = torch.cat([embedded, state.context], dim=2).flatten(0, 1)[:, None]  # (B K, 1, E + D)
        hiddens, cells = [], []
        for number, layer in enumerate(self.layers):
            before = (state.hidden[number].flatten(0, 1)[None], state.cells[number].flatten(0, 1)[None])
            values, (hidden, cell) = layer(self.dropout(values) if number else values, before)
            hiddens.append(hidden[0].view(*shape, -1))
            cells.append(cell[0].view(*shape, -1))
        context, weights = self._look(heard, hiddens[-1], state.weights)
        after = DecoderState(torch.stack(hiddens), torch.stack(cells), context, weights)
        return torch.cat([hiddens[-1], context], dim=2), after

    def _look(self, heard: Heard, hidden: Tensor, before: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the mean of the frames, shape (B, K, D), by the attention that each gets, shape (B, K, N).

        Args:
            heard: of :meth:`listen`.
            hidden: outputs of the last layer, shape (B, K, H).
            before: the attention of each frame one token earlier, shape (B, K, N).
        """
        compared = self.query(hidden)[:, :, None] + heard.keys[:, None]  # (B, K, N, A)
        if self.location is not None and self.place is not None:
            where = self.location(before.flatten(0, 1)[:, None])  # (B K, 1, N) -> (B K, C, N)
            compared = compared + self.place(where.transpose(1, 2)).view(compared.shape)
        energies = self.energy(torch.tanh(compared))[..., 0]  # (B, K, N, A) -> (B, K, N)
        weights = energies.masked_fill(~heard.is_frame[:, None], -torch.inf).softmax(dim=2)
        return weights @ heard.frames, weights

    def classify(self, said: Tensor) -> Tensor:
        """Returns natural-log probabilities of the next token, blank for the end: (*, H + D) -> (*, V)."""
        with _exact(said):
            return self.output(self.dropout(said)).log_softmax(dim=-1)  # type: ignore[no-any-return]

    def forward(self, encoded: Tensor, lengths: Tensor, token_ids: Tensor) -> Tensor:
        """Returns the probabilities of each next token after given ones, as the loss takes them.

        Args:
            encoded: encoded frames, shape (B, N, D), at least one frame.
            lengths: frames of each utterance, shape (B,).
            token_ids: tokens with blank in front, padded, shape (B, L + 1); later ones do not affect earlier ones.

        Returns:
            Natural-log probabilities of the token after each, of blank as the end, shape (B, L + 1, V).
        """
        heard = self.listen(encoded, lengths)
        state, said = self.begin(heard), []
        with _exact(heard.frames):
            for embedded in self.dropout(self.embedding(token_ids)).split(1, dim=1):
                one, state = self._step(heard, embedded, state)
                said.append(one)
        return self.classify(torch.cat(said, dim=1))


def _exact(like: Tensor) -> torch.autocast:
    """Returns a context in which float32 stays float32."""
    return torch.autocast(like.device.type, enabled=False)
