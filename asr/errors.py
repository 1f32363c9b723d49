"""Errors that a user can cause: each says where, what was found, and what to do."""

from __future__ import annotations

from pathlib import Path


class AsrError(Exception):
    """One line for the user; commands print it without a traceback.

    Attributes:
        exit_status: what the command that meets it exits with.
    """

    exit_status = 1

    def __init__(self, where: str | Path, found: str = "", remedy: str = "") -> None:
        """Joins the three parts into one line.

        Args:
            where: file, ``file:line``, utterance id or configuration key.
            found: what was found there.
            remedy: what the user can do about it.
        """
        self.where, self.found, self.remedy = str(where), found, remedy
        message = ": ".join(part for part in (self.where, found) if part)
        super().__init__(" ".join("; ".join(part for part in (message, remedy) if part).split()))

    def __reduce__(self) -> tuple[type[AsrError], tuple[str, str, str]]:
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
