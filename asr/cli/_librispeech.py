"""The corpus librispeech of ``asr prepare``: its options, and what becomes of them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._download_log import download_log
from asr.cli._lexicon_option import add_lexicon
from asr.cli.command import log
from asr.errors import UsageError

if TYPE_CHECKING:
    from lhotse import CutSet

    from asr.corpora.checks import Problem

_FORM = "write SPLIT=ID,ID of speakers or chapters, such as train=4406,4088-158077 test=5652"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that only this corpus has."""
    parser.add_argument(
        "--corpus-dir", type=Path, metavar="D", help="LibriSpeech/ or the folder above it (with --download: OUT/corpus)"
    )
    parser.add_argument(
        "--subsets", nargs="+", default=[], metavar="NAME", help="such as train-clean-5 (all there are)"
    )
    parser.add_argument("--partial", action="store_true", help="official subsets may lack utterances")
    parser.add_argument("--download", action="store_true", help="fetch the --subsets that are not there from OpenSLR")
    parser.add_argument("--mirror", metavar="URL", help="another address of OpenSLR's resources")
    parser.add_argument(
        "--speakers",
        nargs="+",
        metavar="SPLIT=IDS",
        help="splits by speaker or chapter: train=4406,4088-158077 dev=4088-158079",
    )
    parser.add_argument(
        "--alignments", type=Path, metavar="D", help="folder with TextGrid files: times of words and phones"
    )
    add_lexicon(parser)


def prepare(arguments: argparse.Namespace, problems: list[Problem]) -> dict[str, CutSet]:
    """Gives the cuts of each split.

    Raises:
        UsageError: options do not go together.
        DataError, ConfigError: as the corpus raises them.
    """
    from asr.corpora import librispeech

    speakers = _speakers(arguments.speakers)
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
        log(f"splits by speaker ({named}); speakers that are not named are left out")
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


def _speakers(given: list[str] | None) -> dict[str, list[str]] | None:
    if given is None:
        return None
    speakers: dict[str, list[str]] = {}
    for each in given:
        split, equals, names = each.partition("=")
        chosen = [name for name in names.split(",") if name]
        if not split.replace("-", "").replace("_", "").isalnum() or not equals or not chosen or split in speakers:
            raise UsageError(f"--speakers {each}", "is no split and its speakers, or the split's second", _FORM)
        speakers[split] = chosen
    everyone = [name for names in speakers.values() for name in names]
    doubled = [name for name in everyone if everyone.count(name) > 1]
    if doubled:
        raise UsageError("--speakers", f"{doubled[0]} is named twice", "give each to one split")
    return speakers
