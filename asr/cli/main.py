"""The command ``asr``: finds the verb's module and runs it as a program of its own."""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path

import asr.cli
from asr.cli.command import warn
from asr.dependencies import DependencyError, load_error, versions
from asr.stdout import guarded

_MOVED = {"memory": "python -m tools.memory, in a checkout"}
VERBS = (
    *("adapt", "align", "average", "decode", "export", "features", "info", "lm", "prepare", "pronounce", "report"),
    *("rescore", "score", "shards", "tokens", "train", "transcribe", "tune"),
)
"""The verbs, each a module of ``asr.cli``."""


def summary(verb: str) -> str:
    """Returns the first line of a verb's module docstring, without importing the module."""
    spec = find_spec(f"asr.cli.{verb}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"asr.cli.{verb}")
    with Path(spec.origin).open(encoding="utf-8") as source:
        return source.readline().strip().strip('"')


def main() -> int:
    """Runs ``asr VERB …`` as ``python -m asr.cli.VERB …``, so that Lightning can rerun it for each rank."""
    asr.cli.close_current_folder()
    return guarded(_main, lambda message: warn(f"asr: {message}"))


def _main() -> int:
    verb = sys.argv[1] if len(sys.argv) > 1 else "--help"
    if verb in ("-h", "--help"):
        listed = "\n".join(f"  {name:<12} {summary(name)}" for name in VERBS)
        about = "usage: asr VERB [options]\n\nCTC speech recognition with deep bidirectional LSTMs"
        print(f"{about}\n\nverbs:\n{listed}\n\nasr VERB --help explains a verb")
        return 0
    if verb == "--version":
        return print_versions()
    if verb in _MOVED:
        print(f"asr {verb}: is no longer a verb; use {_MOVED[verb]}", file=sys.stderr)
        return 2
    if verb not in VERBS:
        print(f"asr: {verb}: no such verb; the verbs are {', '.join(VERBS)}", file=sys.stderr)
        return 2
    sys.argv = [sys.argv[0], *sys.argv[2:]]
    try:
        runpy.run_module(f"asr.cli.{verb}", run_name="__main__", alter_sys=True)
    except Exception as error:
        lacking = load_error(error)
        if lacking is None:
            raise
        print(f"asr {verb}: {lacking}", file=sys.stderr)
        return lacking.exit_status
    return 0


def print_versions() -> int:
    """Prints one line for each library, and returns 1 if any of them does not load."""
    status = 0
    for name, version in versions():
        if isinstance(version, DependencyError):
            print(f"asr --version: {version}", file=sys.stderr)
            status = version.exit_status
        else:
            print(f"{name:<12} {version}")
    return status


if __name__ == "__main__":
    raise SystemExit(main())
