"""Options that name hot words, shared by the verbs that decode."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from asr.cli.command import finite, option
from asr.errors import ConfigError, UsageError
from asr.text.hotwords import HOTWORD_SCORE, Hotwords

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_hotwords(parser: ArgumentParser) -> None:
    """Adds the options."""
    hot = parser.add_argument_group("hot words")
    hot.add_argument("--hotwords", metavar="FILE", help="expected words and phrases, one a line, see below")
    hot.add_argument(
        "--hotword-score",
        type=finite,
        metavar="S",
        help=f"natural-log score per letter of a phrase (default: {HOTWORD_SCORE:g})",
    )
    g2p_help = "pronounces words without lexicon: of asr train --config-name g2p, or a model file (default: --model)"
    hot.add_argument("--g2p", metavar="FILE", help=g2p_help)


def read_hotwords(arguments: Namespace) -> Hotwords | None:
    """Returns the hot words of the options, None if there are none."""
    if not arguments.hotwords:
        for name in ("hotword_score", "g2p"):
            if getattr(arguments, name) is not None:
                raise UsageError(option(name), "there are no hot words", f"give {option('hotwords')}, or leave it out")
        return None
    score = HOTWORD_SCORE if arguments.hotword_score is None else arguments.hotword_score
    if score < 0:
        raise ConfigError(option("hotword_score"), f"{score:g} is below 0", "give 0 or more")
    hotwords = Hotwords.read(arguments.hotwords, score)
    if arguments.g2p:
        from asr.checkpoints.model_file.pronouncer import open_pronouncer

        hotwords = replace(hotwords, pronounce=open_pronouncer(arguments.g2p).lexicon)
    return hotwords
