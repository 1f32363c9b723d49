"""Looks at inputs and outputs before anything expensive, shared by the verbs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from asr.cli.command import warn
from asr.errors import AsrError, DataError, UsageError
from asr.files import check_readable, check_writable


def check_outputs(inputs: Sequence[Path], outputs: Sequence[Path], named: str) -> None:
    """Refuses outputs that cannot be written, or would overwrite each other or their own input.

    Errors name the options of the inputs.
    """
    if len(set(outputs)) < len(outputs):
        raise UsageError(named, "two have the same name", "run the command once for each, with another --out")
    for path, output in zip(inputs, outputs, strict=True):
        if path.resolve() == output.resolve():
            raise UsageError(path, "would be overwritten", "choose another --out")
    for output in outputs:
        check_writable(output)


def check_inputs(*inputs: str | Path | None, remedy: str = "check the path") -> None:
    """Refuses inputs that are not there, before anything else is done; None and "" are inputs that are not given.

    Raises:
        DataError: naming the first one, and the remedy if it is missing.
    """
    for each in inputs:
        if each:
            check_readable(each, remedy)


def check_out(inputs: Iterable[str | Path | None], out: str | Path | None, named: str = "--out") -> None:
    """Refuses an output that is one of the inputs, by whatever path, or cannot be written, before anything is done.

    Args:
        inputs: what the command reads; None and "" are inputs that are not given.
        out: the output; None if there is none.
        named: its option.

    Raises:
        UsageError: it is an input.
        DataError: it cannot be written.
    """
    if out is None:
        return
    for each in inputs:
        if each and Path(each).resolve() == Path(out).resolve():
            found = "is what the command reads, and would be overwritten"
            raise UsageError(f"{named} {out}", found, "name another file")
    check_writable(out)


def check_folder(named: str, folder: str | None) -> None:
    """Refuses a file where a folder for outputs is to be, which need not exist yet.

    Raises:
        UsageError: naming the option.
    """
    if folder and Path(folder).exists() and not Path(folder).is_dir():
        raise UsageError(f"{named} {folder}", "is a file", "name a folder, which need not exist yet")


def check_scratch(folder: Path, named: str) -> None:
    """Refuses a folder for temporary files, with its option, that is not there or cannot be written to.

    Raises:
        DataError: naming the folder.
    """
    if not folder.is_dir():
        raise DataError(folder, "no such folder", f"make it, or name another: {named}")
    check_writable(folder / "temporary")


def tell_failures(verb: str, errors: Sequence[AsrError]) -> int:
    """Says why all files failed before a model was needed, and returns the exit status."""
    for error in errors:
        warn(f"asr {verb}: {error}")
    warn(f"{len(errors)} of {len(errors)} files failed")
    return 1
