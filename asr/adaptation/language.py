"""The n-gram model of a file, mixed with one of a few transcripts and texts, and their new words in its lexicon."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asr.decoding.lexicon.growing import with_spellings
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import LexiconTrie
from asr.decoding.parts import DecoderParts
from asr.errors import DataError
from asr.lm.kneser_ney import estimate
from asr.lm.mixing import find_weights, mix
from asr.lm.ngram import NGramModel
from asr.text.hotwords import Pronounce
from asr.text.tokens import TokenTable

_ORDER = 3  # a few sentences have no more to tell
_LEAST_WEIGHT = 0.001


@dataclass(frozen=True)
class Mixed:
    """A mixture.

    Attributes:
        ngram: the model of the file with that of the texts; None if the texts predict nothing better.
        weight: of the model of the texts.
        before: perplexity of the inner transcripts for the model of the file.
        after: the same for the mixture.
        trie: the lexicon with the new words; None if none is new, or there is no lexicon.
        num_new: words that are new to the lexicon, and can be spelled.
        mute: words that are new to it, and cannot.
    """

    ngram: NGramModel | None
    weight: float
    before: float
    after: float
    trie: LexiconTrie | None = None
    num_new: int = 0
    mute: tuple[str, ...] = ()


def mix_in(
    parts: DecoderParts,
    outer: Sequence[Sequence[str]],
    inner: Sequence[Sequence[str]],
    texts: Sequence[Sequence[str]] = (),
    pronounce: Pronounce | None = None,
) -> Mixed:
    """Mixes a model of sentences into that of a decoder.

    The weight is the one with which the outer sentences and the texts predict the inner ones best, by expectation
    maximisation; the model that is mixed in is then one of all three.

    Args:
        parts: of the decoder, which has an n-gram model.
        outer: words of transcripts.
        inner: words of other transcripts.
        texts: words of sentences that nobody need have said.
        pronounce: pronounces words that a lexicon of phones lacks; None leaves them out.

    Raises:
        DataError: no word of the inner sentences is known.
    """
    lm, trie = parts.lm, parts.trie
    assert lm is not None
    if trie is None:
        outer, inner, texts = (_in_tokens(each, parts.tokens) for each in (outer, inner, texts))
    found = find_weights([lm, _small_model([*outer, *texts], lm.order)], inner)
    weight, (before, _, after) = found.values[1], found.perplexities
    if weight < _LEAST_WEIGHT:
        return Mixed(None, weight, before, after)
    sentences = [*outer, *inner, *texts]
    ngram = mix([lm, _small_model(sentences, lm.order)], found.values)
    if trie is None:
        return Mixed(ngram, weight, before, after)
    known = frozenset(trie.words)
    new = dict.fromkeys(word for words in sentences for word in words if word not in known)
    spelled = _spelled(list(new), parts.tokens, pronounce)
    grown = with_spellings(trie, parts.tokens, spelled)
    mute = tuple(word for word in new if word not in spelled)
    return Mixed(ngram, weight, before, after, None if grown is trie else grown, len(spelled), mute)


def _small_model(sentences: Sequence[Sequence[str]], most: int) -> NGramModel:
    """Returns the model of a few sentences, without a line of log for each order that few are too few for."""
    ours = logging.getLogger(estimate.__module__)
    ours.disabled = True
    try:
        return estimate(sentences, min(most, _ORDER))
    finally:
        ours.disabled = False


def _in_tokens(sentences: Sequence[Sequence[str]], tokens: TokenTable) -> list[list[str]]:
    return [[tokens.tokens[each] for each in tokens.encode(" ".join(words))] for words in sentences]


def _spelled(
    words: Sequence[str], tokens: TokenTable, pronounce: Pronounce | None
) -> Mapping[str, list[tuple[int, ...]]]:
    """Returns the spellings of words, without those that have none."""
    if tokens.unit == "phone" and pronounce is None:
        return {}
    lexicon = pronounce(words) if tokens.unit == "phone" and pronounce is not None else None
    try:
        found = Spellings.of(words, tokens, lexicon)
    except DataError:  # none of them has a spelling
        return {}
    spelled: dict[str, list[tuple[int, ...]]] = {}
    for place, ids in found.entries:
        spelled.setdefault(found.words[place], []).append(ids)
    return spelled
