"""Files in folders, and in all folders in them, also where links lead there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[Path]:
    """Yields what lies in a folder and in all folders in it, in the order of names.

    Links to folders are followed; a folder that was met already, as where a link leads back, is not entered again.
    What begins with a dot is ignored. A folder that may not be read is yielded as if it were a file, so that
    whoever opens it says so; so are pipes, and links that lead nowhere.
    """
    seen = set()
    unreadable: list[Path] = []
    for place, folders, files in os.walk(
        folder, followlinks=True, onerror=lambda error: unreadable.append(Path(error.filename))
    ):
        yield from _taken(unreadable)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        real = os.path.realpath(place)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        yield from (Path(place, name) for name in sorted(files) if not name.startswith("."))
    yield from _taken(unreadable)


def _taken(paths: list[Path]) -> list[Path]:
    taken = list(paths)
    paths.clear()
    return taken
