"""The words of a text, spelled in the tokens of a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from asr.decoding.forced.graph import WrittenWord
from asr.errors import ConfigError, DataError
from asr.text.lexicon import Lexicon
from asr.text.policy import TextPolicy
from asr.text.tokens import SPACE_TOKEN, TokenTable

_NAMED = 5  # words that an error names


def spell(
    lines: Iterable[str], tokens: TokenTable, policy: TextPolicy, lexicon: Lexicon | None, where: str
) -> list[WrittenWord]:
    """Returns the words of a text, with their spellings.

    A word keeps its written form, including punctuation, unless the policy splits it into several words. What is no
    word under the policy, such as a dash, is added to the previous word.

    Args:
        lines: the text.
        tokens: the table of the model's outputs.
        policy: text policy of words before they are spelled or looked up.
        lexicon: pronunciations; required if tokens are phones, else forbidden.
        where: file of the text, for errors.

    Raises:
        ConfigError: a lexicon is missing or forbidden.
        DataError: a word has characters outside the table or no pronunciation, or there are no words.
    """
    check_lexicon(tokens, lexicon)
    words: list[WrittenWord] = []
    unknown: dict[str, None] = {}
    for place, form, word in _forms(lines, policy, where):
        if not word:
            words[-1:] = [WrittenWord(f"{each.text} {form}", each.spellings) for each in words[-1:]]
            continue
        if lexicon is None:
            words.append(WrittenWord(form, (_letters(word, tokens, f"{place}: {form}"),)))
            continue
        spellings = _spoken(word, lexicon, tokens)
        words.append(WrittenWord(form, spellings))
        if not spellings:
            unknown[word] = None
    if unknown:
        named = ", ".join(list(unknown)[:_NAMED]) + (", …" if len(unknown) > _NAMED else "")
        found = f"{len(unknown)} words have no pronunciation in the model's phones: {named}"
        raise DataError(where, found, "write them as they are said, or add them to the lexicon")
    if not words:
        raise DataError(where, "holds no words", "write what is said")
    return words


def lacking_words(
    lines: Iterable[str], tokens: TokenTable, policy: TextPolicy, lexicon: Lexicon, where: str
) -> list[str]:
    """Returns the words of a text that have no pronunciation in the model's phones, each once; see :func:`spell`."""
    words = dict.fromkeys(word for _, _, word in _forms(lines, policy, where) if word)
    return [word for word in words if not _spoken(word, lexicon, tokens)]


def check_lexicon(tokens: TokenTable, lexicon: Lexicon | None) -> None:
    """Checks that there are pronunciations if, and only if, tokens are phones.

    Raises:
        ConfigError: a lexicon is missing or forbidden.
    """
    if (lexicon is not None) != (tokens.unit == "phone"):
        found = f"is {'missing' if lexicon is None else 'given'} for a model with tokens of unit {tokens.unit}"
        raise ConfigError("lexicon", found, "give pronunciations for phones, and for nothing else")


def separator_of(tokens: TokenTable) -> int | None:
    """Returns the token between words; None if there is none."""
    return tokens.ids[SPACE_TOKEN] if tokens.unit == "char" else None


def _forms(lines: Iterable[str], policy: TextPolicy, where: str) -> Iterator[tuple[str, str, str]]:
    """Yields the line of each word, the word as written, and under the policy, under which it may be empty."""
    for number, line in enumerate(lines, start=1):
        place = f"{where}:{number}"
        for form in line.split():
            words = policy.apply(form, place).split()
            if len(words) < 2:
                yield place, form, "".join(words)
            else:
                yield from ((place, word, word) for word in words)


def _letters(word: str, tokens: TokenTable, where: str) -> tuple[int, ...]:
    try:
        return tuple(tokens.encode(word))
    except DataError as error:
        raise DataError(where, error.found, "write it as it is spoken, in the model's letters") from None


def _spoken(word: str, lexicon: Lexicon, tokens: TokenTable) -> tuple[tuple[int, ...], ...]:
    known = tokens.ids
    spoken = (phones for phones in lexicon.pronunciations(word) if all(phone in known for phone in phones))
    return tuple(tuple(known[phone] for phone in phones) for phones in spoken)
