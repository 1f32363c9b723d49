"""Computes the features of cuts in parallel and caches them."""

from __future__ import annotations

import argparse
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import command, log, make_parser, parse, progress, refuse_moved
from asr.configuration.menu import groups
from asr.errors import UsageError
from asr.machine import num_cores

if TYPE_CHECKING:
    from lhotse import CutSet

    from asr.data.extraction import Extraction
    from asr.features.frontend import FrontEnd

_DESCRIPTION = """Computes static features of cuts in parallel, and writes cuts that refer to them.

Training takes such cuts in place of those with audio alone and reads features instead of waveforms. The front end has
to be that of the model. What was computed before is not computed again."""

_EXAMPLES = """  asr features --cuts data/an4/train_cuts.jsonl.gz --out data/an4/features --speeds 0.9 1.0 1.1 --cmvn
  asr features --cuts data/an4/dev_cuts.jsonl.gz --out data/an4/features
  asr features --cuts data/timit/*_cuts.jsonl.gz --out data/timit/features --frontend graves123
  asr features --cuts data/calls/*_cuts.jsonl.gz --out data/calls/features --frontend fbank40 sample_rate=8000"""

_MOVED = (  # options once, settings of --frontend now
    *("kind", "sample_rate", "num_mels", "num_ceps", "frame_length_ms", "frame_shift_ms"),
    *("low_freq", "high_freq", "use_energy", "delta_order"),
)


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the command."""
    arguments = parse(_parser(), argv)
    outputs = _outputs([Path(path) for path in arguments.cuts], arguments.out)

    from asr.corpora.manifests import read_cuts
    from asr.features.cmvn import Statistics, save_statistics

    frontend = _frontend(*arguments.frontend)
    all_cuts = {path: read_cuts(path) for path in outputs}
    _describe(frontend, arguments.out)
    statistics = Statistics(frontend.feature_dim) if arguments.cmvn else None
    for path, output in outputs.items():
        extraction = _extract(all_cuts[path], frontend, output, arguments)
        if statistics is not None:
            extraction.count_statistics(statistics)
        print(output)
    if statistics is not None:
        save_statistics(arguments.out / "cmvn.json", statistics, frontend)
        log(f"mean and deviation of {statistics.num_frames:,} frames")
        print(arguments.out / "cmvn.json")
    return 0


def _frontend(name: str, *changes: str) -> FrontEnd:
    """Builds a front end of ``conf/frontend``, with changes; how it normalises does not matter here."""
    from asr.configuration.composition import frontend_settings
    from asr.features.frontend import FrontEnd

    settings, known = frontend_settings(name, list(changes)), FrontEnd().settings()
    for key, value in settings.items():
        if key not in known:
            raise UsageError(f"--frontend {name} {key}", "is no setting of it", f"choose from {', '.join(known)}")
        kind = type(known[key])
        if not isinstance(value, (int, float) if kind is float else kind) or isinstance(value, bool) != (kind is bool):
            raise UsageError(f"--frontend {name} {key}", f"is {value!r}", f"give one like {known[key]!r}")
    return FrontEnd(**{**settings, "cmvn": known["cmvn"]})


def _outputs(inputs: list[Path], folder: Path) -> dict[Path, Path]:
    """Gives the cut file to write for each one to read."""
    outputs = {path: folder / f"{path.name.removesuffix('.gz').removesuffix('.jsonl')}.jsonl.gz" for path in inputs}
    if len(set(outputs.values())) < len(inputs):
        raise UsageError("--cuts", "two files have the same name", "run the command once for each, with another --out")
    for path, output in outputs.items():
        if path.resolve() == output.resolve():
            raise UsageError(path, "would be overwritten", "choose another --out")
    return outputs


def _describe(frontend: FrontEnd, folder: Path) -> None:
    """Writes ``frontend.json``, or checks the one that is there against the settings."""
    from asr.features.description import read_description, write_description

    path = folder / "frontend.json"
    if path.exists():
        read_description(path, frontend)
    else:
        write_description(path, frontend)


def _extract(cuts: CutSet, frontend: FrontEnd, output: Path, arguments: argparse.Namespace) -> Extraction:
    from asr.corpora.manifests import write_cuts
    from asr.data.extraction import Extraction

    name = output.name.removesuffix(".jsonl.gz").removesuffix("_cuts")
    extraction = Extraction(cuts, frontend, output.parent / name, arguments.speeds)
    if extraction.num_missing < len(extraction):
        done = len(extraction) - extraction.num_missing
        log(f"{name}: {done:,} of {len(extraction):,} cuts were computed before")
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
    parser.add_argument("--cuts", nargs="+", required=True, metavar="FILE", help="cut files, <split>_cuts.jsonl.gz")
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="gets <split>_cuts.jsonl.gz, frontend.json and <split>/"
    )
    parser.add_argument(
        "--speeds", type=float, nargs="+", default=[1.0], metavar="X", help="make copies at these speeds (default: 1.0)"
    )
    parser.add_argument("--jobs", type=_count, default=num_cores(), metavar="N", help="processes (default: all CPUs)")
    parser.add_argument(
        "--cmvn", action="store_true", help="count mean and deviation over all of --cuts, copies left aside: cmvn.json"
    )
    choice = f"front end, as in the model: {', '.join(groups()['frontend'])}, and settings KEY=VALUE (default: fbank80)"
    parser.add_argument("--frontend", nargs="+", default=["fbank80"], metavar="NAME", help=choice)
    refuse_moved(parser, {f"--{name.replace('_', '-')}": f"--frontend NAME {name}=VALUE" for name in _MOVED})
    return parser


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("has to be 1 or more")
    return count


if __name__ == "__main__":
    raise SystemExit(main())
