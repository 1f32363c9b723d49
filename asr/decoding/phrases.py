"""Hot phrases as a model writes them: words under its text policy, and what each occurrence adds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from asr.errors import DataError
from asr.text.arpabet import strip_stress
from asr.text.hotwords import HotPhrase, Hotwords
from asr.text.lexicon import Lexicon, Pronunciation
from asr.text.policy import TextPolicy
from asr.text.tokens import BLANK, TokenTable


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

    def merged(self, other: Phrase) -> Phrase:
        """Returns the phrase with the pronunciations of another line as well, and the greater bonus of the two."""
        spoken = dict.fromkeys((*self.source.pronunciations, *other.source.pronunciations))
        source = replace(self.source, pronunciations=tuple(spoken))
        return Phrase(self.words, max(self.bonus, other.bonus), source)


def find_phrases(hotwords: Hotwords, tokens: TokenTable, policy: TextPolicy) -> list[Phrase]:
    """Returns the phrases that add something; those with the same words as one, see :meth:`Phrase.merged`.

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
        if bonus > 0:
            phrase = Phrase(words, bonus, source)
            found[words] = found[words].merged(phrase) if words in found else phrase
    return list(found.values())


def _check_symbols(words: Sequence[str], source: HotPhrase, tokens: TokenTable) -> None:
    try:
        tokens.encode(" ".join(words), source.where)
    except DataError as error:
        raise DataError(source.where, error.found, "write it as the model does, or take it out") from None


def find_spellings(
    phrases: Sequence[Phrase], hotwords: Hotwords, known: Collection[str], tokens: TokenTable
) -> dict[str, list[tuple[int, ...]]]:
    """Returns the token ids of words that a lexicon needs for hot phrases.

    Characters and BPE spell the words that it lacks. Phones have the pronunciations of the list and, for what neither
    has, those of the pronunciation model.

    Args:
        phrases: what :func:`find_phrases` found in the list.
        hotwords: the list.
        known: words of the lexicon.
        tokens: of the model; where phones have no stress, that of pronunciations is dropped.

    Raises:
        DataError: a pronunciation has a phone that is none of the tokens, or a word has none, with the line.
    """
    known = frozenset(known)
    sources = {word: each.source for each in phrases for word in each.words}
    if tokens.unit != "phone":
        return {word: [tuple(tokens.encode(word))] for word in sources if word not in known}
    spoken = given_pronunciations(phrases)
    lacking = [word for word in sources if word not in known and word not in spoken]
    said = hotwords.pronounce(lacking) if hotwords.pronounce and lacking else Lexicon({})
    for word in lacking:
        spoken[word] = list(said.pronunciations(word))
        if not spoken[word]:
            more = "" if hotwords.pronounce else ", or a pronunciation model (--g2p)"
            found = f"{word} is not in the lexicon, and has no pronunciation"
            raise DataError(sources[word].where, found, f"give it after a second tab{more}")
    return {word: [_ids(word, phones, sources[word], tokens) for phones in each] for word, each in spoken.items()}


def given_pronunciations(phrases: Iterable[Phrase]) -> dict[str, list[Pronunciation]]:
    """Returns the pronunciations that a list gives, by word."""
    spoken: dict[str, list[Pronunciation]] = {}
    for phrase in phrases:
        for several in phrase.source.pronunciations:
            for word, phones in zip(phrase.words, several, strict=True):
                spoken.setdefault(word, []).append(phones)
    return spoken


def _ids(word: str, phones: Pronunciation, source: HotPhrase, tokens: TokenTable) -> tuple[int, ...]:
    ids = [tokens.ids.get(phone if tokens.has_stress else strip_stress(phone), BLANK) for phone in phones]
    if BLANK in ids:
        strange, known = phones[ids.index(BLANK)], ", ".join(tokens.tokens[1:4])
        found = f"{word} is pronounced with {strange!r}, which is none of the model's phones"
        raise DataError(source.where, found, f"they are {known}, …")
    return tuple(ids)
