"""The search over a text against torchaudio's aligner and against all paths there are."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
import torchaudio

from asr.decoding.forced import viterbi
from asr.decoding.forced.graph import WordGraph, WrittenWord, build_graph
from asr.decoding.forced.viterbi import GARBAGE, Penalties, find_path

ONLY_TEXT = Penalties(gap=math.inf)
SPACE = 5


def posteriors(num_frames: int, num_tokens: int, seed: int) -> np.ndarray:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(num_frames, num_tokens, generator=generator).mul(2).log_softmax(-1).numpy()


def random_words(rng: np.random.Generator, num_spellings: int = 1) -> list[WrittenWord]:
    sizes = rng.integers(1, 4, size=(rng.integers(1, 4), num_spellings))
    return [
        WrittenWord("x", tuple({tuple(rng.integers(1, 5, size=size).tolist()): None for size in row})) for row in sizes
    ]


def joined(spellings: tuple[tuple[int, ...], ...], separator: int | None) -> list[int]:
    tokens = list(spellings[0])
    for spelling in spellings[1:]:
        tokens += [*([separator] if separator else []), *spelling]
    return tokens


def needed(tokens: list[int]) -> int:
    return len(tokens) + sum(one == two for one, two in itertools.pairwise(tokens))


@pytest.mark.parametrize("separator", [None, SPACE])
def test_path_and_score_are_those_of_torchaudio(separator: int | None) -> None:
    rng = np.random.default_rng(0)
    num_compared = 0
    for seed in range(30):
        log_probs, words = posteriors(int(rng.integers(4, 40)), 6, seed), random_words(rng)
        tokens = joined(tuple(word.spellings[0] for word in words), separator)
        graph = build_graph(words, 0, separator)
        found = find_path(log_probs, graph, 0, separator, ONLY_TEXT)
        if needed(tokens) > len(log_probs):
            assert found.score == -math.inf
            continue
        path, scores = torchaudio.functional.forced_align(torch.tensor(log_probs)[None], torch.tensor([tokens]))
        assert graph.labels[found.states].tolist() == path[0].tolist()
        assert found.score == pytest.approx(scores.double().sum().item(), abs=1e-4)
        num_compared += 1
    assert num_compared > 15


def test_of_several_pronunciations_the_best_is_taken() -> None:
    rng = np.random.default_rng(1)
    for seed in range(15):
        log_probs, words = posteriors(14, 5, seed), random_words(rng, num_spellings=3)
        choices = [joined(spellings, None) for spellings in itertools.product(*(word.spellings for word in words))]
        scores = [
            torchaudio.functional.forced_align(torch.tensor(log_probs)[None], torch.tensor([tokens]))[1].sum().item()
            for tokens in choices
            if needed(tokens) <= len(log_probs)
        ]
        found = find_path(log_probs, build_graph(words, 0, None), 0, None, ONLY_TEXT)
        assert found.score == pytest.approx(max(scores, default=-math.inf), abs=1e-4)


def all_paths(graph: WordGraph, log_probs: np.ndarray, penalties: Penalties, separator: int | None) -> float:
    """Returns the best score by walking from each place to all others, with a rule for each kind of move."""
    heard = log_probs.argmax(axis=1)
    num_words = len(graph.num_tokens)
    extra = dict(zip(graph.extra_states, graph.extra_sources, strict=True))

    def follows(one: int, two: int) -> bool:
        back = two - one
        near = back == 0 or (back == 1 and graph.step[two] == 0) or (back == 2 and graph.skip[two] == 0)
        return near or one in extra.get(two, ())

    def spread(scores: dict[object, float]) -> dict[object, float]:
        """Leaves the text and leaves out words, which takes no frame."""
        for gap in range(num_words + 1):
            exits = [scores.get(int(state), -math.inf) - penalties.gap for state in graph.exits[gap]]
            scores["gap", gap] = max([scores.get(("gap", gap), -math.inf), *exits])
        for gap in range(num_words):
            left = scores["gap", gap] - penalties.missing * graph.num_tokens[gap]
            scores["gap", gap + 1] = max(scores["gap", gap + 1], left)
        return scores

    scores = spread({0: 0.0})
    for frame, row in enumerate(log_probs):
        begins = heard[frame] not in (0, separator) and (frame == 0 or heard[frame] != heard[frame - 1])
        following: dict[object, float] = {}
        for state, label in enumerate(graph.labels):
            sources = [score for one, score in scores.items() if isinstance(one, int) and follows(one, state)]
            gaps = graph.entry_gaps[graph.entries == state]
            sources += [scores["gap", int(gap)] for gap in gaps]
            following[state] = max(sources, default=-math.inf) + row[label]
        for gap in range(num_words + 1):
            following["gap", gap] = scores["gap", gap] + row.max() - penalties.inserted * begins
        scores = spread(following)
    return max(scores["gap", num_words], *(scores[int(state)] for state in graph.exits[-1] if int(state) in scores))


@pytest.mark.parametrize("separator", [None, SPACE])
def test_words_left_out_and_other_speech_cost_what_they_shall(separator: int | None) -> None:
    rng = np.random.default_rng(2)
    num_off = 0
    for seed in range(40):
        log_probs, words = posteriors(int(rng.integers(1, 9)), 6, seed), random_words(rng, num_spellings=2)
        penalties = Penalties(*rng.uniform(0, 3, size=3).tolist())
        graph = build_graph(words, 0, separator, is_first=bool(seed % 2))
        found = find_path(log_probs, graph, 0, separator, penalties)
        assert found.score == pytest.approx(all_paths(graph, log_probs, penalties, separator), abs=1e-4)
        num_off += int((found.states == GARBAGE).any())
    assert 5 < num_off < 40


def test_the_path_is_the_same_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    log_probs = posteriors(300, 6, 0)
    words = [WrittenWord("x", (tuple(rng.integers(1, 5, size=4).tolist()),)) for _ in range(12)]
    graph = build_graph(words, 0, SPACE)
    whole = find_path(log_probs, graph, 0, SPACE, Penalties(1.0, 0.5, 0.5))
    for cells in (1, 100, 5000):
        monkeypatch.setattr(viterbi, "_BLOCK_CELLS", cells)
        found = find_path(log_probs, graph, 0, SPACE, Penalties(1.0, 0.5, 0.5))
        assert found.states.tolist() == whole.states.tolist()
        assert found.score == whole.score
