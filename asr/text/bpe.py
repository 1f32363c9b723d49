"""Byte-pair encoding with sentencepiece: words in pieces, the first of each word with a mark."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from asr.errors import ConfigError, DataError

if TYPE_CHECKING:
    from sentencepiece import SentencePieceProcessor

WORD_BEGIN = "\u2581"
RESERVED = (WORD_BEGIN, "\u2585", "\0")
"""Characters that sentencepiece uses itself; lines with the second are skipped in training without a word."""

UNKNOWN = 0  # id of sentencepiece's <unk>, in whose place a token table has the blank

_MIN_LENGTH = 10  # bytes; sentencepiece takes no smaller max_sentence_length, and skips longer lines
_TOO_SMALL = re.compile(r"smaller than required_chars\. [0-9]+ vs (?P<limit>[0-9]+)")
_TOO_LARGE = re.compile(r"too high .* a value <= (?P<limit>[0-9]+)")


def train(texts: Iterable[str], size: int) -> bytes:
    """Learns pieces from texts; equal texts yield equal bytes.

    Every character that occurs is a piece of its own, too, so no text over these characters has an unknown part.

    Args:
        texts: transcripts, after the text policy.
        size: pieces, the unknown among them.

    Returns:
        A model as sentencepiece writes it to its ``.model`` files.

    Raises:
        ConfigError: the texts have more characters, or yield fewer pieces, than that.

    **Source**: Sennrich, Haddow and Birch 2016, as sentencepiece has it (``model_type=bpe``).
    """
    from sentencepiece import SentencePieceTrainer

    lines = [" ".join(text.split()) for text in texts]
    model = io.BytesIO()
    try:
        SentencePieceTrainer.train(  # type: ignore[attr-defined, unused-ignore]
            sentence_iterator=iter(line for line in lines if line),
            model_writer=model,
            model_type="bpe",
            vocab_size=size,
            character_coverage=1.0,
            normalization_rule_name="identity",
            max_sentence_length=max((_MIN_LENGTH, *(1 + len(line.encode()) for line in lines))),
            unk_id=UNKNOWN,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            num_threads=1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise _wrong_size(size, str(error)) from None
    return model.getvalue()


def pieces(model: bytes) -> tuple[str, ...]:
    """Returns the pieces of a model in the order of their ids; the first is the unknown.

    Raises:
        DataError: it is no model of sentencepiece.
    """
    processor = _processor(model)
    try:
        return tuple(processor.id_to_piece(piece) for piece in range(processor.get_piece_size()))
    except UnicodeDecodeError:
        raise DataError("BPE model", "has pieces that are not UTF-8", "make it again with: asr tokens") from None


def encode(model: bytes, text: str) -> list[int]:
    """Returns the ids of the pieces of a text, :data:`UNKNOWN` where none fits.

    Raises:
        DataError: it is no model of sentencepiece.
    """
    return list(_processor(model).encode(" ".join(text.split())))


def word_spans(tokens: Sequence[str]) -> list[tuple[int, int]]:
    """Returns where each word begins and ends in a list of pieces (half open); a mark alone belongs to no word.

    Example:
        >>> word_spans(["\u2581TH", "E", "\u2581", "C", "AT", "\u2581S"])
        [(0, 2), (3, 5), (5, 6)]
    """
    spans: list[tuple[int, int]] = []
    begins = True
    for place, token in enumerate(tokens):
        if token == WORD_BEGIN:
            begins = True
            continue
        if begins or token.startswith(WORD_BEGIN):
            spans.append((place, place))
        spans[-1] = (spans[-1][0], place + 1)
        begins = False
    return spans


@lru_cache(maxsize=8)
def _processor(model: bytes) -> SentencePieceProcessor:
    from sentencepiece import SentencePieceProcessor

    try:
        return SentencePieceProcessor(model_proto=model)
    except RuntimeError:
        raise DataError("BPE model", "is none that sentencepiece reads", "make it again with: asr tokens") from None


def _wrong_size(size: int, error: str) -> ConfigError:
    for pattern, limit, remedy in (
        (_TOO_SMALL, "the transcripts' characters alone take {}", "give a larger --size"),
        (_TOO_LARGE, "the transcripts give only {} pieces", "give a smaller --size, or more text"),
    ):
        match = pattern.search(error)
        if match:
            return ConfigError(f"BPE of size {size}", limit.format(match["limit"]), remedy)
    return ConfigError(f"BPE of size {size}", f"sentencepiece cannot learn it ({error})", "give another --size")
