"""All augmentations of a training, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from torch import Tensor, nn

from asr.augmentation.base import ANY_STEP, Augmentation, Stage, Step


class Chain(nn.Module):
    """Augmentations in the order in which they act within each stage."""

    def __init__(self, augmentations: Iterable[Augmentation] = ()) -> None:
        """Sorts the augmentations by turn; those of one stage and turn keep their order."""
        super().__init__()
        links = sorted(augmentations, key=lambda each: each.turn)
        self.links = nn.ModuleList(links)

    def __iter__(self) -> Iterator[Augmentation]:
        """Yields the augmentations."""
        for link in self.links:
            assert isinstance(link, Augmentation)
            yield link

    @property
    def changes_waveforms(self) -> bool:
        """Whether any acts on waveforms, which cached features cannot follow."""
        return any(link.stage is Stage.WAVEFORMS for link in self)

    def read(self) -> None:
        """Reads the recordings needed: a missing one stops a training before its first step.

        Raises:
            DataError: a recording cannot be read.
        """
        for link in self:
            if link.recordings is not None:
                link.recordings.read()

    def forward(
        self, stage: Stage, values: Tensor, lengths: Tensor, seeds: Tensor, step: Step = ANY_STEP
    ) -> tuple[Tensor, Tensor]:
        """Applies all augmentations of a stage to a batch; see :meth:`Augmentation.forward`."""
        for link in self:
            if link.stage is stage:
                values, lengths = link(values, lengths, seeds, step)
        return values, lengths
