"""Packs the audio of cuts into tar shards, which are read sequentially."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._file_checks import check_outputs
from asr.cli.command import command, log, make_parser, parse, progress
from asr.errors import UsageError

if TYPE_CHECKING:
    from lhotse.cut import Cut

_DESCRIPTION = """Packs the audio of cuts into tar shards in Lhotse's Shar format, without encoding it again.

Next to a folder of shards lies its index, an ordinary cut file, which training, decoding and asr features accept in
place of the cuts. Thousands of files become a few that disks and networks read sequentially: in training,
data.mixing.window_shards=16 draws batches from 16 shards at a time."""

_EXAMPLES = """\
  asr shards --cuts data/librispeech/train-clean-100_cuts.jsonl.gz --out data/librispeech/shards --shuffle 0
  asr shards --folders /data/shar/train --out data/mine    shards that Lhotse made or that moved: writes the index only
  asr train experiment=an4/blstm data.train_cuts=[data/an4/shards/train_cuts.jsonl.gz] data.mixing.window_shards=8"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    if not arguments.shard_hours > 0:
        raise UsageError("--shard-hours", f"is {arguments.shard_hours:g}", "give hours above 0")
    if arguments.cuts is not None:
        for path, index in _indices(arguments.cuts, arguments.out).items():
            _write(path, index, arguments)
        return 0
    for folder, index in _indices(arguments.folders, arguments.out).items():
        _index(folder, index)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("shards", _DESCRIPTION, _EXAMPLES)
    given = parser.add_mutually_exclusive_group(required=True)
    given.add_argument("--cuts", nargs="+", type=Path, metavar="FILE", help="cut files, <split>_cuts.jsonl.gz")
    given.add_argument("--folders", nargs="+", type=Path, metavar="DIR", help="folders of shards, to index only")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="for the index and, with --cuts, <split>/"
    )
    parser.add_argument("--shard-hours", type=float, default=1.0, metavar="H", help="hours per shard (default: 1)")
    parser.add_argument(
        "--shuffle",
        type=int,
        metavar="SEED",
        help="shuffle the cuts first, so that each shard has many speakers; for training",
    )
    return parser


def _indices(inputs: list[Path], out: Path) -> dict[Path, Path]:
    """Returns the index to write for each cut file or folder."""
    splits = [path.resolve().name.removesuffix(".gz").removesuffix(".jsonl").removesuffix("_cuts") for path in inputs]
    indices = [out / f"{split}_cuts.jsonl.gz" for split in splits]
    check_outputs(inputs, indices, "--cuts, --folders")
    for path, index in zip(inputs, indices, strict=True):
        if index.parent.resolve() == path.resolve():
            found = "holds the shards, and an index among them would be taken for one"
            raise UsageError(path, found, "choose another --out")
    return dict(zip(inputs, indices, strict=True))


def _write(path: Path, index: Path, arguments: argparse.Namespace) -> None:
    from asr.corpora.manifests import read_cuts
    from asr.corpora.shards import write_shards

    cuts = list(read_cuts(path))
    if arguments.shuffle is not None:
        random.Random(arguments.shuffle).shuffle(cuts)
    folder = index.with_name(index.name.removesuffix("_cuts.jsonl.gz"))
    with progress(sum(cut.duration for cut in cuts), f"shards of {folder.name}") as bar:
        for seconds in write_shards(cuts, folder, 3600 * arguments.shard_hours):
            bar.advance(seconds)
    _index(folder, index)


def _index(folder: Path, index: Path) -> None:
    from asr.corpora.manifests import write_cuts
    from asr.corpora.shards import index_shards

    cuts: list[Cut] = index_shards(folder)
    write_cuts(cuts, index)
    sizes = [tar.stat().st_size for tar in folder.glob("*.tar")]
    log(f"{folder}: {len(cuts):,} cuts in {len(sizes):,} shards of {max(sizes) / 1e6:,.1f} MB at the most")
    print(index)


if __name__ == "__main__":
    raise SystemExit(main())
