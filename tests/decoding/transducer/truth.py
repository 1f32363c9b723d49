"""The slow truth to hold searches of a transducer against: every alignment, one by one, without batches or states."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from asr.features.frontend import FrontEnd
from asr.models.encoder import RecurrentEncoder
from asr.models.transducer import Transducer, TransducerSizes

Sequence = tuple[int, ...]


def make_transducer(num_tokens: int = 3, seed: int = 0, sharpness: float = 4.0) -> Transducer:
    """Returns a small random transducer that is sure enough of itself for searches to differ."""
    torch.manual_seed(seed)
    sizes = TransducerSizes(embedding_dim=4, hidden_dim=5, num_layers=2, joint_dim=6)
    model = Transducer(
        FrontEnd(num_mels=6, cmvn="none"), RecurrentEncoder(6, hidden_dim=4, num_layers=1), num_tokens, sizes
    )
    with torch.no_grad():
        for weight in (model.prediction.embedding.weight, model.said.weight, model.output.weight):
            weight.mul_(sharpness)
    return model.eval()


def next_log_probs(model: Transducer, frame: Tensor, tokens: Sequence) -> Tensor:
    """Returns the natural-log probabilities of each next token in a frame, shape (J,), after some tokens: (V,)."""
    said, _ = model.say(torch.tensor([[0, *tokens]]))
    return model.join(frame, said[0, -1]).double().log_softmax(dim=0)


def alignments(num_frames: int, num_tokens: int) -> list[Sequence]:
    """Returns all alignments: the number of tokens said in each frame."""
    counts = itertools.product(range(num_tokens + 1), repeat=num_frames)
    return [each for each in counts if sum(each) == num_tokens]


def alignment_log_prob(nexts: list[list[list[float]]], tokens: Sequence, counts: Sequence) -> float:
    """Returns the natural-log probability of one alignment, from those of next tokens by frame and number of tokens."""
    total, done = 0.0, 0
    for after, count in zip(nexts, counts, strict=True):
        for _ in range(count):
            total += after[done][tokens[done]]
            done += 1
        total += after[done][0]
    return total


def sequence_log_prob(model: Transducer, heard: Tensor, tokens: Sequence) -> Tensor:
    """Returns the natural log of the sum over all alignments of a sequence in frames of shape (N, J)."""
    prefixes = [tokens[:done] for done in range(len(tokens) + 1)]
    nexts = [[next_log_probs(model, frame, prefix).tolist() for prefix in prefixes] for frame in heard]
    ways = [alignment_log_prob(nexts, tokens, counts) for counts in alignments(len(heard), len(tokens))]
    return torch.tensor(ways, dtype=torch.float64).logsumexp(dim=0)


def sequences(num_tokens: int, longest: int) -> list[Sequence]:
    """Returns all sequences of up to so many tokens of a table with blank."""
    lengths = range(longest + 1)
    return [each for length in lengths for each in itertools.product(range(1, num_tokens), repeat=length)]


def greedy(model: Transducer, heard: Tensor) -> tuple[list[int], list[int], float]:
    """Returns tokens, their frames and the score of the likeliest steps in frames of shape (N, J)."""
    tokens: list[int] = []
    frames: list[int] = []
    frame, score = 0, 0.0
    while frame < len(heard):
        log_probs = next_log_probs(model, heard[frame], tuple(tokens))
        best = int(log_probs.argmax()) if len(tokens) < len(heard) else 0
        score += float(log_probs[best])
        if best:
            tokens.append(best)
            frames.append(frame)
        else:
            frame += 1
    return tokens, frames, score
