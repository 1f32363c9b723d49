"""Aligns recordings with their texts: times of words and phones, and what the two do not share."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from asr.box.english import ENGLISH
from asr.cli._file_checks import check_folder, check_inputs, tell_failures
from asr.cli._model_options import add_models, choose_model, tell_model
from asr.cli.command import command, log, make_parser, option, parse, print_log, print_result, progress, warn
from asr.errors import AsrError, ConfigError, UsageError
from asr.machine import num_processes
from asr.text.lexicon import describe_pronounced
from asr.transcription.alignment_formats import ALIGNMENT_FORMATS
from asr.transcription.inputs import unreadable
from asr.transcription.outputs import OutputFolder
from asr.transcription.pairs import Pair, find_pairs, with_names
from asr.transcription.survey import estimate_seconds
from asr.transcription.tally import AlignmentTally

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.transcription.aligner import Aligner
    from asr.transcription.alignment import Alignment

_EXAMPLES = """  asr align talk.wav talk.txt > talk.TextGrid
  asr align --checkpoint best.ckpt --texts texts/ --out-dir aligned --format TextGrid json recordings/
  asr align --checkpoint phones.ckpt --lexicon cmudict.dict --texts list.tsv --out-dir aligned recordings/

Words that are not said and speech that is not in the text are found: json has their status, TextGrid and eaf the tier
"unmatched", ctm comments. Words without a pronunciation get one from their letters where the model file or --g2p can.
Exit status 1 means that some files failed; the last line on stderr says how many."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv, intermixed=True)
    if arguments.head and not arguments.checkpoint:
        raise UsageError("--head", "a model file says itself what it aligns with", "leave it out")
    found = find_pairs(arguments.files, arguments.texts)
    if not arguments.out_dir and (len(found.pairs) > 1 or len(arguments.format) > 1):
        raise UsageError("--out-dir", "is missing for several files", "name a folder, which need not exist yet")
    check_folder("--out-dir", arguments.out_dir)
    if found.num_unused:
        log(f"asr align: {found.num_unused} texts belong to none of the recordings, and are not used")
    print_log("asr align: ")
    folders = [OutputFolder(Path(arguments.out_dir), form) for form in arguments.format] if arguments.out_dir else []
    pairs = with_names(found.pairs)
    todo = _left_to_do(pairs, folders) if arguments.resume else pairs
    if not todo:
        return 0
    check_inputs(*arguments.lexicon, None if arguments.g2p == ENGLISH else arguments.g2p)
    for folder in folders:
        folder.check([pair.recording for pair in todo])
    if errors := unreadable(todo):
        return tell_failures("align", errors)
    aligner, tally = _load(arguments), AlignmentTally(len(todo))
    try:
        _align(aligner, todo, tally, folders, arguments)
    except KeyboardInterrupt as error:
        error.args = (tally.progress + ("; --resume does the rest" if folders else ""),)
        raise
    return 1 if tally.num_failed else 0


def _align(
    aligner: Aligner,
    pairs: Sequence[Pair],
    tally: AlignmentTally,
    folders: Sequence[OutputFolder],
    arguments: Namespace,
) -> None:
    recordings = [pair.recording for pair in pairs]
    with progress(estimate_seconds(recordings) if sys.stderr.isatty() else None, "aligning") as bar:
        for pair in pairs:
            try:
                alignment = aligner.align(pair.recording.path, pair.lines(), pair.where, on_progress=bar.advance)
            except AsrError as error:
                tally.num_failed += 1
                warn(f"asr align: {error}")
                continue
            if alignment.pronounced:
                log(f"asr align: {pair.where}: {describe_pronounced(alignment.pronounced)}")
            _write(replace(alignment, name=str(pair.recording.name)), folders, arguments)
            tally.add(alignment)
        bar.outcome, bar.has_failed = tally.outcome, tally.num_failed > 0


def _left_to_do(pairs: Sequence[Pair], folders: Sequence[OutputFolder]) -> list[Pair]:
    """Returns the pairs that lack a file of some format."""
    if not folders:
        raise UsageError("--resume", "stdout keeps nothing to resume from", "add --out-dir, or leave it out")
    recordings = [pair.recording for pair in pairs]
    names = {each.name for folder in folders for each in folder.left_to_do(recordings)}
    left = [pair for pair in pairs if pair.recording.name in names]
    log(f"asr align: {len(pairs) - len(left)} of {len(pairs)} files are done already, {len(left)} are left")
    return left


def _parser() -> ArgumentParser:
    parser = make_parser("align", "Finds when the words of a text are said in its recording.", _EXAMPLES)
    parser.add_argument("files", nargs="+", metavar="FILE", help="audio and text in turn; audio alone with --texts")
    add_models(parser)
    parser.add_argument("--texts", metavar="PATH", help="folder of x.txt for x.wav, or list of AUDIO, tab, TEXT")
    lexicon_help = "pronunciations, if tokens are phones; those in --model count where these have none"
    parser.add_argument("--lexicon", nargs="+", default=[], metavar="FILE", help=lexicon_help)
    g2p_help = "pronounces words that these lack: of asr train --config-name g2p, or a model file (default: --model)"
    parser.add_argument("--g2p", metavar="FILE", help=g2p_help)
    parser.add_argument("--silence", default="", metavar="TOKEN", help="phone that may come between words, such as sil")
    forms = list(ALIGNMENT_FORMATS)
    parser.add_argument("--format", nargs="+", choices=forms, default=forms[:1], help=f"default: {forms[0]}")
    parser.add_argument("--out-dir", metavar="DIR", help="write one file per recording and format here, not to stdout")
    parser.add_argument("--resume", action="store_true", help="skip recordings whose files are in --out-dir already")
    parser.add_argument("--settings", metavar="FILE", help="penalties and rules that tools/check_alignment.py wrote")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    return parser


def _load(arguments: Namespace) -> Aligner:
    choose_model(arguments)
    tell_model(arguments, "align")
    from asr.transcription.aligner import Aligner, AlignerSettings

    settings = AlignerSettings.load(arguments.settings) if arguments.settings else None
    load = Aligner.from_file if arguments.model else partial(Aligner.from_checkpoint, head=arguments.head)
    options = {"g2p": arguments.g2p, "device": arguments.device, "num_workers": num_processes()}
    try:
        return load(arguments.model or arguments.checkpoint, arguments.lexicon, arguments.silence, settings, **options)
    except ConfigError as error:
        where = option(error.where) if error.where in ("device", "lexicon", "silence") else error.where
        raise ConfigError(where, error.found, error.remedy) from None


def _write(alignment: Alignment, folders: Sequence[OutputFolder], arguments: Namespace) -> None:
    if not folders:
        print_result([ALIGNMENT_FORMATS[arguments.format[0]](alignment)])
    for folder in folders:
        folder.write(alignment.name, ALIGNMENT_FORMATS[folder.suffix](alignment))


if __name__ == "__main__":
    raise SystemExit(main())
