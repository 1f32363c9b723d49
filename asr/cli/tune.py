"""Tunes the weights of decoding and rescoring on a dev set, or on each half of it for the other."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Literal

from asr.cli._rescoring_options import add_lists, check_lists, score_lists
from asr.cli._search_options import add_search, log_coverage, search_settings
from asr.cli.command import add_action, command, finite, log, make_parser, parse
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lhotse.cut import Cut

    from asr.scoring.counts import ErrorCounts
    from asr.scoring.rules import PolicyRule
    from asr.tuning.dev import Dev, Outcome

_EXAMPLES = """\
  asr tune decode --checkpoint best.ckpt --cuts dev_cuts.jsonl.gz --lm phones.arpa --exact --out exact.json
  asr tune decode --checkpoint best.ckpt --cuts dev_cuts.jsonl.gz --lexicon 3gram.npz --lm 3gram.npz --beam-size 64 \\
    --out 3gram.json
  asr tune decode --checkpoint best.ckpt --cuts dev_cuts.jsonl.gz --lexicon words.txt --lm 3gram.npz --beam-size 64 \\
    --nbest 100 --crosswise dev_3gram.jsonl
  asr tune rescore --nbest dev_3gram.jsonl --lm lstm.ckpt --cuts dev_cuts.jsonl.gz --out lstm.json
  asr tune rescore --nbest dev_3gram.jsonl --checkpoint characters.ckpt --cuts dev_cuts.jsonl.gz --out both.json

What --out wrote is read by --settings of asr decode, asr rescore and asr transcribe. Tune on dev, never on test. Where
there is one set only, --crosswise tunes on one half of its speakers and reads the other, and the other way round: no
utterance is read with weights that it helped to find."""

_DECODE = """Tries weights on posteriors that are computed once, and keeps those of least error, of words or of phones.

Weights are those of the language model and of each word or token, and over words the penalty of blank. Going without
and greedy decoding are among the choices."""

_RESCORE = """Tries weights on N-best lists that another model scores once, and keeps those of least word error.

Weights are that of the model and the score per word. Going without is among the choices."""


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
    decode.add_argument("--checkpoint", required=True, metavar="FILE", help="what asr train wrote")
    decode.add_argument("--cuts", required=True, nargs="+", metavar="FILE", help="cuts with the references")
    add_search(decode)
    decode.add_argument(
        "--tuning-beam-size",
        type=int,
        metavar="N",
        help="hypotheses kept while weights are tried (default: --beam-size)",
    )
    decode.add_argument("--batch-seconds", type=finite, default=480.0, help="seconds of padded batches (default: 480)")
    decode.add_argument("--workers", type=int, default=1, help="processes that read audio ahead (default: 1)")
    decode.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    decode.set_defaults(run=_tune_decoding)
    rescore = add_action(actions, "rescore", "tunes the weights of rescoring", _RESCORE)
    add_lists(rescore, needs_cuts=True)
    rescore.add_argument("--policy", metavar="NAME", help="text policy to count under (default: the model's)")
    rescore.set_defaults(run=_tune_rescoring)
    for each in (decode, rescore):
        _add_outputs(each)
    return parser


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    done = parser.add_mutually_exclusive_group(required=True)
    done.add_argument("--out", metavar="FILE", help="settings to write (.json)")
    done.add_argument(
        "--crosswise", metavar="FILE", help="hypotheses to write: each half of the speakers read as tuned on the other"
    )


def _tune_decoding(arguments: argparse.Namespace) -> str:
    """Tunes a search, and returns the line to print."""
    settings = search_settings(arguments)
    _check_decoding(arguments, settings)
    from asr.checkpoints.acoustic import load_checkpoint
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text
    from asr.data.posteriors import posteriors
    from asr.decoding.parts import DecoderParts
    from asr.models.devices import move
    from asr.tuning.dev import Dev
    from asr.tuning.sources import Posteriors, rule_of

    loaded = load_checkpoint(arguments.checkpoint)
    move(loaded.model, arguments.device, "--device")
    parts = DecoderParts.read(settings, loaded.tokens, loaded.policy, loaded.model.frame_seconds)
    log_coverage(parts.coverage, settings.lm)
    rule = rule_of(settings, loaded.tokens, loaded.policy)
    target: Literal["char", "phone"] = "phone" if rule.unit == "phone" else "char"
    has_greedy = (loaded.tokens.unit == "phone") == (rule.unit == "phone")  # phones are no words

    def dev_of(cuts: Sequence[Cut]) -> Dev:
        batches = list(posteriors(loaded.model, cuts, arguments.batch_seconds, arguments.workers))
        source = Posteriors(batches, parts, settings, arguments.tuning_beam_size)
        return Dev(source, {cut.id: target_text(cut, target) for cut in cuts}, rule, has_greedy)

    cuts = [cut for file in arguments.cuts for cut in read_cuts(file)]
    if arguments.crosswise:
        return _write_crosswise(dev_of, cuts, arguments.cuts[0], arguments.crosswise)
    best = dev_of(cuts).tune(_logged(rule))
    greedy = best.outcome.greedy
    chosen = settings.weighted(best.weights)
    chosen.save(
        arguments.out,
        tuned_on=arguments.cuts,
        unit=rule.unit,
        text_policy=f"{rule.policy.name} ({rule.policy.hash})",
        error_rate=best.outcome.counts.rate,
        greedy_error_rate=None if greedy is None else greedy.rate,
        tried=best.tried,
    )
    return f"{chosen.weights}: {_rates(best.outcome, rule)}; written to {arguments.out}"


def _check_decoding(arguments: argparse.Namespace, settings: DecoderSettings) -> None:
    """Refuses what cannot be tuned."""
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


def _tune_rescoring(arguments: argparse.Namespace) -> str:
    """Tunes rescoring, and returns the line to print."""
    check_lists(arguments)
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text
    from asr.scoring.rules import PolicyRule
    from asr.text.policy import get_policy
    from asr.tuning.dev import Dev

    source, policy, unknown_score = score_lists(arguments, arguments.unknown_score)
    rule = PolicyRule(get_policy(arguments.policy) if arguments.policy else policy, "word")

    def dev_of(cuts: Sequence[Cut]) -> Dev:
        refs = {cut.id: target_text(cut, "char") for cut in cuts}
        return Dev(source.part(list(refs)), refs, rule)

    cuts = list(read_cuts(arguments.cuts))
    if arguments.crosswise:
        return _write_crosswise(dev_of, cuts, arguments.cuts, arguments.crosswise)
    best = dev_of(cuts).tune(_logged(rule))
    assert best.weights is not None
    assert best.outcome.oracle is not None
    weight, word_score = best.weights
    RescoringSettings(weight, word_score, unknown_score, arguments.lm or arguments.checkpoint).save(
        arguments.out,
        tuned_on=arguments.cuts,
        text_policy=f"{rule.policy.name} ({rule.policy.hash})",
        error_rate=best.outcome.counts.rate,
        oracle_error_rate=best.outcome.oracle.rate,
        tried=best.tried,
    )
    return f"{source.name(best.weights)}: {_rates(best.outcome, rule)}; written to {arguments.out}"


def _write_crosswise(dev_of: Callable[[Sequence[Cut]], Dev], cuts: Sequence[Cut], where: str, out: str) -> str:
    """Writes what each half reads with the weights of the other, in the order of the cuts, and returns the file."""
    from asr.scoring.hypotheses import write_hypotheses
    from asr.tuning.dev import crosswise, halve, pooled

    by_id = {cut.id: cut for cut in cuts}
    parted = halve({cut.id: str(cut.supervisions[0].speaker) for cut in cuts}, where)
    here, there = (dev_of([by_id[name] for name in names]) for names in parted)
    unit, halves = here.rule.unit, []
    for half in crosswise((here, there), _logged(here.rule)):
        named, own = here.source.name(half.tuned.weights), _percent(half.tuned.outcome.counts)
        others = f"{len(half.lists)} others ({_percent(half.counts)})"
        log(f"{named} from {half.num_tuned_on} utterances ({own} of {unit}s), for {others}")
        halves.append(half)
    log(f"both halves: {_rates(pooled(halves), here.rule)}")
    lists = {**halves[0].lists, **halves[1].lists}
    write_hypotheses(out, ((cut.id, lists[cut.id]) for cut in cuts))
    return out


def _logged(rule: PolicyRule) -> Callable[[str, float], None]:
    return lambda name, rate: log(f"{name}: {100 * rate:.2f} % of {rule.unit}s")


def _rates(outcome: Outcome, rule: PolicyRule) -> str:
    ways = {"without": outcome.without, "greedy": outcome.greedy, "at best": outcome.oracle}
    others = "".join(f", {_percent(counts)} {way}" for way, counts in ways.items() if counts is not None)
    return f"{_percent(outcome.counts)} of {rule.unit}s{others}"


def _percent(counts: ErrorCounts) -> str:
    return f"{100 * counts.rate:.2f} %"


if __name__ == "__main__":
    raise SystemExit(main())
