"""TIMIT as the LDC distributes it, and corpora with its layout, as Lhotse cuts with the published splits.

Splits, without the SA sentences, which all speakers read: train 3696 utterances (462 speakers), dev 400 (50), test 192
(the core test set, 24), and on demand test_full 1344 (all 168 test speakers). **test_full contains the dev speakers**:
settings chosen on dev must not be reported on it as if it were unseen.

A corpus with a file ``SPLITS.TXT`` of lines "SPEAKER split", as :mod:`asr.corpora.synth` writes it, has its own
splits instead; its dev speakers come from ``TEST``, too.
"""

from __future__ import annotations

from pathlib import Path

from lhotse import CutSet
from lhotse.cut import Cut
from lhotse.supervision import AlignmentItem

from asr.audio.rates import samples_to_seconds
from asr.audio.waveforms import AudioInfo, probe
from asr.corpora.listing import Listed, make_cut
from asr.corpora.timit_layout import Utterance, complaints, read_layout
from asr.errors import DataError
from asr.files import written_whole
from asr.text.phones import TIMIT_61

_LISTED = 20  # complaints that an error names


def prepare(corpus_dir: Path, *, full_test: bool = False, complaints_file: Path | None = None) -> dict[str, CutSet]:
    """Returns the cuts of each split, one supervision each.

    Text is the sentence of the ``.TXT``; ``alignment["word"]`` and ``alignment["phone"]`` have the symbols and times of
    ``.WRD`` and ``.PHN``; ``custom`` has ``sex`` (F or M) and ``dialect`` (DR1 to DR8).

    Args:
        corpus_dir: the folder that holds TRAIN and TEST, or one above it; names in upper or lower case, audio as NIST
            SPHERE or RIFF.
        full_test: whether to return test_full, too, whose ids are also in dev and test.
        complaints_file: lists what is missing or damaged, one per line; an old one is deleted when nothing is.

    Raises:
        DataError: something is missing or damaged; names the first twenty complaints, and the file with all.
    """
    layout = read_layout(corpus_dir)
    _refuse(layout.root, complaints(layout), complaints_file)
    names = ("train", "dev", "test", *(("test_full",) if full_test else ()))
    cuts: dict[str, Cut] = {}
    damages: list[str] = []
    for utterance in layout.utterances:
        try:
            cuts[utterance.id] = _cut(utterance)
        except DataError as error:
            damages.append(f"{error.where}: {error.found}")
    _refuse(layout.root, damages, complaints_file)
    if complaints_file is not None:
        complaints_file.unlink(missing_ok=True)
    return {name: CutSet.from_cuts(cuts[utterance.id] for utterance in layout.of(name)) for name in names}


def _refuse(root: Path, found: list[str], complaints_file: Path | None) -> None:
    if found:
        more = f"; and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
        if complaints_file is not None:
            with written_whole(complaints_file) as beside:
                beside.write_text("".join(f"{line}\n" for line in found), encoding="utf-8")
            more += f"; all are in {complaints_file}"
        number = f"{len(found)} complaint{'s' if len(found) > 1 else ''}"
        raise DataError(root, f"{number}: {'; '.join(found[:_LISTED])}{more}", "copy the corpus again, whole")


def _cut(utterance: Utterance) -> Cut:
    path = utterance.files["WAV"]
    info = probe(path)
    if info.num_channels != 1 or not info.num_samples:
        raise DataError(path, f"{info.num_samples} samples in {info.num_channels} channels, one channel is expected")
    words = _read_labels(utterance.files["WRD"], info)
    phones = _read_labels(utterance.files["PHN"], info, frozenset(TIMIT_61))
    text = _read_text(utterance.files["TXT"])
    cut = make_cut(Listed(utterance.id, path, text, utterance.speaker, "English"), info)
    (supervision,) = cut.supervisions
    supervision.alignment = {"word": words, "phone": phones}
    supervision.custom = {"sex": utterance.speaker[0], "dialect": utterance.dialect}
    return cut


def _read_text(path: Path) -> str:
    fields = _read(path).split(maxsplit=2)
    if len(fields) != 3 or not all(number.isdecimal() for number in fields[:2]):
        raise DataError(path, "is not two sample numbers and a sentence")
    return " ".join(fields[2].split())


def _read_labels(path: Path, info: AudioInfo, symbols: frozenset[str] | None = None) -> list[AlignmentItem]:
    """Reads lines of first sample, end sample and symbol, one of ``symbols`` where these are given."""
    items: list[AlignmentItem] = []
    for number, line in enumerate(_read(path).splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        where = f"{path}:{number}"
        if len(fields) != 3 or not all(field.isdecimal() for field in fields[:2]):
            raise DataError(where, f"{line!r} is not two sample numbers and a symbol")
        start, end, symbol = int(fields[0]), min(int(fields[1]), info.num_samples), fields[2]
        if symbols is not None and symbol not in symbols:
            raise DataError(where, f"{symbol!r} is not one of the {len(symbols)} phones of TIMIT")
        if start > end or (items and start < round(items[-1].start * info.sample_rate)):
            raise DataError(where, f"{line!r} is outside the {info.num_samples} samples or before the line above")
        seconds = samples_to_seconds(start, info.sample_rate)
        items.append(AlignmentItem(symbol, seconds, samples_to_seconds(end - start, info.sample_rate)))
    if not items:
        raise DataError(path, "is empty")
    return items


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(path, f"cannot be read as text ({error.__class__.__name__})") from None
