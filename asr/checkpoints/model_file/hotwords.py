"""Hot words that a model file brings with it, with the pronunciations that a pronunciation model gave them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from asr.checkpoints.model_file.members import Members
from asr.errors import AsrError
from asr.records import Record
from asr.text.hotwords import HotPhrase, Hotwords
from asr.text.lexicon import Lexicon

Spoken = dict[str, tuple[tuple[str, ...], ...]]


class Pronounced:
    """Pronounces words that have been pronounced once; for :attr:`Hotwords.pronounce`."""

    def __init__(self, spoken: Spoken) -> None:
        """Takes the pronunciations of each word."""
        self.spoken = spoken

    def __call__(self, words: Iterable[str]) -> Lexicon:
        """Returns the pronunciations of those words that have some."""
        return Lexicon({word: self.spoken[word] for word in words if word in self.spoken})


def hotwords_entry(hotwords: Hotwords) -> dict[str, Any]:
    """Returns the entry of hot words in the manifest; of pronunciation models, only :class:`Pronounced` is kept."""
    pronounce = hotwords.pronounce
    spoken = pronounce.spoken if isinstance(pronounce, Pronounced) else {}
    return {
        "score": hotwords.score,
        "phrases": [
            {"text": each.text, "weight": each.weight, "pronunciations": _as_lists(each.pronunciations)}
            for each in hotwords.phrases
        ],
        "spoken": {word: _as_lists(several) for word, several in spoken.items()},
    }


def read_hotwords_entry(members: Members) -> Hotwords | None:
    """Returns the hot words of a file, None if it has none.

    Raises:
        AsrError: the entry is malformed.
    """
    if not members.manifest.has("hotwords"):
        return None
    found = members.manifest.record("hotwords")
    spoken = found.record("spoken")
    pronounced = {word: tuple(_phones(each, spoken, word) for each in spoken.items(word)) for word in spoken.fields}
    phrases = tuple(_phrase(each) for each in found.records("phrases"))
    try:
        return Hotwords(phrases, found.number("score", least=0.0), Pronounced(pronounced))
    except AsrError as error:
        raise members.foreign(f"{error.where}: {error.found}") from None


def _phrase(record: Record) -> HotPhrase:
    text = record.text("text")
    if not text.strip():
        raise record.error("text", "a word or phrase")
    several = record.items("pronunciations")
    if not all(isinstance(each, list) and len(each) == len(text.split()) for each in several):
        raise record.error("pronunciations", "lists of the phones of each word")
    spoken = tuple(tuple(_phones(word, record, "pronunciations") for word in each) for each in several)
    return HotPhrase(text, record.number("weight", least=0.0), spoken)


def _phones(value: Any, record: Record, name: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(phone, str) and phone for phone in value):
        raise record.error(name, "lists of phones")
    return tuple(value)


def _as_lists(value: Any) -> Any:
    return [_as_lists(each) for each in value] if isinstance(value, tuple) else value
