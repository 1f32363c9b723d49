"""Decodes cuts with a checkpoint into one hypothesis per line, with times and scores."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from asr.cli._confidence_options import add_confidence, read_confidence
from asr.cli._file_checks import check_inputs, check_out, check_outputs
from asr.cli._hotword_options import add_hotwords, read_hotwords
from asr.cli._search_options import (
    add_ctc_weight,
    add_inputs,
    add_search,
    add_weights,
    given_fields,
    load_search,
    search_settings,
)
from asr.cli.command import command, log, make_parser, option, parse, progress, refuse_tuning, warn
from asr.decoding.settings import ConfidenceSettings, DecoderSettings
from asr.errors import ConfigError, UsageError
from asr.text.hotwords import HOTWORDS_NOTE

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator

    from asr.decoding.decoder import Decoder
    from asr.decoding.hypothesis import Hypothesis
    from asr.models.acoustic import SpeechModel

_EXAMPLES = f"""  asr decode --checkpoint exp/an4/blstm/seed0/best.ckpt --cuts data/an4/dev_cuts.jsonl.gz
  asr decode --checkpoint best.ckpt --cuts data/an4/test_cuts.jsonl.gz --beam-size 32 --nbest 10
  asr decode --checkpoint best.ckpt --cuts data/timit/test_cuts.jsonl.gz --settings exact.json
  asr decode --checkpoint attention.ckpt --cuts data/an4/test_cuts.jsonl.gz --beam-size 8 --ctc-weight 0.3

Without --out, hypotheses are written to the folder of the checkpoint, as <split>_greedy.jsonl, <split>_beam<size>.jsonl
or, with --label NAME or --settings NAME.json, <split>_NAME.jsonl; what --head NAME reads, as <split>_NAME_greedy.jsonl
and so on. asr tune decode finds weights and writes settings. A transducer takes --beam-size and --nbest alone. Where
there is an attention decoder beside CTC, --beam-size searches with both: <split>_beam<size>_ctc<weight>.jsonl.

{HOTWORDS_NOTE}"""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    settings = _settings(arguments)
    if arguments.out and len(arguments.cuts) > 1:
        raise UsageError("--out", f"one file for {len(arguments.cuts)} files of cuts", "leave it out, or give one")
    if arguments.label and (arguments.out or Path(arguments.label).name != arguments.label):
        raise UsageError("--label", repr(arguments.label), "give it without --out, and as a part of a file name")
    confidence = read_confidence(arguments)
    if confidence is not None:
        settings = _for_confidence(settings, confidence)
    hotwords = read_hotwords(arguments)
    if hotwords:
        settings.check_hotwords(option)
    inputs = [settings.lm, *settings.lexicon, *arguments.cuts]
    check_out([*inputs, arguments.checkpoint, arguments.settings], arguments.out)
    check_inputs(*inputs)
    from asr.scoring.hypotheses import write_hypotheses

    model, decoder, settings = load_search(arguments, settings, hotwords)
    label = arguments.label or (Path(arguments.settings).stem if arguments.settings else settings.label)
    label = f"{arguments.head}_{label}" if arguments.head and not arguments.label else label
    outs = [_out(cuts, label, arguments) for cuts in arguments.cuts]
    check_outputs([Path(cuts) for cuts in arguments.cuts], outs, "--cuts")
    for cuts, out in zip(arguments.cuts, outs, strict=True):
        write_hypotheses(out, _decode(model, decoder, cuts, arguments, confidence))
        log(f"{cuts}: decoded to {out}")
        print(out)
    return 0


def _out(cuts: str, label: str, arguments: Namespace) -> Path:
    """Returns the file for the hypotheses of cuts."""
    split = Path(cuts).name.removesuffix("_cuts.jsonl.gz")
    return Path(arguments.out or Path(arguments.checkpoint).with_name(f"{split}_{label}.jsonl"))


def _parser() -> ArgumentParser:
    parser = make_parser("decode", __doc__ or "", _EXAMPLES)
    add_inputs(parser, "cut files that asr prepare wrote")
    parser.add_argument("--out", metavar="FILE", help="hypotheses file to write, for a single file of cuts")
    parser.add_argument("--label", metavar="NAME", help="write <split>_NAME.jsonl to the folder of the checkpoint")
    add_search(parser)
    add_weights(parser)
    add_ctc_weight(parser)
    add_hotwords(parser)
    parser.add_argument("--settings", metavar="FILE", help="decoder and weights that asr tune decode wrote")
    add_confidence(parser)
    refuse_tuning(parser, "decode", "--tuning-beam-size N")
    return parser


def _settings(arguments: Namespace) -> DecoderSettings:
    if not arguments.settings:
        return search_settings(arguments)
    doubled = [option(name) for name in given_fields(arguments)]
    if doubled:
        raise UsageError(", ".join(doubled), "--settings has it already", "leave one of them out")
    settings = DecoderSettings.load(arguments.settings)
    if settings == DecoderSettings() and arguments.nbest > 1:
        warn(f"{arguments.settings}: is greedy decoding, which has 1 hypothesis, not {arguments.nbest}")
        return settings
    settings = replace(settings, nbest=arguments.nbest)
    settings.check(option)
    return settings


def _for_confidence(settings: DecoderSettings, confidence: ConfidenceSettings) -> DecoderSettings:
    """Returns the settings with as many hypotheses as confidences need."""
    if settings.nbest > 1:
        found = f"--confidence chooses one hypothesis, not {settings.nbest}"
        raise UsageError("--nbest", found, "leave one of them out")
    try:
        return settings.for_confidence(confidence)
    except ConfigError as error:
        raise ConfigError(option(error.where), error.found, error.remedy) from None


def _decode(
    model: SpeechModel, decoder: Decoder, file: str, arguments: Namespace, confidence: ConfidenceSettings | None
) -> Iterator[tuple[str, list[Hypothesis]]]:
    """Yields each utterance's id and N-best list, or the hypothesis chosen of it, in the order of the cuts."""
    from asr.corpora.manifests import read_cuts
    from asr.data.posteriors import decode_cuts
    from asr.decoding.word_confidence import choosing

    cuts = list(read_cuts(file))
    with progress(sum(cut.duration for cut in cuts), "decoding") as bar:
        search = decoder if confidence is None else choosing(decoder, confidence)
        return decode_cuts(search, model, cuts, arguments.batch_seconds, arguments.workers, bar.advance)


if __name__ == "__main__":
    raise SystemExit(main())
