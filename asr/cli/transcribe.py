"""Transcribes audio files and folders with a model: text, JSON, subtitles, tables or annotations."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._confidence_options import add_confidence
from asr.cli._file_checks import check_folder, check_inputs, tell_failures
from asr.cli._hotword_options import add_hotwords, read_hotwords
from asr.cli._live import add_live, check_live, transcribe_live
from asr.cli._model_options import add_models, choose_model, tell_model
from asr.cli._search_options import log_coverage
from asr.cli.command import (
    above_zero,
    command,
    log,
    make_parser,
    option,
    parse,
    print_log,
    print_result,
    progress,
    warn,
    whole_number,
)
from asr.errors import AsrError, ConfigError, UsageError
from asr.machine import end_at_once, share_heap, uncollected
from asr.text.hotwords import HOTWORDS_NOTE
from asr.transcription.formats import FORMATS, Format, choose_format
from asr.transcription.inputs import STDIN, Recording, find_recordings, read_list, unreadable
from asr.transcription.opening import Choice, Chosen, choose
from asr.transcription.outputs import OutputFolder, with_output_names
from asr.transcription.survey import estimate_seconds
from asr.transcription.tally import Tally

if TYPE_CHECKING:
    from asr.transcription.recognizer import Recognizer
    from asr.transcription.transcript import Transcript

_EXAMPLES = f"""  asr transcribe talk.m4a
  asr transcribe --checkpoint best.ckpt recordings/ extra.mp3 --format jsonl > transcripts.jsonl
  asr transcribe --checkpoint best.ckpt recordings/ --format srt --out-dir subtitles --settings 3gram.json --resume
  asr transcribe --model my.asr --list calls.txt --channels separate --format TextGrid --out-dir calls
  ffmpeg -i talk.mkv -f wav - | asr transcribe -
  arecord -t raw -f S16_LE -r 16000 -c 1 | asr transcribe --checkpoint latency.ckpt --live -

Text goes to stdout; for several files, each line begins with the path and a tab. Folders are searched recursively.
With --out-dir, folder/x/a.wav becomes OUT_DIR/x/a.txt; files whose names would collide keep their suffix as well.
With --resume, files that exist are left as they are; they appear whole or not at all.
With --channels separate, a call has the speakers L and R: before their words, or as columns, voices, styles, tiers.
words.vtt and ass have the time of each word, for karaoke; stm, TextGrid and eaf are read by sclite, Praat and ELAN.
Silences longer than 1.5 s are skipped, but times include them. Long recordings are cut into chunks at pauses; --exact
hears them whole, with normalisation over the whole recording and activations on disk.
With --live, words are printed while the recording still comes, a line each: partial or final, start, end, delay, word.
Partial words may change, final ones do not; the delay is the seconds of sound between its end and the line. stdin is
16-bit PCM, little-endian and mono, at --rate, or a WAV file. The model is one of lstm_latency or lstm_unidirectional.
m4a, mp4, webm, wma, amr and other formats of phones and video need the extra media (pip install av).
Exit status 1 means that some files failed; the last line on stderr says how many.

{HOTWORDS_NOTE}"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    share_heap()
    end_at_once()
    parser = _parser()
    arguments = parse(parser, argv)
    check_live(parser, arguments)
    if arguments.live:
        print_log("asr transcribe: ")
        chosen = _choose(arguments)
        check_inputs(*(name for name in arguments.audio if name != STDIN))
        return transcribe_live(_load(chosen, arguments), arguments)
    recordings = with_output_names(_find(arguments))
    print_log("asr transcribe: ")
    form = _choose_format(arguments, len(recordings))
    folder = OutputFolder(Path(arguments.out_dir), arguments.format) if arguments.out_dir else None
    todo = _left_to_do(recordings, folder) if arguments.resume else recordings
    if not todo:
        return 0
    chosen = _choose(arguments)
    if folder is not None:
        folder.check(todo)
    if errors := unreadable(todo):
        return tell_failures("transcribe", errors)
    recognizer = _load(chosen, arguments)
    tally = Tally(len(todo), recognizer.sample_rate, arguments.channels == "separate")
    try:
        _transcribe(recognizer, todo, tally, form, folder, arguments)
    except KeyboardInterrupt as error:
        error.args = (tally.progress + ("; --resume does the rest" if folder else ""),)
        raise
    return 1 if tally.num_failed else 0


def _transcribe(
    recognizer: Recognizer,
    recordings: Sequence[Recording],
    tally: Tally,
    form: Format,
    folder: OutputFolder | None,
    arguments: argparse.Namespace,
) -> None:
    def fail(_: Path, error: AsrError) -> None:
        tally.num_failed += 1
        warn(f"asr transcribe: {error}")

    with progress(estimate_seconds(recordings) if sys.stderr.isatty() else None, "transcribing") as bar:
        transcripts = recognizer.transcribe(
            recordings,
            batch_seconds=arguments.batch_seconds,
            channel=None if arguments.channel is None else arguments.channel - 1,
            separate=tally.is_separate,
            exact=arguments.exact,
            on_failure=fail,
            on_progress=bar.advance,
        )
        try:
            _write(tally.count(transcripts), len(recordings), form, folder)
        except _out_of_memory() as error:
            found = f"{arguments.batch_seconds or recognizer.batch_seconds:g} is more than this GPU's memory holds"
            raise UsageError("--batch-seconds", found, "give less") from error
        for line in tally.remarks():
            log(f"asr transcribe: {line}")
        bar.outcome, bar.has_failed = tally.outcome, tally.num_failed > 0


def _out_of_memory() -> tuple[type[Exception], ...]:
    """Returns the error of a GPU whose memory is full; none if torch was not needed."""
    return (sys.modules["torch"].OutOfMemoryError,) if "torch" in sys.modules else ()


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("transcribe", "Transcribes recordings of any length, rate and format.", _EXAMPLES)
    parser.add_argument("audio", nargs="*", metavar="AUDIO", help="audio files and folders of them; - for stdin")
    parser.add_argument("--list", metavar="FILE", help="list of more of them, one path per line")
    add_models(parser)
    parser.add_argument("--format", choices=list(FORMATS), default="txt", help="what to write (default: txt)")
    parser.add_argument("--out-dir", metavar="DIR", help="write one file per recording here, not to stdout")
    parser.add_argument("--resume", action="store_true", help="skip recordings whose files are in --out-dir already")
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
    add_confidence(parser, " (default: as --model says, if its weights and rescoring are not replaced)")
    parser.add_argument("--nbest", type=whole_number, metavar="N", help="hypotheses for --rescoring (default: 100)")
    channels = parser.add_mutually_exclusive_group()
    channel_help = "channel to read, 1 is the left (default: the mean of all, or the loudest where they cancel out)"
    channels.add_argument("--channel", type=whole_number, metavar="N", help=channel_help)
    channels_help = "separate: each channel is a speaker of one transcript, L and R in a call (default: mix)"
    channels.add_argument("--channels", choices=["mix", "separate"], default="mix", help=channels_help)
    exact_help = "hear a whole recording at once, not in chunks: slower, needs a recurrent model and room in TMPDIR"
    parser.add_argument("--exact", action="store_true", help=exact_help)
    add_hotwords(parser)
    add_live(parser)
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or cuda:N (default: cuda if there is one)")
    parser.add_argument("--threads", type=whole_number, metavar="N", help="CPU threads (default: one per core)")
    parser.add_argument(
        "--batch-seconds",
        type=above_zero,
        metavar="S",
        help="seconds of audio recognised together, which need memory (default: 160; 80 with a beam over 128)",
    )
    return parser


def _find(arguments: argparse.Namespace) -> list[Recording]:
    listed = read_list(arguments.list) if arguments.list else []
    if not arguments.audio and not arguments.list:
        raise UsageError("AUDIO", "names nothing to transcribe", "name files or folders, - for stdin, or give --list")
    stdin = _read_stdin() if STDIN in arguments.audio else b""
    found = find_recordings([*arguments.audio, *listed], stdin)
    for line in found.remarks():
        log(f"asr transcribe: {line}")
    return found.recordings


def _read_stdin() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError(STDIN, "no recording comes from stdin", "pipe one into the command, or name a file")
    return sys.stdin.buffer.read()


def _left_to_do(recordings: Sequence[Recording], folder: OutputFolder | None) -> Sequence[Recording]:
    if folder is None:
        raise UsageError("--resume", "stdout keeps nothing to resume from", "add --out-dir, or leave it out")
    left = folder.left_to_do(recordings)
    counts = f"{len(recordings) - len(left)} of {len(recordings)} files are done already, {len(left)} are left"
    log(f"asr transcribe: {counts}")
    return left


def _choose_format(arguments: argparse.Namespace, num_recordings: int) -> Format:
    check_folder("--out-dir", arguments.out_dir)
    in_one_file = not arguments.out_dir and num_recordings > 1
    try:
        return choose_format(arguments.format, in_one_file, arguments.channels == "separate")
    except ValueError:
        found = f"cannot hold the {num_recordings} recordings in one file"
        raise UsageError(f"--format {arguments.format}", found, "add --out-dir to write a file for each") from None


def _choose(arguments: argparse.Namespace) -> Chosen:
    """Returns what is chosen, after a look at all that needs no model."""
    choose_model(arguments)
    choice = Choice(**{field.name: getattr(arguments, field.name) for field in fields(Choice)})
    return choose(choice, option, read_hotwords(arguments))


def _load(chosen: Chosen, arguments: argparse.Namespace) -> Recognizer:
    tell_model(arguments, "transcribe")
    try:
        with uncollected():
            recognizer, settings = chosen.open()
        if arguments.exact:
            recognizer.check_exact()
    except ConfigError as error:
        where = option(error.where) if error.where in ("device", "exact", "confidence") else error.where
        raise ConfigError(where, error.found, error.remedy) from None
    log_coverage(recognizer.coverage, settings.lm)
    return recognizer


def _write(transcripts: Iterator[Transcript], num_recordings: int, form: Format, folder: OutputFolder | None) -> None:
    if folder is None:
        print_result(form.documents(transcripts) if num_recordings > 1 else map(form.document, transcripts))
        return
    for transcript in transcripts:
        folder.write(transcript.name, form.document(transcript))
    if folder.num_replaced:
        log(f"asr transcribe: {folder.num_replaced} files were in {folder.folder} already, and have been replaced")


if __name__ == "__main__":
    raise SystemExit(main())
