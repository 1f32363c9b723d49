"""Hot phrases as a model writes them: words under its text policy, and what each occurrence adds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from asr.errors import DataError
from asr.text.arpabet import strip_stress
from asr.text.hotwords import HotPhrase, Hotwords
from asr.text.lexicon import Pronunciation
from asr.text.policy import TextPolicy
from asr.text.tokens import TokenTable


@dataclass(frozen=True)
class Phrase:
    """A hot phrase under the text policy of a model.

    Attributes:
        words: its words, at least one.
        bonus: natural-log score that each occurrence adds, above 0.
        source: the line that it comes from.
    """

    words: tuple[str, ...]
    bonus: float
    source: HotPhrase


def find_phrases(hotwords: Hotwords, tokens: TokenTable, policy: TextPolicy) -> list[Phrase]:
    """Returns the phrases that add something; of those with the same words the one that adds most.

    Args:
        hotwords: the list.
        tokens: of the model. Where they are phones, words are in upper case, as in lexicons, and no policy applies.
        policy: of the model.

    Raises:
        DataError: a phrase has no words under the policy, or symbols that the tokens lack, with the line.
    """
    found: dict[tuple[str, ...], Phrase] = {}
    for source in hotwords.phrases:
        is_spoken = tokens.unit == "phone"
        words = tuple((source.text.upper() if is_spoken else policy.apply(source.text, source.where)).split())
        if not words:
            raise DataError(source.where, f"{source.text!r} has no words under policy {policy.name}", "take it out")
        if not is_spoken:
            _check_symbols(words, source, tokens)
        bonus = hotwords.score * source.weight * sum(map(len, words))
        if bonus > 0 and (words not in found or bonus > found[words].bonus):
            found[words] = Phrase(words, bonus, source)
    return list(found.values())


def _check_symbols(words: Sequence[str], source: HotPhrase, tokens: TokenTable) -> None:
    try:
        tokens.encode(" ".join(words), source.where)
    except DataError as error:
        raise DataError(source.where, error.found, "write it as the model does, or take it out") from None


def pronounce(
    phrases: Iterable[Phrase], hotwords: Hotwords, known: frozenset[str], tokens: TokenTable
) -> dict[str, list[Pronunciation]]:
    """Returns the pronunciations that a list of hot words adds to a lexicon: its own, and those of words new to both.

    Args:
        phrases: what :func:`find_phrases` found in the list.
        hotwords: the list.
        known: words of the lexicon, in upper case.
        tokens: phones; where these have no stress, it is taken from the pronunciations.

    Raises:
        DataError: a pronunciation has another phone than the tokens, or a word has no pronunciation, with the line.
    """
    has_stress = any(token[-1:].isdigit() for token in tokens.tokens)
    spoken: dict[str, list[Pronunciation]] = {}
    lacking: dict[str, HotPhrase] = {}
    for phrase in phrases:
        for words in phrase.source.pronunciations:
            for word, phones in zip(phrase.words, words, strict=True):
                said = tuple(phones if has_stress else map(strip_stress, phones))
                _check_phones(word, said, phrase.source, tokens)
                spoken.setdefault(word, []).append(said)
    for phrase in phrases:
        lacking |= {word: phrase.source for word in phrase.words if word not in known and word not in spoken}
    return spoken | _pronounce_new(lacking, hotwords, has_stress, tokens)


def _check_phones(word: str, phones: Pronunciation, source: HotPhrase, tokens: TokenTable) -> None:
    strange = [phone for phone in phones if phone not in tokens.ids or tokens.tokens[0] == phone]
    if strange:
        found = f"{word} is pronounced with {strange[0]!r}, which is none of the model's phones"
        raise DataError(source.where, found, f"use {', '.join(tokens.tokens[1:4])}, …")


def _pronounce_new(
    lacking: Mapping[str, HotPhrase], hotwords: Hotwords, has_stress: bool, tokens: TokenTable
) -> dict[str, list[Pronunciation]]:
    found: dict[str, list[Pronunciation]] = {}
    said = hotwords.pronounce(lacking) if hotwords.pronounce and lacking else None
    for word, source in lacking.items():
        several = said.pronunciations(word) if said else ()
        if not several:
            remedy = "give it after a second tab" if hotwords.pronounce else "give it after a second tab, or a G2P model"
            raise DataError(source.where, f"{word} has no pronunciation in the lexicon", remedy)
        found[word] = [tuple(phones if has_stress else map(strip_stress, phones)) for phones in several]
        for phones in found[word]:
            _check_phones(word, phones, source, tokens)
    return found
