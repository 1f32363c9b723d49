"""Utterances joined two by two: in the plan, over ranks, in the batch, and where they may not be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from asr.cli.train import main
from asr.corpora.manifests import read_cuts
from asr.data.dataset import SpeechDataset, read_waveform
from asr.data.joining import Joint, make_rows
from asr.data.mixing import Mixture
from asr.data.plan import PlannedBatch, padding_waste, plan_epoch
from asr.data.shares import share
from asr.data.utterances import Utterance
from asr.text.tokens import TokenTable
from asr.text.writing import MAIN
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL

SECONDS = np.random.default_rng(0).gamma(4.0, 0.8, 1000).tolist()
SETTINGS = {"max_padded": 40.0, "max_batch_size": 24, "epoch": 1}


def test_a_share_of_the_steps_is_joined_and_all_else_stays_as_it_was() -> None:
    apart = plan_epoch(SECONDS, **SETTINGS)
    plan = plan_epoch(SECONDS, **SETTINGS, joined_steps=0.5)
    assert 0.3 < sum(batch.joined for batch in plan) / len(plan) < 0.7
    for one, other in zip(plan, apart, strict=True):
        assert one == other if not one.joined else Counter(one.indices) == Counter(other.indices)
        assert one.speed == other.speed
    assert padding_waste(SECONDS, plan) < padding_waste(SECONDS, apart) + 0.02
    assert plan == plan_epoch(SECONDS, **SETTINGS, joined_steps=0.5)


def test_the_longest_are_joined_with_the_shortest_in_either_order() -> None:
    plan = [batch for batch in plan_epoch(SECONDS, **SETTINGS, joined_steps=1.0) if len(batch.indices) > 5]
    shorter_first = 0
    for batch in plan:
        lengths = [[SECONDS[index] for index in row] for row in batch.rows(batch.indices)]
        pairs = [row for row in lengths if len(row) == 2]
        assert len(lengths) - len(pairs) == len(batch.indices) % 2
        sums = [sum(pair) for pair in pairs]
        assert sums == sorted(sums)
        shorter_first += sum(first < second for first, second in pairs)
    assert 0.4 < shorter_first / sum(len(batch.indices) // 2 for batch in plan) < 0.6


def test_an_utterance_alone_is_not_joined_and_none_is_in_order_of_length() -> None:
    assert not plan_epoch([1.0], max_padded=2.0, max_batch_size=4, joined_steps=1.0)[0].joined
    for options in ({"ascending": True}, {"shuffle": False}):
        assert not any(batch.joined for batch in plan_epoch(SECONDS, **SETTINGS, joined_steps=1.0, **options))


@pytest.mark.parametrize("num_ranks", [2, 3, 20])
def test_ranks_share_pairs_and_none_is_torn(num_ranks: int) -> None:
    mixture = Mixture(SECONDS, [len(SECONDS)], [2.0], seed=1)
    for batch in plan_epoch(SECONDS, **SETTINGS, mixture=mixture, joined_steps=1.0):
        parts = [share(batch, SECONDS, rank, num_ranks) for rank in range(num_ranks)]
        rows = [row for part in parts if part.counts for row in part.rows(part.indices)]
        assert rows == batch.rows(batch.indices)
        times = [row for part in parts if part.counts for row in part.rows(part.occurrences)]
        assert times == batch.rows(batch.occurrences)
        assert all(part.joined == batch.joined and len(part.indices) > 0 for part in parts)


@pytest.fixture
def utterances(tiny_corpus: TinyCorpus) -> list[Utterance]:
    cuts = read_cuts(tiny_corpus.data / "train_cuts.jsonl.gz").subset(first=3)
    texts = [((1, 2), "AB"), ((2, 3, 2), "B B"), ((3,), "C")]
    return [Utterance(cut, text, ids, {}, 5) for cut, (ids, text) in zip(cuts, texts, strict=True)]


def test_a_batch_holds_what_is_joined_with_a_space_between(utterances: list[Utterance]) -> None:
    dataset = SpeechDataset(utterances, 16000, False, 0, joints={MAIN: Joint(space=(4,))})
    step = PlannedBatch((1, 0, 2), 1.0, 3, occurrences=(1, 0, 0), joined=True)
    batch = dataset[step]
    first, second, last = (read_waveform(utterances[index].cut, 16000) for index in step.indices)
    names = [utterance.cut.id for utterance in utterances]
    assert batch.utterance_ids == [f"{names[1]}+{names[0]}", names[2]]
    assert batch.texts == ["B B AB", "C"]
    assert batch.targets.tolist() == [2, 3, 2, 4, 1, 2, 3]
    assert batch.target_lengths.tolist() == [6, 1]
    assert batch.kind == "waveforms"
    assert torch.equal(batch.inputs[0, : batch.lengths[0]], torch.cat((first, second)))
    assert batch.lengths.tolist() == [len(first) + len(second), len(last)]
    assert batch.joints is not None
    assert batch.joints.tolist() == [len(first), 0]
    assert (batch.share.num_utterances, batch.share.num_targets) == (2, 7)
    part = dataset[PlannedBatch((2,), 1.0, 3, (0,), of_step=(1, 0, 2), num_ranks=2, joined=True)]
    assert (part.share.num_utterances, part.share.num_targets, part.share.num_ranks) == (2, 7, 2)
    assert torch.equal(part.seeds, batch.seeds[1:])
    again = dataset[PlannedBatch((1, 0, 2), 1.0, 3, joined=True)]
    assert batch.seeds[0] != again.seeds[0]
    apart = dataset[PlannedBatch((1, 0, 2), 1.0, 3)]
    assert apart.joints is None
    assert len(apart) == 3


def test_phones_are_joined_with_one_silence_where_both_have_one(utterances: list[Utterance]) -> None:
    joint = Joint.of(TokenTable("phone", ("<blank>", "b", "sil", "aa")))
    assert joint == Joint(silences=frozenset((2,)))

    def tokens(first: tuple[int, ...], second: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        names = {1: "b", 2: "sil", 3: "aa"}
        made = [Utterance(utterances[0].cut, " ".join(names[i] for i in ids), ids, {}, 5) for ids in (first, second)]
        (row,) = make_rows(made, (0, 0), {MAIN: joint})
        text, token_ids = row.labels[MAIN]
        assert text.split() == [names[token_id] for token_id in token_ids]
        return token_ids, text

    assert tokens((2, 1, 2), (2, 3, 2)) == ((2, 1, 2, 3, 2), "sil b sil aa sil")
    assert tokens((2, 1), (1, 2))[0] == (2, 1, 1, 2)
    assert tokens((2, 1, 2), (3, 2))[0] == (2, 1, 2, 3, 2)


def test_what_lacks_the_frames_stays_apart(utterances: list[Utterance]) -> None:
    tight = [
        Utterance(each.cut, each.text, each.token_ids, {}, spare)
        for each, spare in zip(utterances, (1, 1, 2), strict=True)
    ]
    joints = {MAIN: Joint(space=(4,))}
    assert len(make_rows(tight[:2], (0, 0), joints)) == 2
    assert len(make_rows(tight[1:], (0, 0), joints)) == 1
    assert len(make_rows(utterances[:2], (0, 0), None)) == 2


def test_a_word_piece_table_needs_no_space() -> None:
    pieces = TokenTable.build(["SO MANY WORDS AND MORE WORDS"] * 9, "bpe", 20)
    assert Joint.of(pieces) == Joint()
    assert Joint.of(TokenTable.build(["A B"], "char")).space == (3,)


def test_a_share_beyond_all_is_refused(
    tiny_corpus: TinyCorpus, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny_corpus.root)
    assert main([*SMALL, "data.mixing.joined_steps=1.5", f"exp_dir={tmp_path / 'bad'}"]) == 2
    assert "data.mixing.joined_steps: is 1.5; give a share of the steps, 0 to 1" in capsys.readouterr().err
