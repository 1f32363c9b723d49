from __future__ import annotations

import torch

from asr.corpora.manifests import read_cuts
from asr.corpora.shards import Place, index_shards, write_shards
from asr.data.dataset import SpeechDataset
from asr.data.plan import PlannedBatch
from asr.data.shards import ReadAhead, in_memory, shard_numbers
from asr.data.utterances import Utterance
from tests.conftest import TinyCorpus


def sharded(tiny_corpus: TinyCorpus, folder):
    cuts = list(read_cuts(tiny_corpus.data / "train_cuts.jsonl.gz"))
    assert sum(write_shards(cuts, folder, 8.0)) > 20
    return cuts, index_shards(folder)


def dataset(cuts, sample_rate: int, window_shards: int | None = None) -> SpeechDataset:
    return SpeechDataset([Utterance(cut, "A", (1,), {}) for cut in cuts], sample_rate, False, 0, window_shards)


def test_batches_equal_those_of_files_at_every_speed_and_rate(tiny_corpus: TinyCorpus, tmp_path) -> None:
    files, shards = sharded(tiny_corpus, tmp_path)
    for sample_rate in (16000, 8000):
        for speed in (0.9, 1.0):
            planned = PlannedBatch((3, 0, 39), speed, 1)
            one, other = (dataset(cuts, sample_rate, 2)[planned] for cuts in (files, shards))
            assert one.utterance_ids == other.utterance_ids
            assert torch.equal(one.inputs, other.inputs)
            assert torch.equal(one.seeds, other.seeds)


def test_an_utterance_that_comes_again_is_augmented_otherwise(tiny_corpus: TinyCorpus, tmp_path) -> None:
    _, shards = sharded(tiny_corpus, tmp_path)
    once = dataset(shards, 16000)[PlannedBatch((5, 6), 1.0, 0)].seeds
    again = dataset(shards, 16000)[PlannedBatch((5, 6), 1.0, 0, (0, 1))].seeds
    assert once[0] == again[0]
    assert once[1] != again[1]


def test_shards_are_numbered_and_plain_files_by_neighbourhood(tiny_corpus: TinyCorpus, tmp_path) -> None:
    files, shards = sharded(tiny_corpus, tmp_path)
    numbers = shard_numbers(shards)
    assert numbers == sorted(numbers)
    assert set(numbers) == set(range(len(list(tmp_path.glob("*.tar")))))
    assert shard_numbers(files * 30) == [0] * 1000 + [1] * 200
    assert in_memory(files[0]) is files[0]


def test_whole_shards_are_asked_for_when_they_are_new(tiny_corpus: TinyCorpus, tmp_path) -> None:
    files, shards = sharded(tiny_corpus, tmp_path)
    by_shard = list(dict(zip(shard_numbers(shards), shards, strict=True)).values())
    tars = [Place.parse(cut.recording.sources[0].source).tar for cut in by_shard]
    ahead = ReadAhead(2)
    assert ahead.ask(by_shard[:2]) == tars[:2]
    assert ahead.ask([*files, by_shard[0], by_shard[0]]) == []
    assert ahead.ask([by_shard[2]]) == [tars[2]]
    assert ahead.ask([by_shard[0]]) == []
    assert ahead.ask([by_shard[1]]) == [tars[1]], "forgotten: it was used before the others"
