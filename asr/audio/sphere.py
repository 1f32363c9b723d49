"""NIST SPHERE: libsndfile reads to the end of the file, so only what is missing needs to be found."""

from __future__ import annotations

import math

from asr.audio.access import Bytes
from asr.audio.layout import Layout, lacking_bytes

_HEADER_SIZE = 1024  # bytes, of nearly all such files


def fields(head: bytes) -> dict[bytes, bytes]:
    """Returns the fields of a header by their names."""
    lines = [line.split() for line in head[16:].split(b"end_head")[0].splitlines()]
    return {line[0]: line[2] for line in lines if len(line) >= 3}


def compression(head: bytes) -> str:
    """Returns the name of what a SPHERE file is compressed with; empty if it is not."""
    coding = fields(head).get(b"sample_coding", b"").decode("ascii", "replace")
    return coding.partition("embedded-")[2].partition("-")[0] or ("" if coding in _PLAIN else coding)


_PLAIN = ("", "pcm", "ulaw", "mu-law", "alaw")


def look_through(data: Bytes, start: int) -> Layout:
    """Returns what is missing of a SPHERE file that is not compressed."""
    head = data.at(start, _HEADER_SIZE)
    known = fields(head)
    if compression(head) or b"sample_count" not in known:
        return Layout()
    try:
        counts = [int(known.get(name, b"1")) for name in (b"sample_count", b"sample_n_bytes", b"channel_count")]
        missing = int(head[8:16]) + math.prod(counts) - (data.size - start)
    except ValueError:
        return Layout()
    return lacking_bytes(missing) if missing > 0 else Layout()
