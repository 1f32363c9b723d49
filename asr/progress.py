"""Progress through audio in words: for a bar, and for the line at the end."""

from __future__ import annotations

import time


class Work:
    """Audio to work through.

    Args:
        total_seconds: seconds of audio in total; None if unknown.
        description: what is being done, such as "features".

    Attributes:
        done: seconds of audio so far.
        outcome: end of the last line.
        has_failed: whether some work failed.
    """

    def __init__(self, total_seconds: float | None, description: str) -> None:
        self.total, self.description, self.done = total_seconds, description, 0.0
        self.outcome, self.has_failed = "", False
        self._start = time.monotonic()

    def advance(self, seconds: float) -> None:
        """Adds seconds of audio that are done."""
        self.done += seconds

    def line(self) -> str:
        """Returns the seconds that are done and, if the total is known, their share and the time left."""
        return f"{self.description}: {self._share()}{self.done:,.0f} s of audio"

    def _share(self) -> str:
        if not self.total or not self.done:
            return ""
        left = max(0.0, self.total - self.done) * (time.monotonic() - self._start) / self.done
        return f"{min(100.0, 100 * self.done / self.total):3.0f} %, {_duration(left)} left, "

    def last_line(self, shows_speed: bool = True) -> str:
        """Returns the time that the work took, with its real-time factor, and its outcome; either may be missing.

        Args:
            shows_speed: whether the time is part of it.
        """
        elapsed = time.monotonic() - self._start
        parts = [self.outcome] if self.outcome else []
        if self.done and shows_speed:
            seconds = f"{self.done:,.1f} s of audio in {elapsed:.1f} s"
            parts.insert(0, f"{self.description}: {seconds}, real-time factor {elapsed / self.done:.4f}")
        return "; ".join(parts)


def _duration(seconds: float) -> str:
    """Returns a time to wait in the words of people.

    Example:
        >>> _duration(7.4), _duration(200), _duration(10000)
        ('7 s', '3 min', '2 h 47 min')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
