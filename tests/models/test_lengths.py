import torch

from asr.models.lengths import clear_padding, subsampled_lengths, valid_frames
from asr.models.subsampling import TIME_STRIDES, ConvSubsampling, FrameStacking


def test_formula_equals_what_the_layers_give_for_every_length() -> None:
    for stride in TIME_STRIDES:
        conv, stack = ConvSubsampling(8, channels=2, time_stride=stride), FrameStacking(8, stride)
        for length in range(1, 201):
            lengths = torch.tensor([length])
            expected = int(subsampled_lengths(lengths, stride))
            for layer in (conv, stack):
                frames, output_lengths = layer(torch.zeros(1, length, 8), lengths)
                assert frames.shape == (1, expected, layer.output_dim)
                assert output_lengths.tolist() == [expected]


def test_strides_applied_one_after_the_other_equal_their_product() -> None:
    lengths = torch.arange(1, 201)
    twice = subsampled_lengths(subsampled_lengths(lengths, 2), 2)
    assert torch.equal(twice, subsampled_lengths(lengths, 4))


def test_valid_frames_and_clear_padding() -> None:
    lengths = torch.tensor([2, 0, 3])
    assert valid_frames(lengths, 3).sum(dim=1).tolist() == [2, 0, 3]
    cleared = clear_padding(torch.full((3, 3, 2, 2), torch.nan), lengths)
    assert torch.equal(cleared.isnan().sum(dim=(1, 2, 3)), lengths * 4)
    assert not cleared[1].any()
