"""Readers of audio, of checkpoints and of model files."""

from __future__ import annotations

import json
import math
import tempfile
import zipfile
from hashlib import sha256
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


def _model_files() -> list[Seed]:
    from asr.checkpoints.model_file.export import Recipe, export_model
    from asr.decoding.settings import DecoderSettings, RescoringSettings
    from asr.lm.kneser_ney import estimate
    from asr.lm.storage import save_ngram

    (acoustic,), (language,) = _checkpoints(), _language_checkpoints()

    def write(path: Path) -> None:
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            for seed in (acoustic, language):
                (folder / seed.name).write_bytes(seed.content)
            (folder / "words.txt").write_text("AB\nA\nCAB\n", encoding="utf-8")
            save_ngram(estimate([["AB", "A"], ["CAB"], ["A"]], 3), folder / "3gram.npz")
            lm, words = str(folder / "3gram.npz"), (str(folder / "words.txt"),)
            settings = DecoderSettings(beam_size=4, lm=lm, lm_weight=0.5, lexicon=words, unknown_score=-5.0)
            rescoring = [RescoringSettings(0.5, model=str(folder / language.name))]
            export_model(Recipe([str(folder / acoustic.name)], settings, rescoring, "int8", {"licence": "CC0"}), path)

    def write_portable(path: Path) -> None:
        with tempfile.TemporaryDirectory() as made:
            checkpoint = Path(made, acoustic.name)
            checkpoint.write_bytes(acoustic.content)
            export_model(Recipe([str(checkpoint)], DecoderSettings(), [], "int8", {}, is_portable=True), path)

    return [*written_seeds("a.asr", "zip", write), *written_seeds("portable.asr", "zip", write_portable)]


def _read_model_file(path: Path) -> None:
    """Reads a file, and again with sums that are right, so that damage is met behind them."""
    from asr.errors import AsrError

    try:
        _transcribe(path)
    except AsrError:
        _mend(path)
        _transcribe(path)


def _transcribe(path: Path) -> None:
    from asr.checkpoints.model_file.reading import load_model_file
    from asr.transcription.recognizer import Recognizer

    file = load_model_file(path)
    assert all(name and value is not None for name, value in file.describe())
    (found,) = Recognizer.from_file(file).recognize([torch.linspace(-0.5, 0.5, 4000)])
    assert math.isfinite(found.score), "scores that are no numbers were accepted"


def _mend(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: archive.read(info) for info in archive.infolist() if info.file_size < 1 << 20}
        manifest = json.loads(members.pop("model.json"))
        manifest["members"] = {name: [len(each), sha256(each).hexdigest()] for name, each in members.items()}
        text = json.dumps(manifest, ensure_ascii=False).encode()
    except Exception:  # damaged in another way
        return
    with zipfile.ZipFile(path, "w") as archive:
        for name, each in {"model.json": text, **members}.items():
            archive.writestr(zipfile.ZipInfo(name), each)


READERS = {
    "audio": Reader(_audio, _read_audio),
    "checkpoints": Reader(_checkpoints, _read_checkpoint),
    "model-files": Reader(_model_files, _read_model_file),
    "language-models": Reader(_language_checkpoints, _read_language_checkpoint),
}
