from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from asr.corpora.listing import Listed, make_splits
from asr.data.dataset import SpeechDataset
from asr.data.statistics import estimate_statistics
from asr.data.utterances import Utterance
from asr.features.frontend import FrontEnd


def test_dither_is_measured_as_training_hears_it(tmp_path: Path, make_audio: Callable[..., Path]) -> None:
    listed = [Listed(str(number), make_audio(tmp_path / f"{number}.wav", number), "A") for number in range(3)]
    cuts = make_splits({"train": listed})["train"]
    dataset = SpeechDataset([Utterance(cut, "A", (1,), {}) for cut in cuts], 16000, cached=False, seed=0)
    frontend = FrontEnd(num_mels=8, cmvn="global", dither=2000.0)
    found, again = (estimate_statistics(frontend, dataset, 9) for _ in range(2))
    plain = estimate_statistics(frontend.eval(), dataset, 9)
    assert found.num_frames == plain.num_frames == 150
    assert torch.equal(found.mean, again.mean)
    assert bool((found.mean > plain.mean + 0.1).all())
