"""No question is put to the GPU: on tensors without values, one would fail."""

import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from asr.augmentation.noise import AddNoise
from asr.augmentation.pauses import InsertPauses
from asr.augmentation.spec_augment import SpecAugment
from asr.features.frontend import FrontEnd


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
    add_noise, spec_augment = AddNoise(frontend, (0.0, 10.0)), SpecAugment(frontend, 2, 40, 0.2, 2, 8)
    pauses = InsertPauses(frontend, 1.0, (2.0, 2.0))
    with FakeTensorMode(allow_non_fake_inputs=True):
        for module in (frontend, add_noise, pauses):
            with_fake_buffers(module, device)
        waveforms = torch.empty(4, 16000, device=device)
        lengths, seeds = (torch.empty(4, dtype=torch.int64, device=device) for _ in range(2))
        waveforms, lengths = add_noise(waveforms, lengths, seeds)
        static, frames = pauses(*frontend.static(waveforms, lengths, seeds), seeds)
        masked, _ = spec_augment(frontend.complete(static, frames), frames, seeds)
        assert masked.shape == (4, 300, frontend.feature_dim)
        assert masked.device.type == device
        with pytest.raises(DataDependentOutputException):
            bool(lengths[0])
