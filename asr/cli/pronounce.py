"""Pronounces words that a lexicon lacks, with a model trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from asr.box.english import ENGLISH
from asr.cli._file_checks import check_inputs, check_out
from asr.cli.command import command, log, make_parser, parse, warn
from asr.errors import UsageError
from asr.text.policy import POLICIES, get_policy

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    from asr.text.policy import TextPolicy

_NAMED = 5
_EXAMPLES = """\
  asr pronounce --words names.txt --out names.dict                                 # by the model in the box
  asr train --config-name g2p corpus=cmudict lexicon=[cmudict.dict]
  asr pronounce --checkpoint exp/cmudict/g2p/seed0/best.ckpt --words names.txt --out names.dict
  asr pronounce --checkpoint best.ckpt --cuts data/librispeech/train-clean-5_cuts.jsonl.gz --words 3gram.npz \\
    --lexicon cmudict.dict --policy upper-no-punctuation --out all.dict

Words are converted to upper case, as every verb does with lexicons. Entries of --lexicon are copied unchanged, before
the new ones: asr prepare and asr decode need only the lexicon that is written. Words that a model file has in its
lexicon are pronounced as there."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("pronounce", __doc__ or "", _EXAMPLES)
    model_help = f"of asr train --config-name g2p, or a model file (default: {ENGLISH}, the model in the box)"
    parser.add_argument("--checkpoint", default=ENGLISH, metavar="F", help=model_help)
    parser.add_argument("--words", nargs="+", type=Path, default=[], metavar="F", help="words, one a line, or n-grams")
    parser.add_argument("--cuts", nargs="+", type=Path, default=[], metavar="F", help="cuts whose words are pronounced")
    parser.add_argument("--lexicon", nargs="+", type=Path, default=[], metavar="F", help="known words, to be copied")
    parser.add_argument("--policy", default="verbatim", metavar="NAME", help=f"text policy: {', '.join(POLICIES)}")
    parser.add_argument("--beam-size", type=int, default=8, metavar="N", help="pronunciations kept (default: 8)")
    parser.add_argument("--nbest", type=int, default=1, metavar="N", help="pronunciations of each word (default: 1)")
    parser.add_argument("--out", required=True, type=Path, metavar="F", help="lexicon to write, WORD PHONE PHONE")
    arguments = parse(parser, argv)
    _check(arguments)
    from asr.checkpoints.model_file.pronouncer import open_dictionary
    from asr.text.lexicon import Lexicon, read_lexicon, write_lexicon

    model, own = open_dictionary(arguments.checkpoint)
    known = dict(read_lexicon(*arguments.lexicon, case="upper").entries) if arguments.lexicon else {}
    words = {word.upper() for word in _words(arguments, get_policy(arguments.policy))}
    known |= {word: own.pronunciations(word) for word in sorted(words - known.keys()) if word in own}
    missing = sorted(words - known.keys())
    log(f"{len(words):,} words, {len(missing):,} of them without a pronunciation")
    pronounced = model.lexicon(missing, arguments.beam_size, arguments.nbest)
    write_lexicon(Lexicon({**known, **pronounced.entries}), arguments.out)
    mute = [word for word in missing if word not in pronounced]
    if mute:
        named = ", ".join(mute[:_NAMED])
        warn(f"{len(mute)} words have no pronunciation, probably for letters that the model does not know: {named}")
    log(f"{len(pronounced):,} words pronounced")
    print(arguments.out)
    return 0


def _check(arguments: Namespace) -> None:
    if not arguments.words and not arguments.cuts:
        raise UsageError("--words, --cuts", "there are no words to pronounce", "give one of them")
    if not 1 <= arguments.nbest <= arguments.beam_size:
        raise UsageError("--nbest", f"{arguments.nbest} with a beam of {arguments.beam_size}", "give 1 to --beam-size")
    inputs = [*arguments.words, *arguments.cuts, *arguments.lexicon]
    check_out([*inputs, arguments.checkpoint], arguments.out)
    check_inputs(*inputs)


def _words(arguments: Namespace, policy: TextPolicy) -> Iterator[str]:
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text
    from asr.lm.storage import load_ngram
    from asr.lm.vocabulary import SPECIAL, read_words

    for path in arguments.words:
        if path.name.endswith((".npz", ".arpa", ".arpa.gz")):
            yield from load_ngram(path).vocabulary.words[len(SPECIAL) :]
        else:
            yield from read_words(path, policy)[0]
    for path in arguments.cuts:
        for cut in read_cuts(path):
            yield from policy.apply(target_text(cut, "char"), where=cut.id).split()


if __name__ == "__main__":
    raise SystemExit(main())
