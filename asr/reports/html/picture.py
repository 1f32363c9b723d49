"""Small images of numbers: PNG with a palette, in colours for light and dark pages."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int, int]
"""Red, green, blue and opacity, each from 0 to 255."""

_STEPS = 24  # of a scale, which no eye tells apart
_ABOVE, _BELOW = (200, 72, 47), (47, 111, 180)


def png(indices: NDArray[np.uint8], palette: list[Colour]) -> bytes:
    """Returns a PNG file.

    Source: the PNG specification, second edition; colour type 3, rows filtered by none.

    Args:
        indices: colour of each pixel, shape (height, width), neither 0.
        palette: at most 256 colours.
    """
    height, width = indices.shape
    rows = np.pad(indices, ((0, 0), (1, 0))).tobytes()  # each row begins with the number of its filter
    colours = b"".join(bytes(colour[:3]) for colour in palette)
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
        (b"PLTE", colours),
        (b"tRNS", bytes(colour[3] for colour in palette)),
        (b"IDAT", zlib.compress(rows, 9)),
        (b"IEND", b""),
    )
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def shades(values: NDArray[np.float32]) -> bytes:
    """Returns an image in black, transparent for the lowest value and opaque for the highest.

    The faintest twentieth is all clear, the loudest thousandth all opaque.

    Args:
        values: finite, shape (width, height): the first row of the picture is the last value.
    """
    low, high = np.quantile(values, (0.05, 0.999))
    scaled = np.clip((values - low) / max(high - low, 1e-6), 0.0, 1.0)
    palette = [(0, 0, 0, round(255 * step / _STEPS)) for step in range(_STEPS + 1)]
    return png(np.rint(_STEPS * scaled).astype(np.uint8).T[::-1], palette)


def signed(values: NDArray[np.float32]) -> bytes:
    """Returns an image in red above 0, blue below, and transparent at 0.

    Args:
        values: between -1 and 1, shape (width, height): the first row of the picture is the first value.
    """
    steps = range(-_STEPS, _STEPS + 1)
    palette = [(*(_ABOVE if step > 0 else _BELOW), round(255 * abs(step) / _STEPS)) for step in steps]
    return png((np.rint(_STEPS * np.clip(values, -1.0, 1.0)) + _STEPS).astype(np.uint8).T, palette)
