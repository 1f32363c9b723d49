"""Errors that a user can cause: each says where, what was found, and what to do."""

from __future__ import annotations

import re
from pathlib import Path

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # and those that turn the direction of text


def printable(text: str) -> str:
    r"""Returns a text in which control characters, which can change what a terminal shows, are written out.

    Example:
        >>> printable("a\x1b[2J.wav")
        'a\\x1b[2J.wav'
    """
    return _CONTROL.sub(lambda match: repr(match[0])[1:-1], text)


class AsrError(Exception):
    """One line for the user; commands print it without a traceback.

    Args:
        where: file, ``file:line``, utterance id or configuration key.
        found: what was found there.
        remedy: what the user can do about it.

    Attributes:
        exit_status: what the command that meets it exits with.
    """

    exit_status = 1

    def __init__(self, where: str | Path, found: str = "", remedy: str = "") -> None:
        """Joins the three parts into one line."""
        self.where, self.found, self.remedy = str(where), found, remedy
        message = ": ".join(part for part in (self.where, found) if part)
        super().__init__(printable(" ".join("; ".join(part for part in (message, remedy) if part).split())))

    def __reduce__(self) -> tuple[type[AsrError], tuple[object, ...]]:
        """Keeps all three parts on the way back from a worker process."""
        return type(self), (self.where, self.found, self.remedy)


class UsageError(AsrError):
    """The command line asks for something that cannot be."""

    exit_status = 2


class ConfigError(AsrError):
    """A setting is unknown, of the wrong type, or contradicts another."""

    exit_status = 2


class DataError(AsrError):
    """Audio, text or a file made from them is not as it should be."""


class CheckpointError(AsrError):
    """A checkpoint cannot be read, or does not fit what is asked of it."""


def first_of_ours(error: BaseException | None) -> AsrError | None:
    """Returns the error of ours at the root of another: libraries on the way may have made its text pages long."""
    found = None
    while error is not None:
        found = error if isinstance(error, AsrError) else found
        error = error.__cause__ or error.__context__
    return found
