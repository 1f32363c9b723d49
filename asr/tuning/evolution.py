"""An evolution strategy that searches for the weights with the fewest errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.evolution import antithetic_noise, rank_utilities
from asr.tuning.search import ErrorRate, Grid, Weights, preference

_NUM_PAIRS = 4
_FIRST_STEP = 0.12  # standard deviation of the first steps, as a share of the range of each weight
_MEAN_RATE, _STEP_RATE = 4.0, 1.0  # times a mean of utilities; the first moves 1.1 standard deviations along a slope
_DECIMALS = 2  # of weights; dev sets do not tell finer ones apart


@dataclass(frozen=True)
class Evolution:
    """Draws weights around a mean and moves the mean towards those with fewer errors.

    Each generation is four pairs of opposite Gaussian steps from the mean, then the mean itself. Only the ranks of the
    error rates count: they move the mean, and widen or narrow the steps of each weight by itself. A weight stays within
    the grid's lowest and highest value, 0 among them, reflected at either end, and is rounded to hundredths.

    **Source**: the separable strategy of Wierstra et al. 2014, "Natural evolution strategies", with the pairs and the
    centred ranks of Salimans et al. 2017, https://arxiv.org/abs/1703.03864.

    Attributes:
        num_evaluations: different weights to try, those of 0, without any model, and the start among them.
        seed: of the steps.
    """

    num_evaluations: int
    seed: int = 0

    def search(self, grid: Grid, error_rate: ErrorRate) -> Weights:
        """Returns the weights with the lowest error rate of those tried.

        It starts where the walk of the grid starts, all weights 0 where there is none. It ends early when a generation
        holds no weights that are new.

        Args:
            grid: bounds and start; the values between are not used.
            error_rate: returns the error rate on dev for a point; called once for each.

        Example:
            >>> ends = ((-2.0, 2.0), (-2.0, 2.0))
            >>> valley = Evolution(120).search(Grid(ends), lambda p: (p[0] - p[1] + 0.5) ** 2 + (p[1] - 1.0) ** 2)
            >>> [round(weight, 1) for weight in valley]
            [0.5, 1.0]
        """
        tried: dict[Weights, float] = {}
        space = _Space.of(grid)

        def rate(point: Weights) -> float:
            if point not in tried:
                tried[point] = error_rate(point)
            return tried[point]

        rate((0.0,) * len(grid.values))
        if len(tried) < self.num_evaluations:
            rate(space.weights(space.start))
        self._evolve(space, rate, lambda: len(tried))
        return min(tried, key=lambda point: (tried[point], *preference(point)))

    def _evolve(self, space: _Space, rate: ErrorRate, num_tried: Callable[[], int]) -> None:
        """Tries generation after generation until enough points have been tried."""
        generator = torch.Generator().manual_seed(self.seed)
        mean, steps = space.start, torch.full_like(space.start, _FIRST_STEP)
        while (before := num_tried()) < self.num_evaluations and len(mean):
            noise = antithetic_noise(_NUM_PAIRS, len(mean), generator, torch.float64)
            rates: list[float] = []
            for place in mean + steps * noise:
                if num_tried() >= self.num_evaluations:
                    return
                rates.append(rate(space.weights(place)))
            utilities = rank_utilities(torch.tensor(rates))[:, None]  # (P, 1)
            mean = mean + _MEAN_RATE * steps * (utilities * noise).mean(dim=0)
            steps = steps * (_STEP_RATE * (utilities * (noise.square() - 1)).mean(dim=0)).exp()
            if num_tried() < self.num_evaluations:
                rate(space.weights(mean))
            if num_tried() == before:
                return


@dataclass(frozen=True, eq=False)
class _Space:
    """Weights as shares of their ranges.

    Attributes:
        low: least value of each weight.
        high: greatest value of each weight.
        start: where the search starts, for the D weights that may vary, shape (D,), float64.
    """

    low: Weights
    high: Weights
    start: Tensor

    @classmethod
    def of(cls, grid: Grid) -> _Space:
        low, high = (tuple(end((0.0, *values)) for values in grid.values) for end in (min, max))
        start = grid.start or (0.0,) * len(low)
        ranges = zip(start, low, high, strict=True)
        shares = [(first - least) / (most - least) for first, least, most in ranges if most > least]
        return cls(low, high, torch.tensor(shares, dtype=torch.float64))

    def weights(self, place: Tensor) -> Weights:
        """Returns the weights at a place, shape (D,), reflected into their ranges and rounded."""
        inside = 1 - (place.remainder(2) - 1).abs()  # (D,)
        shares = iter(inside.tolist())
        return tuple(  # + 0.0 makes 0 of -0
            round(least + next(shares) * (most - least), _DECIMALS) + 0.0 if most > least else least
            for least, most in zip(self.low, self.high, strict=True)
        )
