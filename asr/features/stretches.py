"""Stretches of utterances between long pauses, and sums and quantiles over each of them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from asr.features.definitions import LONG_PAUSE, MARGIN, SHORTEST_SOUND, STEADY, SWING_WINDOW

_APART = 1000.0  # more than any two levels are
_MOST_MEMBERS = 1 << 24  # numbers in the matrix by which stretches are added up; that of an hour would be of 5 GB


class Stretches:
    """To which stretch of its utterance each frame belongs.

    Args:
        numbers: of the stretch of each frame, counted from 0, shape (B, T).
        count: K, at least one more than the largest number.
    """

    def __init__(self, numbers: Tensor, count: int) -> None:
        self.numbers, self.count = numbers, count
        self._members: Tensor | None = None
        if count * numbers.numel() <= _MOST_MEMBERS:
            self._members = (numbers.unsqueeze(1) == torch.arange(count, device=numbers.device).unsqueeze(1)).float()

    def sum(self, values: Tensor) -> Tensor:
        """Returns sums over the frames of each stretch: (B, T, F) -> (B, K, F)."""
        if self._members is not None:
            return self._members @ values
        batch_size, _, width = values.shape
        sums = values.new_zeros(batch_size * self.count, width)
        return sums.index_add_(0, self._places(), values.flatten(0, 1)).view(batch_size, self.count, width)

    def spread(self, values: Tensor) -> Tensor:
        """Returns for each frame the values of its stretch: (B, K, F) -> (B, T, F)."""
        spread = values.flatten(0, 1).index_select(0, self._places())
        return spread.view(*self.numbers.shape, values.shape[2])

    def _places(self) -> Tensor:
        """Returns the row of each frame's stretch among those of all utterances, shape (B * T,)."""
        firsts = self.count * torch.arange(len(self.numbers), device=self.numbers.device).unsqueeze(1)
        return (self.numbers + firsts).flatten()

    def quantile(self, values: Tensor, is_counted: Tensor, share: float) -> Tensor:
        """Returns a quantile of each value over the counted frames of each stretch, (B, K, F); arbitrary without any.

        Args:
            values: shape (B, T, F).
            is_counted: shape (B, T).
            share: of the frames below the quantile, which is interpolated between two frames.
        """
        counts = self.sum(is_counted.unsqueeze(2).float()).long()  # (B, K, 1)
        places = share * (counts - 1).clamp(min=0)
        below = places.long()
        above = torch.minimum(below + 1, (counts - 1).clamp(min=0))
        at_below, at_above = self._ranked(values, is_counted, counts, torch.cat((below, above), dim=2))
        return torch.lerp(at_below, at_above, places - below)

    def nth_largest(self, values: Tensor, is_counted: Tensor, number: int) -> Tensor:
        """Returns the n-th largest value over the counted frames of each stretch, or the smallest of fewer.

        Args:
            values: shape (B, T, F).
            is_counted: shape (B, T).
            number: n, counted from 1.

        Returns:
            Shape (B, K, F); 0 where no frame counts.
        """
        counts = self.sum(is_counted.unsqueeze(2).float()).long()  # (B, K, 1)
        (found,) = self._ranked(values, is_counted, counts, (counts - number).clamp(min=0))
        return torch.where(counts > 0, found, 0.0)

    def _ranked(self, values: Tensor, is_counted: Tensor, counts: Tensor, ranks: Tensor) -> list[Tensor]:
        """Returns the values at ranks (B, K, R) of each stretch, counted from its least: R tensors (B, K, F)."""
        if self._members is None and values.shape[2] > 1:  # of hours: one column at a time needs a sixth of the memory
            split = (column.unsqueeze(2) for column in values.unbind(2))
            columns = [self._ranked(column, is_counted, counts, ranks) for column in split]
            return [torch.cat(each, dim=2) for each in zip(*columns, strict=True)]
        numbers = self.numbers.masked_fill(~is_counted, self.count).unsqueeze(2)  # uncounted frames go to the end
        keys = (values.double() + _APART * numbers).transpose(1, 2).sort(dim=2).values  # (B, F, T)
        places = (counts.cumsum(1) - counts + ranks).clamp(max=keys.shape[2] - 1)  # (B, K, R)
        found = keys.unsqueeze(3).expand(-1, -1, -1, places.shape[2])
        index = places.unsqueeze(1).expand(-1, keys.shape[1], -1, -1)  # (B, F, K, R)
        offsets = _APART * torch.arange(self.count, device=values.device).view(1, 1, -1, 1)
        ranked = (found.gather(2, index) - offsets).to(values.dtype)
        return list(ranked.transpose(1, 2).unbind(3))


def find_stretches(levels: Tensor, is_own: Tensor) -> tuple[Stretches, Tensor]:
    """Divides utterances in the middle of long pauses.

    A long pause is a second in which neither half changes by more than 9 dB, silent or not: speech changes constantly,
    noise and room tone do not. Clicks within it are ignored. Nothing is divided before the first sound or after the
    last one.

    Args:
        levels: log energies, natural, averaged to a few bands and over some frames, shape (B, T, F).
        is_own: which frames are the utterance's own, shape (B, T).

    Returns:
        The stretches, at most one more than seconds of the longest utterance; and which frames are in long pauses,
        shape (B, T).
    """
    frames = torch.arange(levels.shape[1], device=levels.device)
    apart = is_own.unsqueeze(2)
    largest, least = (
        _largest(levels.masked_fill(~apart, -torch.inf)),
        _largest((-levels).masked_fill(~apart, -torch.inf)),
    )
    swing = (largest + least).mean(2).masked_fill(~is_own, torch.inf)  # (B, T)
    is_steady = _largest((swing < STEADY).float().unsqueeze(2)).squeeze(2).bool() & is_own
    since, until = _run(~is_steady & is_own)
    is_pause = (is_steady | (since + until <= SHORTEST_SOUND)) & is_own
    since, until = _run(is_pause)
    has_before, has_after = since <= frames, frames + until < is_own.sum(1, keepdim=True)  # sound
    is_long = is_pause & (since + until > LONG_PAUSE)
    is_middle = is_long & has_before & has_after & (since >= until) & (since < until + 2)
    is_margin = (has_before & (since <= MARGIN)) | (has_after & (until <= MARGIN))
    return Stretches(is_middle.cumsum(1), levels.shape[1] // LONG_PAUSE + 1), is_long & ~is_margin


def _largest(values: Tensor) -> Tensor:
    return F.max_pool1d(values.transpose(1, 2), SWING_WINDOW, 1, SWING_WINDOW // 2).transpose(
        1, 2
    )  # (B, T, F) -> (B, T, F)


def _run(is_there: Tensor) -> tuple[Tensor, Tensor]:
    """Returns for each frame of a run of True its length up to and from that frame, both including the frame."""
    num_frames = is_there.shape[1]
    frames = torch.arange(num_frames, device=is_there.device)
    before = torch.where(is_there, -1, frames).cummax(1).values
    after = torch.where(is_there, num_frames, frames).flip(1).cummin(1).values.flip(1)
    return frames - before, after - frames
