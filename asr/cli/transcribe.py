"""Transcribes audio files and folders with a checkpoint: text, JSON, subtitles, tables or annotations."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._search_options import log_coverage
from asr.cli.command import clear_bar, command, log, log_warnings, make_parser, option, parse, progress, warn
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import AsrError, ConfigError, UsageError
from asr.machine import num_processes
from asr.transcription.formats import FORMATS, Format, choose_format
from asr.transcription.inputs import STDIN, Recording, find_recordings, read_list
from asr.transcription.outputs import OutputFolder, with_output_names
from asr.transcription.survey import estimate_seconds
from asr.transcription.tally import Tally

if TYPE_CHECKING:
    from asr.transcription.recognizer import Recognizer
    from asr.transcription.transcript import Transcript

_EXAMPLES = """  asr transcribe --checkpoint best.ckpt talk.wav
  asr transcribe --checkpoint best.ckpt recordings/ extra.mp3 --format jsonl > transcripts.jsonl
  asr transcribe --checkpoint best.ckpt recordings/ --format srt --out-dir subtitles --settings 3gram.json --resume
  asr transcribe --checkpoint best.ckpt --list calls.txt --channels separate --format TextGrid --out-dir calls
  ffmpeg -i talk.mkv -f wav - | asr transcribe --checkpoint best.ckpt -

Text goes to stdout; of several files, each line begins with the path and a tab. Folders are searched with all folders
in them. With --out-dir, folder/x/a.wav becomes OUT_DIR/x/a.txt; names that would meet keep their ending as well.
With --resume, transcripts that are there already are left as they are; files appear whole or not at all.
With --channels separate, a call has the speakers L and R: before what they say, or as columns, voices, styles, tiers.
words.vtt and ass have the time of each word, for karaoke; stm, TextGrid and eaf are read by sclite, Praat and ELAN.
Silences of more than 1.5 s are not recognised; times count them.
m4a, mp4, webm, wma, amr and other formats of phones and video need the extra media (pip install av).
Exit status 1 says that some files failed; the last line on stderr says how many."""

_NAMED = 5  # files that are named in a line of log
_NBEST = 100  # hypotheses that other models choose among


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    recordings = with_output_names(_find(arguments))
    log_warnings("transcribe")
    form = _choose_format(arguments, len(recordings))
    folder = OutputFolder(Path(arguments.out_dir), form, arguments.format) if arguments.out_dir else None
    todo = _left_to_do(recordings, folder) if arguments.resume else recordings
    if not todo:
        return 0
    recognizer = _load(arguments)
    tally = Tally(len(todo), recognizer.sample_rate, arguments.channels == "separate")
    try:
        _transcribe(recognizer, todo, tally, folder or form, arguments)
    except KeyboardInterrupt as error:
        error.args = (tally.progress + ("; --resume does the rest" if folder else ""),)
        raise
    return 1 if tally.num_failed else 0


def _transcribe(
    recognizer: Recognizer,
    recordings: Sequence[Recording],
    tally: Tally,
    target: OutputFolder | Format,
    arguments: argparse.Namespace,
) -> None:
    import torch

    def fail(_: Path, error: AsrError) -> None:
        tally.num_failed += 1
        warn(f"asr transcribe: {error}")

    with progress(estimate_seconds(recordings) if sys.stderr.isatty() else None, "transcribing") as bar:
        transcripts = recognizer.transcribe(
            recordings,
            batch_seconds=arguments.batch_seconds,
            channel=None if arguments.channel is None else arguments.channel - 1,
            separate=tally.is_separate,
            on_failure=fail,
            on_progress=bar.advance,
        )
        try:
            _write(tally.count(transcripts), len(recordings), target)
        except torch.OutOfMemoryError as error:
            found = f"{arguments.batch_seconds:g} is more than this GPU's memory holds"
            raise UsageError("--batch-seconds", found, "give less") from error
        for line in tally.remarks():
            log(f"asr transcribe: {line}")
        bar.outcome, bar.has_failed = tally.outcome, tally.num_failed > 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("transcribe", "Transcribes recordings of any length, rate and format.", _EXAMPLES)
    parser.add_argument("audio", nargs="*", metavar="AUDIO", help="audio files and folders of them; - for stdin")
    parser.add_argument("--list", metavar="FILE", help="a list of more, a path a line, as seen from the current folder")
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="what asr train wrote")
    parser.add_argument("--format", choices=list(FORMATS), default="txt", help="what to write (default: txt)")
    parser.add_argument("--out-dir", metavar="DIR", help="write a file for each recording here, not to stdout")
    parser.add_argument("--resume", action="store_true", help="leave out what is in --out-dir already")
    search = parser.add_mutually_exclusive_group()
    search.add_argument(
        "--beam-size", type=_whole_number, default=1, metavar="K", help="hypotheses kept; 1 is greedy (default: 1)"
    )
    search.add_argument("--settings", metavar="FILE", help="decoder and weights that asr tune decode wrote")
    parser.add_argument(
        "--rescoring",
        action="append",
        default=[],
        metavar="FILE",
        help="another model and its weights, which asr tune rescore wrote; of several, one after the other chooses",
    )
    parser.add_argument(
        "--nbest", type=_whole_number, metavar="N", help="hypotheses that --rescoring chooses among (default: 100)"
    )
    parser.add_argument(
        "--channel",
        type=_whole_number,
        metavar="N",
        help="channel to read, 1 is the left (default: the mean of all, or the loudest where they cancel each other)",
    )
    parser.add_argument(
        "--channels",
        choices=["mix", "separate"],
        default="mix",
        help="separate: each channel is a speaker of one transcript, L and R in a call (default: mix, see --channel)",
    )
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N (default: cuda if there is one)")
    parser.add_argument("--threads", type=_whole_number, metavar="N", help="CPU threads (default: one a core)")
    parser.add_argument(
        "--batch-seconds",
        type=_seconds,
        default=160.0,
        metavar="S",
        help="seconds of audio recognised together; more is faster on a GPU and takes memory (default: 160)",
    )
    return parser


def _whole_number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return seconds


def _find(arguments: argparse.Namespace) -> list[Recording]:
    listed = read_list(arguments.list) if arguments.list else []
    if not arguments.audio and not arguments.list:
        raise UsageError("AUDIO", "names nothing to transcribe", "name files or folders, - for stdin, or give --list")
    stdin = _read_stdin() if STDIN in arguments.audio else b""
    found = find_recordings([*arguments.audio, *listed], stdin)
    if found.num_repeated:
        log(f"asr transcribe: {found.num_repeated} files are named more than once and are transcribed once")
    if found.left_aside:
        names = ", ".join(path.name for path in found.left_aside[:_NAMED])
        more = ", …" if len(found.left_aside) > _NAMED else ""
        log(f"asr transcribe: {len(found.left_aside)} files are no audio by their names, and left aside: {names}{more}")
    return found.recordings


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(STDIN, "no recording comes from stdin", "pipe one into the command, or name a file")
    return sys.stdin.buffer.read()


def _left_to_do(recordings: Sequence[Recording], folder: OutputFolder | None) -> Sequence[Recording]:
    if folder is None:
        raise UsageError("--resume", "on stdout nothing is left to go on from", "add --out-dir, or leave it out")
    left = folder.left_to_do(recordings)
    told = f"{len(recordings) - len(left)} of {len(recordings)} files are done already, {len(left)} are left"
    log(f"asr transcribe: {told}")
    return left


def _choose_format(arguments: argparse.Namespace, num_recordings: int) -> Format:
    if arguments.out_dir and Path(arguments.out_dir).exists() and not Path(arguments.out_dir).is_dir():
        raise UsageError(f"--out-dir {arguments.out_dir}", "is a file", "name a folder, there or yet to be made")
    is_separate = arguments.channels == "separate"
    if is_separate and arguments.channel is not None:
        raise UsageError("--channels separate", "and --channel, which reads one, exclude each other", "give one")
    try:
        return choose_format(arguments.format, not arguments.out_dir and num_recordings > 1, is_separate)
    except ValueError:
        found = f"cannot hold the {num_recordings} recordings in one file"
        raise UsageError(f"--format {arguments.format}", found, "add --out-dir to write a file for each") from None


def _load(arguments: argparse.Namespace) -> Recognizer:
    settings, rescoring = _settings(arguments), [RescoringSettings.load(file) for file in arguments.rescoring]
    import torch

    from asr.transcription.recognizer import Recognizer

    device = arguments.device or ("cuda" if torch.cuda.is_available() else "cpu")
    torch.set_num_threads(1)  # see num_workers of Recognizer
    num_workers = 1 if device.startswith("cuda") else arguments.threads or num_processes()
    try:
        recognizer = Recognizer.from_checkpoint(
            arguments.checkpoint, settings, rescoring, device=device, num_workers=num_workers
        )
    except ConfigError as error:
        where = option(error.where) if error.where == "device" else error.where
        raise ConfigError(where, error.found, error.remedy) from None
    log_coverage(recognizer.coverage, settings.lm)
    return recognizer


def _settings(arguments: argparse.Namespace) -> DecoderSettings:
    if arguments.settings:
        settings = DecoderSettings.load(arguments.settings)
    else:
        settings = DecoderSettings(beam_size=arguments.beam_size)
    if not arguments.rescoring:
        if arguments.nbest is not None:
            raise UsageError("--nbest", "nothing chooses among them", "give --rescoring, or leave it out")
        return settings
    if settings.beam_size == 1:
        raise UsageError("--rescoring", "one hypothesis leaves no choice", "give --settings of a beam, or --beam-size")
    settings = replace(settings, nbest=arguments.nbest or min(_NBEST, settings.beam_size))
    settings.check(option)
    return settings


def _write(transcripts: Iterator[Transcript], num_recordings: int, target: OutputFolder | Format) -> None:
    if isinstance(target, Format):
        _print(target.documents(transcripts) if num_recordings > 1 else map(target.document, transcripts))
        return
    for transcript in transcripts:
        target.write(transcript)
    if target.num_replaced:
        log(f"asr transcribe: {target.num_replaced} files were in {target.folder} already, and have been replaced")


def _print(pieces: Iterable[str]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # any script, and paths as the file system has them
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    for piece in pieces:
        clear_bar()
        print(piece, end="", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
