"""A lexicon in a model file: the arcs of its trie, which are checked before any search follows them."""

from __future__ import annotations

import numpy as np

from asr.checkpoints.model_file.arrays import ArrayReader, ArrayWriter, Ints
from asr.checkpoints.model_file.members import Members, Written
from asr.decoding.lexicon.trie import NO_WORD, ROOT, Arcs, LexiconTrie
from asr.records import Record
from asr.text.tokens import BLANK, TokenTable

_PART = "lexicon"


def write_lexicon(trie: LexiconTrie, written: Written) -> dict[str, object]:
    """Writes a trie and returns its entry in the manifest."""
    arrays = ArrayWriter(written, _PART)
    words, states = trie.arc_words.numpy(), trie.arc_states.numpy()
    ends = words != NO_WORD
    arrays.text("words", "\n".join(trie.words))
    arrays.whole("depths", np.diff(trie.depths, prepend=0))
    arrays.whole("arc_counts", np.bincount(states, minlength=trie.num_states))
    arrays.whole("arc_token_ids", trie.arc_token_ids.numpy())
    arrays.whole("arc_ends", np.packbits(ends))
    arrays.whole("arc_words", words[ends])
    arrays.whole("arc_next_states", np.diff(trie.arc_next_states.numpy()[~ends], prepend=0))
    sizes = {"num_words": len(trie.words), "num_states": trie.num_states, "num_arcs": len(words)}
    return {**sizes, "num_endings": int(ends.sum()), "arrays": arrays.forms}


def read_lexicon(members: Members, found: Record, tokens: TokenTable, silence: str, has_unknown: bool) -> LexiconTrie:
    """Reads what :func:`write_lexicon` wrote.

    Args:
        members: the members.
        found: its entry in the manifest.
        tokens: the table of the spellings.
        silence: token that may come between words; empty for none.
        has_unknown: whether the trie has a state for unknown words.

    Raises:
        AsrError: the arcs do not make a trie.
    """
    arrays = ArrayReader(members, _PART, found.record("arrays"))
    num_states, num_arcs, num_endings = (found.whole(name, 1) for name in ("num_states", "num_arcs", "num_endings"))
    words = tuple(arrays.text("words").split("\n"))
    depths = np.cumsum(arrays.whole("depths", num_states), dtype=np.int64)
    counts, token_ids = arrays.whole("arc_counts", num_states), arrays.whole("arc_token_ids", num_arcs).astype(np.int64)
    bits = arrays.whole("arc_ends", -(-num_arcs // 8)).astype(np.uint8)
    ends = np.unpackbits(bits)[:num_arcs].astype(bool)
    endings = arrays.whole("arc_words", num_endings)
    inner = np.cumsum(arrays.whole("arc_next_states", num_arcs - num_endings))
    if counts.min() < 0 or counts.max() > num_arcs or counts.sum() != num_arcs or ends.sum() != num_endings:
        raise members.foreign("the arcs of its lexicon are too many or too few")
    arcs = Arcs(
        np.repeat(np.arange(num_states), counts),
        token_ids,
        np.full(num_arcs, ROOT, dtype=np.int64),
        np.full(num_arcs, NO_WORD, dtype=np.int64),
    )
    arcs.next_states[~ends], arcs.words[ends] = inner, endings
    trie_is_whole = (
        len(words) == found.whole("num_words", 1)
        and " ".join(words).split() == list(words)
        and _is_in_range(arcs, num_states, len(tokens), len(words) + has_unknown)
        and _leads_on(arcs, depths, counts, num_states - 1 if has_unknown else -1)
    )
    if not trie_is_whole:
        raise members.foreign("the arcs of its lexicon make no trie")
    return LexiconTrie.restored(words, tokens, silence, has_unknown, arcs, depths)


def _is_in_range(arcs: Arcs, num_states: int, num_tokens: int, num_words: int) -> bool:
    columns = (
        (arcs.next_states, 0, num_states),
        (arcs.token_ids, BLANK + 1, num_tokens),
        (arcs.words, NO_WORD, num_words),
    )
    if any(int(values.min()) < least or int(values.max()) >= limit for values, least, limit in columns):
        return False
    return bool((np.diff(arcs.states * num_tokens + arcs.token_ids) >= 0).all())


def _leads_on(arcs: Arcs, depths: Ints, counts: Ints, unknown: int) -> bool:
    """Returns whether every path from the root ends a word: each arc leads one level deeper, to a state with arcs."""
    inside = (arcs.next_states != ROOT) & (arcs.next_states != unknown)
    before, after = arcs.states[inside], arcs.next_states[inside]
    ends_nothing = (arcs.words == NO_WORD) & (arcs.next_states == ROOT)
    return bool(
        depths[ROOT] == 0
        and (depths >= 0).all()
        and (depths[after] == depths[before] + 1).all()
        and (counts[after] > 0).all()
        and (arcs.states[ends_nothing] == ROOT).all()
        and (arcs.words >= 0).any()
    )
