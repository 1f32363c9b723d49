"""The options that say which lists another model scores, which verbs that rescore share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from asr.cli.command import finite, log
from asr.errors import DataError, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from asr.decoding.hypothesis import Hypothesis
    from asr.text.policy import TextPolicy
    from asr.tuning.sources import ScoredLists

_BATCH_SECONDS = 120.0


def add_lists(parser: ArgumentParser, *, needs_cuts: bool) -> None:
    """Adds the options.

    Args:
        parser: of a verb.
        needs_cuts: whether there are references to read from the cuts.
    """
    parser.add_argument("--nbest", required=True, metavar="FILE", help="what asr decode --nbest N wrote")
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--lm", metavar="FILE", help="checkpoint of asr train --config-name lm")
    models.add_argument("--checkpoint", metavar="FILE", help="acoustic model of characters or BPE that asr train wrote")
    what = "with the references" if needs_cuts else "with the audio for --checkpoint"
    parser.add_argument("--cuts", required=needs_cuts, metavar="FILE", help=f"utterances to take, {what}")
    share = "score added per word that the model does not know (default: <unk> is shared evenly by those of its text)"
    parser.add_argument("--unknown-score", type=finite, metavar="S", help=share)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")


def check_lists(arguments: Namespace) -> None:
    """Refuses what does not go together.

    Raises:
        UsageError: naming the option.
    """
    if arguments.checkpoint and not arguments.cuts:
        raise UsageError("--checkpoint", "there is no audio to listen to", "give --cuts")
    if arguments.checkpoint and arguments.unknown_score is not None:
        raise UsageError("--unknown-score", "an acoustic model knows no words", "leave it out")


def score_lists(arguments: Namespace, unknown_score: float | None = None) -> tuple[ScoredLists, TextPolicy, float]:
    """Reads the model and the lists, those of the cuts where there are any, and scores them.

    Args:
        arguments: what :func:`add_lists` asked for.
        unknown_score: natural-log score added for each word that a language model does not know; where it is None the
            words of its text that it does not know share ``<unk>`` evenly.

    Returns:
        The lists with their scores, the text policy of the model, and the score of unknown words.

    Raises:
        AsrError: a file cannot be read, the device cannot be used, or an utterance of the cuts has no list.
    """
    return _hear(arguments) if arguments.checkpoint else _read(arguments, unknown_score)


def _read(arguments: Namespace, unknown_score: float | None) -> tuple[ScoredLists, TextPolicy, float]:
    """Scores the texts by a language model."""
    from asr.checkpoints.language import load_language_model
    from asr.decoding.rescoring import measure_nbest
    from asr.lm.sentence_models import RecurrentSentenceModel
    from asr.models.devices import move
    from asr.tuning.sources import ScoredLists

    language = load_language_model(arguments.lm)
    move(language.network, arguments.device, "--device")
    if unknown_score is None:
        unknown_score = -math.log(max(1, language.num_unknown_types))
    lists = _lists(arguments)
    model = RecurrentSentenceModel(language.network, language.vocabulary)
    scores = measure_nbest(list(lists.values()), model, language.policy, unknown_score)
    return ScoredLists(lists, scores), language.policy, unknown_score


def _hear(arguments: Namespace) -> tuple[ScoredLists, TextPolicy, float]:
    """Scores the texts by a second acoustic model that reads the audio of the cuts."""
    from asr.checkpoints.acoustic import load_checkpoint
    from asr.corpora.manifests import read_cuts
    from asr.data.posteriors import posteriors
    from asr.decoding.rescoring import check_spelling, measure_nbest_by_ear
    from asr.models.devices import move
    from asr.tuning.sources import ScoredLists

    loaded = load_checkpoint(arguments.checkpoint)
    move(loaded.model, arguments.device, "--device")
    check_spelling(loaded.tokens, "--checkpoint")
    lists = _lists(arguments)
    batches = posteriors(loaded.model, list(read_cuts(arguments.cuts)), _BATCH_SECONDS)
    heard = {
        name: rows[:length]
        for names, log_probs, lengths in batches
        for name, rows, length in zip(names, log_probs, lengths, strict=True)
    }
    rows = [heard[name] for name in lists]
    scores = measure_nbest_by_ear(list(lists.values()), rows, loaded.tokens, loaded.policy)
    return ScoredLists(lists, scores), loaded.policy, 0.0


def _lists(arguments: Namespace) -> dict[str, list[Hypothesis]]:
    from asr.corpora.manifests import read_cuts
    from asr.scoring.hypotheses import read_hypotheses

    lists = read_hypotheses(arguments.nbest)
    if not arguments.cuts:
        return lists
    ids = [cut.id for cut in read_cuts(arguments.cuts)]
    lacking = [name for name in ids if name not in lists]
    if lacking:
        found = f"{len(lacking)} of {len(ids)} utterances of {arguments.cuts} are not in it, such as {lacking[0]}"
        raise DataError(arguments.nbest, found, "decode these cuts to the end")
    log(f"{arguments.nbest}: {len(ids)} of {len(lists)} utterances, those of {arguments.cuts}")
    return {name: lists[name] for name in ids}
