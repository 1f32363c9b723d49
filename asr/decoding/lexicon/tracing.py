"""From token sequences cut into words to hypotheses with spans of words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from asr.decoding.hypothesis import Hypothesis, Span
from asr.decoding.lexicon.endings import WordSequences
from asr.decoding.lexicon.trie import NO_WORD, LexiconTrie
from asr.lm.vocabulary import SPECIAL, UNKNOWN
from asr.text.tokens import TokenTable


def with_words(
    hypotheses: list[list[Hypothesis]], found: WordSequences, trie: LexiconTrie, tokens: TokenTable
) -> list[list[Hypothesis]]:
    """Returns hypotheses with the words that the search found in place of those that the token table sees.

    A word begins with its first token and ends with its last; its confidence is the least of theirs. An unknown word is
    written as its tokens spell it, as ``<unk>`` where they are phones. Of hypotheses with the same text the best stays.

    Args:
        hypotheses: with spans of the tokens, as :func:`asr.decoding.decoder.trace` returns them.
        found: what they were made of.
        trie: of the words.
        tokens: the table.
    """
    result = []
    columns = (found.words, found.last_words, found.scores)
    for nbest, *rows in zip(hypotheses, *(column.tolist() for column in columns), strict=True):
        taken = ((words, last) for words, last, score in zip(*rows, strict=True) if score != float("-inf"))
        by_text: dict[str, Hypothesis] = {}
        for hypothesis, (words, last) in zip(nbest, taken, strict=True):
            spans = tuple(_word_spans(hypothesis.tokens, words, last, trie, tokens))
            text = " ".join(span.text for span in spans)
            least = min((span.confidence for span in spans), default=1.0)
            by_text.setdefault(text, replace(hypothesis, text=text, words=spans, confidence=least))
        result.append(list(by_text.values()))
    return result


def _word_spans(
    spans: tuple[Span, ...], words: list[int], last_word: int, trie: LexiconTrie, tokens: TokenTable
) -> Iterator[Span]:
    separator = "" if trie.separator is None else tokens.tokens[trie.separator]
    begin = 0
    for place, word in enumerate([*words[: len(spans)], last_word]):
        if word == NO_WORD:
            continue
        inside = [span for span in spans[begin : place + 1] if span.text != separator]
        begin = place + 1
        text = trie.words[word] if word < len(trie.words) else _spelled(inside, tokens)
        yield Span(text, inside[0].start, inside[-1].end, min(span.confidence for span in inside))


def _spelled(spans: list[Span], tokens: TokenTable) -> str:
    if tokens.unit == "phone":
        return SPECIAL[UNKNOWN]
    return tokens.decode([tokens.ids[span.text] for span in spans])
