"""The checksums of FLAC's frames and of Ogg's pages."""

from __future__ import annotations

import zlib


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        value = entry << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (bits - 1) else 0)
            value &= (1 << bits) - 1
        entries.append(value)
    return tuple(entries)


_CRC8, _CRC16 = _table(0x07, 8), _table(0x8005, 16)
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc8(data: bytes) -> int:
    """Returns the sum with the polynomial x^8 + x^2 + x + 1; of a FLAC frame's whole header it is 0.

    Example:
        >>> crc8(b"123456789")
        244
    """
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def crc16(data: bytes) -> int:
    """Returns the sum with the polynomial x^16 + x^15 + x^2 + 1; of a whole FLAC frame it is 0.

    Example:
        >>> hex(crc16(b"123456789"))
        '0xfee8'
    """
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return value


def ogg_crc(data: bytes) -> int:
    """Returns the sum of an Ogg page in which the four bytes for it are zero.

    It is the CRC of zlib with all bits the other way round, and nothing before or after it.

    Example:
        >>> hex(ogg_crc(b"123456789"))
        '0x89a1897f'
    """
    value = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{value:032b}"[::-1], 2)
