"""Aligns recordings with their texts: times of words and phones, and what the two do not share."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import command, log, make_parser, option, parse, print_log, progress, warn
from asr.errors import AsrError, ConfigError, UsageError
from asr.files import fitting, written_whole
from asr.machine import num_processes
from asr.transcription.alignment_formats import ALIGNMENT_FORMATS
from asr.transcription.outputs import output_names
from asr.transcription.pairs import find_pairs

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.transcription.aligner import Aligner
    from asr.transcription.alignment import Alignment

_EXAMPLES = """  asr align --checkpoint best.ckpt talk.wav talk.txt > talk.TextGrid
  asr align --checkpoint best.ckpt --texts texts/ --out-dir aligned --format TextGrid json recordings/
  asr align --checkpoint phones.ckpt --lexicon cmudict.dict --texts list.tsv --out-dir aligned recordings/

Words that are not said and speech that is not in the text are found: json has their status, TextGrid and eaf the tier
"unmatched", ctm comments. Exit status 1 says that some files failed."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv, intermixed=True)
    found = find_pairs(arguments.files, arguments.texts)
    if not arguments.out_dir and (len(found.pairs) > 1 or len(arguments.format) > 1):
        raise UsageError("--out-dir", "is missing for several files", "name a folder, there or yet to be made")
    if found.num_unused:
        log(f"asr align: {found.num_unused} texts belong to no recording that is named, and are left aside")
    print_log("asr align: ")
    aligner = _load(arguments)
    num_words = num_missing = num_stretches = num_failed = 0
    with progress(None, "aligning") as bar:
        for pair, name in zip(found.pairs, output_names([pair.recording for pair in found.pairs]), strict=True):
            try:
                text = pair.lines()
                alignment = aligner.align(pair.recording.path, text, pair.where, on_progress=bar.advance)
            except AsrError as error:
                num_failed += 1
                warn(f"asr align: {error}")
                continue
            num_words += len(alignment.words)
            num_missing += alignment.num_missing
            num_stretches += len(alignment.untranscribed)
            _write(replace(alignment, name=str(name)), arguments)
    log(f"{num_words:,} words: {num_missing:,} are not said, {num_stretches:,} stretches of speech are not in the text")
    if num_failed:
        warn(f"{num_failed} of {len(found.pairs)} files failed")
    return 1 if num_failed else 0


def _parser() -> ArgumentParser:
    parser = make_parser("align", "Finds where the words of a text are said in its recording.", _EXAMPLES)
    parser.add_argument("files", nargs="+", metavar="FILE", help="audio and text in turn; with --texts, audio, folders")
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="what asr train wrote")
    parser.add_argument("--texts", metavar="PATH", help="folder of x.txt for x.wav, or list of AUDIO, tab, TEXT")
    parser.add_argument("--lexicon", nargs="+", default=[], metavar="FILE", help="pronunciations, for phones")
    parser.add_argument(
        "--silence", default="", metavar="TOKEN", help="phone that may stand between words, such as sil"
    )
    parser.add_argument(
        "--format", nargs="+", choices=list(ALIGNMENT_FORMATS), default=["TextGrid"], help="what to write"
    )
    parser.add_argument("--out-dir", metavar="DIR", help="write files for each recording here, not to stdout")
    parser.add_argument("--settings", metavar="FILE", help="penalties and rules that tools/check_alignment.py wrote")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    return parser


def _load(arguments: Namespace) -> Aligner:
    from asr.transcription.aligner import Aligner, AlignerSettings

    settings = AlignerSettings.load(arguments.settings) if arguments.settings else None
    options = {"device": arguments.device, "num_workers": num_processes()}
    try:
        return Aligner.from_checkpoint(arguments.checkpoint, arguments.lexicon, arguments.silence, settings, **options)
    except ConfigError as error:
        where = option(error.where) if error.where in ("device", "lexicon", "silence") else error.where
        raise ConfigError(where, error.found, error.remedy) from None


def _write(alignment: Alignment, arguments: Namespace) -> None:
    for form in arguments.format:
        text = ALIGNMENT_FORMATS[form](alignment)
        if not arguments.out_dir:
            if isinstance(sys.stdout, io.TextIOWrapper):  # any script, and paths as the file system has them
                sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
            print(text, end="", flush=True)
            continue
        path = Path(arguments.out_dir) / f"{alignment.name}.{form}"
        with written_whole(path.with_name(fitting(path.name))) as beside:
            beside.write_text(text, encoding="utf-8", errors="surrogateescape")


if __name__ == "__main__":
    raise SystemExit(main())
