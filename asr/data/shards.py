"""Audio in tar shards: brought into memory for a cut, and read ahead shard by shard."""

from __future__ import annotations

import os
from collections.abc import Iterable

from lhotse import AudioSource
from lhotse.cut import Cut
from lhotse.utils import fastcopy

from asr.corpora.shards import KIND, Place, read_member

_BLOCK = 1000  # utterances of plain files that count as one shard


def in_memory(cut: Cut) -> Cut:
    """Returns a cut whose audio, if it lies in a shard, has been read; other cuts come back as they are.

    Raises:
        DataError: the shard cannot be read, or is no longer the one of the index.
    """
    place = _place(cut)
    if place is None:
        return cut
    source = AudioSource("memory", cut.recording.sources[0].channels, read_member(place))
    return fastcopy(cut, recording=fastcopy(cut.recording, sources=[source]))


def shard_numbers(cuts: Iterable[Cut]) -> list[int]:
    """Returns the number of the shard that each cut lies in, counted from 0.

    Cuts of plain files count as shards of a thousand neighbours, so that they are read near one another, too.
    """
    numbers: dict[str, int] = {}
    names = []
    for index, cut in enumerate(cuts):
        place = _place(cut)
        names.append(f"{index // _BLOCK}" if place is None else place.tar)
    return [numbers.setdefault(name, len(numbers)) for name in names]


class ReadAhead:
    """Asks the system to read whole shards from their start, as soon as the first utterance of them is wanted.

    Utterances are then read from memory, in whichever order; the disk or the network sees one long read a shard.

    Args:
        num_shards: how many shards are remembered as asked for, those last used.
    """

    def __init__(self, num_shards: int) -> None:
        self._num_shards = num_shards
        self._asked: dict[str, None] = {}  # in the order of their use

    def ask(self, cuts: Iterable[Cut]) -> list[str]:
        """Asks for the shards of some cuts; returns those that were not asked for recently."""
        new = []
        for tar in dict.fromkeys(place.tar for place in map(_place, cuts) if place is not None):
            if tar not in self._asked:
                new.append(tar)
                _will_need(tar)
            self._asked.pop(tar, None)
            self._asked[tar] = None
            if len(self._asked) > self._num_shards:
                del self._asked[next(iter(self._asked))]
        return new


def _place(cut: Cut) -> Place | None:
    recording = getattr(cut, "recording", None)
    if recording is None or not recording.sources or recording.sources[0].type != KIND:
        return None
    return Place.parse(recording.sources[0].source)


def _will_need(tar: str) -> None:
    if not hasattr(os, "posix_fadvise"):  # only Linux and some other systems know it
        return
    try:
        descriptor = os.open(tar, os.O_RDONLY)
    except OSError:
        return  # reading the utterance says what is wrong
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_WILLNEED)
    finally:
        os.close(descriptor)
