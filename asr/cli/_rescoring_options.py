"""Options that name N-best lists and the model that scores them, shared by the verbs that rescore."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asr.cli._file_checks import check_inputs
from asr.cli._search_options import add_head
from asr.cli.command import finite, log
from asr.errors import DataError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.decoding.hypothesis import Hypothesis
    from asr.tuning.scored_lists import Scored

_BATCH_SECONDS = 120.0


def add_lists(parser: ArgumentParser, *, needs_cuts: bool) -> None:
    """Adds the options.

    Args:
        parser: parser of a verb.
        needs_cuts: whether references are read from the cuts.
    """
    parser.add_argument("--nbest", required=True, metavar="FILE", help="N-best lists that asr decode --nbest N wrote")
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--lm", metavar="FILE", help="checkpoint of asr train --config-name lm")
    models.add_argument("--checkpoint", metavar="FILE", help="acoustic model of characters or BPE that asr train wrote")
    add_head(parser)
    what = "with the references" if needs_cuts else "with the audio for --checkpoint"
    parser.add_argument("--cuts", required=needs_cuts, metavar="FILE", help=f"utterances to take, {what}")
    share = "score added per unknown word (default: unknown words of the training text share <unk> evenly)"
    parser.add_argument("--unknown-score", type=finite, metavar="S", help=share)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")


def check_lists(arguments: Namespace) -> None:
    """Refuses options that contradict each other.

    Raises:
        UsageError: the message names the option.
    """
    if arguments.checkpoint and not arguments.cuts:
        raise UsageError("--checkpoint", "there is no audio to listen to", "give --cuts")
    if arguments.lm and arguments.head:
        raise UsageError("--head", "a language model has none", "leave it out, or give --checkpoint")
    if arguments.checkpoint and arguments.unknown_score is not None:
        raise UsageError("--unknown-score", "an acoustic model knows no words", "leave it out")


def check_lists_there(arguments: Namespace) -> None:
    """Refuses lists and cuts that are not there.

    Raises:
        DataError: naming the first one.
    """
    check_inputs(arguments.nbest, remedy="make it with: asr decode")
    check_inputs(arguments.cuts)


def score_lists(arguments: Namespace, unknown_score: float | None = None) -> Scored:
    """Reads the model and the lists, restricted to the cuts if there are any, and scores the lists.

    Args:
        arguments: options that :func:`add_lists` added.
        unknown_score: natural-log score added for each word that a language model does not know.

    Raises:
        AsrError: a file cannot be read, the device cannot be used, or an utterance of the cuts has no list.
    """
    from asr.checkpoints.acoustic import load_checkpoint
    from asr.checkpoints.language import load_language_model
    from asr.corpora.manifests import read_cuts
    from asr.data.posteriors import posteriors
    from asr.decoding.rescoring import check_spelling
    from asr.models.devices import move
    from asr.tuning.scored_lists import score_by_ear, score_by_words

    if arguments.lm:
        language = load_language_model(arguments.lm)
        move(language.network, arguments.device, "--device")
        return score_by_words(_lists(arguments), language, unknown_score)
    loaded = load_checkpoint(arguments.checkpoint).head(arguments.head)
    move(loaded.model, arguments.device, "--device")
    check_spelling(loaded.tokens, "--checkpoint")
    lists = _lists(arguments)
    return score_by_ear(lists, loaded, posteriors(loaded.model, list(read_cuts(arguments.cuts)), _BATCH_SECONDS))


def _lists(arguments: Namespace) -> dict[str, list[Hypothesis]]:
    from asr.scoring.hypotheses import read_hypotheses

    lists = read_hypotheses(arguments.nbest)
    if not arguments.cuts:
        return lists
    from asr.corpora.manifests import read_cuts

    ids = [cut.id for cut in read_cuts(arguments.cuts)]
    lacking = [name for name in ids if name not in lists]
    if lacking:
        found = f"{len(lacking)} of {len(ids)} utterances of {arguments.cuts} are not in it, such as {lacking[0]}"
        raise DataError(arguments.nbest, found, "decode these cuts to the end")
    log(f"{arguments.nbest}: {len(ids)} of {len(lists)} utterances, those of {arguments.cuts}")
    return {name: lists[name] for name in ids}
