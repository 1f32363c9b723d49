"""Ctrl-C and SIGTERM: commands clean up; training ends after the current step with a checkpoint to resume from."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from asr.errors import AsrError

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_ONE_SIGNAL = 5.0  # seconds in which repeated signals are one: all processes are told, and busy ones pass it on late


class InterruptionError(AsrError):
    """Training was told to stop, and has stopped.

    Attributes:
        signum: the signal.
    """

    def __init__(self, where: str, found: str, remedy: str, signum: int = signal.SIGTERM) -> None:
        """Stores the signal with the parts of the message."""
        super().__init__(where, found, remedy)
        self.signum, self.exit_status = signum, 128 + signum

    def __reduce__(self) -> tuple[type[AsrError], tuple[object, ...]]:
        """Preserves the signal on the way back from a rank."""
        return type(self), (self.where, self.found, self.remedy, self.signum)


_signum: int = 0
_since: float = 0.0
_is_held = False


def wanted() -> int:
    """Returns the signal that told this process to stop, or 0."""
    return _signum


def hold() -> None:
    """Makes the first signal wait, from now on, until :func:`wanted` is asked: training then ends after a step."""
    global _is_held
    _is_held = True


def release() -> None:
    """Makes a signal interrupt at once, from now on."""
    global _is_held
    _is_held = False


@contextmanager
def heeded() -> Iterator[None]:
    """Treats Ctrl-C and SIGTERM as requests to stop within the block.

    A second signal, at least five seconds after the first, interrupts at once.

    Raises:
        InterruptionError: a signal came while no training holds signals.
    """
    global _signum
    if threading.current_thread() is not threading.main_thread():  # only the main one sets handlers and gets signals
        yield
        return
    _signum = 0
    before = {signum: signal.signal(signum, _handle) for signum in SIGNALS}
    try:
        yield
    finally:
        release()
        _signum = 0
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _handle(signum: int, _frame: FrameType | None) -> None:
    global _signum, _since
    is_first = not _signum
    if not is_first and time.monotonic() - _since < _ONE_SIGNAL:
        return
    if is_first:
        _signum, _since = signum, time.monotonic()
    if is_first and _is_held:
        return
    found = f"stopped by {signal.Signals(signum).name}"
    found += " before the first step" if is_first else " for the second time, without another checkpoint"
    raise InterruptionError("training", found, "start it again, with ckpt_path=last where it had begun", signum)


class Terminated(KeyboardInterrupt):
    """SIGTERM; it is cleaned up after in the same way as Ctrl-C."""


@contextmanager
def raised_once(is_program: bool) -> Iterator[None]:
    """Turns SIGTERM into an exception within the block, so that unfinished files are removed; obeys only one Ctrl-C.

    A second Ctrl-C would interrupt the wait for threads, which Python then takes for ended, and the process would
    abort.

    Args:
        is_program: whether the process ends with the block and ignores Ctrl-C from the first one on.

    Raises:
        KeyboardInterrupt: Ctrl-C.
        Terminated: SIGTERM.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    heeds = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not in the background of a script
    if heeds:
        signal.signal(signal.SIGINT, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        if heeds and not (is_program and signal.getsignal(signal.SIGINT) is signal.SIG_IGN):
            signal.signal(signal.SIGINT, signal.default_int_handler)


def _interrupt(_signum: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _terminate(_signum: int, _frame: FrameType | None) -> NoReturn:
    raise Terminated
