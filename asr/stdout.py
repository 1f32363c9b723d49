"""Standard output that cannot be written: a full disk, a pipe that nobody reads, an encoding without the letters."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


def guarded(run: Callable[[], int], warn: Callable[[str], None]) -> int:
    """Runs a command whose results go to stdout, down to the last of them.

    Letters that the encoding of stdout lacks are written as escapes.

    Args:
        run: returns the exit status.
        warn: called with a line if stdout cannot be written.

    Returns:
        The status of ``run``; 1 if stdout cannot be written; as for a signal, 141, if nobody reads it any more.
    """
    with _noted() as noted:
        try:
            try:
                status = run()
            finally:
                sys.stdout.flush()  # not at the end of the process, where an error would be a traceback
        except (OSError, SystemExit):
            if noted.failure is None:
                raise
        failure = noted.failure
        if failure is None:
            return status
        noted.give_up()
    if isinstance(failure, BrokenPipeError):
        warn("stdout was closed before all was written")
        return 128 + signal.SIGPIPE
    warn(f"stdout cannot be written ({failure.strerror}); write to where there is room")
    return 1


class _Noted(io.TextIOWrapper):
    """A stdout that remembers that it could not be written, as what writes to it may not: argparse passes over it."""

    failure: OSError | None = None

    def write(self, text: str) -> int:
        with self._noting():
            return super().write(text)

    def flush(self) -> None:
        with self._noting():
            super().flush()

    def give_up(self) -> None:
        """Gets rid of what could not be written, or the interpreter would complain once more when it ends."""
        with suppress(OSError, ValueError):
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, self.fileno())
            os.close(nothing)
        self.failure = None

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.failure = error
            raise


class _Closed(io.RawIOBase):
    """What stands in for a stdout that is not there, so that results are not lost in silence."""

    def writable(self) -> bool:
        return True

    def write(self, _: object) -> int:
        raise OSError(errno.EBADF, "it is closed")


@contextmanager
def _noted() -> Iterator[_Noted]:
    """Puts a :class:`_Noted` in the place of stdout, for so long."""
    before = sys.stdout
    if isinstance(before, _Noted):  # within another command
        yield before
        return
    if before is None:
        noted = _Noted(io.BufferedWriter(_Closed()), "utf-8")
    elif isinstance(before, io.TextIOWrapper):
        buffering = before.line_buffering, before.write_through
        noted = _Noted(before.buffer, before.encoding, "backslashreplace", None, *buffering)
    else:  # somebody collects it as text, which does not fail
        yield _Noted(io.BytesIO())
        return
    sys.stdout = noted
    try:
        yield noted
    finally:
        sys.stdout = before
        with suppress(OSError):
            noted.detach()
