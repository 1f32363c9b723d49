"""Rescores N-best lists with a recurrent language model; tunes its weight."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli.command import command, log, make_parser, parse
from asr.errors import ConfigError, DataError, UsageError
from asr.files import written_whole

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from asr.decoding.hypothesis import Hypothesis
    from asr.decoding.rescoring import NBestScores
    from asr.transcription.language_checkpoint import LoadedLanguageModel

_DESCRIPTION = """Rescores N-best lists with a recurrent language model.

The new score of a hypothesis is its own + weight * natural-log probability of its words and end + score * words."""

_EXAMPLES = """\
  asr rescore --nbest dev_beam64.jsonl --lm lstm.ckpt --cuts data/librispeech/dev_cuts.jsonl.gz --tune lstm.json
  asr rescore --nbest test_beam64.jsonl --lm lstm.ckpt --settings lstm.json --out test_lstm.jsonl
  asr rescore --nbest test_beam64.jsonl --lm lstm.ckpt --weight 0.5 --out test_lstm.jsonl

--tune scores the lists once, tries weights and word scores on them and keeps those of least word error, going without
among them: tune on dev, never on test. With --cuts only the utterances of these cuts are tuned on, or written."""

_WEIGHTS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0)
_WORD_SCORES = (-3.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0, 4.0)


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    _check(arguments)
    from asr.transcription.language_checkpoint import load_language_model

    loaded = load_language_model(arguments.lm)
    if arguments.unknown_score is None:
        arguments.unknown_score = -math.log(max(1, loaded.num_unknown_types))
    if arguments.tune:
        _tune(loaded, arguments)
    else:
        _write(loaded, arguments)
    return 0


def _parser() -> ArgumentParser:
    parser = make_parser("rescore", _DESCRIPTION, _EXAMPLES)
    parser.add_argument("--nbest", required=True, metavar="FILE", help="what asr decode --nbest N wrote")
    parser.add_argument("--lm", required=True, metavar="FILE", help="checkpoint of asr train --config-name lm")
    parser.add_argument("--cuts", metavar="FILE", help="utterances to take, with the references for --tune")
    done = parser.add_mutually_exclusive_group(required=True)
    done.add_argument("--out", metavar="FILE", help="hypotheses file to write")
    done.add_argument("--tune", metavar="FILE", help="find weight and word score on --cuts, write them to FILE (.json)")
    parser.add_argument("--weight", type=float, metavar="W", help="of the model's natural-log scores")
    parser.add_argument("--word-score", type=float, metavar="S", help="score added per word (default: 0)")
    parser.add_argument("--settings", metavar="FILE", help="weight and word score that --tune wrote")
    share = "score added per word that the model does not know (default: <unk> is shared evenly by those of its text)"
    parser.add_argument("--unknown-score", type=float, metavar="S", help=share)
    parser.add_argument("--policy", metavar="NAME", help="text policy that --tune counts under (default: the model's)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    return parser


def _check(arguments: Any) -> None:
    """Refuses what does not go together, and reads the settings."""
    given = {"--weight": arguments.weight, "--word-score": arguments.word_score}
    doubled = ", ".join(option for option, value in given.items() if value is not None)
    if arguments.tune:
        if not arguments.cuts:
            raise UsageError("--tune", "there are no references", "give --cuts")
        if doubled or arguments.settings:
            raise UsageError(doubled or "--settings", "--tune finds them", "leave one of them out")
        return
    if arguments.policy:
        raise UsageError("--policy", "nothing is counted without --tune", "leave it out")
    if arguments.settings:
        if doubled or arguments.unknown_score is not None:
            raise UsageError(doubled or "--unknown-score", "--settings has it already", "leave one of them out")
        arguments.weight, arguments.word_score, arguments.unknown_score = _load_settings(Path(arguments.settings))
    elif arguments.weight is None:
        raise UsageError("--weight", "there is none", "give --weight W, or --settings FILE that --tune wrote")
    arguments.word_score = arguments.word_score or 0.0


def _load_settings(path: Path) -> list[float]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [float(found[name]) for name in ("weight", "word_score", "unknown_score")]
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = f"is no settings of rescoring ({type(error).__name__}: {error})"
        raise DataError(path, reason, "make it with: asr rescore --tune") from None


def _scored(loaded: LoadedLanguageModel, arguments: Any) -> tuple[dict[str, list[Hypothesis]], NBestScores]:
    """Reads the lists, those of the cuts where there are any, and scores them."""
    from asr.corpora.manifests import read_cuts
    from asr.decoding.rescoring import measure_nbest
    from asr.lm.sentence_models import RecurrentSentenceModel
    from asr.scoring.hypotheses import read_hypotheses
    from asr.text.policy import get_policy

    lists = read_hypotheses(arguments.nbest)
    if arguments.cuts:
        ids = [cut.id for cut in read_cuts(arguments.cuts)]
        lacking = [name for name in ids if name not in lists]
        if lacking:
            found = f"{len(lacking)} of {len(ids)} utterances of {arguments.cuts} are not in it, such as {lacking[0]}"
            raise DataError(arguments.nbest, found, "decode these cuts to the end")
        log(f"{arguments.nbest}: {len(ids)} of {len(lists)} utterances, those of {arguments.cuts}")
        lists = {name: lists[name] for name in ids}
    _move(loaded, arguments.device)
    model = RecurrentSentenceModel(loaded.network, loaded.vocabulary)
    policy = get_policy(loaded.text_policy)
    return lists, measure_nbest(list(lists.values()), model, policy, arguments.unknown_score)


def _move(loaded: LoadedLanguageModel, device: str) -> None:
    try:
        loaded.network.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        remedy = "give cpu, or cuda where there is a GPU"
        raise ConfigError("--device", f"{device!r} cannot be used ({reason})", remedy) from error


def _write(loaded: LoadedLanguageModel, arguments: Any) -> None:
    from asr.decoding.rescoring import rescore
    from asr.scoring.hypotheses import write_hypotheses

    lists, scores = _scored(loaded, arguments)
    rescored = rescore(list(lists.values()), scores, arguments.weight, arguments.word_score)
    write_hypotheses(arguments.out, zip(lists, rescored, strict=True))
    num_new = sum(old[0].text != new[0].text for old, new in zip(lists.values(), rescored, strict=True))
    log(f"{num_new} of {len(lists)} utterances have another best hypothesis")
    print(arguments.out)


def _tune(loaded: LoadedLanguageModel, arguments: Any) -> None:
    """Tries weights on the lists, and writes the best."""
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text
    from asr.decoding.tuning import tune
    from asr.scoring.counts import count_errors
    from asr.text.policy import get_policy

    policy = get_policy(arguments.policy or loaded.text_policy)
    lists, scores = _scored(loaded, arguments)
    refs = [policy.apply(target_text(cut, "char"), cut.id) for cut in read_cuts(arguments.cuts)]
    hyps = [[policy.apply(hypothesis.text) for hypothesis in nbest] for nbest in lists.values()]
    counts = [count_errors([ref] * len(texts), texts, "word") for ref, texts in zip(refs, hyps, strict=True)]
    num_ref = sum(each[0].num_ref for each in counts)

    def error_rate(weight: float, word_score: float) -> float:
        best = scores.order(weight, word_score)[:, 0].tolist()
        rate: float = sum(each[place].errors for each, place in zip(counts, best, strict=True)) / max(1, num_ref)
        log(f"weight {weight:g}, word_score {word_score:g}: {100 * rate:.2f} % of words")
        return rate

    best = tune(error_rate, _WEIGHTS, _WORD_SCORES)
    without = next(rate for weight, score, rate in best.tried if weight == score == 0)
    oracle = sum(min(each.errors for each in counted) for counted in counts) / max(1, num_ref)
    settings = {
        "weight": best.lm_weight,
        "word_score": best.token_score,
        "unknown_score": arguments.unknown_score,
        "lm": arguments.lm,
        "tuned_on": arguments.cuts,
        "text_policy": f"{policy.name} ({policy.hash})",
        "error_rate": best.error_rate,
        "oracle_error_rate": oracle,
        "tried": best.tried,
    }
    with written_whole(arguments.tune) as beside:
        beside.write_text(f"{json.dumps(settings, indent=2)}\n", encoding="utf-8")
    print(
        f"weight {best.lm_weight:g}, word_score {best.token_score:g}: {100 * best.error_rate:.2f} % of words, "
        f"{100 * without:.2f} % without, {100 * oracle:.2f} % at best; written to {arguments.tune}"
    )


if __name__ == "__main__":
    raise SystemExit(main())
