"""Packs the audio of cuts into tar shards, which are read one behind the other."""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import command, log, make_parser, parse, progress
from asr.errors import UsageError

if TYPE_CHECKING:
    from lhotse.cut import Cut

_DESCRIPTION = """Packs the audio of cuts into tar shards in Lhotse's Shar format, with the bytes it has.

A folder of shards has an index beside it, an ordinary cut file: training, decoding and asr features take it in place of
the cuts. Thousands of files become a few that disks and networks read from end to end: in training,
data.mixing.window_shards=16 draws batches from so many shards at a time."""

_EXAMPLES = """\
  asr shards --cuts data/librispeech/train-clean-100_cuts.jsonl.gz --out data/librispeech/shards --shuffle 0
  asr shards --folders /data/shar/train --out data/mine    shards made by Lhotse, or moved: writes the index only
  asr train experiment=an4/blstm data.train_cuts=[data/an4/shards/train_cuts.jsonl.gz] data.mixing.window_shards=8"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the command and gives its exit status."""
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
    given.add_argument("--folders", nargs="+", type=Path, metavar="DIR", help="folders of shards, to be indexed only")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets <split>_cuts.jsonl.gz and, for --cuts, <split>/"
    )
    parser.add_argument(
        "--shard-hours", type=float, default=1.0, metavar="H", help="audio of a shard, in hours (default: 1)"
    )
    parser.add_argument(
        "--shuffle",
        type=int,
        metavar="SEED",
        help="mix the cuts first, so that each shard has many speakers; to train on",
    )
    return parser


def _indices(inputs: list[Path], out: Path) -> dict[Path, Path]:
    """Gives the index to write for each cut file or folder."""
    indices = {}
    for path in inputs:
        split = path.resolve().name.removesuffix(".gz").removesuffix(".jsonl").removesuffix("_cuts")
        indices[path] = out / f"{split}_cuts.jsonl.gz"
        if indices[path].resolve() == path.resolve():
            raise UsageError(path, "would be overwritten", "choose another --out")
        if indices[path].parent.resolve() == path.resolve():
            raise UsageError(
                path, "holds the shards, and an index among them would be taken for one", "choose another --out"
            )
    if len(set(indices.values())) < len(inputs):
        raise UsageError(
            "--cuts, --folders", "two have the same name", "run the command once for each, with another --out"
        )
    return indices


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
