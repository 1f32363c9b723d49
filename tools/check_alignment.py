r"""Measures how well texts are aligned with recordings whose words have reference times.

    python tools/check_alignment.py best.ckpt --cuts data/aligned/all_cuts.jsonl.gz --dev 4088 --tune align.json \
        --foreign other.txt --out exp/aligned

Aligns each recording with its transcript and compares times with those of the cuts' alignments (``asr prepare …
--alignments``). Then joins the recordings, up to --seconds, takes every tenth transcript out of their text, puts in as
many sentences of --foreign at random places, aligns that, and counts how many of the words that are not said were
found missing, and how many of those that are not in the text lie in speech that was found untranscribed.

Where cuts have no such times, the first table is left out, and those of the words for the second are found by aligning
each recording by itself.

With --tune, rules for times are chosen on the speaker --dev by the median error of starts, penalties by the mean of the
four rates of that speaker's own joined recording, and written to a file for ``asr align --settings``. The tables are of
all other speakers. WAV files go to --out.
"""

from __future__ import annotations

import argparse
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from lhotse.cut import Cut

from asr.audio.rates import Seconds
from asr.audio.waveforms import write_wav
from asr.corpora.manifests import read_cuts
from asr.data.dataset import read_waveform
from asr.decoding.forced.boundaries import BoundaryRule
from asr.decoding.forced.graph import WrittenWord
from asr.decoding.forced.spelling import spell
from asr.decoding.forced.viterbi import Penalties
from asr.decoding.hypothesis import Span
from asr.scoring.word_times import time_errors
from asr.text.arpabet import strip_stress
from asr.transcription.aligner import Aligner, AlignerSettings
from asr.transcription.alignment import Alignment

ONLY_TEXT = Penalties(gap=float("inf"))
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
LIMITS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.12)
SHIFTS = tuple(0.01 * number for number in range(-6, 7))
GRID = tuple(itertools.product((4.0, 8.0, 12.0), (1.0, 2.0, 4.0), (1.0, 2.0, 4.0)))


@dataclass(frozen=True)
class Joined:
    """Utterances in one recording, and a text that is not quite theirs.

    Attributes:
        path: the recording.
        words: the text.
        is_foreign: of each word of the text, whether it is not said.
        spoken: words that are said, with their times.
        is_removed: of each of these, whether it is not in the text.
    """

    path: Path
    words: list[WrittenWord]
    is_foreign: list[bool]
    spoken: list[Span]
    is_removed: list[bool]


def reference(cut: Cut, kind: str) -> list[Span]:
    """Returns the words or phones of a cut with their times; phones without stress."""
    items = (cut.supervisions[0].alignment or {}).get(kind, ())
    named = ((item, item.symbol if kind == "word" else strip_stress(item.symbol).upper()) for item in items)
    return [Span(name, item.start, item.end, 1.0) for item, name in named]


def align_all(aligner: Aligner, cuts: Iterable[Cut]) -> dict[str, Alignment]:
    """Returns the alignment of each cut with its own transcript, nothing left out."""
    plain = AlignerSettings(ONLY_TEXT, BoundaryRule(0.0, 0.0, 0.0))
    aligner.settings = plain
    found = {}
    for cut in cuts:
        path = cut.recording.sources[0].source
        found[cut.id] = aligner.align(path, [cut.supervisions[0].text], cut.id)
    return found


def with_rule(alignment: Alignment, rule: BoundaryRule) -> Alignment:
    """Returns an alignment whose times were those of frames with times by a rule."""
    tokens = [token for word in alignment.words for token in word.tokens]
    raw = np.array([(token.start, token.end) for token in tokens]).reshape(-1, 2)
    times = iter(rule.apply(raw[:, 0], raw[:, 1], alignment.duration).tolist())
    words = []
    for word in alignment.words:
        moved = (replace(token, start=start, end=end) for token, (start, end) in zip(word.tokens, times, strict=False))
        words.append(replace(word, tokens=tuple(moved)))
    return replace(alignment, words=tuple(words))


def start_errors(cuts: Sequence[Cut], found: dict[str, Alignment], kind: str) -> list[float]:
    """Returns by how much each start of a word or phone is late, in seconds."""
    refs = [reference(cut, kind) for cut in cuts]
    if kind == "word":
        hyps: list[list[Span]] = [found[cut.id].spoken for cut in cuts]
    else:
        hyps = [[token for word in found[cut.id].words for token in word.tokens] for cut in cuts]
        hyps = [[replace(token, text=strip_stress(token.text).upper()) for token in tokens] for tokens in hyps]
    return list(time_errors(refs, hyps).starts)


def tune_rule(cuts: Sequence[Cut], found: dict[str, Alignment], kinds: Sequence[str]) -> BoundaryRule:
    """Returns the rule with the least median error of starts, words and phones together."""
    numbers = itertools.product(SHARES, LIMITS, SHIFTS)
    rules = [BoundaryRule(share, limit, limit, shift) for share, limit, shift in numbers]

    def cost(rule: BoundaryRule) -> float:
        moved = {name: with_rule(each, rule) for name, each in found.items()}
        return sum(float(np.median(np.abs(start_errors(cuts, moved, kind)))) for kind in kinds)

    return min(rules, key=cost)


def join(
    cuts: Sequence[Cut], alone: dict[str, Alignment], aligner: Aligner, foreign: Sequence[str], path: Path
) -> Joined:
    """Writes a recording of all cuts, and returns it with their text, a tenth taken out and as much put in.

    Args:
        cuts: the utterances.
        alone: alignments of each by itself, for times that the cuts lack.
        aligner: spells the words.
        foreign: sentences to put in.
        path: WAV file to write.
    """
    chooser, rate = random.Random(0), aligner.model.frontend.sample_rate
    number = max(1, len(cuts) // 10)
    removed, places = set(chooser.sample(range(len(cuts)), number)), set(chooser.sample(range(len(cuts)), number))
    others = iter(chooser.sample(list(foreign), number))
    waveforms, lines, spoken, is_removed = [], [], [], []
    clock = 0.0
    for place, cut in enumerate(cuts):
        waveforms.append(read_waveform(cut, rate))
        if place in places:
            lines.append((next(others), True))
        if place not in removed:
            lines.append((cut.supervisions[0].text, False))
        words = reference(cut, "word")
        words = words or alone[cut.id].spoken
        spoken += [replace(word, start=word.start + clock, end=word.end + clock) for word in words]
        is_removed += [place in removed] * len(words)
        clock += len(waveforms[-1]) / rate
    write_wav(path, torch.cat(waveforms), rate)
    told = [(spell([line], aligner.tokens, aligner.policy, aligner.lexicon, "text"), other) for line, other in lines]
    text = [word for words, _ in told for word in words]
    return Joined(path, text, [other for words, other in told for _ in words], spoken, is_removed)


def rates(joined: Joined, found: Alignment) -> list[tuple[str, float, float]]:
    """Returns precision and recall of words that are missing, and of words that are not in the text."""
    is_missing = [word.is_missing for word in found.words]
    is_found = [
        any(span.start <= (word.start + word.end) / 2 <= span.end for span in found.untranscribed)
        for word in joined.spoken
    ]
    return [
        ("missing", *_rates(joined.is_foreign, is_missing)),
        ("untranscribed", *_rates(joined.is_removed, is_found)),
    ]


def _rates(wanted: Sequence[bool], found: Sequence[bool]) -> tuple[float, float]:
    both = sum(one and other for one, other in zip(wanted, found, strict=True))
    return both / max(1, sum(found)), both / max(1, sum(wanted))


def tune_penalties(aligner: Aligner, joined: Joined) -> Penalties:
    """Returns the penalties with the best mean of the four rates."""
    heard = aligner.read(joined.path)

    def quality(numbers: tuple[float, float, float]) -> float:
        aligner.settings = AlignerSettings(Penalties(*numbers))
        found = aligner.match(joined.path, heard, joined.words, "text")
        return sum(one + two for _, one, two in rates(joined, found))

    return Penalties(*max(GRID, key=quality))


def within(cuts: Iterable[Cut], seconds: Seconds) -> Iterator[Cut]:
    """Yields cuts as long as they hold no more than so many seconds."""
    for cut in cuts:
        seconds -= cut.duration
        if seconds >= 0:
            yield cut


def times_table(cuts: Sequence[Cut], found: dict[str, Alignment], kinds: Sequence[str]) -> str:
    """Returns the errors of starts as a table in Markdown."""
    lines = ["| starts | number | median error, ms | within 100 ms, % | median shift, ms |", "|---|---|---|---|---|"]
    for kind in kinds:
        errors = np.array(start_errors(cuts, found, kind))
        row = (1000 * np.median(np.abs(errors)), 100 * np.mean(np.abs(errors) <= 0.1), 1000 * np.median(errors))
        lines.append(f"| {kind}s | {len(errors)} | {row[0]:.0f} | {row[1]:.1f} | {round(row[2]):+d} |")
    return "\n".join(lines)


def main() -> int:
    """Tunes, measures and prints two tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", help="what asr train wrote")
    parser.add_argument("--cuts", required=True, metavar="FILE", help="whole recordings with times of words and phones")
    parser.add_argument("--lexicon", nargs="+", default=[], metavar="FILE", help="pronunciations, for phones")
    parser.add_argument("--silence", default="", metavar="TOKEN", help="phone that may stand between words")
    parser.add_argument("--dev", metavar="SPEAKER", help="whose recordings --tune tunes on, and no table counts")
    parser.add_argument("--tune", type=Path, metavar="FILE", help="write settings that are best on --dev")
    parser.add_argument("--settings", metavar="FILE", help="settings to measure, where they are not tuned")
    parser.add_argument("--foreign", metavar="FILE", help="sentences, one a line; without, nothing is joined")
    parser.add_argument("--seconds", type=float, default=3600.0, metavar="S", help="of the joined recording")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="gets the joined recordings")
    arguments = parser.parse_args()
    if bool(arguments.tune) != bool(arguments.dev):
        parser.error("give both --tune and --dev, or neither")
    aligner = Aligner.from_checkpoint(arguments.checkpoint, arguments.lexicon, arguments.silence)
    settings = AlignerSettings.load(arguments.settings) if arguments.settings else aligner.settings
    cuts = list(read_cuts(arguments.cuts))
    dev = [cut for cut in cuts if cut.supervisions[0].speaker == arguments.dev]
    test = [cut for cut in cuts if cut.supervisions[0].speaker != arguments.dev]
    foreign = Path(arguments.foreign).read_text(encoding="utf-8").splitlines() if arguments.foreign else []
    kinds = ["word", "phone"] if aligner.tokens.unit == "phone" else ["word"]
    kinds = kinds if all(cut.supervisions[0].alignment for cut in cuts) else []
    if arguments.tune:
        alone = align_all(aligner, dev)
        settings = replace(settings, boundaries=tune_rule(dev, alone, kinds)) if kinds else settings
        if foreign:
            joined = join(list(within(dev, arguments.seconds)), alone, aligner, foreign, arguments.out / "dev.wav")
            settings = replace(settings, penalties=tune_penalties(aligner, joined))
        settings.save(arguments.tune)
        print(f"{settings}\n")
    moved = {name: with_rule(each, settings.boundaries) for name, each in align_all(aligner, test).items()}
    if kinds:
        print(times_table(test, moved, kinds))
    if foreign:
        joined = join(list(within(test, arguments.seconds)), moved, aligner, foreign, arguments.out / "test.wav")
        aligner.settings = settings
        found = aligner.match(joined.path, aligner.read(joined.path), joined.words, "text")
        print("\n| words | number | precision | recall |\n|---|---|---|---|")
        numbers = sum(joined.is_foreign), sum(joined.is_removed)
        for number, (name, precision, recall) in zip(numbers, rates(joined, found), strict=True):
            print(f"| {name} | {number} | {precision:.3f} | {recall:.3f} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
