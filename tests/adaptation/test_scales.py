from __future__ import annotations

import pytest
import torch

from asr.adaptation.recordings import Spoken, padded
from asr.adaptation.scales import learn_scales
from asr.adaptation.targets import find_target
from asr.errors import DataError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.encoder import RecurrentEncoder
from asr.scoring.rules import PolicyRule
from asr.text.lexicon import Lexicon
from asr.text.policy import get_policy
from asr.text.tokens import TokenTable

RULE = PolicyRule(get_policy("upper-no-punctuation"), "word")
LETTERS, PHONES = TokenTable.build(["AB"], "char"), TokenTable("phone", ("<blank>", "AA", "B", "K"))


def make(num_tokens: int) -> AcousticModel:
    torch.manual_seed(0)
    frontend = FrontEnd(num_mels=20, cmvn="utterance")
    encoder = RecurrentEncoder(frontend.feature_dim, hidden_dim=12, num_layers=2, layer_norm=True, time_stride=2)
    return AcousticModel(frontend, encoder, num_tokens).eval()


def say(text: str, number: int, seconds: float = 0.6) -> Spoken:
    noise = 0.1 * torch.randn(round(16000 * seconds), generator=torch.Generator().manual_seed(number))
    return Spoken(f"u{number}", noise, text)


def test_scales_lower_the_loss_of_what_they_are_learnt_from_and_change_nothing_else() -> None:
    model = make(len(LETTERS))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    spoken = [say("AB A", number) for number in range(6)]
    examples = [(each, find_target(model, each, LETTERS, RULE, None)) for each in spoken]
    learned = learn_scales(model, examples[:4], examples[4:])
    assert learned.after < learned.before
    assert learned.epochs > 0
    assert learned.num_scales == 48
    assert set(learned.weights) == {
        f"encoder.recurrent.norms.{n}.{part}" for n in (0, 1) for part in ("weight", "bias")
    }
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    again = learn_scales(model, examples[:4], examples[4:])
    assert all(torch.equal(again.weights[name], weight) for name, weight in learned.weights.items())


def test_heads_that_read_scaled_units_read_them_scaled() -> None:
    encoder = RecurrentEncoder(20, hidden_dim=12, num_layers=2, time_stride=2)
    heads = {"char": HeadSize(4), "own": HeadSize(4, own_layer=True)}
    model = AcousticModel(FrontEnd(num_mels=20, cmvn="utterance"), encoder, len(LETTERS), heads).eval()
    examples = [(each, (1, 2)) for each in (say("AB", number) for number in range(3))]
    learned = learn_scales(model, examples[:2], examples[2:])
    assert learned.num_scales == 48
    own = {name for name in learned.weights if name.startswith("heads.")}
    cells = {f"heads.own.layer.layers.0.{direction}.weight_ih_l0" for direction in ("ahead", "back")}
    assert own == {"heads.char.output.weight", *cells}


def test_of_several_pronunciations_the_one_that_is_heard_is_learnt() -> None:
    model, lexicon = make(len(PHONES)), Lexicon({"A": (("AA",), ("K", "B")), "B": (("B",),)})
    spoken = say("A B", 0)
    with torch.no_grad():
        model.output.weight.zero_()
        model.output.bias.copy_(torch.tensor([4.0, 3.0, 1.0, 0.0]))
        assert find_target(model, spoken, PHONES, RULE, lexicon) == (1, 2)
        model.output.bias.copy_(torch.tensor([4.0, -9.0, 3.0, 3.0]))
        assert find_target(model, spoken, PHONES, RULE, lexicon) == (3, 2, 2)


@pytest.mark.parametrize(
    ("tokens", "lexicon", "text", "message"),
    [
        (LETTERS, None, "AC", r"u0: .*'C'.*"),
        (LETTERS, None, "AB" * 30, r"u0: 30 frames, and 60 tokens need 60; check that the transcript .*"),
        (PHONES, Lexicon({"A": (("AA",),)}), "A B", r"u0: 1 words have no pronunciation .*: B; write them .*"),
        (PHONES, Lexicon({"A": (("AA",),)}), "A " * 40, r"u0: text has 40 tokens and the recording 30 frames; .*"),
    ],
)
def test_what_cannot_be_learnt_is_one_line(tokens: TokenTable, lexicon: Lexicon, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        find_target(make(len(tokens)), say(text, 0), tokens, RULE, lexicon)


def test_a_recording_without_a_frame_is_one_line() -> None:
    with pytest.raises(DataError, match="u0: is shorter than a frame; check that the transcript is of this recording"):
        find_target(make(len(LETTERS)), say("A", 0, seconds=0.003), LETTERS, RULE, None)


def test_padding_does_not_change_what_is_learnt_from() -> None:
    waveforms, lengths = padded([say("A", 0), say("A", 1, 0.3)])
    assert lengths.tolist() == [9600, 4800]
    assert waveforms.shape == (2, 9600)
