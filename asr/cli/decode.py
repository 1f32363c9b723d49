"""Decodes cuts with a checkpoint: writes one hypothesis a line, with times and scores; tunes language model weights."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli._decoders import HYPS_PER_STATE, DecoderSettings
from asr.cli.command import command, finite, log, make_parser, parse, progress, warn
from asr.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Iterator

    from asr.checkpoints.acoustic import Loaded
    from asr.decoding.decoder import Decoder
    from asr.decoding.hypothesis import Hypothesis

LM_WEIGHT = 0.5
"""Of a language model whose weight is not given."""

_EXAMPLES = """  asr decode --checkpoint exp/an4/blstm/seed0/best.ckpt --cuts data/an4/dev_cuts.jsonl.gz
  asr decode --checkpoint best.ckpt --cuts data/an4/test_cuts.jsonl.gz --beam-size 32 --nbest 10
  asr decode --checkpoint best.ckpt --cuts data/timit/dev_cuts.jsonl.gz --lm phones.arpa --exact --tune exact.json
  asr decode --checkpoint best.ckpt --cuts data/timit/test_cuts.jsonl.gz --settings exact.json
  asr decode --checkpoint best.ckpt --cuts dev.jsonl.gz --lexicon words.txt --lm 3gram.npz --beam-size 64 --tune a.json

Without --out, hypotheses go beside the checkpoint, into <split>_greedy.jsonl, <split>_beam<size>.jsonl or, with
--settings NAME.json, <split>_NAME.jsonl. --tune computes posteriors once, tries weights of the language model on them
(over words the penalty of blank, too) and keeps those of least error (of words, or of phones), going without and greedy
decoding among them: tune on dev, never on test. Where there is one set only, --cross-tune tunes on one half of its
speakers and decodes the other, and the other way round."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    arguments = parse(_parser(), argv)
    settings = _settings(arguments)
    if arguments.out and len(arguments.cuts) > 1:
        raise UsageError("--out", f"one file for {len(arguments.cuts)} files of cuts", "leave it out, or give one")
    if arguments.tune and arguments.cross_tune:
        raise UsageError("--cross-tune", "--tune is there, too", "give one of them")
    if (arguments.tune or arguments.cross_tune) and settings.beam_size == 1 and not settings.exact:
        option = "--tune" if arguments.tune else "--cross-tune"
        raise UsageError(option, "greedy decoding has no weights", "give --beam-size, and --lm or --lexicon")
    if arguments.tuning_beam_size is not None and not (arguments.tune or arguments.cross_tune):
        raise UsageError("--tuning-beam-size", "nothing is tuned", "give --tune or --cross-tune, or leave it out")
    if arguments.tuning_beam_size is not None and settings.exact:
        raise UsageError("--tuning-beam-size", "--exact has no beam", "leave one of them out")
    if arguments.tuning_beam_size is not None and arguments.tuning_beam_size < 2:
        raise UsageError("--tuning-beam-size", f"{arguments.tuning_beam_size} is no beam", "give 2 or more")
    from asr.checkpoints.acoustic import load_checkpoint
    from asr.cli._device import move
    from asr.scoring.hypotheses import write_hypotheses

    loaded = load_checkpoint(arguments.checkpoint)
    move(loaded.model, arguments.device)
    parts = settings.parts(loaded)
    if arguments.tune:
        from asr.cli._tuning import tune_decoder

        print(tune_decoder(loaded, settings, parts, arguments))
        return 0
    label = Path(arguments.settings).stem if arguments.settings else settings.label
    for cuts in arguments.cuts:
        split = Path(cuts).name.removesuffix("_cuts.jsonl.gz")
        out = Path(arguments.out or Path(arguments.checkpoint).with_name(f"{split}_{label}.jsonl"))
        if arguments.cross_tune:
            from asr.cli._tuning import decode_crosswise

            write_hypotheses(out, decode_crosswise(loaded, settings, parts, cuts, arguments))
        else:
            write_hypotheses(out, _decode(loaded, settings.decoder(loaded, parts), cuts, arguments))
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
    parser.add_argument("--beam-size", type=int, help="hypotheses kept; 1 is greedy (default: 1)")
    parser.add_argument("--nbest", type=int, default=1, help="hypotheses written for each utterance (default: 1)")
    parser.add_argument("--lm", metavar="FILE", help="n-gram model: of words with --lexicon, else of tokens")
    parser.add_argument("--lm-weight", type=finite, metavar="W", help="of its natural-log scores (default: 0.5)")
    parser.add_argument("--token-score", type=finite, metavar="S", help="score added per token (default: 0)")
    words = parser.add_argument_group("words")
    words.add_argument(
        "--lexicon",
        nargs="+",
        metavar="FILE",
        help="search among these words: one a line, WORD PHONES… for phones, or an n-gram model that knows them",
    )
    words.add_argument("--word-score", type=finite, metavar="S", help="score added per word (default: 0)")
    words.add_argument("--blank-penalty", type=finite, metavar="S", help="score taken per frame of blank (default: 0)")
    words.add_argument("--silence", metavar="TOKEN", help="phone that may stand between words, such as sil")
    words.add_argument(
        "--unknown-score", type=finite, metavar="S", help="score added for a word that is not in the lexicon (none may)"
    )
    words.add_argument(
        "--beam-threshold", type=finite, metavar="S", help="drop hypotheses this far below the best (default: 30)"
    )
    words.add_argument(
        "--hyps-per-state",
        type=int,
        metavar="N",
        help="hypotheses kept of those that the rest cannot tell apart: 1 is best for the first hypothesis, more for "
        f"N-best lists (default: 1; {HYPS_PER_STATE} where --nbest is above 1)",
    )
    parser.add_argument("--exact", action="store_true", help="search a bigram exactly, for the best path: no beam")
    parser.add_argument("--settings", metavar="FILE", help="decoder and weights that --tune wrote")
    parser.add_argument("--tune", metavar="FILE", help="find the weights on these cuts and write them to FILE (.json)")
    parser.add_argument(
        "--cross-tune", action="store_true", help="decode each half of the speakers with weights tuned on the other"
    )
    parser.add_argument(
        "--tuning-beam-size",
        type=int,
        metavar="N",
        help="hypotheses kept while weights are tried (default: --beam-size)",
    )
    parser.add_argument("--batch-seconds", type=finite, default=480.0, help="seconds of padded batches (default: 480)")
    parser.add_argument("--workers", type=int, default=1, help="processes that read audio ahead (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    return parser


def _settings(arguments: Any) -> DecoderSettings:
    names = [field.name for field in fields(DecoderSettings) if field.name != "nbest"]
    values = {name: getattr(arguments, name) for name in names}
    given = {name: value for name, value in values.items() if value is not None and value is not False}
    if arguments.settings:
        tuning = {name: True for name in ("tune", "cross_tune") if getattr(arguments, name)}
        doubled = [f"--{name.replace('_', '-')}" for name in given | tuning]
        if doubled:
            raise UsageError(", ".join(doubled), "--settings has it already", "leave one of them out")
        settings = DecoderSettings.load(Path(arguments.settings))
        if settings == DecoderSettings() and arguments.nbest > 1:
            warn(f"{arguments.settings}: is greedy decoding, which gives 1 hypothesis, not {arguments.nbest}")
        else:
            settings = replace(settings, nbest=arguments.nbest)
    else:
        if "lexicon" in given:
            given["lexicon"] = tuple(given["lexicon"])
        if "lm" in given:
            given = {"lm_weight": LM_WEIGHT, **given}
        settings = DecoderSettings(nbest=arguments.nbest, **given)
    settings.check()
    return settings


def _decode(loaded: Loaded, decoder: Decoder, file: str, arguments: Any) -> Iterator[tuple[str, list[Hypothesis]]]:
    """Gives each utterance's id and N-best list, in the order of the cuts."""
    from asr.corpora.manifests import read_cuts
    from asr.data.posteriors import read_with

    cuts = list(read_cuts(file))
    seconds = {cut.id: cut.duration for cut in cuts}
    found: dict[str, list[Hypothesis]] = {}
    with progress(sum(seconds.values()), "decoding") as bar:
        for ids, nbest in read_with(decoder, loaded.model, cuts, arguments.batch_seconds, arguments.workers):
            found |= zip(ids, nbest, strict=True)
            bar.advance(sum(seconds[each] for each in ids))
    return ((cut.id, found[cut.id]) for cut in cuts)


if __name__ == "__main__":
    raise SystemExit(main())
