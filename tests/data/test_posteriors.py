"""What a model hears of cuts, whatever their lengths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from asr.corpora.listing import Listed, make_splits
from asr.data.posteriors import decode_cuts, posteriors
from asr.decoding.greedy import GreedyDecoder
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.encoder import RecurrentEncoder
from asr.text.tokens import TokenTable

TOKENS = TokenTable.build(["AB"], "char")


@pytest.mark.parametrize("seconds", [[0.003], [0.003, 0.004], [0.003, 0.5]])
def test_cuts_shorter_than_a_frame_have_none(
    tmp_path: Path, make_audio: Callable[..., Path], seconds: list[float]
) -> None:
    torch.manual_seed(0)
    frontend = FrontEnd(num_mels=8, cmvn="utterance")
    model = AcousticModel(frontend, RecurrentEncoder(8, 4, 1, time_stride=2), len(TOKENS)).eval()
    listed = [
        Listed(str(number), make_audio(tmp_path / f"{number}.wav", number, length), "A")
        for number, length in enumerate(seconds)
    ]
    cuts = list(make_splits({"dev": listed})["dev"])
    lengths = [zip(ids, frames.tolist(), strict=True) for ids, _, frames in posteriors(model, cuts, 60.0, 0)]
    found = dict(pair for pairs in lengths for pair in pairs)
    assert found == {str(number): 0 if length < 0.01 else 25 for number, length in enumerate(seconds)}
    read = dict(decode_cuts(GreedyDecoder(TOKENS, model.frame_seconds), model, cuts, 60.0, 0, lambda _: None))
    assert list(read) == list(found)
    assert all(not read[name][0].tokens for name, length in found.items() if not length)
