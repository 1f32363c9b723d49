"""Computes the features of cuts in parallel and caches them."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._file_checks import check_outputs
from asr.cli.command import command, log, make_parser, parse, progress, refuse_moved, whole_number
from asr.configuration.menu import groups
from asr.machine import num_cores

if TYPE_CHECKING:
    from lhotse import CutSet

    from asr.data.extraction import Extraction
    from asr.features.frontend import FrontEnd

_DESCRIPTION = """Computes static features of cuts in parallel, and writes cuts that refer to them.

Training accepts such cuts in place of cuts with audio only, and reads features instead of waveforms. The front end must
be that of the model. Features that exist already are not computed again."""

_EXAMPLES = """  asr features --cuts data/an4/train_cuts.jsonl.gz --out data/an4/features --speeds 0.9 1.0 1.1 --cmvn
  asr features --cuts data/an4/dev_cuts.jsonl.gz --out data/an4/features
  asr features --cuts data/timit/*_cuts.jsonl.gz --out data/timit/features --frontend graves123
  asr features --cuts data/calls/*_cuts.jsonl.gz --out data/calls/features --frontend fbank40 sample_rate=8000"""

_MOVED = (  # former options, now settings of --frontend
    *("kind", "sample_rate", "num_mels", "num_ceps", "frame_length_ms", "frame_shift_ms"),
    *("low_freq", "high_freq", "use_energy", "delta_order"),
)


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    names = [path.name.removesuffix(".gz").removesuffix(".jsonl") for path in arguments.cuts]
    outputs = [arguments.out / f"{name}.jsonl.gz" for name in names]
    check_outputs(arguments.cuts, outputs, "--cuts")

    from asr.corpora.manifests import read_cuts
    from asr.features.choice import choose_frontend
    from asr.features.cmvn import Statistics, save_statistics
    from asr.features.description import keep_description

    frontend = choose_frontend(*arguments.frontend)
    all_cuts = [read_cuts(path) for path in arguments.cuts]
    keep_description(arguments.out / "frontend.json", frontend)
    statistics = Statistics(frontend.feature_dim) if arguments.cmvn else None
    for cuts, output in zip(all_cuts, outputs, strict=True):
        extraction = _extract(cuts, frontend, output, arguments)
        if statistics is not None:
            extraction.count_statistics(statistics)
        print(output)
    if statistics is not None:
        save_statistics(arguments.out / "cmvn.json", statistics, frontend)
        log(f"mean and deviation of {statistics.num_frames:,} frames")
        print(arguments.out / "cmvn.json")
    return 0


def _extract(cuts: CutSet, frontend: FrontEnd, output: Path, arguments: argparse.Namespace) -> Extraction:
    from asr.corpora.manifests import write_cuts
    from asr.data.extraction import Extraction

    name = output.name.removesuffix(".jsonl.gz").removesuffix("_cuts")
    extraction = Extraction(cuts, frontend, output.parent / name, arguments.speeds)
    if extraction.num_missing < len(extraction):
        done = len(extraction) - extraction.num_missing
        log(f"{name}: {done:,} of {len(extraction):,} cuts are computed already")
    with (
        progress(extraction.missing_seconds, f"features of {name}") as bar,
        closing(extraction.run(arguments.jobs)) as run,
    ):
        for seconds in run:
            bar.advance(seconds)
    write_cuts(extraction.cuts(), output)
    log(f"{name}: {len(extraction):,} cuts with {frontend.static_dim} values a frame in {output}")
    return extraction


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("features", _DESCRIPTION, _EXAMPLES)
    cuts = "cut files, <split>_cuts.jsonl.gz"
    parser.add_argument("--cuts", type=Path, nargs="+", required=True, metavar="FILE", help=cuts)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="for cuts, frontend.json and <split>/")
    parser.add_argument(
        "--speeds", type=float, nargs="+", default=[1.0], metavar="X", help="make copies at these speeds (default: 1.0)"
    )
    jobs = "processes (default: all CPUs)"
    parser.add_argument("--jobs", type=whole_number, default=num_cores(), metavar="N", help=jobs)
    parser.add_argument(
        "--cmvn", action="store_true", help="write mean and deviation over all --cuts, without copies, to cmvn.json"
    )
    choice = f"front end, as in the model: {', '.join(groups()['frontend'])}, and settings KEY=VALUE (default: fbank80)"
    parser.add_argument("--frontend", nargs="+", default=["fbank80"], metavar="NAME", help=choice)
    refuse_moved(parser, {f"--{name.replace('_', '-')}": f"--frontend NAME {name}=VALUE" for name in _MOVED})
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
