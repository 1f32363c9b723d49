"""Models that tests make: a real one with random weights in a checkpoint, and one that hears tones without error."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel, HeadSize
from asr.models.encoder import RecurrentEncoder
from asr.models.pronouncer import Pronouncer
from asr.text.tokens import TokenTable
from asr.transcription.recognizer import Recognizer
from asr.transcription.torch_engine import TorchEngine

FRONTEND = {"num_mels": 20, "cmvn": "utterance"}
ENCODER = {"hidden_dim": 8, "num_layers": 1, "time_stride": 2, "conv_channels": 2}
CHARACTERS = "AB CD'"
SAMPLE_RATE = 4000
HOP = 80  # 20 ms


def checkpoint_content(seed: int = 0, **encoder: Any) -> dict[str, Any]:
    """Returns what Lightning keeps of a training: a model that says something at random, and the state around it."""
    torch.manual_seed(seed)
    sizes = {**ENCODER, **encoder}
    tokens = TokenTable.build([CHARACTERS], "char")
    frontend = FrontEnd(**FRONTEND)
    model = AcousticModel(frontend, RecurrentEncoder(frontend.feature_dim, **sizes), len(tokens))
    with torch.no_grad():
        model.output.weight.mul_(40)  # so that one token or another wins
    optimizer = torch.optim.AdamW(model.parameters())
    return {
        "epoch": 3,
        "global_step": 1234,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {f"model.{name}": value for name, value in model.state_dict().items()} | {"ema": torch.ones(2)},
        "optimizer_states": [optimizer.state_dict()],
        "hyper_parameters": {
            "frontend": {"class_path": "asr.features.frontend.FrontEnd", "init_args": dict(FRONTEND)},
            "encoder": {"class_path": "asr.models.encoder.RecurrentEncoder", "init_args": sizes},
            "tokens": tokens.state(),
            "text_policy": "upper-no-punctuation",
            "optimizer": {"class_path": "torch.optim.AdamW", "init_args": {"lr": 1e-3}},
            "seed": 0,
            "_instantiator": "lightning.pytorch.cli.instantiate_module",
            "_class_path": "asr.training.module.CTCModule",
        },
    }


def live_content(cmvn: str = "none") -> dict[str, Any]:
    """Returns the checkpoint of a model that can read a stream: chunks of 0.32 s with 0.16 s to their right."""
    content = checkpoint_content(num_layers=2)
    settings = content["hyper_parameters"]
    settings["frontend"]["init_args"]["cmvn"] = cmvn
    settings["encoder"] = {
        "class_path": "asr.models.encoder.LatencyControlledEncoder",
        "init_args": {**settings["encoder"]["init_args"], "chunk_frames": 16, "context_frames": 8},
    }
    return content


def two_heads_content(own_layer: bool = True) -> dict[str, Any]:
    """Returns the checkpoint of a model of phones, with letters beside them."""
    content = checkpoint_content(num_layers=2)
    letters = content["hyper_parameters"]["tokens"]
    frontend = FrontEnd(**FRONTEND)
    torch.manual_seed(1)
    encoder = RecurrentEncoder(frontend.feature_dim, **{**ENCODER, "num_layers": 2})
    model = AcousticModel(frontend, encoder, 4, {"char": HeadSize(len(letters["tokens"]), own_layer)})
    with torch.no_grad():
        for output in (model.output, model.get_submodule("heads.char.output")):
            output.get_parameter("weight").mul_(40)
    content["state_dict"] = {f"model.{name}": value for name, value in model.state_dict().items()}
    content["hyper_parameters"] |= {
        "tokens": {"unit": "phone", "tokens": ["<blank>", "aa", "b", "s"]},
        "text_policy": "verbatim",
        "heads": {"char": {"tokens": letters, "text_policy": "upper-no-punctuation", "own_layer": own_layer}},
    }
    return content


def save_checkpoint(path: Path, content: Any = None) -> Path:
    torch.save(checkpoint_content() if content is None else content, path)
    return path


def save_pronouncer(path: Path, letters: str, phones: str) -> Path:
    """Writes a model that pronounces each of its letters as some phones, whatever they are."""
    torch.manual_seed(0)
    tables = {"letters": TokenTable.build([letters], "char"), "phones": TokenTable.build([phones], "phone")}
    sizes = {"letter_dim": 2, "hidden_dim": 2, "num_layers": 1, "frames_per_letter": 3}
    network = Pronouncer(*map(len, tables.values()), **sizes)
    network.output.bias.data[0] = -99.0  # never the blank at first
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    settings = {name: table.state() for name, table in tables.items()} | sizes
    torch.save({"hyper_parameters": settings, "state_dict": state}, path)
    return path


class ToneModel(nn.Module):
    """Hears tone k, of 200 * (k + 1) Hz, as token k, and silence as blank: an acoustic model that makes no errors."""

    def __init__(self, num_tokens: int) -> None:
        super().__init__()
        self.output = nn.Linear(1, num_tokens)
        self.num_tokens = num_tokens
        self.frame_seconds = HOP / SAMPLE_RATE
        self.frontend = SimpleNamespace(sample_rate=SAMPLE_RATE, frame_lengths=lambda lengths: lengths // HOP)
        self.encoder = SimpleNamespace(output_lengths=lambda lengths: lengths)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = waveforms[:, : waveforms.shape[1] // HOP * HOP].unfold(1, HOP, HOP)  # (B, N, HOP)
        spectrum = torch.fft.rfft(frames).abs()  # bins of 50 Hz
        tones = spectrum[..., [4 * (token + 1) for token in range(1, self.num_tokens)]]
        silence = torch.full_like(tones[..., :1], 2.0)
        return torch.cat((silence, tones), dim=2).log_softmax(dim=2), lengths // HOP


def tone_recognizer(tokens: TokenTable, num_workers: int = 1) -> Recognizer:
    return Recognizer(TorchEngine(ToneModel(len(tokens)), tokens), num_workers)  # type: ignore[arg-type]


def tone(token: int, seconds: float, level: float = 0.5) -> Tensor:
    """Returns a tone that rises and falls within 10 ms."""
    times = torch.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    edge = (torch.minimum(times, times.flip(0)) / 0.01).clamp(max=1)
    return level * edge * torch.sin(2 * torch.pi * 200 * (token + 1) * times)


def silence(seconds: float) -> Tensor:
    return torch.zeros(round(seconds * SAMPLE_RATE))
