"""Measures transcription without torch: size of the environment, start, first words and real-time factor.

    python tools/bench_portable.py float32.asr int8.asr --audio test/ --python /tmp/small/bin/python
    python tools/bench_portable.py int8.asr --audio a.wav b.wav --rounds 9

Model files are those of `asr export --backend onnx`; `--python` is the Python of an environment that has Carousel,
NumPy, soundfile and onnxruntime, by default the one that runs the tool. Every figure is the median of `--rounds`
processes, which take turns and compute in one thread: seconds by the clock, and seconds of processor time, which a busy
machine changes little. Each process starts anew, but files are in the machine's cache after the first round.

"Interpreter" starts Python and ends; "import" also imports Carousel's recogniser and onnxruntime; "first words" is
`asr transcribe` of the shortest recording, from start to end; "real-time factor" is the time that `asr transcribe` of
all recordings takes beyond that, by their seconds. All but the last include the start of the interpreter.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from asr.audio.waveforms import probe
from asr.errors import AsrError
from asr.scoring.tables import table
from asr.transcription.inputs import find_recordings

IMPORT = "import asr.portable.network, asr.transcription.recognizer"
FOLDER = "import sysconfig; print(sysconfig.get_path('purelib'))"
MEGA = 1_000_000

Times = tuple[float, float]
"""Seconds by the clock, and seconds of processor time."""


def time_process(command: Sequence[str], folder: str) -> Times:
    """Returns the times of a process that runs in a folder; ends the tool if the process fails."""
    begun = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        told = process.stderr.read().decode(errors="replace").strip()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        found = told.splitlines()[-1] if told else "said nothing"
        sys.exit(f"bench_portable: {command[0]} ended with status {process.returncode}: {found}")
    return time.perf_counter() - begun, used.ru_utime + used.ru_stime


def medians(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, Times]:
    """Returns the median times of each process; they take turns."""
    found: dict[str, list[Times]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as folder:  # where nothing can be imported from
        for _ in range(rounds):
            for name, command in commands.items():
                found[name].append(time_process(command, folder))
    return {
        name: (statistics.median(clock for clock, _ in times), statistics.median(used for _, used in times))
        for name, times in found.items()
    }


def installed_bytes(python: str) -> int:
    """Returns the size of an environment's packages on disk."""
    printed = subprocess.run([python, "-c", FOLDER], capture_output=True, text=True, check=True).stdout
    return sum(512 * path.lstat().st_blocks for path in Path(printed.strip()).rglob("*"))


def main(argv: list[str] | None = None) -> None:
    """Prints the size of the environment, then a line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model file of asr export --backend onnx")
    parser.add_argument("--audio", nargs="+", required=True, metavar="PATH", help="recordings, or folders of them")
    parser.add_argument("--python", default=sys.executable, help="Python of the environment (this one)")
    parser.add_argument("--rounds", type=int, default=5, help="processes of which the median counts (5)")
    options = parser.parse_args(argv)
    try:
        recordings = find_recordings(options.audio).recordings
        seconds = {str(each.path.resolve()): probe(each.path).duration for each in recordings}
    except AsrError as error:
        parser.error(str(error))
    shortest, total = min(seconds, key=seconds.__getitem__), sum(seconds.values())
    python, transcribe = options.python, ("-m", "asr.cli.main", "transcribe", "--quiet", "--threads", "1", "--model")
    commands = {"interpreter": [python, "-c", ""], "import": [python, "-c", IMPORT]}
    for model in map(str, map(Path.resolve, map(Path, options.models))):
        commands[f"{model} first"] = [python, *transcribe, model, shortest]
        commands[f"{model} all"] = [python, *transcribe, model, *seconds]
    found = medians(commands, options.rounds)
    print(f"{python}: {installed_bytes(python) / MEGA:.0f} MB of packages")
    print(f"{len(seconds)} recordings of {total:.0f} s, the shortest of {seconds[shortest]:.1f} s")
    rows = [["", "clock", "processor"]]
    rows += [[name, *(f"{each:.2f} s" for each in found[name])] for name in ("interpreter", "import")]
    for model in options.models:
        first, whole = (found[f"{Path(model).resolve()} {part}"] for part in ("first", "all"))
        rows.append([f"{model}: first words", *(f"{each:.2f} s" for each in first)])
        factors = [(b - a) / max(total - seconds[shortest], 1e-9) for a, b in zip(first, whole, strict=True)]
        rows.append([f"{model}: real-time factor", *(f"{each:.4f}" for each in factors)])
    print(table(rows, num_left=1))


if __name__ == "__main__":
    main()
