import pytest
import torch

from asr.corpora.checks import Limits, Problem
from asr.corpora.listing import Listed, make_splits
from asr.corpora.sifting import num_seconds, sift


@pytest.fixture
def splits(tmp_path, make_audio):
    paths = [make_audio(tmp_path / f"{seed}.wav", seed) for seed in range(3)]
    return make_splits(
        {"train": [Listed("a", paths[0], "A"), Listed("b", paths[1], "")], "dev": [Listed("c", paths[2], "C")]}
    )


def test_what_is_sifted(splits):
    seconds = []
    before = [Problem("gone", "gone.wav", "audio", "no such file")]
    sifted = sift(splits, before, Limits(), 2, seconds.append)
    assert [(problem.utterance_id, problem.reason) for problem in sifted.problems] == [
        ("gone", "audio"),
        ("b", "empty-text"),
    ]
    assert (sifted.num_bad, sifted.num_utterances) == (2, 4)
    assert sifted.reasons == {"audio": 1, "empty-text": 1}
    assert (sifted.splits, sifted.cancelling) == (splits, [])
    assert sum(seconds) == num_seconds(splits) == num_seconds(splits | {"all": splits["train"]})


def test_threads_are_as_before(splits):
    before = torch.get_num_threads()
    sift(splits, [], Limits(), 1, lambda _: None)
    assert torch.get_num_threads() == before
