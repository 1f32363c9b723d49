"""Options of ``asr prepare`` for some corpora: phone targets from a lexicon, and those of LibriSpeech."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import download_log, log, warn
from asr.errors import UsageError

if TYPE_CHECKING:
    from lhotse import CutSet

    from asr.corpora.checks import Problem
    from asr.text.policy import TextPolicy


def add_lexicon(parser: argparse.ArgumentParser) -> None:
    """Adds the options of a lexicon to a corpus."""
    parser.add_argument(
        "--lexicon",
        nargs="+",
        type=Path,
        metavar="F",
        help="files of WORD PHONE PHONE, such as cmudict.dict, to add phone targets (earlier files take precedence); "
        "words that are in none of them are listed in OUT/oov.tsv",
    )
    parser.add_argument(
        "--g2p",
        metavar="F",
        help="of asr train --config-name g2p, or a model file, to pronounce words that are in no lexicon, which "
        "OUT/g2p.dict then lists",
    )
    parser.add_argument(
        "--oov",
        choices=["problem", "keep"],
        default="problem",
        help="utterances with words that are in no lexicon: left to --on-problem, or kept without phones",
    )


def add_phones(
    splits: dict[str, CutSet], problems: list[Problem], policy: TextPolicy | None, arguments: argparse.Namespace
) -> None:
    """Adds phones to the cuts if a lexicon is given; utterances with words that it lacks become problems.

    Raises:
        UsageError: there is a pronunciation model but no lexicon.
        CheckpointError: the model cannot be read.
    """
    if not getattr(arguments, "lexicon", None):
        if getattr(arguments, "g2p", None):
            raise UsageError("--g2p", "there is no --lexicon to complete", "give the one that the model was trained on")
        return
    from asr.checkpoints.model_file.pronouncer import open_pronouncer
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
        pronounced = open_pronouncer(arguments.g2p).lexicon(sorted(found.oov))
        write_lexicon(pronounced, arguments.out / "g2p.dict")
        log(f"{len(pronounced)} of them are pronounced by {arguments.g2p}, listed in {arguments.out / 'g2p.dict'}")
        found = pronounce(splits, Lexicon({**pronounced.entries, **lexicon.entries}), policy)
    if arguments.oov == "problem":
        problems += found.problems
    elif found.problems:
        warn(f"{len(found.problems)} utterances have words that are not in the lexicon, and so no phones")


def add_librispeech(parser: argparse.ArgumentParser) -> None:
    """Adds the options of LibriSpeech."""
    parser.add_argument(
        "--corpus-dir", type=Path, metavar="D", help="LibriSpeech/ or the folder above it (with --download: OUT/corpus)"
    )
    parser.add_argument("--subsets", nargs="+", default=[], metavar="NAME", help="such as dev-clean (default: all)")
    parser.add_argument("--partial", action="store_true", help="official subsets may lack utterances")
    parser.add_argument("--download", action="store_true", help="fetch the --subsets that are not there from OpenSLR")
    parser.add_argument("--mirror", metavar="URL", help="another address of OpenSLR's resources")
    parser.add_argument(
        "--speakers",
        nargs="+",
        metavar="SPLIT=IDS",
        help="splits by speaker or chapter: train=4406,4088-158077 dev=4088-158079",
    )
    parser.add_argument("--alignments", type=Path, metavar="D", help="folder of TextGrids: times of words and phones")
    add_lexicon(parser)


def prepare_librispeech(arguments: argparse.Namespace, problems: list[Problem]) -> dict[str, CutSet]:
    """Returns the cuts of each split.

    Raises:
        UsageError: options contradict each other. DataError, ConfigError: raised by the corpus.
    """
    from asr.corpora import librispeech

    speakers = None if arguments.speakers is None else librispeech.parse_speakers(arguments.speakers)
    corpus_dir = _corpus_dir(arguments)
    splits = librispeech.prepare(
        corpus_dir,
        subsets=arguments.subsets,
        speakers=speakers,
        alignments=arguments.alignments,
        partial=arguments.partial,
        problems=problems,
        num_jobs=arguments.jobs,
    )
    if speakers is not None:
        named = ", ".join(f"{split} {len(names)}" for split, names in speakers.items())
        log(f"splits by speaker ({named}); other speakers are left out")
    return splits


def _corpus_dir(arguments: argparse.Namespace) -> Path:
    from asr.corpora import librispeech_archives as archives

    if not arguments.download:
        if arguments.corpus_dir is None:
            raise UsageError("--corpus-dir", "is missing", "give it, or --download with --subsets")
        return Path(arguments.corpus_dir)
    if not arguments.subsets:
        raise UsageError("--download", "does not say what", f"give --subsets out of {', '.join(archives.ARCHIVES)}")
    folder = arguments.corpus_dir or arguments.out / "corpus"
    mirror = arguments.mirror or archives.MIRROR
    return archives.download(arguments.subsets, folder, mirror=mirror, log_of=download_log)
