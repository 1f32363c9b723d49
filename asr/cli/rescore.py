"""Rescores N-best lists with a recurrent language model or a second acoustic model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.cli._confidence_options import add_confidence, read_confidence
from asr.cli._file_checks import check_out
from asr.cli._rescoring_options import add_lists, check_lists, check_lists_there, score_lists
from asr.cli.command import command, finite, log, make_parser, option, parse, refuse_tuning
from asr.decoding.settings import RescoringSettings
from asr.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

_DESCRIPTION = """Rescores N-best lists with a recurrent language model, or with a second acoustic model.

The new score of a hypothesis is its old score + weight * natural-log probability + word score * number of words. For a
language model, the probability is that of the words and the sentence end; for an acoustic model, that of the text given
the audio."""

_EXAMPLES = """\
  asr rescore --nbest test_beam64.jsonl --lm lstm.ckpt --settings lstm.json --out test_lstm.jsonl
  asr rescore --nbest test_beam64.jsonl --lm lstm.ckpt --weight 0.5 --out test_lstm.jsonl
  asr rescore --nbest test_phones.jsonl --checkpoint characters.ckpt --cuts test_cuts.jsonl.gz --settings both.json \\
    --out test_both.jsonl

With --cuts, only the utterances of these cuts are written. asr tune rescore finds weight and word score."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    check_lists(arguments)
    settings, unknown_score = _settings(arguments)
    if arguments.checkpoint:
        arguments.head = arguments.head or settings.head or None
    confidence = read_confidence(arguments)
    check_lists_there(arguments)
    check_out([arguments.nbest, arguments.cuts, arguments.lm or arguments.checkpoint], arguments.out)
    from asr.scoring.hypotheses import write_hypotheses

    source = score_lists(arguments, unknown_score).source
    rescored = source.read((settings.weight, settings.word_score))
    if confidence is not None:
        from asr.decoding.word_confidence import choose

        rescored = dict(zip(rescored, choose(list(rescored.values()), confidence), strict=True))
    write_hypotheses(arguments.out, rescored.items())
    num_new = sum(source.lists[name][0].text != nbest[0].text for name, nbest in rescored.items())
    log(f"{num_new} of {len(rescored)} utterances have another best hypothesis")
    print(arguments.out)
    return 0


def _parser() -> ArgumentParser:
    parser = make_parser("rescore", _DESCRIPTION, _EXAMPLES)
    add_lists(parser, needs_cuts=False)
    parser.add_argument("--out", required=True, metavar="FILE", help="hypotheses file to write")
    parser.add_argument("--weight", type=finite, metavar="W", help="weight of the model's natural-log scores")
    parser.add_argument("--word-score", type=finite, metavar="S", help="score added per word (default: 0)")
    parser.add_argument("--settings", metavar="FILE", help="weight and word score that asr tune rescore wrote")
    add_confidence(parser, "; writes one hypothesis for each utterance")
    refuse_tuning(parser, "rescore", "--policy NAME")
    return parser


def _settings(arguments: Namespace) -> tuple[RescoringSettings, float | None]:
    """Returns the settings, and the score of unknown words if one is given."""
    if arguments.settings:
        names = ("weight", "word_score", "unknown_score")
        doubled = ", ".join(option(name) for name in names if getattr(arguments, name) is not None)
        if doubled:
            raise UsageError(doubled, "--settings has it already", "leave one of them out")
        settings = RescoringSettings.load(arguments.settings)
        return settings, settings.unknown_score
    if arguments.weight is None:
        raise UsageError("--weight", "there is none", "give --weight W, or --settings FILE of asr tune rescore")
    return RescoringSettings(arguments.weight, arguments.word_score or 0.0), arguments.unknown_score


if __name__ == "__main__":
    raise SystemExit(main())
