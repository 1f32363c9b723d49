from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def make_text():
    """Makes sentences of letters that follow each other unevenly, from a seed."""

    def make(seed: int, num_sentences: int = 300, num_words: int = 12, longest: int = 9) -> list[list[str]]:
        random = np.random.default_rng(seed)
        table = random.dirichlet(np.full(num_words, 0.2), size=num_words)
        sentences = []
        for _ in range(num_sentences):
            word, words = int(random.integers(num_words)), []
            for _ in range(int(random.integers(1, longest))):
                words.append(chr(ord("a") + word))
                word = int(random.choice(num_words, p=table[word]))
            sentences.append(words)
        return sentences

    return make


@pytest.fixture
def make_arpa():
    """Writes a random model with back-off that no text gave: contexts are there, suffixes may not be."""

    def make(path: Path, seed: int, order: int = 4) -> Path:
        random = np.random.default_rng(seed)
        words = ["c", "<s>", "a", "</s>", "b", "<unk>", "d"]
        levels = [[(word,) for word in words]]
        for _ in range(order - 1):
            pairs = [(*context, word) for context in levels[-1] for word in words if word != "<s>"]
            chosen = random.random(len(pairs)) < 0.3
            levels.append([pair for pair, is_chosen in zip(pairs, chosen, strict=True) if is_chosen])
        lines = ["a comment before the data", "", "\\data\\"]
        lines += [f"ngram {n}={len(level)}" for n, level in enumerate(levels, start=1)]
        for n, level in enumerate(levels, start=1):
            lines += ["", f"\\{n}-grams:"]
            for ngram in random.permutation(np.array(level)).tolist():
                log_prob = -99 if ngram == ["<s>"] else random.uniform(-4, 0)
                backoff = [f"{random.uniform(-2, 0.5):.6f}"] if n < order and random.random() < 0.7 else []
                lines.append("\t".join([f"{log_prob:.6f}", " ".join(ngram), *backoff]))
        path.write_text("\n".join([*lines, "", "\\end\\", ""]))
        return path

    return make
