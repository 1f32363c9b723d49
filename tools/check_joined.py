"""Measures what it costs to transcribe recordings joined into one in place of one by one.

    python tools/check_joined.py --checkpoint exp/an4/blstm_all/seed0/last.ckpt --cuts data/an4/test_cuts.jsonl.gz
    python tools/check_joined.py --model my.asr --cuts data/librispeech/dev_mini_cuts.jsonl.gz --pauses 0 --exact

Transcribes the recordings of a cut file one by one, then all of them joined into one, with pauses of zeros of each
length between them, and with ``--exact`` also as one tensor. References and what is found are counted under the
text policy of ``--policy``, as by ``asr score``; the reference of the joined recording is all transcripts, joined.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from asr.audio.waveforms import write_wav
from asr.corpora.manifests import read_cuts
from asr.data.dataset import read_waveform
from asr.scoring.counts import count_errors
from asr.text.policy import TextPolicy, get_policy
from asr.transcription.opening import Choice, choose
from asr.transcription.recognizer import Recognizer


def joined(waveforms: Sequence[Tensor], pause: float, sample_rate: int) -> Tensor:
    """Returns the waveforms one after another, with ``pause`` seconds of zeros after each."""
    quiet = torch.zeros(round(pause * sample_rate))
    return torch.cat([part for waveform in waveforms for part in (waveform, quiet)])


def measure(
    recognizer: Recognizer,
    waveforms: Sequence[Tensor],
    refs: list[str],
    policy: TextPolicy,
    pauses: Sequence[float],
    exact: bool,
) -> Iterator[tuple[str, float]]:
    """Yields what was transcribed, and its word error rate in per cent."""
    rate = recognizer.sample_rate
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.wav" for number in range(len(waveforms))]
        for path, waveform in zip(paths, waveforms, strict=True):
            write_wav(path, waveform, rate)
        yield "one by one", error_rate(refs, [policy.apply(each.text) for each in recognizer.transcribe(paths)])
        for pause in pauses:
            write_wav(path := Path(folder) / "joined.wav", joined(waveforms, pause, rate), rate)
            for is_exact in [False, True][: 1 + exact]:
                found = [policy.apply(each.text) for each in recognizer.transcribe([path], exact=is_exact)]
                name = f"joined, {pause:g} s apart{', exact' * is_exact}"
                yield name, error_rate([" ".join(refs)], found)


def error_rate(refs: list[str], hyps: list[str]) -> float:
    """Returns the word error rate in per cent."""
    errors = sum(counts.errors for counts in count_errors(refs, hyps, "word"))
    return 100 * errors / sum(len(ref.split()) for ref in refs)


def main() -> None:
    """Prints a line for each way of transcribing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    models = parser.add_mutually_exclusive_group(required=True)
    models.add_argument("--model", metavar="FILE", help="model file that asr export wrote")
    models.add_argument("--checkpoint", metavar="FILE", help="checkpoint that asr train wrote")
    parser.add_argument("--settings", metavar="FILE", help="of a search, as for asr transcribe")
    parser.add_argument("--cuts", required=True, metavar="FILE", help="cuts, by asr prepare")
    parser.add_argument("--policy", default="upper-no-punctuation", help="text policy (default: upper-no-punctuation)")
    parser.add_argument("--pauses", type=float, nargs="+", default=[0.0, 0.3], metavar="S", help="(default: 0 0.3)")
    parser.add_argument("--exact", action="store_true", help="measure asr transcribe --exact too")
    arguments = parser.parse_args()
    choice = Choice(arguments.model, arguments.checkpoint, settings=arguments.settings)
    recognizer, _ = choose(choice).open()
    cuts = list(read_cuts(arguments.cuts))
    waveforms = [read_waveform(cut, recognizer.sample_rate) for cut in cuts]
    policy = get_policy(arguments.policy)
    refs = [policy.apply(" ".join(each.text or "" for each in cut.supervisions)) for cut in cuts]
    print(f"{len(cuts)} recordings, {sum(map(len, waveforms)) / recognizer.sample_rate:.0f} s")
    for name, rate in measure(recognizer, waveforms, refs, policy, arguments.pauses, arguments.exact):
        print(f"{name}: {rate:.2f} %", flush=True)


if __name__ == "__main__":
    main()
