"""Damages valid files of every reader, reads them, and counts what is not one line for the user.

    python tools/fuzz.py                              two minutes a reader
    python tools/fuzz.py --seconds 10 arpa npz        these readers only
    python tools/fuzz.py --input arpa:1234            reads one input again, and lets its error through

A reader may accept a damaged file or refuse it with an AsrError. Failures are any other error, NaN or infinity in what
was accepted, exceeded limits of memory or time, and a process that dies: the file, and how it failed, are kept in the
folder of --out. Inputs depend on --seed, the reader's name and their number alone. Ends with status 1 if there are
failures.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import fuzz_lists
import fuzz_models
import fuzz_texts
import torch
from fuzz_mutations import mutate
from fuzz_seeds import Reader, Seed, lay_out

from asr.errors import AsrError

READERS = {**fuzz_texts.READERS, **fuzz_lists.READERS, **fuzz_models.READERS}
"""The readers by name."""

POLL_SECONDS = 0.02
MEBI = 1 << 20


@dataclass(frozen=True)
class Limits:
    """What one input may take.

    Attributes:
        seconds: of time.
        mebibytes: of memory beyond what the process has.
    """

    seconds: float = 10.0
    mebibytes: int = 1024


@dataclass
class Outcome:
    """What became of the inputs of a reader.

    Attributes:
        accepted: inputs that were read.
        refused: inputs that an AsrError refused.
        failures: how each of the others failed, by its number.
    """

    accepted: int = 0
    refused: int = 0
    failures: dict[int, str] = field(default_factory=dict)

    @property
    def num_inputs(self) -> int:
        """All of them."""
        return self.accepted + self.refused + len(self.failures)


def make_input(name: str, seeds: list[Seed], seed: int, number: int) -> tuple[Seed, bytes]:
    """Returns an input: the valid file that it was, and what became of it."""
    random = Random(f"{seed}/{name}/{number}")
    chosen = random.choice(seeds)
    return chosen, mutate(chosen.content, chosen.form, random)


def try_input(reader: Reader, seed: Seed, content: bytes) -> str | None:
    """Reads an input in a folder of its own; returns "accepted", "refused", or how it failed."""
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = lay_out(Path(folder), seed, content)
        try:
            reader.read(path)
        except AsrError as error:
            return "refused" if "\n" not in str(error) else f"an error of several lines: {error}"
        except Exception:
            return traceback.format_exc()
    return "accepted"


def check(names: Iterable[str]) -> None:
    """Reads the valid files of readers: each must be accepted, or all that follows means nothing."""
    for name in names:
        for seed in READERS[name].seeds():
            with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
                READERS[name].read(lay_out(Path(folder), seed, seed.content))


class Board:
    """A few numbers that a worker and its parent both see."""

    _FORM = struct.Struct("qqqq")

    def __init__(self) -> None:
        """Begins before the first input."""
        self._memory = mmap.mmap(-1, self._FORM.size)
        self.write(-1, 0, 0, 0)

    def write(self, number: int, accepted: int, refused: int, is_done: int) -> None:
        """Says which input is being read, and what became of those before it."""
        self._FORM.pack_into(self._memory, 0, number, accepted, refused, is_done)

    def read(self) -> tuple[int, int, int, int]:
        """Returns what was written."""
        return self._FORM.unpack_from(self._memory, 0)


def work(
    name: str, seeds: list[Seed], seed: int, numbers: Iterator[int], limits: Limits, board: Board, out: Path
) -> None:
    """Reads inputs one after the other, in a process of its own."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * MEBI, 256 * MEBI))
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + limits.mebibytes * MEBI,) * 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what libraries in C print
    accepted = refused = 0
    for number in numbers:
        board.write(number, accepted, refused, 0)
        chosen, content = make_input(name, seeds, seed, number)
        found = try_input(READERS[name], chosen, content)
        accepted, refused = accepted + (found == "accepted"), refused + (found == "refused")
        if found not in ("accepted", "refused"):
            keep(out, name, number, chosen, content, str(found))
    board.write(-1, accepted, refused, 1)


def keep(out: Path, name: str, number: int, seed: Seed, content: bytes, found: str) -> None:
    """Keeps an input that failed, and how it did."""
    folder = out / name / str(number)
    folder.mkdir(parents=True, exist_ok=True)
    lay_out(folder, seed, content)
    (folder / "failure.txt").write_text(found + "\n", encoding="utf-8", errors="backslashreplace")


def fuzz(name: str, seconds: float, most: int, seed: int, limits: Limits, out: Path) -> Outcome:
    """Reads damaged files of a reader for some seconds, but at most a number of them.

    A worker that dies, or takes too long over an input, is ended; the next one goes on after that input.
    """
    seeds = READERS[name].seeds()
    outcome, first, end = Outcome(), 0, time.monotonic() + seconds
    while first < most and time.monotonic() < end:
        board = Board()
        pid = os.fork()
        if pid == 0:
            try:
                work(name, seeds, seed, _numbers(first, most, end), limits, board, out)
                os._exit(0)
            except BaseException:
                os._exit(99)
        found = watch(pid, board, limits)
        number, accepted, refused, is_done = board.read()
        outcome.accepted, outcome.refused = outcome.accepted + accepted, outcome.refused + refused
        if is_done:
            break
        chosen, content = make_input(name, seeds, seed, number)
        keep(out, name, number, chosen, content, found)
        first = number + 1
    folder = out / name
    for path in sorted(folder.glob("*/failure.txt"), key=lambda path: int(path.parent.name)) if folder.exists() else ():
        outcome.failures[int(path.parent.name)] = path.read_text(encoding="utf-8").strip().splitlines()[-1]
    return outcome


def _numbers(first: int, most: int, end: float) -> Iterator[int]:
    for number in range(first, most):
        if time.monotonic() >= end:
            return
        yield number


def watch(pid: int, board: Board, limits: Limits) -> str:
    """Waits for a worker; ends it where an input takes too long, its own start aside. Returns how the worker ended."""
    number, since = -1, time.monotonic()
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            return f"the process died of {signal.Signals(-code).name}" if code < 0 else f"the process ended with {code}"
        if board.read()[0] != number:
            number, since = board.read()[0], time.monotonic()
        if number >= 0 and time.monotonic() - since > limits.seconds:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return f"hangs: no end in {limits.seconds:g} s"
        time.sleep(POLL_SECONDS)


def main(argv: list[str] | None = None) -> int:
    """Runs the tool."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("readers", nargs="*", metavar="READER", help=f"of {', '.join(READERS)} (all)")
    parser.add_argument("--seconds", type=float, default=120.0, help="for each reader (120)")
    parser.add_argument("--inputs", type=int, default=10**12, help="at most, for each reader")
    parser.add_argument("--seed", type=int, default=0, help="what inputs follow from (0)")
    parser.add_argument("--input-seconds", type=float, default=Limits.seconds, help="that one input may take (10)")
    parser.add_argument("--mebibytes", type=int, default=Limits.mebibytes, help="that one input may take (1024)")
    parser.add_argument("--out", type=Path, default=Path("fuzz-failures"), help="folder for failures (fuzz-failures)")
    parser.add_argument("--input", metavar="READER:NUMBER", help="read this one again, here")
    arguments = parser.parse_args(argv)
    unknown = [name for name in arguments.readers if name not in READERS]
    if unknown:
        parser.error(f"there is no reader {unknown[0]}; there are {', '.join(READERS)}")
    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    if arguments.input:
        name, _, number = arguments.input.partition(":")
        return _again(name, int(number), arguments.seed)
    names = arguments.readers or list(READERS)
    check(names)
    limits = Limits(arguments.input_seconds, arguments.mebibytes)
    num_failures = 0
    print(f"{'reader':<16} {'inputs':>9} {'accepted':>9} {'refused':>9} {'failures':>9}")
    for name in names:
        outcome = fuzz(name, arguments.seconds, arguments.inputs, arguments.seed, limits, arguments.out)
        cells = (outcome.num_inputs, outcome.accepted, outcome.refused, len(outcome.failures))
        print(f"{name:<16} " + " ".join(f"{cell:>9,}" for cell in cells), flush=True)
        num_failures += len(outcome.failures)
        for kind, numbers in _by_kind(outcome.failures).items():
            print(f"  {len(numbers):>6,}  {kind[:100]}, such as {arguments.out / name / str(numbers[0])}", flush=True)
    return 1 if num_failures else 0


def _by_kind(failures: dict[int, str]) -> dict[str, list[int]]:
    kinds: dict[str, list[int]] = {}
    for number, found in failures.items():
        kinds.setdefault(found, []).append(number)
    return kinds


def _again(name: str, number: int, seed: int) -> int:
    chosen, content = make_input(name, READERS[name].seeds(), seed, number)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        path = lay_out(Path(folder), chosen, content)
        try:
            READERS[name].read(path)
        except AsrError as error:
            print(f"refused: {error}")
            return 0
    print("accepted")
    return 0


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main())
