"""The options of a search, which verbs that decode share."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from asr.cli.command import finite, log, option, warn
from asr.decoding.settings import HYPS_PER_STATE, DecoderSettings

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.decoding.parts import Coverage

LM_WEIGHT = 0.5
"""Of a language model whose weight is not given."""


def add_search(parser: ArgumentParser) -> None:
    """Adds the options that say how to search."""
    parser.add_argument("--beam-size", type=int, help="hypotheses kept; 1 is greedy (default: 1)")
    parser.add_argument("--nbest", type=int, default=1, help="hypotheses written for each utterance (default: 1)")
    parser.add_argument("--lm", metavar="FILE", help="n-gram model: of words with --lexicon, else of tokens")
    parser.add_argument("--exact", action="store_true", help="search a bigram exactly, for the best path: no beam")
    words = parser.add_argument_group("words")
    words.add_argument(
        "--lexicon",
        nargs="+",
        metavar="FILE",
        help="search among these words: one a line, WORD PHONES… for phones, or an n-gram model that knows them",
    )
    words.add_argument("--silence", metavar="TOKEN", help="phone that may stand between words, such as sil")
    words.add_argument(
        "--unknown-score", type=finite, metavar="S", help="score added for a word that is not in the lexicon (none may)"
    )
    words.add_argument(
        "--beam-threshold", type=finite, metavar="S", help="drop hypotheses this far below the best (default: 30)"
    )
    words.add_argument(
        "--hyps-per-state",
        type=int,
        metavar="N",
        help="hypotheses kept of those that the rest cannot tell apart: 1 is best for the first hypothesis, more for "
        f"N-best lists (default: 1; {HYPS_PER_STATE} where --nbest is above 1)",
    )


def add_weights(parser: ArgumentParser) -> None:
    """Adds the weights of a search."""
    weights = parser.add_argument_group("weights")
    weights.add_argument("--lm-weight", type=finite, metavar="W", help="of its natural-log scores (default: 0.5)")
    weights.add_argument("--token-score", type=finite, metavar="S", help="score added per token (default: 0)")
    weights.add_argument("--word-score", type=finite, metavar="S", help="score added per word (default: 0)")
    weights.add_argument(
        "--blank-penalty", type=finite, metavar="S", help="score taken per frame of blank (default: 0)"
    )


def given_fields(arguments: Namespace) -> dict[str, Any]:
    """Returns the fields of :class:`DecoderSettings` that options set, but for ``nbest``, which is always set."""
    names = [each.name for each in fields(DecoderSettings) if each.name != "nbest"]
    values = {name: getattr(arguments, name, None) for name in names}
    given = {name: value for name, value in values.items() if value is not None and value is not False}
    return given | ({"lexicon": tuple(given["lexicon"])} if "lexicon" in given else {})


def search_settings(arguments: Namespace) -> DecoderSettings:
    """Returns the settings that options say.

    Raises:
        ConfigError: they do not go together.
    """
    given = given_fields(arguments)
    weight = {"lm_weight": LM_WEIGHT} if "lm" in given else {}
    settings = DecoderSettings(nbest=arguments.nbest, **(weight | given))
    settings.check(option)
    return settings


def log_coverage(coverage: Coverage | None, lm: str) -> None:
    """Prints how much of a lexicon can be searched, where there is one.

    Args:
        coverage: of the lexicon.
        lm: file of the language model.
    """
    if coverage is None:
        return
    for file, count in coverage.not_one_word.items():
        warn(f"{file}: {count} entries are not one word under the text policy; left out")
    log(f"lexicon: {coverage.num_words} words, {coverage.num_spellings} spellings")
    mute = coverage.without_spelling
    if mute:
        warn(f"{len(mute)} words have no spelling in the tokens, such as {mute[0]!r}")
    if coverage.num_unknown:
        log(f"{lm}: {coverage.num_unknown} of {coverage.num_words} words are not in it and count as <unk>")
