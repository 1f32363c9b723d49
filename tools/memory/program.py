"""How the programs of this folder end: what a user has to change is one line on stderr."""

from __future__ import annotations

from collections.abc import Callable

from asr.cli.command import warn
from asr.errors import AsrError
from asr.machine import use_one_thread


def run(program: str, action: Callable[[], None]) -> int:
    """Runs a program in one thread.

    Args:
        program: what its lines begin with.
        action: the program.

    Returns:
        Its exit status: 0, that of an :class:`AsrError`, or 130 on Ctrl-C.
    """
    use_one_thread()
    try:
        action()
    except AsrError as error:
        warn(f"{program}: {error}")
        return error.exit_status
    except KeyboardInterrupt:
        warn(f"{program}: interrupted")
        return 130
    return 0
