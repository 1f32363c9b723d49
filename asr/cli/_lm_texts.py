"""Actions of ``asr lm`` about texts: transcripts, select and overlap."""

from __future__ import annotations

import argparse
from pathlib import Path

from asr.cli._file_checks import check_inputs, check_out
from asr.cli.command import above_zero, add_action, log, warn
from asr.errors import UsageError
from asr.text.policy import POLICIES, get_policy

_TRANSCRIPTS = """Writes the transcripts of cuts as a text, one sentence a line, for asr train --config-name lm.

With --unit phone they are phones, for --config-name phone_lm."""

_SELECT = """Selects the sentences of a large text that are like a small one, such as for a recurrent language model.

They are those with the lowest difference of cross-entropies in a model of each text (Moore & Lewis 2010)."""

_OVERLAP = """Measures what the text of a language model shares with a test set: n-grams, and whole utterances.

An utterance is in the text if at least half of its n-grams are. The verdict is "independent" if none is and no more
than 2 % of all n-grams are shared. asr score --overlap and asr report print what --out stores."""


def add_actions(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the actions transcripts, select and overlap."""
    policy = f"text policy of all texts: {', '.join(POLICIES)}"
    transcripts = add_action(actions, "transcripts", "writes the transcripts of cuts as a text", _TRANSCRIPTS)
    transcripts.add_argument("--cuts", type=Path, nargs="+", required=True, metavar="F", help="cuts of asr prepare")
    transcripts.add_argument(
        "--unit", choices=["char", "phone"], default="char", help="phone, or char for words (default: char)"
    )
    transcripts.add_argument("--out", type=Path, required=True, metavar="F", help="file to write: .txt or .txt.gz")
    transcripts.add_argument("--policy", metavar="NAME", help=policy)
    transcripts.set_defaults(run=_transcripts)

    select = add_action(actions, "select", "selects sentences that are like another text", _SELECT)
    select.add_argument("--like", type=Path, nargs="+", required=True, metavar="F", help="the small text")
    select.add_argument("--text", type=Path, nargs="+", required=True, metavar="F", help="the large one")
    select.add_argument("--keep", type=above_zero, required=True, metavar="X", help="share of its words, such as 0.2")
    select.add_argument("--order", type=int, default=3, metavar="N", help="of the models that compare (default: 3)")
    select.add_argument("--out", type=Path, required=True, metavar="F", help="file to write: .txt or .txt.gz")
    select.add_argument("--policy", metavar="NAME", help=policy)
    select.set_defaults(run=_select)

    overlap = add_action(actions, "overlap", "measures what a text shares with a test set", _OVERLAP)
    source = overlap.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", type=Path, nargs="+", metavar="F", help="what models are trained on")
    source.add_argument("--cuts", type=Path, nargs="+", metavar="F", help="cuts whose transcripts they are trained on")
    overlap.add_argument("--against", type=Path, required=True, metavar="CUTS", help="cuts of the test set")
    overlap.add_argument("--order", type=int, default=7, metavar="N", help="words of an n-gram (default: 7)")
    overlap.add_argument("--out", type=Path, metavar="F", help="also write it to this file, for asr score --overlap")
    overlap.add_argument("--policy", metavar="NAME", help=policy)
    overlap.set_defaults(run=_overlap)


def _transcripts(arguments: argparse.Namespace) -> None:
    from asr.data.transcripts import TranscriptReader
    from asr.errors import DataError
    from asr.files import open_written

    check_out(arguments.cuts, arguments.out)
    check_inputs(*arguments.cuts)
    reader = TranscriptReader(arguments.cuts, None if arguments.policy is None else get_policy(arguments.policy))
    reader.unit = arguments.unit
    with open_written(arguments.out) as file:
        for words in reader:
            file.write(f"{' '.join(words)}\n".encode())
        if not reader.num_sentences:
            raise DataError("--cuts", "hold no transcripts", "give cuts that asr prepare wrote")
    log(f"{arguments.out}: {reader.num_sentences:,} sentences")
    if reader.num_empty:
        warn(f"{reader.num_empty:,} cuts without words are no sentences")


def _select(arguments: argparse.Namespace) -> None:
    import numpy as np

    from asr.errors import DataError
    from asr.files import open_written
    from asr.lm.selection import score_sentences, selected, train_pair
    from asr.lm.sentences import SentenceReader

    if arguments.keep > 1:
        raise UsageError("--keep", f"{arguments.keep}", "give a share of the words, from 0 to 1")
    if arguments.order < 1:
        raise UsageError("--order", f"{arguments.order}", "give 1 or more, such as 3")
    policy = None if arguments.policy is None else get_policy(arguments.policy)
    check_out([*arguments.like, *arguments.text], arguments.out)
    check_inputs(*arguments.like, *arguments.text)
    like, text = SentenceReader(arguments.like, policy), SentenceReader(arguments.text, policy)
    lengths = np.fromiter((len(words) for words in text), dtype=np.int32)
    if not len(lengths):
        raise DataError("--text", "holds no sentences", "give text with one sentence a line")
    models = train_pair(like, text, arguments.order, len(lengths))
    scores = score_sentences(models, text)
    num_sentences = num_words = 0
    with open_written(arguments.out) as file:
        for words in selected(text, lengths, scores, arguments.keep):
            num_sentences, num_words = num_sentences + 1, num_words + len(words)
            file.write(f"{' '.join(words)}\n".encode())
    log(f"{arguments.out}: {num_sentences:,} of {len(lengths):,} sentences, {num_words:,} of {lengths.sum():,} words")


def _overlap(arguments: argparse.Namespace) -> None:
    from asr.data.transcripts import open_sentences
    from asr.lm.overlap import measure_overlap
    from asr.scoring.overlap import MeasuredOverlap
    from asr.scoring.references import read_references
    from asr.scoring.splits import describe_split

    if arguments.order < 1:
        raise UsageError("--order", f"{arguments.order}", "give 1 or more, such as 7")
    policy = None if arguments.policy is None else get_policy(arguments.policy)
    inputs = [arguments.against, *(arguments.text or arguments.cuts)]
    check_out(inputs, arguments.out)
    check_inputs(*inputs)
    references = read_references(arguments.against, "word")
    utterances = {
        each.utterance_id: (each.text if policy is None else policy.apply(each.text, each.utterance_id)).split()
        for each in references
    }
    sentences = open_sentences(arguments.text, arguments.cuts, policy, None)
    found = measure_overlap(utterances, sentences, arguments.order)
    split = describe_split(arguments.against, references)
    measured = MeasuredOverlap(tuple(map(str, arguments.text or arguments.cuts)), split.name, split.hash, found.verdict)
    if arguments.out is not None:
        measured.save(arguments.out, found)
        log(f"written to {arguments.out}")
    print(measured)
