"""A lexicon as a trie in tensors: which token may follow where, and which word it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from asr.decoding.lexicon.spellings import Spellings
from asr.errors import ConfigError, DataError
from asr.text.bpe import WORD_BEGIN
from asr.text.tokens import BLANK, SPACE_TOKEN, TokenTable

Ints = npt.NDArray[np.int64]

ROOT = 0
"""The state between words."""
NO_WORD = -1
"""Word of an arc that ends none."""

_MOST_CELLS = 2**24
"""Size up to which the table of all states and tokens is written out (64 MiB); beyond, pairs are searched."""


@dataclass(frozen=True)
class Arcs:
    """Arcs of a trie, in columns of shape (A,): state and token that they leave by, state and word they lead to."""

    states: Ints
    token_ids: Ints
    next_states: Ints
    words: Ints

    @classmethod
    def of(cls, states: Ints | int, token_ids: Ints | int, next_states: Ints | int, words: Ints | int) -> Arcs:
        """Makes arcs from columns, each an array or one number for all."""
        columns = np.broadcast_arrays(*(np.atleast_1d(np.asarray(c)) for c in (states, token_ids, next_states, words)))
        return cls(*(column.astype(np.int64) for column in columns))

    @classmethod
    def join(cls, parts: Sequence[Arcs], num_tokens: int) -> Arcs:
        """Returns all arcs, sorted by state, token, next state and word."""
        names = ("states", "token_ids", "next_states", "words")
        columns = [np.concatenate([getattr(part, name) for part in parts]) for name in names]
        order = np.lexsort((columns[3], -columns[2], columns[0] * num_tokens + columns[1]))
        return cls(*(column[order] for column in columns))


class LexiconTrie(nn.Module):
    """The trie of all spellings as buffers, so that ``to(device)`` moves it.

    A state is a beginning of words; state 0, the root, stands between words. An arc reads a token and either goes on
    into a word, or ends one and leads back to the root; several arcs of a state may read the same token (a word that is
    the beginning of another, homophones), and they make up a *pair* of state and token. Characters need ``|`` between
    words, and it ends them. Phones and BPE words follow each other directly; a silence,
    if there is one, is free at the root. With an unknown word one more state takes any token, inside a word.

    Args:
        spellings: the words in tokens.
        tokens: the table.
        silence: a token that may stand between words, any number of times; not for characters, which have ``|``.
        has_unknown: whether any sequence of tokens (with BPE: that begins like a word) may be a word, too.
        blank: index of blank.

    Raises:
        ConfigError: there is no such silence.
        DataError: a spelling has a token that does not belong into a word.

    Attributes:
        words: the W words; place W stands for an unknown word.
        num_states: S, the root and the unknown state among them.
        num_tokens: V.
        separator: token that is free between words, if there is one.
        is_separated: whether words must have the separator between them.
        unknown_state: the state inside an unknown word, or -1.
        most_arcs: O, arcs of the pair that has most.
        pair_first, pair_counts: first arc of each of P pairs and how many it has, and a last row without, (P+1,).
        arc_states, arc_next_states, arc_words: of each arc, the word -1 where it ends none, (A,).
        arc_token_ids: token of each arc, (A,).
        depths: tokens from the root to each state, (S,).
    """

    pair_keys: Tensor
    pair_table: Tensor
    pair_first: Tensor
    pair_counts: Tensor
    arc_pairs: Tensor
    arc_states: Tensor
    arc_token_ids: Tensor
    arc_next_states: Tensor
    arc_words: Tensor

    def __init__(
        self, spellings: Spellings, tokens: TokenTable, silence: str = "", has_unknown: bool = False, blank: int = BLANK
    ) -> None:
        super().__init__()
        self._name(spellings.words, tokens, silence)
        self._refuse_outer_tokens(spellings, tokens, blank)
        parts, self.depths = _spelled_arcs(spellings, self.num_tokens, self.separator if self.is_separated else None)
        self.num_states, self.unknown_state = len(self.depths), -1
        if self.separator is not None and not self.is_separated:
            parts.append(Arcs.of(ROOT, self.separator, ROOT, NO_WORD))
        if has_unknown:
            self.unknown_state = self.num_states
            self.num_states, self.depths = self.num_states + 1, np.append(self.depths, 1)
            parts.extend(self._unknown_arcs(tokens, blank))
        self._register(Arcs.join(parts, self.num_tokens))

    @classmethod
    def restored(
        cls, words: tuple[str, ...], tokens: TokenTable, silence: str, has_unknown: bool, arcs: Arcs, depths: Ints
    ) -> LexiconTrie:
        """Returns a trie that was built before, of its arcs.

        Args:
            words: the W words.
            tokens: the table.
            silence: as it was built with.
            has_unknown: as it was built with.
            arcs: all arcs in their order; they are not checked.
            depths: tokens from the root to each state, (S,).

        Raises:
            ConfigError: there is no such silence.
        """
        trie = cls.__new__(cls)
        nn.Module.__init__(trie)
        trie._name(words, tokens, silence)
        trie.depths, trie.num_states = depths, len(depths)
        trie.unknown_state = len(depths) - 1 if has_unknown else -1
        trie._register(arcs)
        return trie

    def _name(self, words: tuple[str, ...], tokens: TokenTable, silence: str) -> None:
        self.words, self.num_tokens, self.is_separated = words, len(tokens), tokens.unit == "char"
        if silence and (self.is_separated or silence not in tokens.ids):
            raise ConfigError("silence", f"{silence!r} is none of these tokens", "give the name of a phone, or nothing")
        name = SPACE_TOKEN if self.is_separated else silence
        self.separator = tokens.ids[name] if name else None

    def _register(self, arcs: Arcs) -> None:
        arc_keys = arcs.states * self.num_tokens + arcs.token_ids  # ascending
        begins = np.diff(arc_keys, prepend=-1) > 0
        first, pairs = np.flatnonzero(begins), np.cumsum(begins) - 1
        keys, counts = arc_keys[first], np.diff(first, append=len(arc_keys))
        self.most_arcs = int(counts.max())
        cells = self.num_states * self.num_tokens
        table = np.zeros(0, dtype=np.int32)
        if cells <= _MOST_CELLS:
            table = np.full(cells, len(keys), dtype=np.int32)
            table[keys] = np.arange(len(keys))
        columns = {
            "pair_keys": keys,
            "pair_table": table,
            "pair_first": np.append(first, 0),
            "pair_counts": np.append(counts, 0),
            "arc_pairs": pairs,
            "arc_states": arcs.states,
            "arc_token_ids": arcs.token_ids,
            "arc_next_states": arcs.next_states,
            "arc_words": arcs.words,
        }
        for name, column in columns.items():
            self.register_buffer(name, torch.from_numpy(column), persistent=False)

    def _unknown_arcs(self, tokens: TokenTable, blank: int) -> list[Arcs]:
        inner = [token_id for token_id in range(len(tokens)) if token_id not in (blank, self.separator)]
        begin = inner
        if tokens.unit == "bpe":
            begin = [token_id for token_id in inner if tokens.tokens[token_id].startswith(WORD_BEGIN)]
            inner = [token_id for token_id in inner if token_id not in set(begin)]
        moves = [(ROOT, np.array(begin)), (self.unknown_state, np.array(inner))]
        arcs = [Arcs.of(state, ids, self.unknown_state, NO_WORD) for state, ids in moves if len(ids)]
        unknown = len(self.words)
        if self.is_separated:
            assert self.separator is not None
            return [*arcs, Arcs.of(self.unknown_state, self.separator, ROOT, unknown)]
        full = [(state, ids[[tokens.tokens[token_id] != WORD_BEGIN for token_id in ids]]) for state, ids in moves]
        return arcs + [Arcs.of(state, ids, ROOT, unknown) for state, ids in full if len(ids)]

    def _refuse_outer_tokens(self, spellings: Spellings, tokens: TokenTable, blank: int) -> None:
        for place, ids in spellings.entries:
            if not ids or blank in ids or self.separator in ids:
                named = " ".join(tokens.tokens[token_id] for token_id in ids) or "nothing"
                found = f"is spelled {named}"
                raise DataError(f"word {spellings.words[place]!r}", found, "take blank and silence out of the lexicon")

    def find(self, states: Tensor, token_ids: Tensor) -> Tensor:
        """Returns the pair of each state and token, P where that token may not come, shape as they broadcast."""
        return self.find_cells(states * self.num_tokens + token_ids)

    def find_cells(self, keys: Tensor) -> Tensor:
        """Returns the pairs of states times V plus token, as :meth:`find`."""
        if len(self.pair_table):
            return self.pair_table[keys]
        places = torch.searchsorted(self.pair_keys, keys).clamp_(max=len(self.pair_keys) - 1)
        return torch.where(self.pair_keys[places] == keys, places, len(self.pair_keys))

    def best_below(self, word_scores: Tensor) -> Tensor:
        """Returns the highest score of a word that may still come of each state, shape (S,), 0 at the root.

        Args:
            word_scores: of the W words and the unknown one, shape (W+1,).
        """
        best = np.full(self.num_states, -np.inf)
        ends = self.arc_words.cpu().numpy() >= 0
        states, next_states = self.arc_states.cpu().numpy(), self.arc_next_states.cpu().numpy()
        scores = word_scores.double().cpu().numpy()[self.arc_words.cpu().numpy()[ends]]
        np.maximum.at(best, states[ends], scores)
        inside = ~ends & (next_states != ROOT) & (next_states != states)
        states, next_states = states[inside], next_states[inside]
        depths = self.depths[next_states]
        for depth in range(int(self.depths.max()), 1, -1):
            level = depths == depth
            np.maximum.at(best, states[level], best[next_states[level]])
        best[ROOT] = 0.0
        return torch.from_numpy(best).to(self.arc_words.device)


def _spelled_arcs(spellings: Spellings, num_tokens: int, separator: int | None) -> tuple[list[Arcs], Ints]:
    """Returns the arcs of all spellings, and the depth of each state."""
    lengths = np.array([len(ids) for _, ids in spellings.entries])
    words = np.array([place for place, _ in spellings.entries])
    table = np.zeros((len(lengths), int(lengths.max())), dtype=np.int64)
    table[np.arange(table.shape[1]) < lengths[:, None]] = np.concatenate([ids for _, ids in spellings.entries])
    states = np.zeros(len(lengths), dtype=np.int64)
    parents, arrivals = [np.zeros(1, dtype=np.int64)], [np.zeros(1, dtype=np.int64)]
    num_states, depths = 1, [0]
    for depth in range(table.shape[1]):
        rows = np.flatnonzero(lengths > depth)
        keys, places = np.unique(states[rows] * num_tokens + table[rows, depth], return_inverse=True)
        states[rows] = num_states + places
        num_states, depths = num_states + len(keys), depths + [depth + 1] * len(keys)
        parents.append(keys // num_tokens)
        arrivals.append(keys % num_tokens)
    before, token_ids = np.concatenate(parents), np.concatenate(arrivals)
    ends, ended = np.unique(np.stack([states, words]), axis=1)  # a repeated spelling counts once
    if separator is not None:
        going_on = np.arange(1, num_states)
        finals = Arcs.of(ends, separator, ROOT, ended)
    else:
        going_on = np.unique(before[1:])
        going_on = going_on[going_on > ROOT]
        finals = Arcs.of(before[ends], token_ids[ends], ROOT, ended)
    return [Arcs.of(before[going_on], token_ids[going_on], going_on, NO_WORD), finals], np.array(depths)
