"""What all verbs share: parser, option types, log, progress bar, and how errors become exit statuses."""

from __future__ import annotations

import argparse
import functools
import io
import logging
import math
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import NoReturn, Protocol, cast

from asr.dependencies import load_error
from asr.errors import AsrError, UsageError, printable
from asr.files import disk_error
from asr.interruption import Terminated, raised_once
from asr.machine import bound_caches, use_one_thread
from asr.progress import Work
from asr.stdout import guarded

_quiet = False
_PAUSE = 10.0  # seconds between two lines about a download


def make_parser(verb: str, description: str, examples: str = "") -> argparse.ArgumentParser:
    """Returns the parser of a verb, with ``--quiet``, and with its examples below the options."""
    parser = argparse.ArgumentParser(
        prog=f"asr {verb}",
        description=description,
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--quiet", action="store_true", help="print results and errors only")
    return parser


def add_action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    description: str = "",
    epilog: str = "",
) -> argparse.ArgumentParser:
    """Returns the parser of one of a verb's actions."""
    parser = actions.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--quiet", action="store_true", default=argparse.SUPPRESS, help="print results and errors only")
    return parser


def parse(parser: argparse.ArgumentParser, argv: list[str] | None, intermixed: bool = False) -> argparse.Namespace:
    """Parses the arguments of a verb and applies ``--quiet``.

    Args:
        parser: parser of the verb.
        argv: the arguments; None for those of the process.
        intermixed: whether options may stand between positional arguments.
    """
    global _quiet
    arguments = parser.parse_intermixed_args(argv) if intermixed else parser.parse_args(argv)
    _quiet = arguments.quiet
    return arguments


def refuse_moved(parser: argparse.ArgumentParser, places: Mapping[str, str]) -> None:
    """Refuses options that a verb used to have, with one line that names the command for each."""
    for moved, place in places.items():
        parser.add_argument(moved, action=_Moved, const=place, nargs="*", help=argparse.SUPPRESS)


def refuse_tuning(parser: argparse.ArgumentParser, verb: str, *others: str) -> None:
    """Refuses what has moved to an action of ``asr tune``; others have moved unchanged, such as "--policy NAME"."""
    places = {"--tune": "--out FILE", "--cross-tune": "--crosswise FILE"}
    places |= {other.partition(" ")[0]: other for other in others}
    refuse_moved(parser, {moved: f"asr tune {verb} {place}" for moved, place in places.items()})


class _Moved(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        raise UsageError(self.option_strings[0], f"is no longer an option of {parser.prog}", f"give {self.const}")


def finite(text: str) -> float:
    """Parses an option that is a finite number; argparse names the option of anything else."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} is not a finite number")
    return value


def above_zero(text: str) -> float:
    """Parses an option that is a finite number above 0; argparse names the option of anything else."""
    value = finite(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return value


def whole_number(text: str) -> int:
    """Parses an option that is a whole number of 1 or more; argparse names the option of anything else."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def not_negative(text: str) -> int:
    """Parses an option that is a whole number of 0 or more; argparse names the option of anything else."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 0 or more")
    return int(text)


def option(field: str) -> str:
    """Returns the option that sets a field.

    Example:
        >>> option("beam_size")
        '--beam-size'
    """
    return f"--{field.replace('_', '-')}"


def log(message: str) -> None:
    """Prints a line of log to stderr, unless ``--quiet`` was given."""
    if not _quiet:
        warn(message)


def warn(message: str) -> None:
    """Prints a line to stderr, even with ``--quiet``: something failed or was left out."""
    clear_bar()
    with suppress(OSError):  # nobody reads it, or the disk is full: the exit status still tells
        print(message, file=sys.stderr, flush=True)


def clear_bar() -> None:
    """Removes a progress bar from the terminal before something else is printed; it is drawn again later."""
    with suppress(OSError):
        if sys.stderr is not None and sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def print_result(pieces: Iterable[str]) -> None:
    """Prints the pieces of a result to stdout: any script in UTF-8, and paths as the file system has them."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    for piece in pieces:
        clear_bar()
        print(piece, end="", flush=True)


def print_log(prefix: str = "", level: int = logging.WARNING) -> None:
    """Prints log messages of the package to stderr from a level on, one line each that begins with the prefix."""
    handler = _Lines()
    handler.setFormatter(logging.Formatter(f"{prefix}%(message)s"))
    ours = logging.getLogger("asr")
    ours.handlers, ours.propagate = [handler], False
    ours.setLevel(level)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warn(printable(self.format(record)))


class Main(Protocol):
    """The ``main`` of a verb."""

    def __call__(self, argv: list[str] | None = None) -> int:
        """Runs the verb with these arguments, or with those of the process, and returns its exit status."""


def command(main: Main) -> Main:
    """Turns an :class:`AsrError`, or a library that does not load, into one line on stderr and an exit status.

    The status is 0 when all is done, 1 when some work failed, 2 for wrong usage, 130 on Ctrl-C, 143 on SIGTERM. Verbs
    compute in one thread per process and keep few compiled operations; see :func:`asr.machine.use_one_thread` and
    :func:`asr.machine.bound_caches`.
    """
    verb = _verb(main)

    @functools.wraps(main)
    def run(argv: list[str] | None = None) -> int:
        use_one_thread()
        bound_caches()
        try:
            with raised_once(is_program=argv is None):
                return guarded(lambda: main(argv), lambda message: warn(f"asr {verb}: {message}"))
        except AsrError as error:
            warn(f"asr {verb}: {error}")
            return error.exit_status
        except KeyboardInterrupt as error:
            signum = signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT
            cause = "interrupted" if signum == signal.SIGINT else "ended by SIGTERM"
            warn(f"asr {verb}: {cause}; {error}" if error.args else f"asr {verb}: {cause}")
            return 128 + signum
        except Exception as error:
            told = load_error(error) or disk_error(error)
            if told is None:
                raise
            warn(f"asr {verb}: {told}")
            return told.exit_status

    return cast(Main, run)


def _verb(main: Main) -> str:
    """Returns the name of the module that defines a verb's ``main``, also when it runs as a program."""
    spec = getattr(main, "__globals__", {}).get("__spec__")
    return (spec.name if spec else main.__module__).rpartition(".")[2]


def download_log(url: str) -> Callable[[int, int | None], None]:
    """Returns a function that prints the progress of a download every ten seconds."""
    printed = 0.0

    def advance(done: int, total: int | None) -> None:
        nonlocal printed
        if time.monotonic() - printed >= _PAUSE or done == total:
            printed = time.monotonic()
            log(f"{url}: {done / 1e6:.1f} MB" + (f" of {total / 1e6:.1f} MB" if total else ""))

    return advance


class Progress(Work):
    """Draws a bar on a terminal and ends with the real-time factor; with ``--quiet``, ends only if some work failed."""

    def __init__(self, total_seconds: float | None, description: str) -> None:
        super().__init__(total_seconds, description)
        self._drawn = time.monotonic()
        self._draws = sys.stderr.isatty() and not _quiet

    def advance(self, seconds: float) -> None:
        """Adds seconds of audio that are done."""
        super().advance(seconds)
        now = time.monotonic()
        if self._draws and now - self._drawn >= 0.1:
            self._drawn = now
            print(f"\r\033[K{self.line()}", end="", file=sys.stderr, flush=True)

    def finish(self) -> None:
        """Prints the last line."""
        clear_bar()
        line = self.last_line(shows_speed=not _quiet)
        if line:
            (warn if self.has_failed else log)(line)


@contextmanager
def progress(total_seconds: float | None, description: str) -> Iterator[Progress]:
    """Yields a :class:`Progress`, which prints its final line if the block succeeds."""
    bar = Progress(total_seconds, description)
    yield bar
    bar.finish()
