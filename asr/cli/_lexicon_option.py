"""The option --lexicon of ``asr prepare``: phone targets for corpora of words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import log, warn
from asr.errors import UsageError

if TYPE_CHECKING:
    from lhotse import CutSet

    from asr.corpora.checks import Problem
    from asr.text.policy import TextPolicy


def add_lexicon(parser: argparse.ArgumentParser) -> None:
    """Adds the option to a corpus."""
    parser.add_argument(
        "--lexicon",
        nargs="+",
        type=Path,
        metavar="F",
        help="files of WORD PHONE PHONE, such as cmudict.dict: phone targets are written, too (an earlier file's words "
        "hide a later one's); words that are in none are listed in OUT/oov.tsv",
    )
    parser.add_argument(
        "--g2p",
        type=Path,
        metavar="F",
        help="checkpoint of asr train --config-name g2p, which pronounces words that no lexicon has, and lists them in "
        "OUT/g2p.dict",
    )
    parser.add_argument(
        "--oov",
        choices=["problem", "keep"],
        default="problem",
        help="utterances with words that no lexicon has: --on-problem decides, or they stay without phones",
    )


def add_phones(
    splits: dict[str, CutSet], problems: list[Problem], policy: TextPolicy | None, arguments: argparse.Namespace
) -> None:
    """Looks up the words where a lexicon was given; utterances with words that it lacks become problems.

    Raises:
        UsageError: there is a model to pronounce what the lexicon lacks, and no lexicon.
        CheckpointError: the model cannot be read.
    """
    if not getattr(arguments, "lexicon", None):
        if getattr(arguments, "g2p", None):
            raise UsageError(
                "--g2p", "there is no --lexicon that lacks words", "give the one that the model learnt from"
            )
        return
    from asr.checkpoints.pronunciation import load_pronouncer
    from asr.corpora.pronunciations import pronounce, write_oov
    from asr.text.lexicon import Lexicon, read_lexicon, write_lexicon

    lexicon = read_lexicon(*arguments.lexicon, case="upper")
    found = pronounce(splits, lexicon, policy)
    path = arguments.out / "oov.tsv"
    write_oov(found.oov, path)
    log(
        f"lexicon of {len(lexicon)} words: {len(found.oov)} of {len(found.words)} distinct and {found.oov.total()} of "
        f"{found.words.total()} running words are not in it, listed in {path}"
    )
    if arguments.g2p:
        pronounced = load_pronouncer(arguments.g2p).lexicon(sorted(found.oov))
        write_lexicon(pronounced, arguments.out / "g2p.dict")
        log(f"{len(pronounced)} of them are pronounced by {arguments.g2p}, listed in {arguments.out / 'g2p.dict'}")
        found = pronounce(splits, Lexicon({**pronounced.entries, **lexicon.entries}), policy)
    if arguments.oov == "problem":
        problems += found.problems
    elif found.problems:
        warn(f"{len(found.problems)} utterances have words that are not in the lexicon, and so no phones")
