"""Posteriors of long recordings, cut where the model hears nothing but blank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from asr.audio.rates import Seconds
from asr.text.tokens import BLANK, TokenTable
from asr.transcription.silences import find_runs

_PATIENCE = 8  # times the maximum length is waited for a pause between words


@dataclass(frozen=True, eq=False)
class Heard:
    """Posteriors of consecutive frames.

    Attributes:
        first: the first frame.
        log_probs: natural-log posteriors, shape (N, V).
    """

    first: int
    log_probs: Tensor


def cut_at_blanks(
    parts: Iterable[Tensor], tokens: TokenTable, frame_seconds: Seconds, shortest: Seconds, longest: Seconds
) -> Iterator[Heard]:
    """Cuts posteriors in the middle of the longest run of blanks between words.

    The likeliest token of every frame tells where words and blanks are, so a greedy reading of all pieces is that of
    the whole. Without such a run a piece becomes up to eight times as long; then it is cut at the likeliest blank.

    Args:
        parts: consecutive natural-log posteriors, shape (*, V).
        tokens: names the V tokens.
        frame_seconds: seconds from one frame to the next.
        shortest: least seconds of a piece but the last.
        longest: seconds from which on a piece is cut.

    Yields:
        All frames, in order.
    """
    least, most = (max(1, round(seconds / frame_seconds)) for seconds in (shortest, longest))
    held, first, wanted = torch.empty(0, len(tokens)), 0, most
    for part in chain(parts, [None]):
        if part is not None:
            held = torch.cat((held.to(part.device), part))
        while len(held) > wanted + (0 if part is None else least):
            place = find_pause(held, tokens, min(least, len(held) - 1), wanted)
            if place is None and wanted < _PATIENCE * most:
                wanted *= 2
                continue
            if place is None:
                place = wanted // 2 + int(held[wanted // 2 : wanted, BLANK].argmax())
            yield Heard(first, held[:place].clone())
            held, first, wanted = held[place:], first + place, most
    if len(held):
        yield Heard(first, held.clone())


def find_pause(log_probs: Tensor, tokens: TokenTable, least: int, most: int) -> int | None:
    """Returns the middle of the longest run of blanks between words, between frames ``least`` and ``most``."""
    path = log_probs.argmax(dim=1)
    is_start = path != BLANK
    is_start[1:] &= path[1:] != path[:-1]
    num_before = is_start.cumsum(0).tolist()  # tokens up to each frame
    words = tokens.word_spans(path[is_start].tolist())
    inside = {place for begin, end in words for place in range(begin + 1, end)}
    if words and tokens.unit != "phone" and words[-1][1] == num_before[-1]:
        inside.add(num_before[-1])  # the last word may go on
    runs = [(max(start, least), min(end, most)) for start, end in find_runs((path == BLANK).cpu().numpy())]
    between = [(start, end) for start, end in runs if start < end and num_before[start] not in inside]
    start, end = max(between, key=lambda run: run[1] - run[0], default=(0, 0))
    return (start + end) // 2 if end else None
