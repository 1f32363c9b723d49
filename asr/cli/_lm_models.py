"""Actions of ``asr lm`` that make models out of models."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._file_checks import check_inputs, check_out
from asr.cli.command import above_zero, add_action, log
from asr.errors import DataError, UsageError
from asr.text.policy import POLICIES, get_policy

if TYPE_CHECKING:
    from asr.lm.ngram import NGramModel

_PRUNE = """Leaves out the n-grams that a model predicts nearly as well without (entropy pruning, Stolcke 1998).

--threshold is the relative increase of the perplexity that leaving out a single n-gram may cause, 1e-9 to 1e-7 for
large models. --to-ngrams and --to-megabytes keep those that are worth most; megabytes (1e6 bytes) are what the model
takes in a model file of asr export --precision."""

_MIX = """Mixes models linearly, p = sum of weight times p, into one model with the words and n-grams of all.

Without --weights they are those that predict a dev text best, found by expectation maximisation; it must not be among
the text of a model."""


def add_actions(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the actions prune and mix."""
    prune = add_action(actions, "prune", "leaves out the n-grams that are worth least", _PRUNE)
    prune.add_argument("source", type=Path, metavar="FROM", help="the model to read: .arpa, .arpa.gz or .npz")
    goal = prune.add_mutually_exclusive_group(required=True)
    goal.add_argument("--threshold", type=above_zero, metavar="X", help="least worth of an n-gram, such as 1e-8")
    goal.add_argument("--to-ngrams", type=int, metavar="N", help="keep at most N n-grams")
    goal.add_argument("--to-megabytes", type=above_zero, metavar="MB", help="keep what fits a model file")
    precisions = ["int8", "float16", "float32"]
    prune.add_argument("--precision", choices=precisions, default="int8", help="for --to-megabytes (default: int8)")
    prune.set_defaults(run=_prune)

    mix = add_action(actions, "mix", "mixes models into one", _MIX)
    mix.add_argument("models", type=Path, nargs="+", metavar="MODEL", help="the models to read")
    weights = mix.add_mutually_exclusive_group(required=True)
    weights.add_argument("--weights", type=above_zero, nargs="+", metavar="W", help="of each model")
    weights.add_argument("--dev-text", type=Path, nargs="+", metavar="F", help="find them: one sentence per line")
    weights.add_argument("--dev-cuts", type=Path, nargs="+", metavar="F", help="find them: cuts with transcripts")
    mix.add_argument("--policy", metavar="NAME", help=f"text policy of the dev text: {', '.join(POLICIES)}")
    mix.set_defaults(run=_mix)
    for each in (prune, mix):
        each.add_argument("--out", type=Path, required=True, metavar="F", help="file to write: .arpa, .arpa.gz or .npz")


def describe(model: NGramModel) -> str:
    """Returns the orders of a model and its n-grams of each."""
    return f"{model.order} orders, n-grams {', '.join(f'{count:,}' for count in model.num_ngrams)}"


def _prune(arguments: argparse.Namespace) -> None:
    from asr.checkpoints.model_file.ngram import ngram_size
    from asr.lm.pruning import EntropyPruning
    from asr.lm.storage import check_name, load_ngram, save_ngram

    check_name(arguments.out)
    check_out([arguments.source], arguments.out)
    check_inputs(arguments.source)
    pruning = EntropyPruning(load_ngram(arguments.source))
    try:
        if arguments.threshold is not None:
            model = pruning.at(arguments.threshold)
        elif arguments.to_ngrams is not None:
            model = pruning.to_number(arguments.to_ngrams)
        else:
            limit = int(1e6 * arguments.to_megabytes)
            model = pruning.to_size(limit, lambda model: ngram_size(model, arguments.precision))
            log(f"{ngram_size(model, arguments.precision) / 1e6:.2f} MB in a model file ({arguments.precision})")
    except DataError as error:
        raise DataError(arguments.source, error.found, error.remedy) from None
    save_ngram(model, arguments.out)
    log(f"{arguments.out}: {describe(model)}")


def _mix(arguments: argparse.Namespace) -> None:
    from asr.data.transcripts import open_sentences
    from asr.lm.mixing import find_weights, mix
    from asr.lm.storage import check_name, load_ngram, save_ngram

    check_name(arguments.out)
    if arguments.weights is not None and len(arguments.weights) != len(arguments.models):
        number = f"{len(arguments.weights)} for {len(arguments.models)} models"
        raise UsageError("--weights", number, "give one for each model, or --dev-text")
    policy = None if arguments.policy is None else get_policy(arguments.policy)
    inputs = [*arguments.models, *(arguments.dev_text or arguments.dev_cuts or ())]
    check_out(inputs, arguments.out)
    check_inputs(*inputs)
    models = [load_ngram(path) for path in arguments.models]
    if arguments.weights is not None:
        weights = [weight / sum(arguments.weights) for weight in arguments.weights]
    else:
        found = find_weights(models, list(open_sentences(arguments.dev_text, arguments.dev_cuts, policy, None)))
        weights = list(found.values)
        for path, weight, perplexity in zip(arguments.models, weights, found.perplexities, strict=False):
            log(f"{path}: weight {weight:.3f}, perplexity {perplexity:.1f}")
        log(f"mixture: perplexity {found.perplexities[-1]:.1f} of {found.num_predicted:,} words and ends of sentences")
    mixed = mix(models, weights)
    save_ngram(mixed, arguments.out)
    log(f"{arguments.out}: {describe(mixed)}")
