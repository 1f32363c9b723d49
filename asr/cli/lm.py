"""Trains, mixes, prunes and converts n-gram language models, measures perplexity, and handles their texts."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli import _lm_models, _lm_texts
from asr.cli._file_checks import check_inputs, check_out, check_scratch
from asr.cli.command import above_zero, add_action, command, log, make_parser, parse, warn
from asr.errors import UsageError
from asr.text.policy import POLICIES, get_policy

if TYPE_CHECKING:
    from asr.lm.counting import NGramCounts
    from asr.lm.vocabulary import Vocabulary
    from asr.text.policy import TextPolicy

_EXAMPLES = """\
  asr lm train --order 3 --text books.txt --prune 0 0 1 --out 3gram.arpa.gz
  asr lm train --order 3 --text books.txt --vocab cmudict.dict --add-text-words --policy upper-no-punctuation \\
    --out 3gram.npz
  asr lm train --order 4 --text more.txt.xz --vocab 3gram.npz --prune 0 0 1 1 --memory 2 --out 4gram.npz
  asr lm mix 3gram.npz 4gram.npz --dev-cuts dev_cuts.jsonl.gz --policy upper-no-punctuation --out mixed.npz
  asr lm prune mixed.npz --to-megabytes 15 --out small.npz
  asr lm transcripts --cuts data/timit/train_cuts.jsonl.gz --unit phone --policy timit-61 --out data/timit/phones.txt
  asr lm select --like speech.txt --text more.txt.xz --keep 0.2 --out selected.txt.gz
  asr lm overlap --text books.txt more.txt.xz --against test_cuts.jsonl.gz --out overlap.json
  asr lm ppl --model 3gram.npz dev.txt
  asr lm ppl --model exp/librispeech/lstm_lm/seed0/best.ckpt dev.txt
  asr lm convert 3-gram.pruned.1e-7.arpa.gz 3gram.npz"""

_TRAIN = """Trains an n-gram model by interpolated modified Kneser-Ney smoothing, with three discounts per order.

Without --vocab the vocabulary is the words of the text, and <unk> gets the probability of an unseen word. With --vocab
other words of the text count as <unk>; with --add-text-words they join the vocabulary.

The n-grams of the text go to temporary files where they take more memory than --memory; the files have no names and are
gone however the command ends. What --prune leaves of them takes some 120 bytes an n-gram.

With --tokens the model is over the tokens of an acoustic model, for asr decode --lm."""

_PPL = """Measures the perplexity of texts, and lists the words that the model does not know.

Sentence ends are predicted like words. Perplexity is printed for all words, where unknown words have the probability of
<unk>, and for known words only.

Text goes through --policy, by default the policy of the training text for a checkpoint of asr train --config-name lm,
and none for others."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    arguments.run(arguments)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("lm", __doc__ or "", _EXAMPLES)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    train = add_action(actions, "train", "trains a model from text", _TRAIN)
    _add_train_options(train)

    ppl = add_action(actions, "ppl", "measures perplexity and unknown words", _PPL)
    ppl.add_argument("text", type=Path, nargs="*", metavar="TEXT", help="one sentence per line (or .gz, .xz, .bz2)")
    ppl.add_argument("--cuts", type=Path, nargs="+", metavar="F", help="cuts whose transcripts are the text")
    ppl.add_argument(
        "--model", type=Path, required=True, metavar="F", help="the model: .arpa, .arpa.gz, .npz, or .ckpt of asr train"
    )
    ppl.add_argument("--oovs", type=int, default=0, metavar="N", help="print the N most frequent unknown words")
    ppl.set_defaults(run=_measure)
    for each in (train, ppl):
        each.add_argument("--policy", metavar="NAME", help=f"text policy of words and text: {', '.join(POLICIES)}")

    convert = add_action(actions, "convert", "converts a model: ARPA to .npz, which loads faster, or back")
    convert.add_argument("source", type=Path, metavar="FROM", help="the model to read")
    convert.add_argument("target", type=Path, metavar="TO", help="file to write: .arpa, .arpa.gz or .npz")
    convert.set_defaults(run=_convert)
    _lm_models.add_actions(actions)
    _lm_texts.add_actions(actions)
    return parser


def _add_train_options(train: argparse.ArgumentParser) -> None:
    source = train.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", type=Path, nargs="+", metavar="F", help="one sentence per line (or .gz, .xz, .bz2)")
    source.add_argument("--cuts", type=Path, nargs="+", metavar="F", help="cuts whose transcripts are the text")
    train.add_argument("--tokens", type=Path, metavar="F", help="count the tokens of this table, not words")
    train.add_argument("--order", type=int, required=True, metavar="N", help="longest n-grams, such as 3")
    train.add_argument("--out", type=Path, required=True, metavar="F", help="file to write: .arpa, .arpa.gz or .npz")
    train.add_argument("--vocab", type=Path, metavar="F", help="vocabulary: one word per line, a lexicon, or a model")
    train.add_argument("--add-text-words", action="store_true", help="add the words of the text to --vocab")
    train.add_argument(
        "--prune",
        type=int,
        nargs="+",
        default=[0],
        metavar="K",
        help="drop n-grams that occur at most K times, by order",
    )
    entropy = "then drop n-grams that are worth less, see asr lm prune; such as 1e-8"
    train.add_argument("--prune-entropy", type=above_zero, metavar="X", help=entropy)
    memory = "gigabytes that counting may take (default: 1)"
    train.add_argument("--memory", type=above_zero, default=1.0, metavar="GB", help=memory)
    train.add_argument("--temporary-folder", type=Path, metavar="DIR", help="where n-grams go that do not fit into it")
    train.set_defaults(run=_train)


def _check_train(arguments: argparse.Namespace) -> None:
    from asr.lm.kneser_ney import check_prune
    from asr.lm.storage import check_name

    if arguments.order < 1:
        raise UsageError("--order", f"{arguments.order}", "give 1 or more, such as 3")
    if arguments.tokens is not None and arguments.vocab is not None:
        raise UsageError("--vocab", "the vocabulary is that of --tokens", "leave one of them out")
    if arguments.add_text_words and arguments.vocab is None:
        raise UsageError("--add-text-words", "there is no --vocab to add to", "leave it out: the text has the words")
    check_prune(arguments.prune, arguments.order)
    check_name(arguments.out)
    inputs = [*(arguments.text or arguments.cuts), arguments.vocab, arguments.tokens]
    check_out(inputs, arguments.out)
    check_inputs(*inputs)
    if arguments.temporary_folder is not None:
        check_scratch(arguments.temporary_folder, "--temporary-folder")


def _train(arguments: argparse.Namespace) -> None:
    from asr.lm.kneser_ney import estimate_from_counts
    from asr.lm.pruning import EntropyPruning
    from asr.lm.storage import save_ngram

    _check_train(arguments)
    estimated = estimate_from_counts(_count(arguments), arguments.prune)
    model = estimated.model
    for line in estimated.describe():
        log(line)
    if arguments.prune_entropy is not None:
        model = EntropyPruning(model).at(arguments.prune_entropy)
        log(f"of which {_lm_models.describe(model)} are left")
    save_ngram(model, arguments.out)
    log(f"written to {arguments.out}")


def _count(arguments: argparse.Namespace) -> NGramCounts:
    from asr.data.transcripts import open_sentences
    from asr.lm.counting import Storage, count_ngrams
    from asr.lm.sentences import spelled
    from asr.lm.vocabulary import Vocabulary
    from asr.text.tokens import TokenTable

    policy = None if arguments.policy is None else get_policy(arguments.policy)
    tokens = None if arguments.tokens is None else TokenTable.load(arguments.tokens)
    sentences = open_sentences(arguments.text, arguments.cuts, policy, tokens)
    storage = Storage(int(1e9 * arguments.memory), arguments.temporary_folder)
    if tokens is not None:
        vocabulary = Vocabulary.of(tokens.tokens[1:])
        counts = count_ngrams(spelled(sentences, tokens), arguments.order, vocabulary, storage=storage)
    else:
        known = None if arguments.vocab is None else _read_vocabulary(arguments.vocab, policy)
        is_closed = not arguments.add_text_words
        counts = count_ngrams(sentences, arguments.order, known, is_closed=is_closed, storage=storage)
    _log_empty(sentences.num_empty)
    unit = "words" if tokens is None else "tokens"
    log(f"{sentences.num_sentences:,} sentences, {counts.num_words - sentences.num_sentences:,} {unit}")
    return counts


def _read_vocabulary(path: Path, policy: TextPolicy | None) -> Vocabulary:
    from asr.lm.storage import load_ngram
    from asr.lm.vocabulary import Vocabulary, read_words

    if path.name.endswith((".npz", ".arpa", ".arpa.gz")):
        return load_ngram(path).vocabulary
    words, num_left_out = read_words(path, policy)
    if num_left_out:
        warn(f"{path}: {num_left_out:,} entries left out, which are not one word under the text policy")
    log(f"{path}: {len(words):,} words")
    return Vocabulary.of(words)


def _measure(arguments: argparse.Namespace) -> None:
    from asr.checkpoints.language import load_sentence_model
    from asr.data.transcripts import open_sentences
    from asr.lm.perplexity import measure_perplexity

    if bool(arguments.text) == bool(arguments.cuts):
        raise UsageError("TEXT, --cuts", "both or none are given", "give texts, or cuts with transcripts")
    if arguments.oovs < 0:
        raise UsageError("--oovs", f"{arguments.oovs} words", "give 0 or more")
    policy = None if arguments.policy is None else get_policy(arguments.policy)
    check_inputs(arguments.model, *(arguments.text or arguments.cuts))
    model, own_policy = load_sentence_model(arguments.model)
    sentences = open_sentences(arguments.text, arguments.cuts, policy or own_policy, None)
    found = measure_perplexity(model, sentences)
    _log_empty(sentences.num_empty)
    print(found.to_text(arguments.oovs))


def _convert(arguments: argparse.Namespace) -> None:
    from asr.lm.storage import check_name, load_ngram, save_ngram

    check_name(arguments.target)
    check_out([arguments.source], arguments.target, "TO")
    check_inputs(arguments.source)
    model = load_ngram(arguments.source)
    save_ngram(model, arguments.target)
    log(f"{arguments.target}: {_lm_models.describe(model)}")


def _log_empty(num_empty: int) -> None:
    if num_empty:
        warn(f"{num_empty:,} lines without words are no sentences")


if __name__ == "__main__":
    raise SystemExit(main())
