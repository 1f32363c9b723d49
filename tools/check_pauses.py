r"""Measures whether pauses change what a model reads: pauses of several kinds, lengths and places.

    python tools/check_pauses.py exp/an4/blstm_all/seed0/last.ckpt --cuts data/an4/test_cuts.jsonl.gz \
        --policy upper-no-punctuation --out exp/an4/blstm_all/seed0/pauses

Makes test sets from a cut file: "plain" with the recordings as they are, "joined" with each speaker's recordings joined
two by two (the last three together if their number is odd), and one for each kind of pause, length and place: "zeros",
"dither" (random steps of -1, 0 or 1 of 16 bits) or "start" (the first 0.1 s of the recording, repeated), "before" and
"after" each recording of plain and "between" those of joined. All sets hold the same words. Runs ``asr decode``, or
what ``asr transcribe`` runs, and ``asr score`` on each, and prints a table for a README. Ends with status 1 if the
error rate of any set exceeds that of plain by more than --tolerance per cent, absolute; joined, which holds no pauses,
does not count.

WAV files, cuts, hypotheses and scores go to --out: 1 GB for the 130 recordings of AN4's test.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from lhotse import CutSet, MonoCut, Recording
from lhotse.audio import AudioSource
from lhotse.cut import Cut
from lhotse.supervision import AlignmentItem, SupervisionSegment
from lhotse.utils import fastcopy
from torch import Tensor

from asr.audio.rates import Seconds, seconds_to_samples
from asr.audio.waveforms import write_wav
from asr.cli import decode, score
from asr.corpora.manifests import read_cuts, write_cuts
from asr.data.dataset import read_waveform
from asr.scoring.hypotheses import write_hypotheses
from asr.text.phones import SILENCES
from asr.transcription.recognizer import Recognizer

KINDS = ("zeros", "dither", "start")
PLACES = ("before", "after", "between")
STEP = 1 / 32768  # of 16-bit samples
START_SECONDS = 0.1  # that are repeated as room tone


def make_pause(kind: str, num_samples: int, waveform: Tensor, sample_rate: int, seed: int = 0) -> Tensor:
    """Returns a pause for a recording, shape (num_samples,)."""
    if kind == "zeros":
        return torch.zeros(num_samples)
    if kind == "dither":
        generator = torch.Generator().manual_seed(seed)
        return torch.randint(-1, 2, (num_samples,), generator=generator) * STEP
    start = waveform[: seconds_to_samples(START_SECONDS, sample_rate)]
    return start.repeat(-(-num_samples // len(start)))[:num_samples]


def pair(cuts: Sequence[Cut]) -> list[list[Cut]]:
    """Groups the cuts of each speaker two by two, in order; three where one would be left over, or that one alone."""
    pairs: list[list[Cut]] = []
    by_speaker: dict[str | None, list[Cut]] = {}
    for cut in cuts:
        by_speaker.setdefault(cut.supervisions[0].speaker, []).append(cut)
    for own in by_speaker.values():
        groups = [own[first : first + 2] for first in range(0, len(own), 2)]
        if len(groups) > 1 and len(groups[-1]) == 1:
            left = groups.pop()
            groups[-1] += left
        pairs += groups
    return pairs


def make_cut(cuts: Sequence[Cut], pieces: Sequence[Tensor | Cut], audio: dict[str, Tensor], path: Path) -> MonoCut:
    """Writes a recording of pauses and whole cuts, and returns its cut with their text and alignments.

    Args:
        cuts: those among ``pieces``.
        pieces: in temporal order.
        audio: waveforms of the cuts by their ids, shape (S,) each.
        path: WAV file to write.
    """
    rate, clock, waveforms = cuts[0].sampling_rate, 0, []
    alignment: dict[str, list[AlignmentItem]] = {}
    for piece in pieces:
        if isinstance(piece, Cut):
            for name, items in (piece.supervisions[0].alignment or {}).items():
                alignment.setdefault(name, []).extend(item.with_offset(clock / rate) for item in items)
        waveforms.append(audio[piece.id] if isinstance(piece, Cut) else piece)
        clock += len(waveforms[-1])
    write_wav(path, torch.cat(waveforms), rate)
    first = cuts[0].supervisions[0]
    name = "+".join(cut.id for cut in cuts)
    recording = Recording(name, [AudioSource("file", [0], str(path))], rate, clock, clock / rate)
    supervision = SupervisionSegment(
        name,
        name,
        start=0.0,
        duration=clock / rate,
        text=" ".join(cut.supervisions[0].text or "" for cut in cuts),
        language=first.language,
        speaker=first.speaker,
        custom=first.custom if len(cuts) == 1 else _joined_phones(cuts),
        alignment=alignment or None,
    )
    return MonoCut(name, 0.0, clock / rate, 0, [supervision], recording=recording)


def _joined_phones(cuts: Sequence[Cut]) -> dict[str, str] | None:
    """Concatenates the phones of cuts; a silence that ends one and begins the next counts once."""
    joined: list[str] = []
    for cut in cuts:
        phones = str((cut.supervisions[0].custom or {}).get("phones") or "").split()
        if not phones:
            return None
        joined += phones[1:] if joined[-1:] == phones[:1] and phones[0] in SILENCES else phones
    return {"phones": " ".join(joined)}


def make_sets(
    cuts: Sequence[Cut], seconds: Sequence[Seconds], out: Path, kinds: Sequence[str] = KINDS
) -> Iterator[tuple[str, Path]]:
    """Writes the test sets, and yields name and cut file of each."""
    audio = {cut.id: read_waveform(cut, cut.sampling_rate) for cut in cuts}
    singles, pairs = [[cut] for cut in cuts], pair(cuts)
    yield "plain", _write_set(out / "plain", singles, audio, None)
    yield "joined", _write_set(out / "joined", pairs, audio, None)
    for kind, length, place in itertools.product(kinds, seconds, PLACES):
        name = f"{kind}{length:g}_{place}"
        groups = pairs if place == "between" else singles
        yield name, _write_set(out / name, groups, audio, (kind, length, place))


def _write_set(
    folder: Path, groups: Sequence[list[Cut]], audio: dict[str, Tensor], pause: tuple[str, Seconds, str] | None
) -> Path:
    made = []
    for number, group in enumerate(groups):
        pieces: list[Tensor | Cut] = list(group)
        if pause is not None:
            kind, length, place = pause
            rate = group[0].sampling_rate
            quiet = make_pause(kind, seconds_to_samples(length, rate), audio[group[0].id], rate, number)
            if place == "between":
                pieces = [piece for cut in group for piece in (quiet, cut)][1:]
            else:
                pieces = [quiet, *group] if place == "before" else [*group, quiet]
        made.append(make_cut(group, pieces, audio, folder.resolve() / f"{number}.wav"))
    path = folder.with_name(f"{folder.name}_cuts.jsonl.gz")
    write_cuts(CutSet.from_cuts(made), path)
    return path


def measure(checkpoint: str, cuts: Path, arguments: argparse.Namespace) -> float:
    """Decodes and scores a set, and returns its error rate in per cent."""
    hyps, scores = (cuts.with_name(cuts.name.replace("_cuts.jsonl.gz", end)) for end in (".jsonl", "_scores.json"))
    if arguments.reader == "transcribe":
        transcribe(checkpoint, cuts, hyps)
    else:
        told = ["--quiet", "--checkpoint", checkpoint, "--cuts", str(cuts), "--out", str(hyps)]
        if decode.main([*told, "--batch-seconds", str(arguments.batch_seconds), "--workers", "0"]):
            raise SystemExit(1)
    asked = ["--quiet", "--cuts", str(cuts), "--hyps", str(hyps), "--json", str(scores)]
    if score.main([*asked, "--unit", arguments.unit, "--policy", arguments.policy]):
        raise SystemExit(1)
    return 100 * float(json.loads(scores.read_text(encoding="utf-8"))["scores"][0]["rate"])


def transcribe(checkpoint: str, cuts: Path, hyps: Path) -> None:
    """Writes hypotheses of a set's recordings as ``asr transcribe`` reads them: long silences are left out."""
    names = {cut.recording.sources[0].source: cut.id for cut in read_cuts(cuts)}
    transcripts = Recognizer.from_checkpoint(checkpoint).transcribe(names)
    write_hypotheses(hyps, ((names[str(transcript.path)], [transcript.hypothesis]) for transcript in transcripts))


def main() -> int:
    """Makes the sets, measures each, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="what asr train wrote")
    parser.add_argument("--cuts", required=True, metavar="FILE", help="cuts of whole recordings, by asr prepare")
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR", help="gets audio, cuts, hypotheses and scores"
    )
    parser.add_argument("--unit", choices=("word", "char", "phone"), default="word", help="what is counted")
    parser.add_argument("--policy", required=True, metavar="NAME", help="text policy of the scores")
    parser.add_argument("--seconds", type=float, nargs="+", default=[2.0, 8.0], metavar="X", help="lengths of pauses")
    parser.add_argument("--kinds", choices=KINDS, nargs="+", default=KINDS, metavar="KIND", help="of pauses")
    parser.add_argument(
        "--reader",
        choices=("decode", "transcribe"),
        default="decode",
        help="asr decode takes each recording whole; asr transcribe leaves long silences out (default: decode)",
    )
    parser.add_argument("--tolerance", type=float, default=1.0, metavar="X", help="per cent, absolute (default: 1.0)")
    parser.add_argument("--batch-seconds", type=float, default=120.0, help="seconds of a padded batch (default: 120)")
    arguments = parser.parse_args()
    cuts = [fastcopy(cut) for cut in read_cuts(arguments.cuts)]
    rates = {}
    for name, file in make_sets(cuts, arguments.seconds, arguments.out, arguments.kinds):
        rates[name] = measure(arguments.checkpoint, file, arguments)
    print(table(rates, arguments.kinds, arguments.seconds))
    worst = max(rates, key=lambda name: rates[name] if name != "joined" else 0.0)
    print(f"\nplain {rates['plain']:.2f} %, joined {rates['joined']:.2f} %, worst {worst} {rates[worst]:.2f} %")
    return int(rates[worst] > rates["plain"] + arguments.tolerance)


def table(rates: dict[str, float], kinds: Sequence[str], seconds: Sequence[Seconds]) -> str:
    """Returns the rates as a table in Markdown: a row for each place and length, a column for each kind."""
    lines = [f"| error rate, % | {' | '.join(kinds)} |", f"|---|{'---|' * len(kinds)}"]
    for place, length in itertools.product(PLACES, seconds):
        found = " | ".join(f"{rates[f'{kind}{length:g}_{place}']:.2f}" for kind in kinds)
        lines.append(f"| {length:g} s {place} | {found} |")
    return "\n".join(lines)


if __name__ == "__main__":
    raise SystemExit(main())
