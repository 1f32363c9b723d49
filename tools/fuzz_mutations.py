"""Damage for files, of the kinds that disks, editors and other programs do: the same for the same random numbers."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import re
import zipfile
from collections.abc import Callable
from random import Random
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**64), 10**400, 0.5, -0.0, 1e308, 1e-320),
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        "",
        " ",
        "a",
        "1",
        "nan",
        "\0",
        "\ud800",
        "\u2028",
        "../..",
        "~nobody/x",
    ),
    *([], [[]], [None], {}, {"": None}, {"class_path": "os.system"}),
)
ODD_WORDS = (
    *(
        "nan",
        "-nan",
        "inf",
        "-inf",
        "1e999",
        "-1e999",
        "1e308",
        "-1e308",
        "0",
        "-0",
        "1",
        "-1",
        "00",
        "0x1",
        "1_0",
        "1e-400",
    ),
    *(
        "4294967296",
        "9223372036854775808",
        "99999999999999999999999999",
        "-99",
        "99",
        "9" * 5000,
        "",
        '"',
        '""',
        "'",
        "\\",
    ),
    *("\\data\\", "\\end\\", "\\1-grams:", "\\9-grams:", "ngram", "=", "ngram 1=100000000000", "<s>", "</s>", "<unk>"),
    *(
        "<blank>",
        "|",
        "\u2581",
        "#",
        ";;;",
        "!",
        "<exists>",
        "<absent>",
        "sep=;",
        ",",
        ";",
        "\t",
        "\0",
        "\ufeff",
        "\u2028",
    ),
    *(
        "\u0301",
        "\u200d",
        "\ufe0f",
        "\U0001f468\u200d\U0001f469",
        "é",
        "../../etc",
        "~nobody/",
        "file://x",
        "a|",
        "\x1a",
        "\x85",
    ),
    *("{", "}", "[", "]", "null", "true", "NaN", "[" * 3000, '{"a":' * 3000, "a" * 70000),
)
_ODD_BYTES = (
    b"\0",
    b"\xff",
    b"\x80",
    b"\n",
    b"\r",
    b'"',
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
)
_ODD_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63, 2**64 - 1)
_WORDS = re.compile(rb"[^\s\",:{}\[\]=]+")


def mutate(content: bytes, form: str, random: Random) -> bytes:
    """Returns damaged content.

    Args:
        content: of a valid file.
        form: what is known of it: "text", "json" (an object a line), "zip" or "binary".
        random: decides.
    """
    kinds: dict[str, tuple[Callable[[bytes, Random], bytes], ...]] = {
        "binary": (_bytes,),
        "text": (_bytes, _words, _words, _lines, _encoding),
        "json": (_bytes, _values, _values, _values, _words, _lines, _encoding),
        "zip": (_bytes, _member, _member),
    }
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        content = random.choice(kinds[form])(content, random)
    return content


def _place(content: bytes, random: Random) -> tuple[int, int]:
    """Returns where a short stretch begins and ends; beginnings, which hold headers, come up more often."""
    reach = len(content) if random.random() < 0.7 else min(len(content), 128)
    begin = random.randrange(reach + 1)
    return begin, min(len(content), begin + random.choice((1, 1, 2, 4, 8, 40, 400)))


def _bytes(content: bytes, random: Random) -> bytes:
    begin, end = _place(content, random)
    before, part, after = content[:begin], content[begin:end], content[end:]
    choice = random.randrange(8)
    if choice == 0 and part:
        return before + bytes([part[0] ^ 1 << random.randrange(8)]) + part[1:] + after
    if choice == 1:
        return before + random.randbytes(len(part)) + after
    if choice == 2:
        return before + after
    if choice == 3:
        return before + part * random.choice((2, 3, 100)) + after
    if choice == 4:
        return before + random.choice(_ODD_BYTES) + part + after
    if choice == 5:
        return before
    if choice == 6:
        size = random.choice((1, 2, 4, 8))
        number = random.choice(_ODD_NUMBERS) % 256**size
        return before + number.to_bytes(size, random.choice(("little", "big"))) + content[begin + size :]
    other, _ = _place(content, random)
    return content[:other] + part + content[other:]


def _words(content: bytes, random: Random) -> bytes:
    found = list(_WORDS.finditer(content[: 1 << 16]))
    if not found:
        return _bytes(content, random)
    match = random.choice(found)
    word = random.choice(ODD_WORDS).encode(errors="surrogatepass")
    if random.random() < 0.2:
        word = random.choice(found)[0]  # another of the file's own
    return content[: match.start()] + word + content[match.end() :]


def _lines(content: bytes, random: Random) -> bytes:
    lines = content.split(b"\n")
    place = random.randrange(len(lines))
    choice = random.randrange(6)
    if choice == 0:
        del lines[place]
    elif choice == 1:
        lines.insert(random.randrange(len(lines) + 1), lines[place])
    elif choice == 2:
        random.shuffle(lines)
    elif choice == 3:
        lines.insert(place, random.choice((b"", b" ", b"\t", b"\r")))
    elif choice == 4:
        return b"\r\n".join(lines)
    else:
        fields = re.split(rb"([\s,|]+)", lines[place])
        del fields[random.randrange(len(fields))]
        lines[place] = b"".join(fields)
    return b"\n".join(lines)


def _encoding(content: bytes, random: Random) -> bytes:
    text = content.decode(errors="replace")
    packed = random.choice(
        (
            lambda: text.encode("utf-16"),
            lambda: text.encode("utf-16-le"),
            lambda: text.encode("utf-32"),
            lambda: text.encode("utf-8-sig"),
            lambda: text.encode("latin-1", errors="replace"),
            lambda: gzip.compress(content, mtime=0),
            lambda: lzma.compress(content, preset=0),
            lambda: gzip.compress(content + bytes(random.choice((1 << 10, 1 << 19))), mtime=0),
        )
    )()
    return _bytes(packed, random) if random.random() < 0.3 else packed


def _values(content: bytes, random: Random) -> bytes:
    """Changes a value somewhere in a JSON document, or in one of its lines."""
    try:
        lines, joint = [json.loads(content)], b""
    except ValueError:
        pieces = [line for line in content.split(b"\n") if line.strip()]
        try:
            lines, joint = [json.loads(line) for line in pieces], b"\n"
        except (ValueError, RecursionError):
            return _words(content, random)
    except RecursionError:
        return _words(content, random)
    if not lines:
        return _bytes(content, random)
    place = random.randrange(len(lines))
    lines[place] = _changed(lines[place], random)
    try:
        return joint.join(json.dumps(line).encode() for line in lines)
    except (ValueError, RecursionError):
        return content


def _changed(value: Any, random: Random) -> Any:
    """Returns a value with another one in the place of a part of it."""
    if isinstance(value, dict) and value and random.random() < 0.85:
        name = random.choice(list(value))
        choice = random.random()
        if choice < 0.1:
            return {key: each for key, each in value.items() if key != name}
        if choice < 0.15:
            return {**value, random.choice(list(value)): value[name]}
        return {**value, name: _changed(value[name], random)}
    if isinstance(value, list) and value and random.random() < 0.8:
        place = random.randrange(len(value))
        if random.random() < 0.2:
            return [*value[:place], *value[place + 1 :]] if random.random() < 0.5 else [*value, value[place]]
        return [*value[:place], _changed(value[place], random), *value[place + 1 :]]
    return random.choice(ODD_VALUES)


def _member(content: bytes, random: Random) -> bytes:
    """Changes a member of an archive together with its checksums, so that the damage gets past them."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = {info.filename: (archive.read(info), info.compress_type) for info in archive.infolist()}
    except Exception:
        return _bytes(content, random)
    if not members:
        return _bytes(content, random)
    name = random.choice(list(members))
    data, compression = members[name]
    choice = random.random()
    if choice < 0.06:
        del members[name]
    elif choice < 0.1:
        members[name] = (data, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
    elif choice < 0.14:
        members[random.choice(list(members))] = (data, compression)
    else:
        members[name] = (_bytes(data, random), compression)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for each, (data, compression) in members.items():
            archive.writestr(zipfile.ZipInfo(each), data, compress_type=compression)
    return written.getvalue()
