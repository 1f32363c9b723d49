"""The slow truth to hold searches with CTC and attention against: every sequence, without batches or padding."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from asr.models.attention_decoder import AttentionDecoder, AttentionSizes
from tests.decoding.enumeration import Sequence, sequence_log_probs

WIDTH = 6


def make_decoder(num_tokens: int = 3, seed: int = 0, num_layers: int = 2, channels: int = 2) -> AttentionDecoder:
    """Returns a small random decoder that is sure enough of itself for searches to differ."""
    torch.manual_seed(seed)
    sizes = AttentionSizes(
        embedding_dim=4,
        hidden_dim=5,
        num_layers=num_layers,
        attention_dim=7,
        location_channels=channels,
        location_width=3,
        dropout=0.1,
    )
    decoder = AttentionDecoder(WIDTH, num_tokens, sizes)
    with torch.no_grad():
        for weight in (decoder.embedding.weight, decoder.output.weight, decoder.energy.weight):
            weight.mul_(4)
    return decoder.eval()


def make_output(num_tokens: int = 3, seed: int = 0) -> nn.Linear:
    torch.manual_seed(seed)
    output = nn.Linear(WIDTH, num_tokens)
    with torch.no_grad():
        output.weight.mul_(2)
    return output


def frames(seed: int, num_frames: int = 4, rows: int = 5) -> Tensor:
    return 2 * torch.randn(rows, num_frames, WIDTH, generator=torch.Generator().manual_seed(seed))


def attention_log_probs(decoder: AttentionDecoder, encoded: Tensor, tokens: Sequence) -> Tensor:
    """Returns the natural-log probabilities of each next token after some of frames (N, D), shape (L + 1, V)."""
    encoded = encoded if len(encoded) else torch.zeros(1, WIDTH)
    states = [(torch.zeros(1, decoder.sizes.hidden_dim), torch.zeros(1, decoder.sizes.hidden_dim))]
    states = states * decoder.sizes.num_layers
    context, weights, found = torch.zeros(WIDTH), torch.zeros(len(encoded)), []
    weights[0] = 1.0
    for token in (0, *tokens):
        values = torch.cat([decoder.embedding.weight[token], context])[None]
        for number, layer in enumerate(decoder.layers):
            names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
            parts = [layer.get_parameter(name) for name in names]
            gates = F.linear(values, parts[0], parts[2]) + F.linear(states[number][0], parts[1], parts[3])
            entry, keep, new, out = gates.chunk(4, dim=1)
            cell = keep.sigmoid() * states[number][1] + entry.sigmoid() * new.tanh()
            values = out.sigmoid() * cell.tanh()
            states[number] = (values, cell)
        energies = []
        for frame, key in enumerate(encoded):
            compared = decoder.query.weight @ values[0] + decoder.key(key)
            if decoder.location is not None and decoder.place is not None:
                half = decoder.sizes.location_width // 2
                seen = F.pad(weights, (half, half))[frame : frame + 2 * half + 1]
                compared = compared + decoder.place.weight @ (decoder.location.weight[:, 0] @ seen)
            energies.append((decoder.energy.weight @ compared.tanh())[0])
        weights = torch.stack(energies).softmax(dim=0)
        context = (weights[:, None] * encoded).sum(dim=0)
        found.append(decoder.output(torch.cat([values[0], context])).log_softmax(dim=0))
    return torch.stack(found).double()


def attention_log_prob(decoder: AttentionDecoder, encoded: Tensor, tokens: Sequence) -> float:
    """Returns the natural-log probability of a sequence and its end."""
    found = attention_log_probs(decoder, encoded, tokens)
    return sum(float(found[place, token]) for place, token in enumerate((*tokens, 0)))


def prefix_log_prob(log_probs: Tensor, prefix: Sequence) -> float:
    """Returns the natural log of the probability by CTC, of (N, V), of all sequences that begin in a way."""
    totals = [total for sequence, total in sequence_log_probs(log_probs).items() if sequence[: len(prefix)] == prefix]
    return math.log(sum(math.exp(total) for total in totals)) if totals else -math.inf


def ranked(
    decoder: AttentionDecoder, output: nn.Linear, encoded: Tensor, weight: float
) -> list[tuple[float, Sequence]]:
    """Returns all sequences that CTC can say in frames (N, D), with their scores, best first."""
    log_probs = output(encoded).log_softmax(dim=1)
    ctc = sequence_log_probs(log_probs) if len(encoded) else {(): 0.0}
    scores = [((1 - weight) * attention_log_prob(decoder, encoded, each) + weight * ctc[each], each) for each in ctc]
    return sorted(scores, reverse=True)


def greedy(decoder: AttentionDecoder, encoded: Tensor) -> tuple[Sequence, float]:
    """Returns the likeliest tokens one by one, as many as CTC can say, and their score."""
    tokens: Sequence = ()
    score = 0.0
    while True:
        log_probs = attention_log_probs(decoder, encoded, tokens)[-1]
        room = len(encoded) - len(tokens) - sum(one == two for one, two in itertools.pairwise(tokens))
        allowed = [token for token in range(1, len(log_probs)) if room > (token == (tokens or (0,))[-1])]
        best = max([0, *allowed], key=lambda token: float(log_probs[token]))
        score += float(log_probs[best])
        if best == 0:
            return tokens, score
        tokens = (*tokens, best)
