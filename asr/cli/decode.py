"""Decodes cuts with a checkpoint: writes one hypothesis a line, with times and scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._search_options import add_search, add_weights, given_fields, log_coverage, search_settings
from asr.cli.command import command, finite, log, make_parser, option, parse, progress, refuse_moved, warn
from asr.decoding.settings import DecoderSettings
from asr.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from asr.decoding.decoder import Decoder
    from asr.decoding.hypothesis import Hypothesis
    from asr.models.acoustic import AcousticModel

_EXAMPLES = """  asr decode --checkpoint exp/an4/blstm/seed0/best.ckpt --cuts data/an4/dev_cuts.jsonl.gz
  asr decode --checkpoint best.ckpt --cuts data/an4/test_cuts.jsonl.gz --beam-size 32 --nbest 10
  asr decode --checkpoint best.ckpt --cuts data/timit/test_cuts.jsonl.gz --settings exact.json

Without --out, hypotheses go beside the checkpoint, into <split>_greedy.jsonl, <split>_beam<size>.jsonl or, with
--settings NAME.json, <split>_NAME.jsonl. asr tune decode finds weights and writes settings."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    settings = _settings(arguments)
    if arguments.out and len(arguments.cuts) > 1:
        raise UsageError("--out", f"one file for {len(arguments.cuts)} files of cuts", "leave it out, or give one")
    from asr.checkpoints.acoustic import load_checkpoint
    from asr.decoding.parts import DecoderParts
    from asr.models.devices import move
    from asr.scoring.hypotheses import write_hypotheses

    loaded = load_checkpoint(arguments.checkpoint)
    move(loaded.model, arguments.device, "--device")
    parts = DecoderParts.read(settings, loaded.tokens, loaded.policy, loaded.model.frame_seconds)
    log_coverage(parts.coverage, settings.lm)
    decoder = parts.decoder(settings)
    label = Path(arguments.settings).stem if arguments.settings else settings.label
    for cuts in arguments.cuts:
        split = Path(cuts).name.removesuffix("_cuts.jsonl.gz")
        out = Path(arguments.out or Path(arguments.checkpoint).with_name(f"{split}_{label}.jsonl"))
        write_hypotheses(out, _decode(loaded.model, decoder, cuts, arguments))
        log(f"{cuts}: decoded to {out}")
        print(out)
    return 0


def _parser() -> ArgumentParser:
    parser = make_parser(
        "decode", "Decodes cuts with a checkpoint: one hypothesis a line, with times and scores.", _EXAMPLES
    )
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="what asr train wrote")
    parser.add_argument("--cuts", required=True, nargs="+", metavar="FILE", help="cut files that asr prepare wrote")
    parser.add_argument("--out", metavar="FILE", help="hypotheses file, for a single file of cuts")
    add_search(parser)
    add_weights(parser)
    parser.add_argument("--settings", metavar="FILE", help="decoder and weights that asr tune decode wrote")
    parser.add_argument("--batch-seconds", type=finite, default=480.0, help="seconds of padded batches (default: 480)")
    parser.add_argument("--workers", type=int, default=1, help="processes that read audio ahead (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    places = {
        "--tune": "asr tune decode --out FILE",
        "--cross-tune": "asr tune decode --crosswise FILE",
        "--tuning-beam-size": "asr tune decode --tuning-beam-size N",
    }
    refuse_moved(parser, places)
    return parser


def _settings(arguments: Namespace) -> DecoderSettings:
    if not arguments.settings:
        return search_settings(arguments)
    doubled = [option(name) for name in given_fields(arguments)]
    if doubled:
        raise UsageError(", ".join(doubled), "--settings has it already", "leave one of them out")
    settings = DecoderSettings.load(arguments.settings)
    if settings == DecoderSettings() and arguments.nbest > 1:
        warn(f"{arguments.settings}: is greedy decoding, which gives 1 hypothesis, not {arguments.nbest}")
        return settings
    settings = replace(settings, nbest=arguments.nbest)
    settings.check(option)
    return settings


def _decode(
    model: AcousticModel, decoder: Decoder, file: str, arguments: Namespace
) -> Iterator[tuple[str, list[Hypothesis]]]:
    """Yields each utterance's id and N-best list, in the order of the cuts."""
    from asr.corpora.manifests import read_cuts
    from asr.data.posteriors import read_with

    cuts = list(read_cuts(file))
    seconds = {cut.id: cut.duration for cut in cuts}
    found: dict[str, list[Hypothesis]] = {}
    with progress(sum(seconds.values()), "decoding") as bar:
        for ids, nbest in read_with(decoder, model, cuts, arguments.batch_seconds, arguments.workers):
            found |= zip(ids, nbest, strict=True)
            bar.advance(sum(seconds[each] for each in ids))
    return ((cut.id, found[cut.id]) for cut in cuts)


if __name__ == "__main__":
    raise SystemExit(main())
