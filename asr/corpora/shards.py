"""Tar shards in Lhotse's Shar format: written with the audio's own bytes, indexed for reading single members."""

from __future__ import annotations

import io
import itertools
import json
import re
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lhotse import AudioSource, Recording
from lhotse.cut import Cut
from lhotse.cut.data import DataCut
from lhotse.utils import fastcopy

from asr.audio.rates import Seconds
from asr.audio.waveforms import probe, segment_as_flac
from asr.corpora.manifests import parse_object, read_cuts, recording_of, write_cuts
from asr.errors import DataError
from asr.files import part_of
from asr.locking import leftovers, locked

KIND = "shar"  # Lhotse's type of audio sources in a shard

_SHARD_FILE = re.compile(r"(cuts|recording)\.(\d{6,})\.(jsonl\.gz|tar)")
_MAX_MANIFEST = 1 << 24  # bytes
_REWRITE = "write the shards again with: asr shards"


@dataclass(frozen=True)
class Place:
    """Where the bytes of a tar file's member are.

    Attributes:
        tar: path of the tar file.
        offset: of the first byte.
        size: in bytes.

    Example:
        >>> Place.parse("train/recording.000000.tar:512+43210")
        Place(tar='train/recording.000000.tar', offset=512, size=43210)
        >>> str(Place("a.tar", 512, 7))
        'a.tar:512+7'
    """

    tar: str
    offset: int
    size: int

    def __str__(self) -> str:
        """Returns the form that the index has."""
        return f"{self.tar}:{self.offset}+{self.size}"

    @classmethod
    def parse(cls, text: str) -> Place:
        """Reads what ``str`` returned.

        Raises:
            DataError: it is another text, as in the cut files within a folder of shards.
        """
        match = re.fullmatch(r"(.+):(\d+)\+(\d+)", text)
        if match is None:
            remedy = "name the index that asr shards wrote, not a file within the folder of shards"
            raise DataError(text or "a cut of a shard", "does not say where in which shard its audio is", remedy)
        return cls(match[1], int(match[2]), int(match[3]))


def read_member(place: Place) -> bytes:
    """Returns the bytes of a member after checking the header before them.

    Raises:
        DataError: the shard is missing, truncated, or has changed since it was indexed.
    """
    path = Path(place.tar)
    try:
        block = b""
        if place.offset + place.size <= path.stat().st_size:  # 0 of a pipe or a device
            with path.open("rb") as file:
                file.seek(place.offset - tarfile.BLOCKSIZE)
                block = file.read(tarfile.BLOCKSIZE + place.size)
    except FileNotFoundError:
        remedy = "bring it back, or index the folder where it is now: asr shards --folders"
        raise DataError(place.tar, "no such shard", remedy) from None
    except (OSError, ValueError) as error:
        raise DataError(place.tar, f"cannot be read ({error})", "check the file and its rights") from None
    try:
        size = tarfile.TarInfo.frombuf(block[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape").size
    except tarfile.HeaderError:
        size = -1
    if size != place.size or len(block) < tarfile.BLOCKSIZE + place.size:
        raise DataError(str(place), "the shard is truncated, or is no longer the one of the index", _REWRITE)
    return block[tarfile.BLOCKSIZE :]


def write_shards(cuts: Iterable[Cut], folder: str | Path, shard_seconds: Seconds) -> Iterator[Seconds]:
    """Writes cuts as ``cuts.000000.jsonl.gz``, ``recording.000000.tar`` and so on, as ``CutSet.from_shar`` reads them.

    A cut of a whole file keeps the file's bytes. A part of a longer file is written as FLAC, exact for audio of up to
    24 bits. Equal cuts give equal bytes. The folder appears whole or not at all: earlier shards stay until all new
    ones are written.

    Args:
        cuts: utterances of one audio file each, in order.
        folder: for the shards and nothing else.
        shard_seconds: length at which a shard is closed.

    Yields:
        The seconds of each utterance that has been written.

    Raises:
        DataError: audio cannot be read, a cut is not plain, the folder holds other files or cannot be written, or
            another process writes it.
    """
    folder = Path(folder)
    lock = folder.with_name(f".{folder.name}.lock")
    with locked(lock, f"the writing of {folder.name}", "wait for it, or choose another --out"):
        _shard_files(folder)
        for left in leftovers(folder):
            shutil.rmtree(left)
        beside = part_of(folder)
        try:
            yield from _write_all(cuts, beside, shard_seconds)
            if folder.exists():
                folder.rename(part_of(folder))
            beside.rename(folder)
        except OSError as error:
            reason = error.strerror or str(error)
            remedy = "check the folder, its rights and the room left"
            raise DataError(folder, f"cannot be written ({reason})", remedy) from error
        finally:
            for left in leftovers(folder):
                shutil.rmtree(left, ignore_errors=True)


def _write_all(cuts: Iterable[Cut], folder: Path, shard_seconds: Seconds) -> Iterator[Seconds]:
    folder.mkdir(parents=True)
    for number, shard in enumerate(_by_seconds(cuts, shard_seconds)):
        placed: list[Cut] = []
        with tarfile.open(folder / f"recording.{number:06d}.tar", "w") as archive:
            for cut in shard:
                placed.append(_add(cut, archive))
                yield float(cut.duration)
        write_cuts(placed, folder / f"cuts.{number:06d}.jsonl.gz")


def index_shards(folder: str | Path) -> list[Cut]:
    """Returns the cuts of a folder of shards, ours or Lhotse's, each with the :class:`Place` of its audio.

    Raises:
        DataError: no shards are there, or one is damaged, compressed, or does not match its cuts.
    """
    folder = Path(folder).absolute()
    tars = [path for path in _shard_files(folder) if path.suffix == ".tar"]
    if not tars:
        found = "holds no recording.000000.tar" if folder.is_dir() else "no such folder"
        raise DataError(folder, found, "give a folder of Lhotse's Shar format, with uncompressed audio shards")
    cuts: list[Cut] = []
    for tar in tars:
        listing = tar.with_name(f"cuts.{tar.name.split('.')[1]}.jsonl.gz")
        for cut, member in itertools.zip_longest(read_cuts(listing), _members(tar)):
            if cut is None or member is None or cut.id != member[0]:
                found = f"has {member[0] if member else 'no more members'}"
                wanted = cut.id if cut is not None else "no more cuts"
                raise DataError(tar, f"{found} where {listing.name} has {wanted}", _REWRITE)
            cuts.append(fastcopy(cut, recording=member[1]))
    return cuts


def _shard_files(folder: Path) -> list[Path]:
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    files = [path for path in files if not path.name.startswith(".part")]  # left by a killed run of earlier versions
    for path in files:
        if not _SHARD_FILE.fullmatch(path.name):
            remedy = "keep a folder for shards alone: Lhotse takes each file in it for one"
            raise DataError(path, "is not a shard of recordings or cuts", remedy)
    return files


def _by_seconds(cuts: Iterable[Cut], shard_seconds: Seconds) -> Iterator[list[Cut]]:
    shard: list[Cut] = []
    seconds = 0.0
    for cut in cuts:
        shard.append(cut)
        seconds += cut.duration
        if seconds >= shard_seconds:
            yield shard
            shard, seconds = [], 0.0
    if shard:
        yield shard


def _add(cut: Cut, archive: tarfile.TarFile) -> Cut:
    """Adds audio and manifest of a cut to a tar file; returns the cut for the list beside it."""
    source = _plain_source(cut)
    place = Place.parse(source.source) if source.type == KIND else None
    path, stored = (source.source, None) if place is None else (place.tar, read_member(place))
    recording = fastcopy(cut.recording, sources=[AudioSource(KIND, list(source.channels), "")])
    if cut.start == 0 and cut.num_samples == recording.num_samples:
        probe(path, stored)
        data, suffix = stored or Path(path).read_bytes(), Path(path).suffix
    else:
        data, suffix = segment_as_flac(path, cut.start, cut.duration, stored), ".flac"
        recording = fastcopy(recording, num_samples=cut.num_samples, duration=cut.duration)
    manifest = json.dumps(recording.to_dict(), ensure_ascii=False) + "\n"
    for name, content in ((f"{cut.id}{suffix}", data), (f"{cut.id}.json", manifest.encode())):
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return fastcopy(cut, start=0.0, recording=recording)


def _plain_source(cut: Cut) -> AudioSource:
    """Returns the source of a cut's audio, which must be one unchanged file."""
    found = None
    if not isinstance(cut, DataCut) or not cut.has_recording or len(cut.recording.sources) != 1:
        found = "is not a part of one audio file"
    elif cut.recording.sources[0].type not in ("file", KIND):
        found = f"has its audio in a source of type {cut.recording.sources[0].type}"
    elif cut.recording.transforms:
        found = "is changed by Lhotse on reading"
    elif cut.has_features:
        found = "has cached features, which stay where they are"
    if found is not None:
        raise DataError(cut.id, found, "give cuts as asr prepare writes them")
    return cut.recording.sources[0]


def _members(tar: Path) -> Iterator[tuple[str, Recording]]:
    """Yields the utterance ids and recordings of a tar file, in its order."""
    try:
        with tarfile.open(tar, "r:") as archive:
            while (audio := archive.next()) is not None:
                text = archive.next()
                content = archive.extractfile(text) if text is not None and text.name.endswith(".json") else None
                if text is None or content is None:
                    raise DataError(tar, f"{audio.name} has no manifest after it", _REWRITE)
                where = f"{tar}: {text.name}"
                recording = recording_of(parse_object(content.read(_MAX_MANIFEST).decode(), where), where)
                if not recording.sources:
                    raise DataError(tar, f"{text.name} names no source", _REWRITE)
                place = str(Place(str(tar), audio.offset_data, audio.size))
                recording.sources = [AudioSource(KIND, list(recording.sources[0].channels), place)]
                yield text.name.removesuffix(".json"), recording
                archive.members.clear()  # type: ignore[attr-defined]  # which would collect all headers
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(tar, f"is not a complete tar file of shards ({error})", _REWRITE) from None
