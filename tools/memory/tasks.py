"""Three tests of memory, made of random numbers: the adding problem, the copy task, the parity of a sequence."""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Generator, Tensor
from torch.nn import functional as F


class MemoryTask(Protocol):
    """A task whose answer lies ``length`` frames back.

    Attributes:
        input_dim: values of an input frame, I.
        output_dim: values of an output frame, O.
        min_length: the shortest length that makes sense.
        loss_name: what the loss measures, with its unit.
    """

    input_dim: int
    output_dim: int
    min_length: int
    loss_name: str

    def draw(self, num_sequences: int, length: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draws inputs, shape (B, T, I), and their targets."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean loss of outputs, shape (B, T, O)."""

    def baseline(self, length: int, /) -> float:
        """Returns the loss of the best answer without memory."""

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the share of wrong answers in outputs, shape (B, T, O)."""


class AddingProblem:
    """A random number in [0, 1) at each frame, two of them marked, one in each half; the answer is their sum.

    Without memory the best answer is 1, with a squared error of 2/12.

    **Source**: Hochreiter & Schmidhuber 1997, section 5.4, in the form of Le, Jaitly & Hinton 2015, section 4.1.
    """

    input_dim, output_dim, min_length = 2, 1, 2
    loss_name = "mean squared error"

    def draw(self, num_sequences: int, length: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draws sequences of numbers and marks, shape (B, length, 2), and their sums, shape (B,)."""
        numbers = torch.rand(num_sequences, length, generator=generator)
        first = torch.randint(0, length // 2, (num_sequences, 1), generator=generator)
        second = torch.randint(length // 2, length, (num_sequences, 1), generator=generator)
        marks = torch.zeros(num_sequences, length).scatter_(1, torch.cat([first, second], dim=1), 1.0)
        return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean squared error of the last frame's output, for outputs (B, T, 1)."""
        return F.mse_loss(outputs[:, -1, 0], targets)

    def baseline(self, _length: int) -> float:
        """Returns the variance of a sum of two numbers."""
        return 1 / 6

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the share of sums that are off by more than 0.1."""
        return ((outputs[:, -1, 0] - targets).abs() > 0.1).double().mean()


class CopyTask:
    """Ten symbols of eight, ``length`` frames of silence, then the ten symbols are to be said again.

    Sequences have length + 20 frames: ten symbols, length - 1 blanks, a sign to begin, ten blanks. The answer is blank
    but for the last ten frames. Without memory the best answer draws lots there: 10 ln 8 nats in length + 20 frames.

    **Source**: Arjovsky, Shah & Bengio 2015, section 5.1, after Hochreiter & Schmidhuber 1997.
    """

    num_symbols, num_copied = 8, 10
    input_dim, output_dim, min_length = num_symbols + 2, num_symbols + 1, 1
    loss_name = "cross-entropy, nats a frame"

    def draw(self, num_sequences: int, length: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draws one-hot sequences, shape (B, length + 20, 10), and the symbols to say, shape (B, length + 20)."""
        blank, sign = self.num_symbols, self.num_symbols + 1
        symbols = torch.randint(0, self.num_symbols, (num_sequences, self.num_copied), generator=generator)
        num_frames = length + 2 * self.num_copied
        heard, said = (torch.full((num_sequences, num_frames), blank) for _ in range(2))
        heard[:, : self.num_copied] = symbols
        heard[:, -self.num_copied - 1] = sign
        said[:, -self.num_copied :] = symbols
        return F.one_hot(heard, self.input_dim).float(), said

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean cross-entropy over all frames, for outputs (B, T, 9) that are logits."""
        return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    def baseline(self, length: int) -> float:
        """Returns 10 ln 8 / (length + 20)."""
        return self.num_copied * math.log(self.num_symbols) / (length + 2 * self.num_copied)

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the share of the ten symbols that are not said."""
        said = slice(-self.num_copied, None)
        return (outputs[:, said].argmax(dim=2) != targets[:, said]).double().mean()


class XorSequence:
    """A random bit at each frame; the answer at each frame is whether the ones so far are odd in number.

    One bit has to be remembered, and every frame may turn it over: a single mistake makes all later answers wrong.
    Without memory the best answer draws lots: ln 2 nats.

    **Source**: the temporal form of exclusive or in Elman 1990, "Finding structure in time", over all bits so far.
    """

    input_dim, output_dim, min_length = 1, 1, 1
    loss_name = "cross-entropy, nats a frame"

    def draw(self, num_sequences: int, length: int, generator: Generator) -> tuple[Tensor, Tensor]:
        """Draws bits as -1 and 1, shape (B, length, 1), and the parities, 0 and 1, shape (B, length)."""
        bits = torch.randint(0, 2, (num_sequences, length), generator=generator)
        return (2.0 * bits - 1)[:, :, None], (bits.cumsum(dim=1) % 2).float()

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the mean cross-entropy over all frames, for outputs (B, T, 1) that are logits."""
        return F.binary_cross_entropy_with_logits(outputs[:, :, 0], targets)

    def baseline(self, _length: int) -> float:
        """Returns ln 2."""
        return math.log(2)

    def wrong(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Returns the share of frames with the wrong parity."""
        return ((outputs[:, :, 0] > 0) != (targets > 0.5)).double().mean()


MEMORY_TASKS: dict[str, MemoryTask] = {"adding": AddingProblem(), "copy": CopyTask(), "xor": XorSequence()}
