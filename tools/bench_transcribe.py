"""Measures speed and memory of transcription: speech, silence, and recordings of hours.

    python tools/bench_transcribe.py --model my.asr --audio data/test/*.flac
    python tools/bench_transcribe.py --checkpoint best.ckpt --audio speech.wav --hours 10 --silence 1 --exact
    python tools/bench_transcribe.py --model int8.asr --settings 3gram_b64.json --audio joined.wav --kinds speech

Joins the recordings into one, and transcribes it, hours of it (``--hours``), hours of silence (zeros, dither of one
step, faint noise) and, if asked, hours of two channels as m4a, each by ``asr transcribe`` in a process; what was
written for that is deleted. Prints for each: seconds of audio, CPU and wall seconds per second of audio without the
start of the process, which is measured first, and the peak memory. Silence is compared with speech by CPU seconds.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from asr.audio.waveforms import stream

RATE = 16000
KINDS = ("speech", "long", "zeros", "dither", "noise", "separate")
SILENCES = ("zeros", "dither", "noise")
BLOCK = 60  # seconds
STEP = 1 / 32768

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """What one run took: seconds of audio, CPU and wall seconds, bytes of peak memory."""

    kind: str
    audio: float
    cpu: float
    wall: float
    peak: int

    def without(self, start: Row) -> Row:
        """Returns the same without the seconds of another run."""
        return Row(self.kind, self.audio, self.cpu - start.cpu, self.wall - start.wall, self.peak)

    def line(self, speech: Row | None) -> str:
        """Returns the row of the table."""
        hours = f"{self.audio / 3600:.2f} h" if self.audio >= 3600 else f"{self.audio:.0f} s"
        cells = [self.kind, hours, f"{self.cpu / self.audio:.5f}", f"{self.wall / self.audio:.5f}"]
        cells.append(f"{self.peak / 1e9:.2f} GB")
        if speech is not None and self.kind in SILENCES:
            cells.append(f"{speech.cpu / speech.audio / (self.cpu / self.audio):.0f} times as fast as speech")
        return " | ".join(cells)


def silence(kind: str, seconds: float) -> Iterator[Floats]:
    """Yields blocks of zeros, of dither of one 16-bit step, or of noise at -60 dB."""
    random = np.random.default_rng(0)
    for first in range(0, round(seconds * RATE), BLOCK * RATE):
        count = min(BLOCK * RATE, round(seconds * RATE) - first)
        if kind == "zeros":
            yield np.zeros(count, np.float32)
        elif kind == "dither":
            yield (STEP * random.integers(-1, 2, count)).astype(np.float32)
        else:
            yield (1e-3 * random.standard_normal(count)).astype(np.float32)


def looped(files: Sequence[str], seconds: float) -> Iterator[Floats]:
    """Yields the recordings one after another, again and again; once if ``seconds`` is 0."""
    left = round(seconds * RATE) if seconds else sys.maxsize
    while left > 0:
        for file in files:
            for block in stream(file, RATE):
                yield block[:left]
                left -= len(block)
                if left <= 0:
                    return
        if not seconds:
            return


def write(path: Path, blocks: Iterator[Floats], channels: int = 1) -> float:
    """Writes a FLAC file of 16 bits and returns its seconds; a second channel is the first one half a minute later."""
    count, late = 0, np.zeros(30 * RATE, np.float32)
    with soundfile.SoundFile(path, "w", RATE, channels) as file:
        for block in blocks:
            count += len(block)
            if channels == 1:
                file.write(block)
                continue
            both = np.concatenate((late, block))
            file.write(np.stack((block, both[: len(block)]), axis=1))
            late = both[len(block) :]
    return count / RATE


def run(kind: str, path: Path, seconds: float, arguments: argparse.Namespace) -> Row:
    """Transcribes a file in a process of its own."""
    command = [sys.executable, "-m", "asr.cli.main", "transcribe", "--quiet", str(path), "--threads", arguments.threads]
    for name in ("model", "checkpoint", "settings", "beam_size"):
        if (value := getattr(arguments, name)) is not None:
            command += [f"--{name.replace('_', '-')}", value]
    command += ["--channels", "separate"] if kind == "separate" else []
    command += ["--exact"] if arguments.exact and kind in ("speech", "long") else []
    begun = time.monotonic()
    with (path.parent / "out.txt").open("wb") as out, subprocess.Popen(command, stdout=out) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"bench_transcribe: {kind}: asr transcribe ended with status {process.returncode}")
    cpu = used.ru_utime + used.ru_stime
    return Row(kind, seconds, cpu, time.monotonic() - begun, 1024 * used.ru_maxrss)


def as_m4a(path: Path) -> Path:
    """Returns the same recording as AAC in an m4a file."""
    import av

    made = path.with_suffix(".m4a")
    with av.open(str(path)) as source, av.open(str(made), "w") as target:
        stream_out = target.add_stream("aac", rate=RATE, layout="stereo")
        for frame in source.decode(audio=0):
            target.mux(stream_out.encode(frame))
        target.mux(stream_out.encode(None))
    path.unlink()
    return made


def measure(kind: str, folder: Path, arguments: argparse.Namespace) -> Row:
    """Makes the recording of a kind, transcribes it, and deletes it."""
    path = folder / f"{kind}.flac"
    if kind in SILENCES:
        seconds = write(path, silence(kind, 3600 * arguments.silence))
    else:
        hours = 0.0 if kind == "speech" else arguments.hours
        seconds = write(path, looped(arguments.audio, 3600 * hours), channels=2 if kind == "separate" else 1)
    path = as_m4a(path) if kind == "separate" else path
    try:
        return run(kind, path, seconds, arguments)
    finally:
        path.unlink()


def main() -> None:
    """Prints a row for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--model", metavar="FILE", help="model file that asr export wrote")
    models.add_argument("--checkpoint", metavar="FILE", help="checkpoint that asr train wrote")
    parser.add_argument("--settings", metavar="FILE", help="of a search, as for asr transcribe")
    parser.add_argument("--beam-size", metavar="K", help="as for asr transcribe")
    parser.add_argument("--audio", nargs="+", required=True, metavar="FILE", help="recordings of speech")
    parser.add_argument("--threads", default="1", metavar="N", help="as for asr transcribe (default: 1)")
    parser.add_argument("--hours", type=float, default=10.0, metavar="H", help="of long and separate (default: 10)")
    parser.add_argument("--silence", type=float, default=1.0, metavar="H", help="hours of silence (default: 1)")
    parser.add_argument("--exact", action="store_true", help="with --exact, for speech and long")
    parser.add_argument(
        "--kinds", nargs="+", choices=KINDS, default=["speech", *SILENCES], help="what to measure; long is --hours long"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "start.flac"
        start = run("start", path, write(path, silence("zeros", 1.0)), arguments)
    print(f"start: {start.cpu:.2f} CPU s, {start.wall:.2f} s, peak {start.peak / 1e9:.2f} GB")
    print("kind | audio | CPU s / s | wall s / s | peak memory", flush=True)
    speech = None
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds:
            row = measure(kind, Path(folder), arguments).without(start)
            speech = row if kind == "speech" else speech
            print(row.line(speech), flush=True)


if __name__ == "__main__":
    main()
