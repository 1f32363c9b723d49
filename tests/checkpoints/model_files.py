"""Model files that tests make: tiny models, a few words, a trigram of them, and models that choose."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from asr.checkpoints.model_file.arrays import Precision
from asr.checkpoints.model_file.card import make_card
from asr.checkpoints.model_file.export import Recipe, export_model
from asr.decoding.settings import DecoderSettings, RescoringSettings
from asr.lm.kneser_ney import estimate
from asr.lm.recurrent import RecurrentLM
from asr.lm.storage import save_ngram
from asr.lm.vocabulary import Vocabulary
from asr.text.tokens import TokenTable
from tests.transcription.tiny_models import checkpoint_content, save_checkpoint

WORDS = ["AB", "A", "CAB", "DAD", "BAD", "ABBA", "D"]
SENTENCES = [[WORDS[(7 * place + step) % 5] for step in range(1 + place % 4)] for place in range(40)] + [WORDS[5:]]


def save_acoustic(path: Path, seed: int = 0, **encoder: Any) -> str:
    return str(save_checkpoint(path, checkpoint_content(seed, **{"hidden_dim": 32, **encoder})))


def save_phones(folder: Path) -> DecoderSettings:
    """Writes a model of the phones AH, B, SIL, and a lexicon of ABA and BA; returns settings with silence."""
    content = checkpoint_content()
    content["hyper_parameters"]["tokens"] = TokenTable("phone", ("<blank>", "AH", "B", "SIL")).state()
    for name in ("weight", "bias"):
        content["state_dict"][f"model.output.{name}"] = content["state_dict"][f"model.output.{name}"][:4]
    save_checkpoint(folder / "phones.ckpt", content)
    (folder / "words.dict").write_text("ABA AH B\nABA(2) AH B AH\nBA B AH\n", encoding="utf-8")
    return DecoderSettings(beam_size=4, lexicon=(str(folder / "words.dict"),), silence="SIL")


def save_language_model(path: Path) -> str:
    torch.manual_seed(0)
    sizes = {"embedding_dim": 64, "hidden_dim": 64, "num_layers": 1, "tie_weights": True}
    words = "\n".join([*WORDS, *(f"W{number}" for number in range(900))])
    network = RecurrentLM(len(Vocabulary.of(words.split("\n"))), **sizes)
    content = {
        "state_dict": {f"model.{name}": value for name, value in network.state_dict().items()},
        "hyper_parameters": {"vocabulary": words, "num_unknown_types": 3, "text_policy": "verbatim", **sizes},
    }
    return str(save_checkpoint(path, content))


def save_word_settings(folder: Path) -> DecoderSettings:
    (folder / "words.txt").write_text("\n".join([*WORDS, "CC"]), encoding="utf-8")
    save_ngram(estimate(SENTENCES, 3), folder / "3gram.npz")
    lexicon, lm = (str(folder / name) for name in ("words.txt", "3gram.npz"))
    return DecoderSettings(beam_size=8, lm=lm, lm_weight=0.3, lexicon=(lexicon,), word_score=0.5, unknown_score=-3.0)


def write_model_file(folder: Path, precision: Precision = "float32", name: str = "a.asr", **recipe: Any) -> Path:
    """Writes a model file with all that there can be in one, unless the recipe says otherwise."""
    settings = save_word_settings(folder)
    rescoring = [RescoringSettings(0.4, 0.1, -2.0, save_language_model(folder / "lm.ckpt"))]
    made = {"checkpoints": [save_acoustic(folder / "a.ckpt")], "settings": settings, "rescoring": rescoring} | recipe
    card = make_card({"licence": "CC0"}, [{"label": "greedy", "rate": 0.25}], "asr export …")
    export_model(Recipe(**made, precision=precision, card=card), folder / name)
    return folder / name


Members = dict[str, bytes]


def rewritten(path: Path, change: Callable[[Members], object], *, keeps_sums: bool = False) -> Path:
    """Writes a model file again with other members; its sums are right again unless they are to stay."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    if not keeps_sums:
        manifest = json.loads(members["model.json"])
        manifest["members"] = {
            name: [len(content), sha256(content).hexdigest()]
            for name, content in members.items()
            if name != "model.json"
        }
        members["model.json"] = json.dumps(manifest, ensure_ascii=False).encode()
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    target = path.with_name("changed.asr")
    target.write_bytes(written.getvalue())
    return target


def with_manifest(path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Writes a model file again with another manifest."""

    def changed(members: Members) -> None:
        manifest = json.loads(members["model.json"])
        change(manifest)
        members["model.json"] = json.dumps(manifest, ensure_ascii=False).encode()

    return rewritten(path, changed, keeps_sums=True)
