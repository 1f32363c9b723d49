"""Batch invariance on every encoder of the menu, and what the acoustic model promises."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import Tensor

from asr.configuration.composition import compose_config, resolve
from asr.configuration.menu import groups
from asr.data.batch import pad
from asr.errors import ConfigError
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.text.writing import MAIN

NUM_TOKENS = 9


def model_of(choice: str, *overrides: str, heads: dict[str, HeadSize] | None = None) -> AcousticModel:
    config = resolve(compose_config([f"model={choice}", "corpus=none", "name=none", *overrides]))
    encoder = config["model"]["encoder"]
    module, _, name = encoder["class_path"].rpartition(".")
    build = getattr(importlib.import_module(module), name)
    frontend = FrontEnd(**config["model"]["frontend"]["init_args"])
    torch.manual_seed(0)
    settings = encoder["init_args"] | {"hidden_dim": 40}
    return AcousticModel(frontend, build(frontend.feature_dim, **settings), NUM_TOKENS, heads).eval()


def noises(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(200, 9000, (count,), generator=generator).tolist()
    return [0.1 * torch.randn(length, generator=generator) for length in lengths]


@pytest.mark.parametrize("choice", groups()["model"])
@torch.inference_mode()
def test_log_probs_do_not_depend_on_what_shares_the_batch(choice: str) -> None:
    model, waveforms = model_of(choice), noises(16)
    together, lengths = model(*pad(waveforms))
    shuffled = torch.randperm(16, generator=torch.Generator().manual_seed(2)).tolist()
    again, _ = model(*pad([waveforms[row] for row in shuffled]))
    for row, waveform in enumerate(waveforms):
        alone, length = model(*pad([waveform]))
        assert length.tolist() == [lengths[row]]
        frames = int(length)
        assert torch.allclose(alone[0, :frames], together[row, :frames], atol=1e-5)
        assert torch.allclose(alone[0, :frames], again[shuffled.index(row), :frames], atol=1e-5)


@pytest.mark.parametrize("own_layer", [False, True])
@torch.inference_mode()
def test_no_head_depends_on_what_shares_the_batch(own_layer: bool) -> None:
    model = model_of("lstm", heads={"char": HeadSize(NUM_TOKENS + 3, own_layer)})
    waveforms = noises(6)
    together, lengths = model.classify_heads(*model.frontend(*pad(waveforms)))
    reversed_, _ = model.classify_heads(*model.frontend(*pad(waveforms[::-1])))
    for row, waveform in enumerate(waveforms):
        alone, length = model.classify_heads(*model.frontend(*pad([waveform])))
        assert length.tolist() == [lengths[row]]
        frames = int(length)
        for head, num_tokens in ((MAIN, NUM_TOKENS), ("char", NUM_TOKENS + 3)):
            (found,) = alone[head]
            assert found.shape == (1, frames, num_tokens)
            assert torch.allclose(found[0], together[head][0][row, :frames], atol=1e-5)
            assert torch.allclose(found[0], reversed_[head][0][5 - row, :frames], atol=1e-5)
            by_itself, _ = model.of_head(head)(*pad([waveform]))
            assert torch.equal(found, by_itself)


@torch.inference_mode()
def test_what_stands_in_padding_does_not_matter() -> None:
    model = model_of("lstm", "frontend=graves123", "model.frontend.init_args.cmvn=utterance")
    waveforms, lengths = pad(noises(3))
    dirty = waveforms.clone()
    for row, length in enumerate(lengths.tolist()):
        dirty[row, length:] = 7.0
    clean_probs, encoded_lengths = model(waveforms, lengths)
    dirty_probs, _ = model(dirty, lengths)
    for row, length in enumerate(encoded_lengths.tolist()):
        assert torch.allclose(clean_probs[row, :length], dirty_probs[row, :length], atol=1e-6)


@torch.inference_mode()
def test_cached_features_give_what_waveforms_give() -> None:
    model = model_of("gru")
    waveforms, lengths = pad(noises(3))
    static, num_frames = model.frontend.static(waveforms, lengths)
    cached = model.classify(model.frontend.complete(static, num_frames), num_frames)
    assert torch.equal(model(waveforms, lengths)[0], cached[0])


@torch.inference_mode()
def test_posteriors_times_and_lengths() -> None:
    model = model_of("lstm")
    log_probs, lengths = model(*pad([torch.zeros(16000), torch.zeros(4000)]))
    assert log_probs.shape == (2, 25, NUM_TOKENS)
    assert lengths.tolist() == [25, 7]
    assert torch.allclose(log_probs.exp().sum(dim=2), torch.ones(2, 25), atol=1e-5)
    assert model.frame_seconds == pytest.approx(0.04)


def test_half_precision_still_gives_posteriors_in_float32() -> None:
    model = model_of("lstm")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        log_probs, _ = model(*pad(noises(2)))
    assert log_probs.dtype == torch.float32


def test_lower_layers_read_through_the_same_output() -> None:
    model = model_of("lstm")
    features, lengths = model.frontend(*pad(noises(3)))
    heads, encoded_lengths = model.classify_heads(features, lengths, [2])
    [lower, last] = heads[MAIN]
    expected, expected_lengths = model.classify(features, lengths)
    assert torch.equal(last, expected)
    assert torch.equal(encoded_lengths, expected_lengths)
    outputs, _ = model.encoder.outputs(features, lengths)  # type: ignore[attr-defined]
    assert torch.equal(lower, model.output(outputs[1]).log_softmax(dim=2))


@pytest.mark.parametrize(
    ("choice", "layers", "message"),
    [
        ("lstm", [3], "layers \\[3\\] of 3; take some below 3"),
        ("lstm", [0], "layers \\[0\\] of 3"),
        ("conformer", [1], "encoder ConformerEncoder: does not show its layers"),
    ],
)
def test_layers_that_are_not_there(choice: str, layers: list[int], message: str) -> None:
    model = model_of(choice)
    with pytest.raises(ConfigError, match=message):
        model.classify_heads(*model.frontend(*pad(noises(1))), layers)
