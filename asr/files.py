"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.errors import DataError


@contextmanager
def written_whole(path: str | Path) -> Iterator[Path]:
    """Gives a path beside ``path`` to write to, and renames it when the block ends well.

    The name ends as that of ``path`` does, so that writers which go by the ending work. Missing folders are made.

    Args:
        path: the file to write or replace.

    Raises:
        DataError: if the folder or file cannot be written, with the reason; an old file is still there then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with written_whole(Path(folder) / "a.txt") as beside:
        ...         _ = beside.write_text("whole")
        ...     [file.name for file in Path(folder).iterdir()]
        ['a.txt']
    """
    path = Path(path)
    beside = path.with_name(f".part{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        beside.replace(path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            path, f"cannot be written ({reason})", "check the folder, its rights and the room left"
        ) from error
    finally:
        if beside.parent.is_dir():
            beside.unlink(missing_ok=True)
