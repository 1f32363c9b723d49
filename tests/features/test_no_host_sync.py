"""No question is put to the GPU: on tensors without values, one would fail."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from asr.features.augment import AddNoise, SpecAugment
from asr.features.frontend import FrontEnd
from asr.features.pauses import InsertPauses


def with_fake_buffers(module, device):
    for name, buffer in module.named_buffers():
        setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype, device=device))
    return module


@pytest.mark.own_process
@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize(
    "settings",
    [{"cmvn": "utterance"}, {"cmvn": "speech"}, {"kind": "mfcc"}, {"use_energy": True, "delta_order": 2}],
)
def test_front_end_and_augmentation_do_not_look_at_values(settings, device):
    frontend = FrontEnd(num_mels=40, dither=1.0, **settings)
    frontend.set_statistics(torch.zeros(frontend.feature_dim), torch.ones(frontend.feature_dim))
    add_noise, spec_augment = AddNoise((0.0, 10.0)), SpecAugment(2, 40, 0.2, 2, 8)
    pauses = InsertPauses(1.0, (2.0, 2.0))
    pauses(
        torch.zeros(1, 9, frontend.static_dim), torch.tensor([9]), torch.tensor([0]), 0, frontend
    )  # makes its noises
    with FakeTensorMode(allow_non_fake_inputs=True):
        for module in (frontend, add_noise):
            with_fake_buffers(module, device)
        waveforms = torch.empty(4, 16000, device=device)
        lengths, seeds = (torch.empty(4, dtype=torch.int64, device=device) for _ in range(2))
        static, frames = frontend.static(add_noise(waveforms, lengths, seeds), lengths, seeds)
        static, frames = pauses(static, frames, seeds, 0, frontend)
        features = frontend.complete(static, frames)
        masked = spec_augment(features, frames, seeds)
        assert masked.shape == (4, 300, frontend.feature_dim)
        assert masked.device.type == device
        with pytest.raises(DataDependentOutputException):
            bool(lengths[0])
