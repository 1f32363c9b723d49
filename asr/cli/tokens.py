"""Makes a token table from the transcripts of cuts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._file_checks import check_out
from asr.cli.command import command, log, make_parser, parse
from asr.errors import UsageError
from asr.text.policy import POLICIES, TextPolicy, get_policy
from asr.text.tokens import TokenTable, Unit

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXAMPLES = """\
  asr tokens --cuts data/an4/train_cuts.jsonl.gz --unit char --policy verbatim --out data/an4/tokens_char.txt
  asr tokens --cuts data/synth/train_cuts.jsonl.gz --unit phone --policy timit-39 --out data/synth/tokens_phone.txt
  asr tokens --cuts data/librispeech/train-clean-5_cuts.jsonl.gz --unit bpe --size 500 --policy verbatim \\
             --out data/librispeech/tokens_bpe500.txt"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser("tokens", __doc__ or "", _EXAMPLES)
    parser.add_argument("--cuts", nargs="+", type=Path, required=True, help="cuts of the training set", metavar="F")
    parser.add_argument("--unit", choices=["char", "phone", "bpe"], required=True, help="what a token is")
    parser.add_argument("--size", type=int, help="with --unit bpe: number of tokens, including the blank", metavar="N")
    parser.add_argument("--policy", required=True, help=f"text policy: {', '.join(POLICIES)}", metavar="NAME")
    parser.add_argument(
        "--out", type=Path, required=True, help="file to write, tokens_<unit>.txt or tokens_bpe<N>.txt", metavar="F"
    )
    arguments = parse(parser, argv)
    unit, policy = arguments.unit, get_policy(arguments.policy)
    _check(unit, arguments.size, policy, arguments.out)
    check_out(arguments.cuts, arguments.out)

    texts = list(_texts(arguments.cuts, unit, policy))
    table = TokenTable.build(texts, unit, arguments.size)
    table.save(arguments.out)
    counts = _counts(table, texts)
    log(f"{arguments.out}: {len(texts)} transcripts under policy {policy.name} ({policy.hash})")
    print(f"{len(table)} tokens, the blank among them")
    for token, count in counts.most_common():
        print(f"{count}\t{'| (space)' if unit == 'char' and token == '|' else token}")
    return 0


def _check(unit: Unit, size: int | None, policy: TextPolicy, out: Path) -> None:
    if unit == "phone" and policy.phones is None and policy.name != "verbatim":
        phone_policies = ", ".join(name for name, other in POLICIES.items() if other.phones is not None)
        raise UsageError(
            f"--policy {policy.name}", "is for words", f"for phones, give verbatim or one of {phone_policies}"
        )
    if unit != "phone" and policy.phones is not None:
        raise UsageError(f"--policy {policy.name}", "is for phones", "give --unit phone or a policy for words")
    if (size is not None) != (unit == "bpe"):
        found = "needs --size" if size is None else f"has no --size; {size} was given"
        raise UsageError(f"--unit {unit}", found, "give a number of tokens with --unit bpe, such as 500, and only then")
    name = f"tokens_{unit}{size or ''}.txt"
    if out.name != name:
        raise UsageError(f"--out {out}", "the name of a token table says its unit", f"name it {name}")


def _texts(paths: list[Path], unit: Unit, policy: TextPolicy) -> Iterator[str]:
    from asr.corpora.manifests import read_cuts
    from asr.corpora.targets import target_text

    for path in paths:
        for cut in read_cuts(path):
            yield policy.apply(target_text(cut, unit), where=cut.id)


def _counts(table: TokenTable, texts: list[str]) -> Counter[str]:
    counts = Counter(dict.fromkeys(table.tokens[1:], 0))
    for text in texts:
        counts.update(table.tokens[token_id] for token_id in table.encode(text))
    return counts


if __name__ == "__main__":
    raise SystemExit(main())
