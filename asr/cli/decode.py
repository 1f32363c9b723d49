"""Decodes cuts with a checkpoint: writes one hypothesis a line, with times and scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from asr.cli.command import command, log, make_parser, parse, progress
from asr.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from asr.decoding.decoder import Decoder
    from asr.decoding.hypothesis import Hypothesis
    from asr.transcription.checkpoint import Loaded

_EXAMPLES = """  asr decode --checkpoint exp/an4/blstm/seed0/best.ckpt --cuts data/an4/dev_cuts.jsonl.gz
  asr decode --checkpoint best.ckpt --cuts data/an4/test_cuts.jsonl.gz --beam-size 32 --nbest 10

Without --out, hypotheses go beside the checkpoint, into <split>_greedy.jsonl or <split>_beam<size>.jsonl."""


@command
def main(argv: list[str] | None = None) -> int:
    """Runs the verb."""
    parser = make_parser(
        "decode", "Decodes cuts with a checkpoint: one hypothesis a line, with times and scores.", _EXAMPLES
    )
    parser.add_argument("--checkpoint", required=True, metavar="FILE", help="what asr train wrote")
    parser.add_argument("--cuts", required=True, nargs="+", metavar="FILE", help="cut files that asr prepare wrote")
    parser.add_argument("--out", metavar="FILE", help="hypotheses file, for a single file of cuts")
    parser.add_argument("--beam-size", type=int, default=1, help="hypotheses kept; 1 is greedy (default: 1)")
    parser.add_argument("--nbest", type=int, default=1, help="hypotheses written for each utterance (default: 1)")
    parser.add_argument("--batch-seconds", type=float, default=120.0, help="seconds of a padded batch (default: 120)")
    parser.add_argument("--workers", type=int, default=1, help="processes that read audio ahead (default: 1)")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    arguments = parse(parser, argv)
    if arguments.out and len(arguments.cuts) > 1:
        raise UsageError("--out", f"one file for {len(arguments.cuts)} files of cuts", "leave it out, or decode one")
    if not 1 <= arguments.nbest <= arguments.beam_size:
        raise UsageError("--nbest", f"{arguments.nbest} with a beam of {arguments.beam_size}", "give 1 to --beam-size")
    from asr.scoring.hypotheses import write_hypotheses
    from asr.transcription.checkpoint import load_checkpoint

    loaded = load_checkpoint(arguments.checkpoint)
    _move(loaded, arguments.device)
    label = "greedy" if arguments.beam_size == 1 else f"beam{arguments.beam_size}"
    for cuts in arguments.cuts:
        split = Path(cuts).name.removesuffix("_cuts.jsonl.gz")
        out = Path(arguments.out or Path(arguments.checkpoint).with_name(f"{split}_{label}.jsonl"))
        write_hypotheses(out, _decode(loaded, cuts, arguments))
        log(f"{cuts}: decoded to {out}")
        print(out)
    return 0


def _move(loaded: Loaded, device: str) -> None:
    import torch

    try:
        loaded.model.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            "--device", f"{device!r} cannot be used ({reason})", "give cpu, or cuda where there is a GPU"
        ) from error


def _decoder(loaded: Loaded, beam_size: int, nbest: int) -> Decoder:
    from asr.decoding.greedy import GreedyDecoder
    from asr.decoding.prefix_beam import PrefixBeamDecoder

    if beam_size == 1:
        return GreedyDecoder(loaded.tokens, loaded.model.frame_seconds)
    return PrefixBeamDecoder(loaded.tokens, loaded.model.frame_seconds, beam_size=beam_size, nbest=nbest)


def _decode(loaded: Loaded, file: str, arguments: Any) -> Iterator[tuple[str, list[Hypothesis]]]:
    """Gives each utterance's id and N-best list, in the order of the cuts."""
    import torch

    from asr.corpora.manifests import read_cuts
    from asr.data.dataset import SpeechDataset
    from asr.data.loader import read_batches
    from asr.data.plan import plan_epoch
    from asr.data.utterances import Utterance

    utterances = [Utterance(cut, "", (), {}) for cut in read_cuts(file)]
    dataset = SpeechDataset(utterances, loaded.model.frontend.sample_rate, cached=False, seed=0)
    plan = plan_epoch(dataset.seconds, batch_seconds=arguments.batch_seconds, max_batch_size=64, shuffle=False)
    decoder = _decoder(loaded, arguments.beam_size, arguments.nbest)
    device = loaded.model.output.weight.device
    found: dict[str, list[Hypothesis]] = {}
    with torch.inference_mode(), progress(sum(dataset.seconds), "decoding") as bar:
        for batch in read_batches(dataset, plan, arguments.workers, pin_memory=False):
            batch = batch.to(device)
            assert batch.waveforms is not None
            found |= zip(batch.utterance_ids, decoder(*loaded.model(batch.waveforms, batch.lengths)), strict=True)
            bar.advance(float(batch.lengths.sum()) / loaded.model.frontend.sample_rate)
    return ((utterance.cut.id, found[utterance.cut.id]) for utterance in utterances)


if __name__ == "__main__":
    raise SystemExit(main())
