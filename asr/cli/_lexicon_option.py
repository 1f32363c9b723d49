"""The option --lexicon of ``asr prepare``: phone targets for corpora of words."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import log, warn

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
        "--oov",
        choices=["problem", "keep"],
        default="problem",
        help="utterances with words that no lexicon has: --on-problem decides, or they stay without phones",
    )


def add_phones(
    splits: dict[str, CutSet], problems: list[Problem], policy: TextPolicy | None, arguments: argparse.Namespace
) -> None:
    """Looks up the words where a lexicon was given; utterances with words that it lacks become problems."""
    if not getattr(arguments, "lexicon", None):
        return
    from asr.corpora.pronunciations import pronounce, write_oov
    from asr.text.lexicon import read_lexicon

    lexicon = read_lexicon(*arguments.lexicon, case="upper")
    found = pronounce(splits, lexicon, policy)
    path = arguments.out / "oov.tsv"
    write_oov(found.oov, path)
    log(
        f"lexicon of {len(lexicon)} words: {len(found.oov)} of {len(found.words)} distinct and {found.oov.total()} of "
        f"{found.words.total()} running words are not in it, listed in {path}"
    )
    if arguments.oov == "problem":
        problems += found.problems
    elif found.problems:
        warn(f"{len(found.problems)} utterances have words that are not in the lexicon, and so no phones")
