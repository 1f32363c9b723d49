# ruff: noqa: RUF001 - typographic quotes are what is tested
from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tracemalloc

import pytest

from asr import encodings
from asr.encodings import DamagedTextError, guess_encoding, utf8_stream

TEXT = "audio,text\r\na.wav,Grüße 語 😀\r\n" * 3000
PACKERS = {
    "plain": bytes,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "gzip in two parts": lambda data: gzip.compress(data[:999], mtime=0) + gzip.compress(data[999:], mtime=0),
    "xz": lzma.compress,
    "xz in two parts, padded": lambda data: lzma.compress(data[:999]) + bytes(8) + lzma.compress(data[999:]),
    "bzip2": bz2.compress,
    "bzip2 in two parts": lambda data: bz2.compress(data[:999]) + bz2.compress(data[999:]),
}


def read(data: bytes) -> bytes:
    with utf8_stream(io.BytesIO(data)) as stream:
        return stream.read()


@pytest.mark.parametrize("packer", PACKERS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_marked_texts_come_out_as_utf8_however_they_are_packed(packer, encoding):
    assert read(PACKERS[packer](f"\ufeff{TEXT}".encode(encoding))) == TEXT.encode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_utf16_without_a_mark_is_known_by_its_zeros(encoding):
    assert read(TEXT.encode(encoding)) == TEXT.encode()
    assert read(b"") == b""


def test_bytes_of_other_encodings_pass_as_they_are():
    data = "déjà\n".encode("latin-1") + b"\x00\xff\n"
    assert read(data) == data


@pytest.mark.parametrize("form", ["gzip", "xz", "bzip2"])
def test_damaged_archives_are_named(form):
    packed = PACKERS[form](TEXT.encode() * 20)
    for damaged in (packed[:-3], packed[: len(packed) // 2], packed[:20] + b"damage" + packed[26:]):
        with pytest.raises(DamagedTextError, match=f"is no whole {form} file"):
            read(damaged)


def test_damaged_utf16_is_named():
    for data in (b"\xff\xfea\x00b", "a\n".encode("utf-16") + b"\x00\xdc"):
        with pytest.raises(DamagedTextError, match="is not UTF-8 text but UTF-16, and damaged"):
            read(data)


@pytest.mark.parametrize("form", ["gzip", "xz", "bzip2"])
def test_a_line_without_end_takes_no_memory(form, monkeypatch):
    monkeypatch.setattr(encodings, "LONGEST_LINE", 1 << 20)
    packed = PACKERS[form](bytes([65]) * (64 << 20))
    assert len(packed) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(DamagedTextError, match="has a line of more than 1,048,576 bytes"):
            utf8_stream(io.BytesIO(packed)).readline()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 24 << 20


@pytest.mark.parametrize("form", ["gzip", "xz", "bzip2"])
def test_lines_without_end_take_no_time(form, monkeypatch):
    monkeypatch.setattr(encodings, "_SMALL", 1 << 20)
    packed = PACKERS[form](b"\n" * (4 << 20))
    with pytest.raises(DamagedTextError, match="unpacks to more than 1,048,576 bytes, 200 times its own size"):
        read(packed)
    monkeypatch.setattr(encodings, "_SMALL", 1 << 24)
    assert len(read(packed)) == 4 << 20


def test_lines_may_be_long(monkeypatch):
    monkeypatch.setattr(encodings, "LONGEST_LINE", 1 << 20)
    lines = [b"x" * (1 << 20) + b"\n", b"y" * 500_000 + b"\n"]
    assert list(utf8_stream(io.BytesIO(b"".join(lines)))) == lines


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("ISO-8859-1", "déjà vu; façade. Grüße, señor"),
        ("WINDOWS-1252", "don’t “go” – naïve"),
        ("MACINTOSH", "déjà vu façade Größe"),
        ("WINDOWS-1250", "Příliš žluťoučký kůň úpěl"),
        ("ISO-8859-2", "zażółć gęślą jaźń"),
        ("WINDOWS-1251", "Привет, как дела? Съешь же ещё"),
        ("KOI8-R", "Привет, как дела"),
        ("SHIFT_JIS", "今日はとても良い天気ですね。"),
        ("EUC-JP", "今日はとても良い天気ですね。カタカナ"),
        ("EUC-KR", "안녕하세요 오늘 날씨가"),
        ("GB18030", "今天天气很好，我们去公园吧"),
        ("BIG5", "今天天氣很好，我們去公園吧"),
    ],
)
def test_encodings_are_told_by_what_people_write(encoding, text):
    assert guess_encoding(text.encode(encoding)) == encoding


def test_noise_is_in_no_encoding():
    assert guess_encoding(b"\xb0\xb7\xd7\xf0 \x98") is None
    assert guess_encoding(b"") is None
