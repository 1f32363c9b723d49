import pytest
import torch

from asr.decoding.lexicon import trie as lexicon_trie
from asr.decoding.lexicon.spellings import Spellings
from asr.decoding.lexicon.trie import NO_WORD, ROOT, LexiconTrie
from asr.errors import ConfigError, DataError
from asr.text.lexicon import Lexicon
from tests.decoding.enumeration import letters, phones


def arcs(trie: LexiconTrie) -> list[tuple[int, ...]]:
    columns = (trie.arc_states, trie.arc_token_ids, trie.arc_next_states, trie.arc_words)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_letters_end_in_a_separator() -> None:
    trie = LexiconTrie(Spellings.of(["a", "ab", "b"], letters(4)), letters(4))
    inside = [(0, 1, 1, NO_WORD), (0, 2, 2, NO_WORD), (1, 2, 3, NO_WORD)]
    assert arcs(trie) == sorted([*inside, (1, 3, ROOT, 0), (2, 3, ROOT, 2), (3, 3, ROOT, 1)])
    assert trie.best_below(torch.tensor([-3.0, -1.0, -2.0, -9.0])).tolist() == [0.0, -1.0, -2.0, -1.0]


def test_homophones_share_a_pair() -> None:
    spoken = Lexicon({"A": (("1",),), "B": (("1",),), "C": (("1", "2"),)})
    trie = LexiconTrie(Spellings.of(spoken.entries, phones(4), spoken), phones(4), silence="3")
    assert arcs(trie) == [(0, 1, 1, -1), (0, 1, 0, 0), (0, 1, 0, 1), (0, 3, 0, -1), (1, 2, 0, 2)]
    assert trie.most_arcs == 3


@pytest.mark.parametrize("most_cells", [0, 2**24])
def test_pairs_are_found_with_and_without_a_table(monkeypatch: pytest.MonkeyPatch, most_cells: int) -> None:
    monkeypatch.setattr(lexicon_trie, "_MOST_CELLS", most_cells)
    trie = LexiconTrie(Spellings.of(["ab", "b"], letters(4)), letters(4), has_unknown=True)
    states, token_ids = torch.meshgrid(torch.arange(trie.num_states), torch.arange(4), indexing="ij")
    first = trie.pair_first[trie.find(states, token_ids)]
    counts = trie.pair_counts[trie.find(states, token_ids)]
    leaving = torch.zeros_like(counts)
    leaving.index_put_((trie.arc_states, trie.arc_token_ids), torch.tensor(1), accumulate=True)
    assert torch.equal(counts, leaving)
    assert torch.equal(trie.arc_states[first[counts > 0]], states[counts > 0])


def test_faults_of_a_lexicon_are_named() -> None:
    spoken = Lexicon({"A": (("1",),), "B": (("9",),)})
    assert Spellings.of(["A", "B", "C"], phones(3), spoken).left_out == ("B", "C")
    with pytest.raises(DataError, match="no word can be spelled"):
        Spellings.of(["z"], letters(4))
    with pytest.raises(ConfigError, match="is missing for tokens of unit phone"):
        Spellings.of(["A"], phones(3))
    with pytest.raises(ConfigError, match="none of these tokens"):
        LexiconTrie(Spellings.of(["A"], phones(3), spoken), phones(3), silence="sil")
    with pytest.raises(DataError, match="word 'A': is spelled 1"):
        LexiconTrie(Spellings.of(["A"], phones(3), spoken), phones(3), silence="1")
