"""Token tables: the symbols that a model has posteriors for, and their ids."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Literal, get_args

from asr.errors import ConfigError, DataError
from asr.files import written_whole
from asr.text import bpe

Unit = Literal["char", "phone", "bpe"]

BLANK = 0
BLANK_TOKEN = "<blank>"
SPACE_TOKEN = "|"

_UNITS: Mapping[str, Unit] = {unit: unit for unit in get_args(Unit)}
_REBUILD = "build the table again with: asr tokens"
_FILE_NAMES = ("tokens_char.txt", "tokens_phone.txt", "tokens_bpe<size>.txt")
_FILE_NAME = re.compile(r"tokens_(?:(?P<unit>char|phone)|bpe(?P<size>[1-9][0-9]*))\.txt")


@dataclass(frozen=True)
class TokenTable:
    """The tokens of a model; the place of a token is its id, and the blank of CTC is token 0.

    Attributes:
        unit: "char" for characters, with ``|`` for the space between words; "phone" for symbols between blanks, each of
            which counts as a word; "bpe" for parts of words, the first part of each word beginning with U+2581.
        tokens: the V symbols, the blank among them.
        model: BPE: sentencepiece's model, which has the tokens in the same order, ``<unk>`` in place of the blank.
    """

    unit: Unit
    tokens: tuple[str, ...]
    model: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        """Checks the table.

        Raises:
            DataError: the unit is unknown, the blank is not first, a token is empty, doubled or holds white space, or
                there is no BPE model where one must be, or one where none must be.
        """
        where = f"token table ({self.unit})"
        if self.unit not in _UNITS:
            raise DataError(where, "there is no such unit", f"the units are {', '.join(_UNITS)}")
        for place, found in _faults(self.tokens, self.unit):
            raise DataError(where, f"token {place}: {found}", _REBUILD)
        if bool(self.model) != (self.unit == "bpe"):
            raise DataError(where, f"a BPE model {'is there' if self.model else 'is missing'}", _REBUILD)

    @classmethod
    def build(cls, texts: Iterable[str], unit: Unit, size: int | None = None) -> TokenTable:
        """Returns the table of all symbols that occur, sorted by code point, or of a BPE learnt from them.

        Args:
            texts: transcripts, after the text policy.
            unit: "char", "phone" or "bpe".
            size: BPE: tokens with the blank.

        Raises:
            DataError: nothing occurs, or a text holds a symbol that the table needs: ``<blank>``, with characters
                ``|``, with BPE those of :data:`asr.text.bpe.RESERVED`.
            ConfigError: a BPE of that size cannot be had from these texts, or ``size`` does not go with the unit.

        Example:
            >>> TokenTable.build(["AB A"], "char").tokens
            ('<blank>', 'A', 'B', '|')
        """
        if (size is not None) != (unit == "bpe"):
            raise ConfigError("size", f"is {size} with unit {unit}", "give it with unit bpe, and with no other")
        symbols: set[str] = set()
        texts = list(texts)
        for text in texts:
            _refuse_reserved(text, unit)
            symbols.update(text.split() if unit == "phone" else "".join(text.split()))
        if not symbols:
            raise DataError(
                f"token table ({unit})", "the texts hold no symbols", "check the transcripts and the text policy"
            )
        if size is not None:
            model = bpe.train(texts, size)
            return cls(unit, (BLANK_TOKEN, *bpe.pieces(model)[1:]), model)
        if unit == "char":
            symbols.add(SPACE_TOKEN)
        return cls(unit, (BLANK_TOKEN, *sorted(symbols)))

    @classmethod
    def from_state(cls, state: Mapping[str, object]) -> TokenTable:
        """Returns the table that :meth:`state` described.

        Raises:
            DataError: it does not describe a table.
        """
        name, tokens, model = state.get("unit"), state.get("tokens"), state.get("model", "")
        unit = _UNITS.get(str(name))
        if unit is None or not isinstance(tokens, list | tuple) or not all(isinstance(t, str) for t in tokens):
            raise DataError("token table", f"unit {name!r} with tokens of type {type(tokens).__name__}", _REBUILD)
        try:
            decoded = b64decode(str(model), validate=True)
        except binascii.Error:
            raise DataError("token table", "its BPE model is not in base64", _REBUILD) from None
        return cls(unit, tuple(tokens), decoded)

    @classmethod
    def load(cls, path: str | Path) -> TokenTable:
        """Reads ``tokens_<unit>.txt``: one token a line, the line number counted from 0 is its id.

        Beside ``tokens_bpe<size>.txt`` lies its model, ``tokens_bpe<size>.model``.

        Raises:
            DataError: the file is missing or not such a table, with the line, or its model is missing or another's.
        """
        path = Path(path)
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            name = path.stem.removeprefix("tokens_")
            raise DataError(path, f"{name!r} is no unit of tokens", f"name it {' or '.join(_FILE_NAMES)}")
        try:
            lines = _read(path).decode("utf-8").replace("\r\n", "\n").removesuffix("\n").split("\n")
        except UnicodeDecodeError:
            raise DataError(path, "is not UTF-8 text", _REBUILD) from None
        unit = _UNITS[match["unit"] or "bpe"]
        for place, found in _faults(lines, unit):
            raise DataError(f"{path}:{place + 1}", found, _REBUILD)
        model = b"" if match["unit"] else _read(path.with_suffix(".model"))
        if model and (len(lines) != int(match["size"]) or tuple(lines[1:]) != bpe.pieces(model)[1:]):
            raise DataError(path, "its tokens are not those of its name and of the model beside it", _REBUILD)
        return cls(unit, tuple(lines), model)

    def save(self, path: str | Path) -> None:
        """Writes the table, whole or not at all, a BPE with its model beside it.

        Raises:
            DataError: the file has not the name of :attr:`file_name`, or cannot be written.
        """
        path = Path(path)
        if path.name != self.file_name:
            raise DataError(path, f"a table of unit {self.unit} has another name", f"name it {self.file_name}")
        if self.model:
            with written_whole(path.with_suffix(".model")) as beside:
                beside.write_bytes(self.model)
        with written_whole(path) as beside:
            beside.write_text("".join(f"{token}\n" for token in self.tokens), encoding="utf-8", newline="\n")

    @property
    def file_name(self) -> str:
        """What its file is called."""
        return f"tokens_{self.unit}{len(self) if self.unit == 'bpe' else ''}.txt"

    def state(self) -> dict[str, object]:
        """Returns the table as plain values, as checkpoints carry it; a BPE model in base64."""
        model = {"model": b64encode(self.model).decode("ascii")} if self.model else {}
        return {"unit": self.unit, "tokens": list(self.tokens), **model}

    def __len__(self) -> int:
        """Returns V, the number of tokens with the blank."""
        return len(self.tokens)

    @cached_property
    def ids(self) -> Mapping[str, int]:
        """The id of each token."""
        return {token: token_id for token_id, token in enumerate(self.tokens)}

    @cached_property
    def has_stress(self) -> bool:
        """Whether phones carry the digit of their stress."""
        return any(token[-1:].isdigit() for token in self.tokens)

    def encode(self, text: str, where: str = "") -> list[int]:
        """Returns the token ids of a text, shape (L,); none is the blank.

        Args:
            text: a transcript, after the text policy.
            where: utterance id or place, for the error.

        Raises:
            DataError: symbols are not in the table; all are named.

        Example:
            >>> TokenTable.build(["AB A"], "char").encode("B A")
            [2, 3, 1]
        """
        words = text.split()
        symbols = words if self.unit == "phone" else " ".join(words)
        known, reserved = self.ids, _reserved(self.unit)
        # Every character that a BPE can spell is a piece of its own, too.
        unknown = {symbol for symbol in symbols if symbol not in known or symbol in reserved} - {" "}
        if unknown:
            named = ", ".join(describe(symbol) for symbol in sorted(unknown))
            found = f"{named} not in the table of {len(self)} tokens"
            raise DataError(where, found, "correct the transcript, change the text policy or build the table anew")
        if self.unit == "bpe":
            return bpe.encode(self.model, text)
        return [known[SPACE_TOKEN if symbol == " " else symbol] for symbol in symbols]

    def decode(self, token_ids: Iterable[int]) -> str:
        """Returns the text of token ids, with single blanks between words and none at the ends.

        Args:
            token_ids: ids without blanks and with repeats already collapsed, shape (L,).

        Raises:
            ValueError: an id is the blank or outside the table.

        Example:
            >>> TokenTable.build(["AB A"], "char").decode([3, 2, 3, 3, 1])
            'B A'
        """
        token_ids = list(token_ids)
        if token_ids and not 0 < min(token_ids) <= max(token_ids) < len(self):
            raise ValueError(f"token ids must be from 1 to {len(self) - 1}. Found {min(token_ids)} to {max(token_ids)}")
        spans = self.word_spans(token_ids)
        words = ("".join(self.tokens[token_id] for token_id in token_ids[begin:end]) for begin, end in spans)
        return " ".join(word.removeprefix(bpe.WORD_BEGIN) if self.unit == "bpe" else word for word in words)

    def word_spans(self, token_ids: Sequence[int]) -> list[tuple[int, int]]:
        """Returns where each word begins and ends in a list of token ids (half open).

        Characters: what lies between spaces, never empty. Phones: every token is a word. BPE: from one word-begin mark
        to the next; a mark alone belongs to no word.

        Example:
            >>> TokenTable.build(["AB A"], "char").word_spans([2, 1, 3, 1])
            [(0, 2), (3, 4)]
        """
        if self.unit == "phone":
            return [(place, place + 1) for place in range(len(token_ids))]
        if self.unit == "bpe":
            return bpe.word_spans([self.tokens[token_id] for token_id in token_ids])
        space = self.ids[SPACE_TOKEN]
        runs = groupby(range(len(token_ids)), key=lambda place: token_ids[place] == space)
        words = [list(places) for is_space, places in runs if not is_space]
        return [(places[0], places[-1] + 1) for places in words]


def describe(symbol: str) -> str:
    """Names a symbol for an error message, with its code point where it may not show.

    Example:
        >>> describe("A"), describe("\u0301"), describe("ix")
        ("'A'", 'U+0301', "'ix'")
    """
    if len(symbol) == 1 and not (symbol.isalnum() or symbol.isascii()):
        return f"U+{ord(symbol):04X}"
    return repr(symbol)


def _reserved(unit: Unit) -> tuple[str, ...]:
    return (BLANK_TOKEN, *{"char": (SPACE_TOKEN,), "phone": (), "bpe": bpe.RESERVED}[unit])


def _refuse_reserved(text: str, unit: Unit) -> None:
    for symbol in _reserved(unit):
        if symbol in (text.split() if unit == "phone" else text):
            shortened = text if len(text) <= 40 else f"{text[:40]}…"
            raise DataError(f"transcript {shortened!r}", f"{symbol!r} is kept for the table itself", "take it out")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(path, "no such file", "make it with: asr tokens") from None
    except OSError as error:
        raise DataError(path, f"cannot be read ({error.strerror})", "check the path") from None


def _faults(tokens: Sequence[str], unit: str) -> list[tuple[int, str]]:
    """Returns the first thing that is wrong with a table, with its place, or nothing."""
    seen: dict[str, int] = {}
    if not tokens or tokens[0] != BLANK_TOKEN:
        return [(0, f"{tokens[0] if tokens else 'nothing'!r} where {BLANK_TOKEN} must be")]
    for place, token in enumerate(tokens):
        if not token or token.split() != [token]:
            return [(place, "holds no token" if not token.strip() else f"{token!r} holds white space")]
        if unit == "char" and place and len(token) != 1:
            return [(place, f"{token!r} is more than one character")]
        if token in seen:
            return [(place, f"{describe(token)} is there already, as token {seen[token]}")]
        seen[token] = place
    if unit == "char" and SPACE_TOKEN not in seen:
        return [(len(tokens) - 1, f"{SPACE_TOKEN}, which stands for the space, is missing")]
    return []
