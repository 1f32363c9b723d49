"""What a command prints while it downloads."""

from __future__ import annotations

import time
from collections.abc import Callable

from asr.cli.command import log

_PAUSE = 10.0  # seconds between two lines


def download_log(url: str) -> Callable[[int, int | None], None]:
    """Gives what prints how far a download is, every ten seconds."""
    printed = 0.0

    def advance(done: int, total: int | None) -> None:
        nonlocal printed
        if time.monotonic() - printed >= _PAUSE or done == total:
            printed = time.monotonic()
            log(f"{url}: {done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f} MB" if total else ""))

    return advance
