"""The live mode of ``asr transcribe``: its options, and words as lines while they come."""

from __future__ import annotations

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from asr.audio.kinds import AUDIO_SUFFIXES
from asr.audio.rates import RAW_RATE
from asr.cli.command import log, option, print_result, whole_number
from asr.errors import ConfigError, DataError, UsageError, printable
from asr.transcription.inputs import STDIN

if TYPE_CHECKING:
    from asr.audio.pcm import PcmStream
    from asr.audio.resampling import Waveform
    from asr.transcription.live import LiveReader
    from asr.transcription.recognizer import Recognizer
    from asr.transcription.word_stream import Delays, LiveWord

_BLOCK_SECONDS = 0.1
_FORMATS = ("txt", "jsonl")
_UNFIT = ("list", "out_dir", "resume", "rescoring", "confidence", "nbest", "channels", "exact", "batch_seconds")


def add_live(parser: ArgumentParser) -> None:
    """Adds the options."""
    live = parser.add_argument_group("live")
    live_help = "print words while AUDIO, one stream or file, still comes; needs a model of bounded delay, see below"
    live.add_argument("--live", action="store_true", help=live_help)
    rate_help = f"Hz of 16-bit PCM without a header (default: {RAW_RATE})"
    live.add_argument("--rate", type=whole_number, metavar="HZ", help=rate_help)


def check_live(parser: ArgumentParser, arguments: Namespace) -> None:
    """Refuses options that do not go with or without ``--live``.

    Raises:
        UsageError: naming the first one.
    """
    if not arguments.live:
        if arguments.rate is not None:
            raise UsageError("--rate", "is that of a stream", "add --live, or leave it out")
        return
    for name in _UNFIT:
        if getattr(arguments, name) != parser.get_default(name):
            raise UsageError(option(name), "does not go with --live", "leave one of them out")
    if len(arguments.audio) != 1:
        raise UsageError("--live", f"{len(arguments.audio)} streams are named", "name one: - for stdin, or a file")
    if arguments.format not in _FORMATS:
        raise UsageError(f"--format {arguments.format}", "cannot be written word by word", "give txt or jsonl")
    (name,) = arguments.audio
    if arguments.rate is not None and Path(name).suffix.lower() in AUDIO_SUFFIXES:
        raise UsageError("--rate", f"{name} says its rate itself", "leave it out")


def transcribe_live(recognizer: Recognizer, arguments: Namespace) -> int:
    """Prints the words of a stream, partial and final ones, and last, to the log, their delays.

    Raises:
        ConfigError: the model cannot be read live.
        AsrError: the stream cannot be read.
    """
    from asr.transcription.live import LiveReader  # and torch

    try:
        reader = LiveReader(recognizer.engine)
    except ConfigError as error:
        raise ConfigError(option(error.where), error.found, error.remedy) from None
    log(f"asr transcribe: {reader.describe()}")
    if reader.num_left_out:
        log("asr transcribe: rescoring and calibrated confidences of the model are left out of live reading")
    write = _json_line if arguments.format == "jsonl" else _line
    with ExitStack() as files:
        blocks = _Timed(_open(arguments, recognizer.sample_rate, files))
        began = time.monotonic()
        try:
            print_result(write(word) for word in reader.read(blocks))
        except KeyboardInterrupt as error:  # as a microphone is stopped
            print_result(write(word) for word in reader.words.finish(reader.heard))
            error.args = (_summary(reader),)
            raise
        busy = time.monotonic() - began - blocks.waited
    log(f"asr transcribe: {_summary(reader)}; computed in {busy:.1f} s")
    return 0


def _open(arguments: Namespace, sample_rate: int, files: ExitStack) -> Iterable[Waveform]:
    """Returns the blocks of the stream at the model's rate: samples as they come, or those of an audio file."""
    from asr.audio.pcm import open_pcm  # and NumPy
    from asr.audio.waveforms import stream

    (name,) = arguments.audio
    channel = None if arguments.channel is None else arguments.channel - 1
    if name == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise UsageError(STDIN, "no samples come from stdin", "pipe 16-bit PCM into the command, or name a file")
        return _resampled(open_pcm(sys.stdin.buffer, STDIN, arguments.rate, channel, _BLOCK_SECONDS), sample_rate)
    if Path(name).suffix.lower() in AUDIO_SUFFIXES:
        return stream(name, sample_rate, _BLOCK_SECONDS, channel)
    try:
        file = files.enter_context(Path(name).open("rb"))  # noqa: SIM115 - which closes it
    except OSError as error:
        raise DataError(name, f"cannot be read ({error.strerror})", "name a file of PCM, or - for stdin") from None
    return _resampled(open_pcm(file, name, arguments.rate, channel, _BLOCK_SECONDS), sample_rate)


def _resampled(pcm: PcmStream, sample_rate: int) -> Iterator[Waveform]:
    from asr.audio.resampling import resample_blocks  # and NumPy

    return resample_blocks(pcm.blocks, pcm.sample_rate, sample_rate)


class _Timed:
    """Blocks, and the seconds for which they were waited for."""

    def __init__(self, blocks: Iterable[Waveform]) -> None:
        self._blocks, self.waited = blocks, 0.0

    def __iter__(self) -> Iterator[Waveform]:
        blocks = iter(self._blocks)
        while True:
            began = time.monotonic()
            block = next(blocks, None)
            self.waited += time.monotonic() - began
            if block is None:
                return
            yield block


def _line(found: LiveWord) -> str:
    word = found.word
    columns = found.kind, f"{word.start:.2f}", f"{word.end:.2f}", f"{found.delay:.2f}", printable(word.text)
    return "\t".join(columns) + "\n"


def _json_line(found: LiveWord) -> str:
    word = found.word
    content = {
        "kind": found.kind,
        "word": word.text,
        "start": round(word.start, 3),
        "end": round(word.end, 3),
        "confidence": round(word.confidence, 4),
        "delay": round(found.delay, 3),
    }
    return json.dumps(content, ensure_ascii=False) + "\n"


def _summary(reader: LiveReader) -> str:
    words = reader.words
    said = f"{reader.heard:.1f} s heard, {len(words.final)} words"
    if not len(words.final):
        return said
    first, final = (_shown(delays) for delays in (words.first, words.final))
    return f"{said}; from the end of a word to its first reading {first}, to the final one {final}"


def _shown(delays: Delays) -> str:
    return f"{delays.quantile(0.5):.2f} s (95 %: {delays.quantile(0.95):.2f} s)"
