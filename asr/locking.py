"""Folders written to by one process at a time, and files that killed processes left in them."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from asr.errors import DataError
from asr.files import PART

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)


def leftovers(path: Path, older_than: float = 0.0) -> list[Path]:
    """Returns the files that killed writers of ``path`` left next to it.

    Args:
        path: the file or folder; ``*`` stands for anything in its name.
        older_than: seconds since the last change, if live writers cannot be excluded.
    """
    found = path.parent.glob(f"{PART}*-{path.name}")
    return [each for each in found if not older_than or time.time() - each.lstat().st_mtime > older_than]


@contextmanager
def locked(path: str | Path, doing: str, remedy: str) -> Iterator[None]:
    """Holds a lock during the block, on this machine and others that see the same folder.

    The system releases it when the process ends in any way; the content of the file names its holder. If the file
    system has no locks, a warning says so and nothing is held.

    Args:
        path: the lock's file, created if needed.
        doing: what is done under it, such as "a training".
        remedy: what to do while another process holds it.

    Raises:
        DataError: another process holds it, or the file cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise DataError(path, f"cannot be written ({error.strerror})", "check the folder and its rights") from None
    with file:
        try:
            if fcntl is not None:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            file.seek(0)
            raise DataError(path.parent, f"{doing} is going on there, {file.read().strip()}", remedy) from None
        except OSError as error:
            logger.warning("%s: cannot be locked (%s): take care that nothing else writes there", path, error.strerror)
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
