"""Rescores N-best lists with a recurrent language model or a second acoustic model; tunes its weight."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli.command import command, finite, log, make_parser, parse
from asr.errors import UsageError
from asr.records import Record

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from asr.cli._scorers import Scorer

_DESCRIPTION = """Rescores N-best lists with a recurrent language model, or with a second acoustic model.

The new score of a hypothesis is its own + weight * natural-log probability + word score * words. The probability is, of
a language model, that of the words and the end; of an acoustic model, that of the text given the audio."""

_EXAMPLES = """\
  asr rescore --nbest dev_beam64.jsonl --lm lstm.ckpt --cuts data/librispeech/dev_cuts.jsonl.gz --tune lstm.json
  asr rescore --nbest test_beam64.jsonl --lm lstm.ckpt --settings lstm.json --out test_lstm.jsonl
  asr rescore --nbest test_beam64.jsonl --lm lstm.ckpt --weight 0.5 --out test_lstm.jsonl
  asr rescore --nbest dev_beam64.jsonl --lm lstm.ckpt --cuts dev_cuts.jsonl.gz --cross-tune --out dev_lstm.jsonl
  asr rescore --nbest dev_phones.jsonl --checkpoint characters.ckpt --cuts dev_cuts.jsonl.gz --tune both.json

--tune scores the lists once, tries weights and word scores on them and keeps those of least word error, going without
among them: tune on dev, never on test. With --cuts only the utterances of these cuts are tuned on, or written. Where
there is one set only, --cross-tune tunes on one half of its speakers and rescores the other, and the other way round:
no utterance is scored with weights that it helped to find."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    if arguments.checkpoint:
        _check_acoustic(arguments)
    _check(arguments)
    model = _load(arguments)
    if arguments.tune:
        from asr.cli._rescoring import tune_weights

        print(tune_weights(model, arguments))
    else:
        _write(model, arguments)
    return 0


def _load(arguments: Any) -> Scorer:
    """Reads the model, and settles the score of words that it does not know."""
    from asr.cli._device import move
    from asr.cli._scorers import SentenceScorer, SpeechScorer

    if arguments.checkpoint:
        from asr.checkpoints.acoustic import load_checkpoint

        acoustic = load_checkpoint(arguments.checkpoint)
        move(acoustic.model, arguments.device)
        arguments.unknown_score = 0.0
        return SpeechScorer(acoustic, arguments.cuts)
    from asr.checkpoints.language import load_language_model

    language = load_language_model(arguments.lm)
    move(language.network, arguments.device)
    if arguments.unknown_score is None:
        arguments.unknown_score = -math.log(max(1, language.num_unknown_types))
    return SentenceScorer(language, arguments.unknown_score)


def _parser() -> ArgumentParser:
    parser = make_parser("rescore", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--nbest", required=True, metavar="FILE", help="what asr decode --nbest N wrote")
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--lm", metavar="FILE", help="checkpoint of asr train --config-name lm")
    models.add_argument("--checkpoint", metavar="FILE", help="acoustic model of characters or BPE that asr train wrote")
    parser.add_argument(
        "--cuts",
        metavar="FILE",
        help="utterances to take, with the references for tuning and the audio for --checkpoint",
    )
    done = parser.add_mutually_exclusive_group()
    done.add_argument("--out", metavar="FILE", help="hypotheses file to write")
    done.add_argument("--tune", metavar="FILE", help="find weight and word score on --cuts, write them to FILE (.json)")
    parser.add_argument(
        "--cross-tune", action="store_true", help="rescore each half of the speakers with weights tuned on the other"
    )
    parser.add_argument("--weight", type=finite, metavar="W", help="of the model's natural-log scores")
    parser.add_argument("--word-score", type=finite, metavar="S", help="score added per word (default: 0)")
    parser.add_argument("--settings", metavar="FILE", help="weight and word score that --tune wrote")
    share = "score added per word that the model does not know (default: <unk> is shared evenly by those of its text)"
    parser.add_argument("--unknown-score", type=finite, metavar="S", help=share)
    parser.add_argument("--policy", metavar="NAME", help="text policy that tuning counts under (default: the model's)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    return parser


def _check(arguments: Any) -> None:
    """Refuses what does not go together, and reads the settings."""
    given = {"--weight": arguments.weight, "--word-score": arguments.word_score}
    doubled = ", ".join(option for option, value in given.items() if value is not None)
    if arguments.tune and arguments.cross_tune:
        raise UsageError("--cross-tune", "--tune is there, too", "give one of them")
    if not (arguments.tune or arguments.out):
        option = "--cross-tune" if arguments.cross_tune else "--out, --tune"
        raise UsageError(option, "there is no file to write", "give --out FILE for hypotheses")
    if arguments.tune or arguments.cross_tune:
        option = "--tune" if arguments.tune else "--cross-tune"
        if not arguments.cuts:
            raise UsageError(option, "there are no references", "give --cuts")
        if doubled or arguments.settings:
            raise UsageError(doubled or "--settings", f"{option} finds them", "leave one of them out")
        return
    if arguments.policy:
        raise UsageError("--policy", "nothing is counted without tuning", "leave it out")
    if arguments.settings:
        if doubled or arguments.unknown_score is not None:
            raise UsageError(doubled or "--unknown-score", "--settings has it already", "leave one of them out")
        arguments.weight, arguments.word_score, arguments.unknown_score = _load_settings(Path(arguments.settings))
    elif arguments.weight is None:
        raise UsageError("--weight", "there is none", "give --weight W, or --settings FILE that --tune wrote")
    arguments.word_score = arguments.word_score or 0.0


def _check_acoustic(arguments: Any) -> None:
    if not arguments.cuts:
        raise UsageError("--checkpoint", "there is no audio to listen to", "give --cuts")
    if arguments.unknown_score is not None:
        raise UsageError("--unknown-score", "an acoustic model knows no words", "leave it out")


def _load_settings(path: Path) -> list[float]:
    found = Record.read(path, "is no settings of rescoring", "make it with: asr rescore --tune")
    return [found.number(name) for name in ("weight", "word_score", "unknown_score")]


def _write(model: Scorer, arguments: Any) -> None:
    from asr.cli._rescoring import read_scored, rescore_crosswise
    from asr.scoring.hypotheses import write_hypotheses

    if arguments.cross_tune:
        scored, rescored = rescore_crosswise(model, arguments)
    else:
        scored = read_scored(model, arguments)
        rescored = scored.rescored(arguments.weight, arguments.word_score)
    write_hypotheses(arguments.out, rescored.items())
    num_new = sum(scored.lists[name][0].text != nbest[0].text for name, nbest in rescored.items())
    log(f"{num_new} of {len(rescored)} utterances have another best hypothesis")
    print(arguments.out)


if __name__ == "__main__":
    raise SystemExit(main())
