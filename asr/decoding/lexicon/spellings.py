"""How words are written in tokens: what a lexicon trie is made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from asr.errors import ConfigError, DataError
from asr.text.lexicon import Lexicon
from asr.text.tokens import TokenTable


@dataclass(frozen=True)
class Spellings:
    """Words with their token sequences.

    Attributes:
        words: the W words, each one once.
        entries: pairs of the place of a word and its token ids; no pair is there twice.
        left_out: words that have no spelling, in their order, for the caller to report.
    """

    words: tuple[str, ...]
    entries: tuple[tuple[int, tuple[int, ...]], ...]
    left_out: tuple[str, ...] = ()

    @classmethod
    def of(cls, words: Iterable[str], tokens: TokenTable, lexicon: Lexicon | None = None) -> Spellings:
        """Spells words as the token table does: phones by a lexicon, characters and BPE by the table itself.

        Args:
            words: the vocabulary; repeats are dropped.
            tokens: the table.
            lexicon: pronunciations, needed where tokens are phones and nowhere else.

        Raises:
            ConfigError: a lexicon is missing, or there is one for tokens that are no phones.
            DataError: no word has a spelling.

        Example:
            >>> table = TokenTable.build(["AB A"], "char")
            >>> Spellings.of(["A", "BA", "C"], table)
            Spellings(words=('A', 'BA'), entries=((0, (1,)), (1, (2, 1))), left_out=('C',))
        """
        if (lexicon is not None) != (tokens.unit == "phone"):
            found = f"is {'missing' if lexicon is None else 'given'} for tokens of unit {tokens.unit}"
            raise ConfigError("lexicon", found, "give pronunciations for phones, and for nothing else")
        spelled: dict[str, list[tuple[int, ...]]] = {}
        left_out: list[str] = []
        for word in dict.fromkeys(words):
            spellings = _spellings(word, tokens, lexicon)
            if spellings:
                spelled[word] = spellings
            else:
                left_out.append(word)
        if not spelled:
            named = ", ".join(repr(word) for word in left_out[:3]) or "none is given"
            raise DataError("lexicon", f"no word can be spelled in {len(tokens)} tokens ({named})", "check its case")
        entries = tuple((place, ids) for place, several in enumerate(spelled.values()) for ids in several)
        return cls(tuple(spelled), entries, tuple(left_out))


def _spellings(word: str, tokens: TokenTable, lexicon: Lexicon | None) -> list[tuple[int, ...]]:
    if lexicon is None:
        try:
            ids = tuple(tokens.encode(word))
        except DataError:  # a symbol that is not in the table
            return []
        return [ids] if ids else []
    known = tokens.ids
    spoken = lexicon.pronunciations(word)
    return [tuple(known[phone] for phone in phones) for phones in spoken if all(phone in known for phone in phones)]
