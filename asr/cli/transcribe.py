"""Transcribes audio files and folders with a checkpoint: text, JSON, subtitles or tables."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._search_options import log_coverage
from asr.cli.command import (
    above_zero,
    command,
    log,
    make_parser,
    option,
    parse,
    print_log,
    progress,
    warn,
    whole_number,
)
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import AsrError, ConfigError, UsageError
from asr.machine import num_processes
from asr.transcription.formats import FORMATS, PATHS_AND_TEXT, Format
from asr.transcription.inputs import Recording, find_recordings, survey
from asr.transcription.outputs import named, write_files

if TYPE_CHECKING:
    from asr.transcription.recognizer import Recognizer
    from asr.transcription.transcript import Transcript

_EXAMPLES = """  asr transcribe --checkpoint best.ckpt talk.wav
  asr transcribe --checkpoint best.ckpt recordings/ extra.mp3 --format jsonl > transcripts.jsonl
  asr transcribe --checkpoint best.ckpt recordings/ --format srt --out-dir subtitles --settings 3gram.json
  asr transcribe --model english.asr talk.wav

Text goes to stdout; for several files, each line begins with the path and a tab. Folders are searched recursively.
With --out-dir, folder/x/a.wav becomes OUT_DIR/x/a.txt; files whose names would collide keep their suffix as well.
Silences longer than 1.5 s are skipped, but times include them.
m4a, mp4, webm, wma, amr and other formats of phones and video need the extra media (pip install av).
Exit status 1 means that some files failed; the last line on stderr says how many."""

_NAMED = 5  # files named in a log line at most


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    recordings = _find(arguments.audio)
    print_log("asr transcribe: ")
    form = _choose_format(arguments, len(recordings))
    recognizer = _load(arguments)
    seconds, num_resampled = survey(recordings, recognizer.sample_rate)
    if num_resampled:
        rate = recognizer.sample_rate
        log(f"asr transcribe: {num_resampled} of {len(recordings)} files are resampled to {rate} Hz")
    failures: list[AsrError] = []

    def fail(_: Path, error: AsrError) -> None:
        failures.append(error)
        warn(f"asr transcribe: {error}")

    with progress(seconds, "transcribing") as bar:
        transcripts = recognizer.transcribe(
            [recording.path for recording in recordings],
            batch_seconds=arguments.batch_seconds,
            channel=None if arguments.channel is None else arguments.channel - 1,
            on_failure=fail,
            on_progress=bar.advance,
        )
        _write(named(transcripts, recordings), len(recordings), form, arguments)
    if failures:
        warn(f"{len(failures)} of {len(recordings)} files failed")
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("transcribe", "Transcribes recordings of any length, rate and format.", _EXAMPLES)
    parser.add_argument("audio", nargs="+", metavar="AUDIO", help="audio files and folders of them")
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--checkpoint", metavar="FILE", help="what asr train wrote")
    models.add_argument("--model", metavar="FILE", help="model file that asr export wrote")
    parser.add_argument("--format", choices=list(FORMATS), default="txt", help="what to write (default: txt)")
    parser.add_argument("--out-dir", metavar="DIR", help="write one file per recording here, not to stdout")
    search = parser.add_mutually_exclusive_group()
    beam_help = "hypotheses kept; 1 is greedy (default: 1, or as --model says)"
    search.add_argument("--beam-size", type=whole_number, metavar="K", help=beam_help)
    settings_help = "decoder and weights that asr tune decode wrote; replaces those in --model"
    search.add_argument("--settings", metavar="FILE", help=settings_help)
    parser.add_argument(
        "--rescoring",
        action="append",
        default=[],
        metavar="FILE",
        help="another model and its weights, which asr tune rescore wrote; several are applied in order, "
        "in place of those in --model",
    )
    parser.add_argument("--nbest", type=whole_number, metavar="N", help="hypotheses for --rescoring (default: 100)")
    parser.add_argument(
        "--channel",
        type=whole_number,
        metavar="N",
        help="channel to read, 1 is the left (default: the mean of all, or the loudest where they cancel out)",
    )
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N (default: cuda if there is one)")
    parser.add_argument("--threads", type=whole_number, metavar="N", help="CPU threads (default: one per core)")
    parser.add_argument(
        "--batch-seconds",
        type=above_zero,
        default=160.0,
        metavar="S",
        help="seconds of audio recognised together; more is faster on a GPU but needs memory (default: 160)",
    )
    return parser


def _find(audio: Sequence[str]) -> list[Recording]:
    found = find_recordings(audio)
    if found.num_repeated:
        log(f"asr transcribe: {found.num_repeated} files are named more than once and are transcribed once")
    if found.left_aside:
        names = ", ".join(path.name for path in found.left_aside[:_NAMED])
        more = ", …" if len(found.left_aside) > _NAMED else ""
        log(f"asr transcribe: {len(found.left_aside)} files are skipped, not being audio by name: {names}{more}")
    return found.recordings


def _choose_format(arguments: argparse.Namespace, num_recordings: int) -> Format:
    form = FORMATS[arguments.format]
    if arguments.out_dir and Path(arguments.out_dir).exists() and not Path(arguments.out_dir).is_dir():
        raise UsageError(f"--out-dir {arguments.out_dir}", "is a file", "name a folder, which need not exist yet")
    if arguments.out_dir or num_recordings == 1:
        return form
    if form.many is None:
        found = f"cannot hold the {num_recordings} recordings in one file"
        raise UsageError(f"--format {arguments.format}", found, "add --out-dir to write a file for each")
    return PATHS_AND_TEXT if arguments.format == "txt" else form


def _load(arguments: argparse.Namespace) -> Recognizer:
    settings = None if arguments.model else _settings(arguments, DecoderSettings(), bool(arguments.rescoring))
    rescoring = [RescoringSettings.load(file) for file in arguments.rescoring]
    from asr.transcription.recognizer import Recognizer

    try:
        if settings is None:
            from asr.checkpoints.model_file.reading import load_model_file

            file = load_model_file(arguments.model)
            settings = _settings(arguments, file.settings, bool(rescoring) or file.has_rescoring)
            device, num_workers = _machine(arguments, needs_torch=not file.portable)
            recognizer = Recognizer.from_file(file, settings, rescoring or None, device=device, num_workers=num_workers)
        else:
            device, num_workers = _machine(arguments, needs_torch=True)
            recognizer = Recognizer.from_checkpoint(
                arguments.checkpoint, settings, rescoring, device=device, num_workers=num_workers
            )
    except ConfigError as error:
        named = option(error.where) if error.where == "device" else error.where
        raise ConfigError(named, error.found, error.remedy) from None
    log_coverage(recognizer.coverage, settings.lm)
    return recognizer


def _machine(arguments: argparse.Namespace, needs_torch: bool) -> tuple[str, int]:
    """Returns the device to use, and how many batches to recognise at the same time."""
    device = "cpu"
    if needs_torch:
        import torch

        torch.set_num_threads(1)  # see num_workers of Recognizer
        device = "cuda" if torch.cuda.is_available() else "cpu"
    device = arguments.device or device
    return device, 1 if device.startswith("cuda") else arguments.threads or num_processes()


def _settings(arguments: argparse.Namespace, own: DecoderSettings, has_rescoring: bool) -> DecoderSettings:
    """Returns the settings of the options or, where these are silent, of the model itself."""
    settings = DecoderSettings.load(arguments.settings) if arguments.settings else own
    if arguments.beam_size is not None:
        is_beam = arguments.beam_size > 1
        settings = replace(own, beam_size=arguments.beam_size, nbest=1) if is_beam else DecoderSettings()
    if arguments.nbest is not None and not has_rescoring:
        raise UsageError("--nbest", "nothing chooses among them", "give --rescoring, or leave it out")
    if not arguments.rescoring and arguments.nbest is None:
        return settings
    if settings.beam_size == 1:
        raise UsageError("--rescoring", "one hypothesis leaves no choice", "give --settings of a beam, or --beam-size")
    settings = settings.choosing(arguments.nbest)
    settings.check(option)
    return settings


def _write(transcripts: Iterator[Transcript], num_recordings: int, form: Format, arguments: argparse.Namespace) -> None:
    try:
        if arguments.out_dir:
            num_replaced = write_files(transcripts, form, Path(arguments.out_dir), arguments.format)
            if num_replaced:
                log(f"asr transcribe: {num_replaced} files were in {arguments.out_dir} already, and have been replaced")
        else:
            _print(form.documents(transcripts) if num_recordings > 1 else map(form.document, transcripts))
    except _out_of_memory() as error:
        found = f"{arguments.batch_seconds:g} is more than this GPU's memory holds"
        raise UsageError("--batch-seconds", found, "give less") from error


def _out_of_memory() -> tuple[type[Exception], ...]:
    """Returns the error of a GPU whose memory is full; none where torch was not needed."""
    return (sys.modules["torch"].OutOfMemoryError,) if "torch" in sys.modules else ()


def _print(pieces: Iterable[str]) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):  # any script, and paths as the file system has them
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    for piece in pieces:
        print(piece, end="", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
