"""Two directions with a bounded delay: chunks that see some frames to their right, and no more."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.errors import ConfigError
from asr.models.cells.cell import State
from asr.models.cells.choice import Cell, CellOptions
from asr.models.recurrent import RecurrentLayer, RecurrentStack, reversal_index, reverse, run_cell


class LatencyControlledStack(RecurrentStack):
    """A stack of layers in two directions that reads an utterance in chunks: chunk k of C frames sees R more.

    The forward direction carries its state on from the last frame of chunk k - 1, so that it reads each frame once;
    for the right context alone it goes on from the last frame of chunk k, and that state is dropped. The backward
    direction begins with a zero state at the last frame of the right context, or of the utterance. All layers of a
    chunk do so before the next chunk begins: a layer's right context is what the layer below has made of it in the
    same chunk. So an output waits for at most C - 1 + R frames, whatever the number of layers.

    The backward direction runs over all chunks of a batch at once. With ``context_frames`` no smaller than the
    utterance this is :class:`RecurrentStack`, whose weights have the same names.

    **Source**: Zhang et al. 2016, "Highway long short-term memory RNNs for distant speech recognition", section 3.2;
    Xue & Yan 2017.

    Args besides those of :class:`RecurrentStack`:
        chunk_frames: frames of a chunk, C.
        context_frames: frames to its right that it sees, R.

    Raises:
        ConfigError: there is no frame in a chunk, or units normalise over whole utterances.
    """

    def __init__(
        self,
        input_dim: int,
        hidden_dim: int,
        num_layers: int,
        chunk_frames: int,
        context_frames: int,
        cell: Cell = "lstm",
        dropout: float = 0.0,
        layer_norm: bool = False,
        residual: bool = False,
        front_cell: Cell | None = None,
        options: CellOptions | None = None,
    ) -> None:
        if chunk_frames < 1 or context_frames < 0:
            found = f"chunk_frames is {chunk_frames} and context_frames {context_frames}"
            raise ConfigError("encoder", found, "take 1 or more, and 0 or more")
        if "ligru" in (cell, front_cell):
            raise ConfigError("encoder", "ligru normalises over whole utterances, not chunks", "take another cell")
        super().__init__(
            input_dim, hidden_dim, num_layers, cell, True, dropout, layer_norm, residual, front_cell, options
        )
        self.chunk_frames, self.context_frames = chunk_frames, context_frames

    def outputs(self, frames: Tensor, lengths: Tensor, num_layers: int | None = None) -> list[Tensor]:
        """Returns the outputs of the first ``num_layers`` layers, or of all, without those of right contexts."""
        batch_size, num_frames, _ = frames.shape
        blocks, block_lengths = self._blocks(frames, lengths)
        index = reversal_index(block_lengths, blocks.size(1))
        layers, outputs = self.layers[:num_layers], []
        for number, layer in enumerate(layers):
            assert isinstance(layer, RecurrentLayer)
            assert layer.back is not None
            is_last = number + 1 == len(layers)
            back = reverse(run_cell(layer.back, reverse(blocks, index))[0], index)
            ahead = self._ahead(layer.ahead, blocks, batch_size, is_last)
            seen = ahead.size(1)
            blocks = self.connect(number, blocks[:, :seen], layer.join(ahead, back[:, :seen]))
            own = blocks[:, : self.chunk_frames].reshape(batch_size, -1, blocks.size(2))
            outputs.append(own[:, :num_frames])
        return outputs

    def _blocks(self, frames: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Returns chunks with their right context, shape (B * K, C + R, D), and their valid frames, (B * K,)."""
        own = self.chunk_frames
        width = own + min(self.context_frames, frames.size(1))
        num_chunks = -(-frames.size(1) // own)
        padded = F.pad(frames, (0, 0, 0, num_chunks * own + width - own - frames.size(1)))
        blocks = padded.unfold(1, width, own).transpose(2, 3).flatten(0, 1)  # (B, K, D, C + R) -> (B * K, C + R, D)
        first = own * torch.arange(num_chunks, device=lengths.device)
        return blocks, (lengths.unsqueeze(1) - first).clamp(0, width).flatten()

    def _ahead(self, cell: nn.Module, blocks: Tensor, batch_size: int, is_last: bool) -> Tensor:
        """Returns the forward direction of chunks and, unless it is the last layer's, of their right contexts."""
        by_chunk = blocks.view(batch_size, -1, *blocks.shape[1:])  # (B, K, C + R, D)
        state: State | None = None
        outputs, states = [], []
        for chunk in by_chunk[:, :, : self.chunk_frames].unbind(1):
            output, state = run_cell(cell, chunk, state)
            outputs.append(output)
            states.append(state)
        own = torch.stack(outputs, dim=1).flatten(0, 1)  # (B * K, C, H)
        if is_last or not self.context_frames:
            return own
        beyond, _ = run_cell(cell, blocks[:, self.chunk_frames :], _side_by_side(states))
        return torch.cat([own, beyond], dim=1)

    def read_chunk(self, block: Tensor, own: int, states: Sequence[State | None]) -> tuple[Tensor, list[State]]:
        """Returns the output of one chunk, as a stream is read; equal to that of :meth:`outputs`.

        Args:
            block: the chunk and its right context, as far as the utterance has any, shape (1, C + R, D).
            own: frames of the chunk, C.
            states: of each layer's forward direction after the chunk before; None for none.

        Returns:
            Frames of the chunk, shape (1, C, output_dim), and the states after it.
        """
        after: list[State] = []
        for number, (layer, before) in enumerate(zip(self.layers, states, strict=True)):
            assert isinstance(layer, RecurrentLayer)
            assert layer.back is not None
            ahead, state = run_cell(layer.ahead, block[:, :own], before)
            if block.size(1) > own:
                ahead = torch.cat([ahead, run_cell(layer.ahead, block[:, own:], state)[0]], dim=1)
            back = run_cell(layer.back, block.flip(1))[0].flip(1)
            block = self.connect(number, block, layer.join(ahead, back))
            after.append(state)
        return block[:, :own], after


def _side_by_side(states: Sequence[State]) -> State:
    """Returns the states of K chunks, (1, B, R) each or pairs of them, as one state of a batch, (1, B * K, R)."""
    if isinstance(states[0], Tensor):
        return torch.stack([state for state in states if isinstance(state, Tensor)], dim=2).flatten(1, 2)
    hidden, memory = (torch.stack(each, dim=2).flatten(1, 2) for each in zip(*states, strict=True))
    return hidden, memory
