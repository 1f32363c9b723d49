"""compute and cache the features of cuts"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli.command import command, log, make_parser, parse, progress
from asr.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from asr.features.cmvn import Statistics
    from asr.features.frontend import FrontEnd

_DESCRIPTION = """Computes the static features of cuts with the front end of the model, in parallel, and writes cuts that refer to them.

Training takes such cuts in place of those with audio alone and reads features instead of waveforms. The settings here
have to be those of the model's front end. What was computed before is not computed again."""

_EXAMPLES = """  asr features --cuts data/an4/train_cuts.jsonl.gz --out data/an4/features --speeds 0.9 1.0 1.1 --cmvn
  asr features --cuts data/an4/dev_cuts.jsonl.gz --out data/an4/features
  asr features --cuts data/timit/*_cuts.jsonl.gz --out data/timit/features --num-mels 40 --use-energy"""

_SETTINGS: tuple[tuple[str, type, float | str, str], ...] = (
    ("sample_rate", int, 16000, "Hz; audio at other rates is resampled"),
    ("num_mels", int, 80, "mel filters"),
    ("num_ceps", int, 13, "cepstra of mfcc, C0 included"),
    ("frame_length_ms", float, 25.0, "milliseconds that a frame sees"),
    ("frame_shift_ms", float, 10.0, "milliseconds from one frame to the next"),
    ("low_freq", float, 20.0, "lower edge of the filters in Hz"),
    ("high_freq", float, 0.0, "upper edge of the filters in Hz; 0 or less counts from half the sample rate"),
)


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the command."""
    arguments = parse(_parser(), argv)
    outputs = {Path(cuts): arguments.out / f"{_stem(Path(cuts))}.jsonl.gz" for cuts in arguments.cuts}
    if len(set(outputs.values())) < len(outputs):
        raise UsageError("--cuts", "two files have the same name", "extract them into different folders")
    for cuts, output in outputs.items():
        if cuts.resolve() == output.resolve():
            raise UsageError(cuts, "lies in the output folder", "choose another --out")

    from asr.corpora.manifests import read_cuts
    from asr.features.cmvn import Statistics, save_statistics
    from asr.features.frontend import FrontEnd

    settings = {name: getattr(arguments, name) for name, *_ in _SETTINGS}
    frontend = FrontEnd(
        kind=arguments.kind, use_energy=arguments.use_energy, delta_order=arguments.delta_order, **settings
    )
    all_cuts = {path: read_cuts(path) for path in outputs}
    _describe(frontend, arguments.out)
    statistics = Statistics(frontend.feature_dim) if arguments.cmvn else None
    for path, output in outputs.items():
        _extract(all_cuts[path], frontend, output, arguments, statistics)
        print(output)
    if statistics is not None:
        save_statistics(arguments.out / "cmvn.json", statistics, frontend)
        log(f"mean and deviation of {statistics.num_frames:,} frames")
        print(arguments.out / "cmvn.json")
    return 0
