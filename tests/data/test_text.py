"""Sentences as batches: every word once, for every number of ranks, the same in every run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from asr.data.plan import plan_epoch
from asr.data.shares import share
from asr.data.text import encode_sentences, make_batch
from asr.lm.vocabulary import BEGIN, END, UNKNOWN, Vocabulary

VOCABULARY = Vocabulary.of("ABCDEF")


def random_sentences(count: int) -> list[list[str]]:
    generator = np.random.default_rng(0)
    return [list(generator.choice(list("ABCDEFG"), generator.integers(1, 12))) for _ in range(count)]


def test_a_batch_has_each_word_and_end_behind_what_stands_before_it() -> None:
    sentences = [VOCABULARY.encode(words) for words in random_sentences(9)]
    batch = make_batch(sentences)
    flat = batch.inputs.flatten()
    assert batch.targets.tolist() == [word for ids in sentences for word in [*ids.tolist(), END]]
    assert flat[batch.places].tolist() == [word for ids in sentences for word in [BEGIN, *ids.tolist()]]
    assert len(batch) == 9
    padding = torch.ones(flat.shape, dtype=torch.bool)
    padding[batch.places] = False
    assert (flat[padding] == END).all()
    assert batch.to(torch.int32).targets.dtype == torch.int32


def test_sentences_are_held_out_regularly_and_none_is_lost() -> None:
    sentences = random_sentences(23)
    kept, held_out = encode_sentences(iter(sentences), VOCABULARY, held_out_every=5)
    expected = [VOCABULARY.encode(words).tolist() for words in sentences]
    found = [held_out.sentence(index).tolist() for index in range(len(held_out))]
    assert found == expected[4::5]
    assert [kept.sentence(index).tolist() for index in range(len(kept))] == [
        ids for number, ids in enumerate(expected, start=1) if number % 5
    ]
    assert kept.num_unknown + held_out.num_unknown == sum(ids.count(UNKNOWN) for ids in expected)
    everything, nothing = encode_sentences(iter(sentences), VOCABULARY)
    assert (len(everything), len(nothing)) == (23, 0)


@pytest.mark.parametrize("num_ranks", [1, 2, 3])
def test_every_sentence_comes_once_an_epoch_in_small_batches(num_ranks: int) -> None:
    dataset, _ = encode_sentences(random_sentences(40), VOCABULARY)
    limits = {"max_padded": 24.0, "max_batch_size": 5, "epoch": 3}
    plan = plan_epoch(dataset.lengths, **limits)
    assert plan == plan_epoch(dataset.lengths, **limits)
    steps = [[dataset[share(each, dataset.lengths, rank, num_ranks)] for rank in range(num_ranks)] for each in plan]
    steps = [[batch for batch in step if batch.share.counts] for step in steps]
    for step in steps:
        assert {batch.share.num_targets for batch in step} == {sum(len(batch.targets) for batch in step)}
        assert {batch.share.num_utterances for batch in step} == {sum(len(batch) for batch in step)}
    batches = [batch for step in steps for batch in step]
    assert sum(len(batch) for batch in batches) == 40
    assert sum(len(batch.targets) for batch in batches) == len(dataset.word_ids) + 40
    assert max(batch.inputs.numel() for batch in batches) <= 5 * 12
