"""The attention decoder: what it computes, and what neither later tokens nor padding change."""

from __future__ import annotations

import pytest
import torch

from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, Attending, HeadSize
from asr.models.attention_decoder import AttentionDecoder, AttentionSizes
from asr.models.encoder import RecurrentEncoder
from asr.models.joint import JointModel
from tests.decoding.joint.truth import attention_log_probs, frames, make_decoder

SIZES = AttentionSizes(4, 5, 1, 6, 2, 3)


@pytest.mark.parametrize(("num_layers", "channels"), [(1, 2), (2, 2), (2, 0)])
@torch.no_grad()
def test_it_is_what_the_equations_say(num_layers: int, channels: int) -> None:
    decoder, encoded = make_decoder(4, 0, num_layers, channels), frames(2, num_frames=7, rows=1)
    found = decoder(encoded, torch.tensor([7]), torch.tensor([[0, 2, 3, 3]]))
    torch.testing.assert_close(
        found[0].double(), attention_log_probs(decoder, encoded[0], (2, 3, 3)), rtol=0, atol=1e-5
    )
    assert found.exp().sum(dim=2).tolist() == [pytest.approx([1.0] * 4)]


@torch.no_grad()
def test_utterances_do_not_depend_on_their_batch() -> None:
    decoder, encoded, lengths = make_decoder(4), frames(3, num_frames=9, rows=3), torch.tensor([9, 4, 0])
    tokens = torch.tensor([[0, 2, 3, 1], [0, 1, 0, 0], [0, 3, 3, 0]])
    encoded[1, 4:] = torch.nan  # padding is not read
    together = decoder(encoded, lengths, tokens)
    for row, (num_frames, num_tokens) in enumerate(((9, 4), (4, 2), (0, 3))):
        own = encoded[row : row + 1, : max(num_frames, 1)]
        alone = decoder(own, lengths[row : row + 1], tokens[row : row + 1, :num_tokens])
        torch.testing.assert_close(alone[0], together[row, :num_tokens], rtol=1e-5, atol=1e-5)


@torch.no_grad()
def test_several_sequences_are_read_one_by_one_as_each_at_once() -> None:
    decoder, encoded, lengths = make_decoder(4), frames(5, num_frames=6, rows=2), torch.tensor([6, 5])
    tokens = torch.tensor([[[0, 1, 2], [0, 3, 3]], [[0, 2, 2], [0, 1, 3]]])  # (B, K, L + 1)
    heard = decoder.listen(encoded, lengths)
    state = decoder.begin(heard, 2)
    for place in range(3):
        said, state = decoder.step(heard, tokens[:, :, place], state)
        assert state.weights.sum(dim=2).tolist() == [pytest.approx([1.0, 1.0])] * 2
        for sequence in range(2):
            expected = decoder(encoded, lengths, tokens[:, sequence])[:, place]
            torch.testing.assert_close(decoder.classify(said)[:, sequence], expected)
    swapped = state.take(torch.tensor([[1, 0], [1, 1]]))
    assert torch.equal(swapped.context[0], state.context[0].flip(0))
    assert torch.equal(swapped.hidden[:, 1, 0], state.hidden[:, 1, 1])


def test_half_precision_of_the_encoder_is_not_its_own() -> None:
    decoder, encoded = make_decoder(4), frames(3, rows=1)
    arguments = torch.tensor([4]), torch.tensor([[0, 2, 1]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = decoder(encoded.bfloat16(), *arguments)
    torch.testing.assert_close(found, decoder(encoded.bfloat16().float(), *arguments))
    assert found.dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_dim": 0}, "attention decoder, hidden_dim: is 0; give 1 or more"),
        ({"location_channels": -1}, "attention decoder, location_channels: is -1; give 0 for none, or more"),
        ({"location_width": 4}, "attention decoder, location_width: is 4; give an odd number, such as 101"),
        ({"dropout": 1.0}, "attention decoder, dropout: is 1; take one from 0 to below 1"),
    ],
)
def test_sizes_that_are_none(change: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AttentionDecoder(6, 3, AttentionSizes(**{**SIZES.__dict__, **change}))


def make_model(head: str) -> AcousticModel:
    torch.manual_seed(0)
    encoder = RecurrentEncoder(6, hidden_dim=4, num_layers=2)
    heads = {"char": HeadSize(5, own_layer=True)}
    return AcousticModel(FrontEnd(num_mels=6, cmvn="none"), encoder, 3, heads, Attending(head, SIZES)).eval()


@torch.no_grad()
def test_it_goes_with_its_head() -> None:
    model, waveforms, lengths = make_model("char"), 0.1 * torch.randn(2, 1600), torch.tensor([1600, 800])
    assert model.of_head("main").attention is None
    letters = model.of_head("char")
    joint = JointModel(letters)
    assert joint.attention is model.attention
    encoded, encoded_lengths = joint(waveforms, lengths)
    expected, _ = model.encode_heads(*model.frontend(waveforms, lengths))
    assert torch.equal(encoded, expected["char"][-1])
    assert torch.equal(joint.output(encoded).log_softmax(dim=2), letters(waveforms, lengths)[0])
    assert encoded_lengths.tolist() == [10, 5]
    with pytest.raises(ConfigError, match="has no attention decoder beside this head"):
        JointModel(model.of_head("main"))
    with pytest.raises(ConfigError, match="attention decoder, head: there is no 'phone'; choose from main, char"):
        make_model("phone")
