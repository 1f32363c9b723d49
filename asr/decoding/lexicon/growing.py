"""The words of a lexicon trie with their spellings, and tries with more of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import NO_WORD, ROOT, LexiconTrie
from asr.text.tokens import TokenTable


def read_spellings(trie: LexiconTrie) -> Spellings:
    """Returns the spellings that a trie was built from, in the order of its arcs."""
    arcs = (trie.arc_states, trie.arc_token_ids, trie.arc_next_states, trie.arc_words)
    states, token_ids, next_states, words = (column.cpu().numpy() for column in arcs)
    inside = (words == NO_WORD) & (next_states != ROOT) & (next_states != trie.unknown_state)
    parents, arrivals = np.zeros((2, trie.num_states), dtype=np.int64)
    parents[next_states[inside]], arrivals[next_states[inside]] = states[inside], token_ids[inside]

    ends = np.flatnonzero((words != NO_WORD) & (words < len(trie.words)))
    now, depths = states[ends], trie.depths[states[ends]]
    paths = np.zeros((len(ends), int(depths.max()) + 1), dtype=np.int64)
    if not trie.is_separated:  # the last token ends the word
        paths[np.arange(len(ends)), depths] = token_ids[ends]
    for _ in range(int(depths.max())):
        rows = np.flatnonzero(now != ROOT)
        paths[rows, trie.depths[now[rows]] - 1] = arrivals[now[rows]]
        now[rows] = parents[now[rows]]
    lengths = depths + (not trie.is_separated)
    rows_of_ids = zip(words[ends].tolist(), paths.tolist(), lengths.tolist(), strict=True)
    return Spellings(trie.words, tuple((word, tuple(ids[:length])) for word, ids, length in rows_of_ids))


def pronunciations(trie: LexiconTrie, tokens: TokenTable) -> dict[str, tuple[tuple[str, ...], ...]]:
    """Returns the pronunciations of each word of a trie of phones.

    Args:
        trie: built from the phones.
        tokens: the table of the phones.
    """
    spellings, names = read_spellings(trie), tokens.tokens
    spoken: dict[str, list[tuple[str, ...]]] = {word: [] for word in spellings.words}
    for place, ids in spellings.entries:
        spoken[spellings.words[place]].append(tuple(names[token_id] for token_id in ids))
    return {word: tuple(several) for word, several in spoken.items()}


def with_spellings(
    trie: LexiconTrie, tokens: TokenTable, added: Mapping[str, Iterable[tuple[int, ...]]]
) -> LexiconTrie:
    """Returns a trie with more words, or more spellings of its words; itself if it has them all.

    Args:
        trie: built from the tokens.
        tokens: the table.
        added: token ids of each way to spell a word, which may be in the trie.

    Raises:
        DataError: a spelling has a token that does not belong into a word.
    """
    old = read_spellings(trie)
    places = {word: place for place, word in enumerate(old.words)}
    entries = dict.fromkeys(old.entries)
    for word, several in added.items():
        place = places.setdefault(word, len(places))
        entries |= {(place, ids): None for ids in several}
    if len(entries) == len(old.entries):
        return trie
    silence = "" if trie.is_separated or trie.separator is None else tokens.tokens[trie.separator]
    return LexiconTrie(Spellings(tuple(places), tuple(entries)), tokens, silence, has_unknown=trie.unknown_state >= 0)
