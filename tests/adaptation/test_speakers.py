from __future__ import annotations

import pytest
import torch

from asr.adaptation.recordings import Spoken
from asr.adaptation.scales import scale_to
from asr.adaptation.speakers import find_speakers, read_scaled
from asr.corpora.manifests import read_cuts
from asr.decoding.hypothesis import NOTHING, Hypothesis, Span
from asr.errors import DataError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.encoder import RecurrentEncoder
from asr.text.tokens import TokenTable
from tests.conftest import TinyCorpus

TOKENS = TokenTable.build(["AB"], "char")


def make() -> AcousticModel:
    torch.manual_seed(0)
    frontend = FrontEnd(num_mels=20, cmvn="utterance")
    encoder = RecurrentEncoder(frontend.feature_dim, hidden_dim=12, num_layers=2, layer_norm=True, time_stride=2)
    return AcousticModel(frontend, encoder, len(TOKENS)).eval()


def said(*tokens: str) -> list[Hypothesis]:
    spans = tuple(Span(token, 0.0, 0.1, 1.0) for token in tokens)
    return [Hypothesis("".join(tokens), spans, spans, 0.0, 1.0)]


def loss(model: AcousticModel, waveform: torch.Tensor) -> float:
    with torch.no_grad():
        log_probs, frames = model(waveform[None], torch.tensor([len(waveform)]))
    targets = torch.tensor([[TOKENS.ids["A"], TOKENS.ids["B"]]])
    return float(torch.nn.functional.ctc_loss(log_probs.transpose(0, 1), targets, frames, torch.tensor([2])))


def test_scales_make_what_was_found_likelier() -> None:
    model = make()
    waveform = 0.1 * torch.randn(9600, generator=torch.Generator().manual_seed(3))
    before = loss(model, waveform)
    weights = scale_to(model, [(Spoken("u", waveform, ""), (TOKENS.ids["A"], TOKENS.ids["B"]))])
    model.load_state_dict(weights, strict=False)
    assert loss(model, waveform) < before


def test_each_speaker_is_read_with_layers_of_their_own(
    tiny_corpus: TinyCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    cuts = list(read_cuts(tiny_corpus.data / "dev_cuts.jsonl.gz"))
    for number, cut in enumerate(cuts):
        cut.supervisions[0].speaker = "one" if number % 3 else "other"
    first = {cut.id: said("A", "B") for cut in cuts} | {cuts[1].id: [NOTHING]}
    speakers = find_speakers(cuts, first, TOKENS, "first.jsonl")
    assert [speaker.name for speaker in speakers] == ["other", "one"]
    assert cuts[1].id not in speakers[1].targets
    assert not any(speaker.has_enough for speaker in speakers)
    monkeypatch.setattr("asr.adaptation.speakers.LEAST_SPEECH", sum(c.duration for c in speakers[1].cuts[1:]))
    assert [speaker.has_enough for speaker in speakers] == [False, True]
    model = make()
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    changed: dict[str, bool] = {}

    def read(cuts):  # type: ignore[no-untyped-def]
        same = all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())
        for cut in cuts:
            changed[cut.id] = not same
            yield cut.id, [NOTHING]

    found = dict(read_scaled(model, speakers, read))
    assert set(found) == {cut.id for cut in cuts}
    assert changed == {cut.id: cut.supervisions[0].speaker == "one" for cut in cuts}
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_what_does_not_fit_is_said_in_one_line(tiny_corpus: TinyCorpus) -> None:
    cuts = list(read_cuts(tiny_corpus.data / "dev_cuts.jsonl.gz"))[:2]
    first = {cut.id: said("A") for cut in cuts}
    with pytest.raises(DataError, match=rf"first.jsonl: has no hypothesis for utterance {cuts[1].id}; decode the same"):
        find_speakers(cuts, {cuts[0].id: said("A")}, TOKENS, "first.jsonl")
    with pytest.raises(DataError, match=rf"utterance {cuts[0].id} has the token 'AA', which the model lacks"):
        find_speakers(cuts, first | {cuts[0].id: said("AA")}, TOKENS, "first.jsonl")
    cuts[0].supervisions[0].speaker = None
    with pytest.raises(DataError, match=rf"{cuts[0].id}: names no speaker; name them"):
        find_speakers(cuts, first, TOKENS, "first.jsonl")
