"""What audio files are called, and what a file is that libsndfile does not read."""

from __future__ import annotations

from asr.audio import sphere

_PLAIN = (
    "wav wave flac mp3 mp2 mpga ogg oga opus sph nist aif aiff aifc au snd caf w64 rf64 voc ircam sf avr htk mpc paf "
    "pvf sds svx iff wve xi"
)
_MEDIA = (
    "m4a m4b m4p m4r mp4 m4v mov qt 3gp 3gpp 3g2 aac adts webm weba mkv mka wma wmv asf amr awb ac3 eac3 dts avi flv "
    "f4a mpg mpeg vob mts m2ts ogv ogm ogx spx ape wv tta tak mp1 ra rm rmvb shn dss qcp oma aa aax dsf"
)
PLAIN_SUFFIXES = frozenset(f".{name}" for name in _PLAIN.split())
"""How names of the files end that libsndfile reads, but headerless and MATLAB files."""

MEDIA_SUFFIXES = frozenset(f".{name}" for name in _MEDIA.split())
"""How names of the files end that FFmpeg reads instead: recordings of phones, video, and others."""

HEAD = 4096
"""The bytes of a file that tell what it is."""

AUDIO_SUFFIXES = PLAIN_SUFFIXES | MEDIA_SUFFIXES

_KINDS = (  # place, what stands there, what it is; the first that fits
    (4, b"ftypaax", "an Audible book, which is encrypted"),
    (4, b"ftypM4P", "a song that is encrypted for the device that bought it"),
    (4, b"ftypM4A", "MPEG-4 audio (m4a)"),
    (4, b"ftypqt", "a QuickTime movie"),
    (4, b"ftyp3g", "a recording of a phone (3gp)"),
    (4, b"ftyp", "MPEG-4 (mp4, m4a)"),
    (4, b"moov", "a QuickTime movie"),
    (0, b"\x1a\x45\xdf\xa3", "Matroska or WebM"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (wma, wmv)"),
    (0, b"#!AMR", "AMR, the recording of a phone"),
    (0, b"\x0b\x77", "AC-3"),
    (0, b"\xff\xf1", "AAC (ADTS)"),
    (0, b"\xff\xf9", "AAC (ADTS)"),
    (8, b"AVI ", "a video (AVI)"),
    (0, b"FLV", "a video (Flash)"),
    (0, b"\0\0\1\xba", "a video (MPEG)"),
    (0, b".RMF", "RealMedia"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"wvpk", "WavPack"),
    (0, b"TTA1", "True Audio"),
    (0, b"tBaK", "TAK"),
    (0, b"MPCK", "Musepack"),
    (0, b"MP+", "Musepack"),
    (0, b"ajkg", "audio compressed with shorten"),
    (0, b"\2dss", "the recording of a dictating machine (dss)"),
)
_OTHERS = (
    (0, b"PK\3\4", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!", "a RAR archive"),
    (0, b"%PDF", "a PDF document"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"MThd", "MIDI, notes without sound"),
    (0, b"\0\5\x16\7", "what macOS keeps beside a file on other disks, not the file"),
)
_TEXTS = (
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file, which git lfs pull brings"),
    (b"#extm3u", "a list of audio files (m3u)"),
    (b"[playlist]", "a list of audio files (pls)"),
    (b"<!doctype html", "a web page, not audio"),
    (b"<html", "a web page, not audio"),
)
_TEXT = "a text file, not audio"
NOT_AUDIO = frozenset((_TEXT, *(kind for _, kind in _TEXTS), *(kind for _, _, kind in _OTHERS)))
"""What is no audio at all."""


def kind_of(head: bytes) -> str:
    r"""Returns what a file is, from its first bytes, where libsndfile does not read it; empty if that is not known.

    Example:
        >>> kind_of(b"#!AMR"), kind_of(b"RIFF\0")
        ('AMR, the recording of a phone', '')
    """
    if head[:7] == b"NIST_1A":
        compression = sphere.compression(head)
        return f"NIST SPHERE compressed with {compression}" if compression else ""
    for place, magic, kind in _KINDS + _OTHERS:
        if head[place : place + len(magic)] == magic:
            return kind
    if not _is_text(head):
        return ""
    start = head.lstrip(b"\xef\xbb\xbf \r\n\t").lower()
    return next((kind for magic, kind in _TEXTS if start.startswith(magic)), _TEXT)


def _is_text(head: bytes) -> bool:
    try:
        text = head[:512].decode("utf-8", errors="strict" if len(head) <= 512 else "ignore")
    except UnicodeDecodeError:
        return False
    return len(text.encode()) > min(len(head), 512) - 4 and all(c.isprintable() or c.isspace() for c in text)
