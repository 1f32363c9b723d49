"""Readers of audio and of checkpoints."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from fuzz_seeds import SENTENCES, WAV, Reader, Seed, written_seeds


def _audio() -> list[Seed]:
    samples = WAV[44:]
    head = (
        "NIST_1A\n   1024\nsample_count -i 2000\nsample_n_bytes -i 2\nchannel_count -i 1\nsample_byte_format -s2 01\n"
    )
    head += "sample_rate -i 8000\nsample_coding -s3 pcm\nend_head\n"
    return [Seed("a.sph", head.encode().ljust(1024) + samples, "binary"), Seed("a.wav", WAV, "binary")]


def _read_audio(path: Path) -> None:
    from asr.audio.waveforms import probe, read

    probe(path)
    waveform = read(path, sample_rate=8000)
    assert bool(waveform.isfinite().all()), "samples that are no numbers were accepted"


def _checkpoints() -> list[Seed]:
    from asr.features.frontend import FrontEnd
    from asr.models.acoustic import AcousticModel
    from asr.models.encoder import RecurrentEncoder
    from asr.text.tokens import TokenTable

    torch.manual_seed(0)
    tokens = TokenTable.build(["AB C'"], "char")
    sizes = (
        {"num_mels": 20, "cmvn": "utterance"},
        {"hidden_dim": 4, "num_layers": 1, "time_stride": 2, "conv_channels": 2},
    )
    frontend = FrontEnd(**sizes[0])
    model = AcousticModel(frontend, RecurrentEncoder(frontend.feature_dim, **sizes[1]), len(tokens))
    content = {
        "epoch": 1,
        "global_step": 9,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {f"model.{name}": value for name, value in model.state_dict().items()},
        "hyper_parameters": {
            "frontend": {"class_path": "asr.features.frontend.FrontEnd", "init_args": sizes[0]},
            "encoder": {"class_path": "asr.models.encoder.RecurrentEncoder", "init_args": sizes[1]},
            "tokens": tokens.state(),
            "text_policy": "upper-no-punctuation",
        },
    }
    return written_seeds("a.ckpt", "zip", lambda path: torch.save(content, path))


def _read_checkpoint(path: Path) -> None:
    from asr.checkpoints.acoustic import load_checkpoint

    loaded = load_checkpoint(path)
    with torch.inference_mode():
        log_probs, _ = loaded.model(torch.zeros(1, 4000), torch.tensor([4000]))
    assert bool(log_probs.isfinite().all()), "weights that are no numbers were accepted"


def _language_checkpoints() -> list[Seed]:
    from asr.lm.recurrent import RecurrentLM
    from asr.lm.vocabulary import Vocabulary

    torch.manual_seed(0)
    words = Vocabulary.of("abcd")
    sizes = {"embedding_dim": 4, "hidden_dim": 4, "num_layers": 1, "tie_weights": True}
    network = RecurrentLM(len(words), **sizes)
    content = {
        "state_dict": {f"model.{name}": value for name, value in network.state_dict().items()},
        "hyper_parameters": {"vocabulary": "a\nb\nc\nd", "num_unknown_types": 3, "text_policy": "verbatim", **sizes},
    }
    return written_seeds("lm.ckpt", "zip", lambda path: torch.save(content, path))


def _read_language_checkpoint(path: Path) -> None:
    from asr.checkpoints.language import load_language_model
    from asr.lm.perplexity import measure_perplexity
    from asr.lm.sentence_models import RecurrentSentenceModel

    loaded = load_language_model(path)
    found = measure_perplexity(RecurrentSentenceModel(loaded.network, loaded.vocabulary), SENTENCES)
    assert math.isfinite(found.log_prob), "a language model without numbers was accepted"


READERS = {
    "audio": Reader(_audio, _read_audio),
    "checkpoints": Reader(_checkpoints, _read_checkpoint),
    "language-models": Reader(_language_checkpoints, _read_language_checkpoint),
}
