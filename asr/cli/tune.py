"""Tunes decoding, rescoring and confidences on a dev set, or on each half of a set for the other half."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Literal

from asr.cli._confidence_options import add_confidence_tuning, log_trials, tune_confidence
from asr.cli._file_checks import check_inputs, check_out
from asr.cli._rescoring_options import add_lists, check_lists, check_lists_there, score_lists
from asr.cli._search_options import add_inputs, add_search, load_model, search_settings
from asr.cli.command import add_action, command, log, make_parser, parse, whole_number
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lhotse.cut import Cut

    from asr.tuning.dev import Dev
    from asr.tuning.search import Search

_EVALUATIONS = 100

_EXAMPLES = """\
  asr tune decode --checkpoint best.ckpt --cuts dev_cuts.jsonl.gz --lm phones.arpa --exact --out exact.json
  asr tune decode --checkpoint best.ckpt --cuts dev_cuts.jsonl.gz --lexicon 3gram.npz --lm 3gram.npz --beam-size 64 \\
    --out 3gram.json
  asr tune decode --checkpoint best.ckpt --cuts dev_cuts.jsonl.gz --lexicon words.txt --lm 3gram.npz --beam-size 64 \\
    --nbest 100 --crosswise dev_3gram.jsonl
  asr tune decode --checkpoint best.ckpt --cuts dev_cuts.jsonl.gz --lexicon 3gram.npz --lm 3gram.npz --beam-size 64 \\
    --method evolution --evaluations 150 --out 3gram.json
  asr tune rescore --nbest dev_3gram.jsonl --lm lstm.ckpt --cuts dev_cuts.jsonl.gz --out lstm.json
  asr tune rescore --nbest dev_3gram.jsonl --checkpoint characters.ckpt --cuts dev_cuts.jsonl.gz --out both.json
  asr tune rescore --nbest dev_3gram.jsonl --checkpoint best.ckpt --head char --cuts dev_cuts.jsonl.gz --out both.json
  asr tune confidence --nbest dev_3gram.jsonl --cuts dev_cuts.jsonl.gz --policy upper-no-punctuation \\
    --out confidence.json --figure reliability.png

asr decode, asr rescore and asr transcribe read the file of --out as --settings, --rescoring or --confidence. Tune on
dev, never on test. If there is only one set, --crosswise tunes on one half of the speakers and decodes the other, and
vice versa: no utterance is decoded with weights that it helped to find."""

_DECODE = """Tries weights on posteriors that are computed once, and keeps those with the fewest word or phone errors.

The weights are the language model weight, the score per word or token and, with a lexicon, the blank penalty. Zero
weights and greedy decoding are among the choices. A walk takes weights from a grid and moves to better neighbours until
there are none. Evolution starts from the same weights, draws others around them in opposite pairs and moves to where
the better ones lie, until it has tried --evaluations different ones, in hundredths."""

_RESCORE = """Tries weights on N-best lists that another model scores once, and keeps those with the fewest word errors.

The weights are the weight of the model and the score per word. Zero weights are among the choices. By default all that
are likely on a grid are tried; for --method evolution see asr tune decode --help."""

_CONFIDENCE = """Makes the confidence of each word the probability that it is right, and tries minimum Bayes risk.

The confidence follows from the posterior of the word in the N-best list and from the entropy of the model's posteriors,
by a logistic function that never falls where these rise. Of each list, the hypothesis with the fewest expected errors
is chosen instead of the one with the highest score if that makes fewer errors. What is printed is measured on each half
of the speakers with what was tuned on the other: expected calibration error (ECE), normalised cross entropy (NCE), area
under the ROC curve (AUC) and reliability by bins, with 95 % bootstrap intervals over speakers.

Tune it last, on hypotheses that were decoded and rescored just as those it is for; asr rescore keeps N-best lists."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    print(arguments.run(arguments))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("tune", __doc__ or "", _EXAMPLES)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    decode = add_action(actions, "decode", "tunes the weights of a search", _DECODE)
    add_inputs(decode, "cuts with the references")
    add_search(decode)
    decode.add_argument(
        "--tuning-beam-size",
        type=int,
        metavar="N",
        help="hypotheses kept while weights are tried (default: --beam-size)",
    )
    decode.set_defaults(run=_tune_decoding)
    rescore = add_action(actions, "rescore", "tunes the weights of rescoring", _RESCORE)
    add_lists(rescore, needs_cuts=True)
    rescore.add_argument("--policy", metavar="NAME", help="text policy of the error counts (default: the model's)")
    rescore.set_defaults(run=_tune_rescoring)
    for each in (decode, rescore):
        _add_method(each)
    confidence = add_action(actions, "confidence", "calibrates confidences", _CONFIDENCE)
    add_confidence_tuning(confidence)
    confidence.set_defaults(run=tune_confidence)
    for each in (decode, rescore, confidence):
        done = each.add_mutually_exclusive_group(required=True)
        done.add_argument("--out", metavar="FILE", help="settings to write (.json)")
        done.add_argument(
            "--crosswise", metavar="FILE", help="hypotheses to write: each half of the speakers as tuned on the other"
        )
    return parser


def _add_method(parser: argparse.ArgumentParser) -> None:
    """Adds how weights are searched for."""
    parser.add_argument(
        "--method", choices=["walk", "evolution"], default="walk", help="how weights are searched for (default: walk)"
    )
    number = f"different weights that evolution tries (default: {_EVALUATIONS}); for each half with --crosswise"
    parser.add_argument("--evaluations", type=whole_number, metavar="N", help=number)
    parser.add_argument("--seed", type=int, metavar="S", help="of the steps of evolution (default: 0)")


def _search_of(arguments: argparse.Namespace) -> tuple[Search, dict[str, object]]:
    """Returns the method that the options name, and how it is written down beside what it found.

    Raises:
        UsageError: they contradict each other.
    """
    from asr.tuning.search import Grid

    if arguments.method == "walk":
        for name in ("evaluations", "seed"):
            if getattr(arguments, name) is not None:
                found = "a walk ends by itself, and draws nothing"
                raise UsageError(f"--{name}", found, "leave it out, or give --method evolution")
        return Grid.search, {"method": "walk"}
    number, seed = arguments.evaluations or _EVALUATIONS, arguments.seed or 0
    if not 0 <= seed < 2**63:
        raise UsageError("--seed", f"{seed} is out of range", "give 0 or more, below 2^63")
    from asr.tuning.evolution import Evolution

    return Evolution(number, seed).search, {"method": "evolution", "evaluations": number, "seed": seed}


def _tune_decoding(arguments: argparse.Namespace) -> str:
    """Tunes a search and returns the line to print."""
    (search, how), settings = _search_of(arguments), search_settings(arguments)
    _check_decoding(arguments, settings)
    inputs = [settings.lm, *settings.lexicon, *arguments.cuts]
    check_inputs(*inputs)
    _check_outs([*inputs, arguments.checkpoint], arguments)
    from asr.corpora.manifests import read_all_cuts
    from asr.corpora.targets import target_text
    from asr.data.posteriors import posteriors
    from asr.tuning.dev import Dev
    from asr.tuning.sources import Posteriors, rule_of

    loaded, parts = load_model(arguments, settings)
    rule = rule_of(settings, loaded.tokens, loaded.policy)
    target: Literal["char", "phone"] = "phone" if rule.unit == "phone" else "char"
    has_greedy = (loaded.tokens.unit == "phone") == (rule.unit == "phone")  # greedy phones are not words

    def dev_of(cuts: Sequence[Cut]) -> Dev:
        batches = list(posteriors(loaded.model, cuts, arguments.batch_seconds, arguments.workers))
        source = Posteriors(batches, parts, settings, arguments.tuning_beam_size)
        return Dev(source, {cut.id: target_text(cut, target) for cut in cuts}, rule, has_greedy)

    cuts = read_all_cuts(arguments.cuts)
    if arguments.crosswise:
        return _write_crosswise(dev_of, search, cuts, arguments.cuts[0], arguments.crosswise)
    best = dev_of(cuts).tune(log_trials(rule), search)
    greedy = best.outcome.greedy
    chosen = settings.weighted(best.weights)
    chosen.save(
        arguments.out,
        tuned_on=arguments.cuts,
        unit=rule.unit,
        text_policy=f"{rule.policy.name} ({rule.policy.hash})",
        error_rate=best.outcome.counts.rate,
        greedy_error_rate=None if greedy is None else greedy.rate,
        **how,
        tried=best.tried,
    )
    return f"{chosen.weights}: {best.outcome.to_text(rule.unit)}; written to {arguments.out}"


def _check_decoding(arguments: argparse.Namespace, settings: DecoderSettings) -> None:
    """Refuses settings that cannot be tuned."""
    size = arguments.tuning_beam_size
    if settings.beam_size == 1 and not settings.exact:
        remedy = "give more than 1, and --lm or --lexicon"
        raise UsageError("--beam-size", "greedy decoding has no weights", remedy)
    if size is not None and settings.exact:
        raise UsageError("--tuning-beam-size", "--exact has no beam", "leave one of them out")
    if size is not None and size < 2:
        raise UsageError("--tuning-beam-size", f"{size} is no beam", "give 2 or more")
    if arguments.crosswise and len(arguments.cuts) > 1:
        raise UsageError("--crosswise", f"one file for {len(arguments.cuts)} files of cuts", "give one")


def _check_outs(inputs: Sequence[str], arguments: argparse.Namespace) -> None:
    """Refuses an output that is an input or cannot be written."""
    check_out(inputs, arguments.out)
    check_out(inputs, arguments.crosswise, "--crosswise")


def _tune_rescoring(arguments: argparse.Namespace) -> str:
    """Tunes rescoring and returns the line to print."""
    check_lists(arguments)
    search, how = _search_of(arguments)
    check_lists_there(arguments)
    _check_outs([arguments.nbest, arguments.cuts, arguments.lm or arguments.checkpoint], arguments)
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text
    from asr.scoring.rules import PolicyRule
    from asr.text.policy import get_policy
    from asr.tuning.dev import Dev

    scored = score_lists(arguments, arguments.unknown_score)
    rule = PolicyRule(get_policy(arguments.policy) if arguments.policy else scored.policy, "word")

    def dev_of(cuts: Sequence[Cut]) -> Dev:
        refs = {cut.id: target_text(cut, "char") for cut in cuts}
        return Dev(scored.source.part(list(refs)), refs, rule)

    cuts = list(read_cuts(arguments.cuts))
    if arguments.crosswise:
        return _write_crosswise(dev_of, search, cuts, arguments.cuts, arguments.crosswise)
    best = dev_of(cuts).tune(log_trials(rule), search)
    assert best.weights is not None
    assert best.outcome.oracle is not None
    weight, word_score = best.weights
    model, head = arguments.lm or arguments.checkpoint, arguments.head or ""
    RescoringSettings(weight, word_score, scored.unknown_score, model, head).save(
        arguments.out,
        tuned_on=arguments.cuts,
        text_policy=f"{rule.policy.name} ({rule.policy.hash})",
        error_rate=best.outcome.counts.rate,
        oracle_error_rate=best.outcome.oracle.rate,
        **how,
        tried=best.tried,
    )
    return f"{scored.source.name(best.weights)}: {best.outcome.to_text(rule.unit)}; written to {arguments.out}"


def _write_crosswise(
    dev_of: Callable[[Sequence[Cut]], Dev], search: Search, cuts: Sequence[Cut], where: str, out: str
) -> str:
    """Writes the hypotheses of each half with the weights of the other, in the order of the cuts; returns the file."""
    from asr.scoring.hypotheses import write_hypotheses
    from asr.tuning.dev import crosswise, halve, percent, pooled

    by_id = {cut.id: cut for cut in cuts}
    parted = halve({cut.id: str(cut.supervisions[0].speaker) for cut in cuts}, where)
    here, there = (dev_of([by_id[name] for name in names]) for names in parted)
    unit, halves = here.rule.unit, []
    for half in crosswise((here, there), log_trials(here.rule), search):
        named, own = here.source.name(half.tuned.weights), percent(half.tuned.outcome.counts)
        others = f"{len(half.lists)} others ({percent(half.counts)})"
        log(f"{named} from {half.num_tuned_on} utterances ({own} of {unit}s), for {others}")
        halves.append(half)
    log(f"both halves: {pooled(halves).to_text(unit)}")
    lists = {**halves[0].lists, **halves[1].lists}
    write_hypotheses(out, ((cut.id, lists[cut.id]) for cut in cuts))
    return out


if __name__ == "__main__":
    raise SystemExit(main())
