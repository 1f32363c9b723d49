"""Words of a lexicon as batches: each word once, on one side, with all of its pronunciations."""

from __future__ import annotations

import torch

from asr.data.dictionary import DictionaryDataset, split_lexicon
from asr.data.plan import PlannedBatch
from asr.text.lexicon import Lexicon, parse_lexicon
from asr.text.tokens import TokenTable

LETTERS, PHONES = TokenTable.build(["ABX"], "char"), TokenTable.build(["AH EY K B"], "phone")


def test_a_batch_has_letters_and_phones() -> None:
    dataset = DictionaryDataset([("A", "AH"), ("BAX", "B AH K"), ("AB", "EY B")], LETTERS, PHONES)
    batch = dataset[PlannedBatch((1, 0), 1.0, 0)]
    assert (len(batch), batch.words, batch.texts) == (2, ["BAX", "A"], ["B AH K", "AH"])
    assert batch.letters.tolist() == [LETTERS.encode("BAX"), [*LETTERS.encode("A"), 0, 0]]
    assert batch.letter_lengths.tolist() == [3, 1]
    assert batch.targets.tolist() == PHONES.encode("B AH K AH")
    assert batch.target_lengths.tolist() == [3, 1]
    moved = batch.to(torch.device("meta"))
    assert moved.letters.is_meta
    assert moved.target_lengths.is_meta
    assert (moved.words, moved.texts) == (batch.words, batch.texts)


def test_no_word_is_on_both_sides_and_none_is_lost() -> None:
    lexicon = parse_lexicon([f"{'A' * number}({variant}) AH B" for number in range(2, 32) for variant in (1, 2)])
    several = Lexicon({word: (*spoken, ("EY",)) for word, spoken in lexicon.entries.items()})
    train, held_out, num_too_long = split_lexicon(several, 10, 3)
    assert (len(train), len(held_out), num_too_long) == (2 * 27, 3, 0)
    assert not {word for word, _ in train} & {word for word, _ in held_out}
    assert {text for _, text in held_out} == {"AH B"}


def test_a_repeat_needs_a_frame_of_its_own() -> None:
    train, _, num_too_long = split_lexicon(Lexicon({"A": (("AH", "AH"), ("AH", "B", "K"), ("AH", "AH", "B"))}), 9, 3)
    assert train == [("A", "AH AH"), ("A", "AH B K")]
    assert num_too_long == 1
