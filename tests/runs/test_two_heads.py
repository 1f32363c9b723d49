"""Letters beside phones in one network: both are learned, logged and kept; see test_ranks and test_resume, too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from lhotse import CutSet

from asr.checkpoints.acoustic import load_checkpoint
from asr.cli import decode, rescore, tune
from asr.cli.train import main
from asr.corpora.manifests import read_cuts
from asr.decoding.settings import RescoringSettings
from asr.errors import ConfigError
from asr.scoring.hypotheses import read_hypotheses
from tests.conftest import TinyCorpus
from tests.helpers.training import SMALL, scalars

SOUNDS = {"A": "ah", "B": "b iy", "C": "s iy", " ": ""}
BOTH = [
    *SMALL,
    "unit=phone",
    "model.encoder.init_args.num_layers=2",
    "data.train_cuts=[sounds/train_cuts.jsonl.gz]",
    "data.val_cuts=[sounds/dev_cuts.jsonl.gz]",
    "model.tokens=sounds/tokens_phone.txt",
    "+model.heads.char={tokens: data/tiny/tokens_char.txt, text_policy: verbatim, weight: 0.4, own_layer: true}",
]


@pytest.fixture(autouse=True)
def _sounds(in_its_folder: None, tiny_corpus: TinyCorpus) -> None:
    """Adds the sounds of the letters to the tiny corpus."""
    folder = tiny_corpus.root / "sounds"
    if folder.exists():
        return
    folder.mkdir()
    for split in ("train", "dev"):
        cuts = list(read_cuts(tiny_corpus.data / f"{split}_cuts.jsonl.gz"))[:20]
        for cut in cuts:
            text = cut.supervisions[0].text
            cut.supervisions[0].custom = {"phones": " ".join(" ".join(SOUNDS[letter] for letter in text).split())}
        CutSet.from_cuts(cuts).to_file(folder / f"{split}_cuts.jsonl.gz")
    (folder / "tokens_phone.txt").write_text("<blank>\nah\nb\niy\ns\n", encoding="utf-8")


def test_both_heads_are_trained_and_one_checkpoint_holds_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*BOTH, "data.batch_seconds=4.0", f"exp_dir={tmp_path}"]) == 0
    log = capsys.readouterr().err
    for name in ("val/per", "val/char_cer", "val/char_wer"):
        assert f"{name} {100 * scalars(tmp_path, name)[-1]:.2f} %" in log
    for name in ("val/loss", "val/char_loss"):
        first, second = scalars(tmp_path, name)
        assert second < first
    assert log.count("  hyp ") == 2 * 2 * 3
    loaded = load_checkpoint(tmp_path / "last.ckpt")
    phones, letters = loaded.head("phone"), loaded.head("char")
    assert (loaded.tokens.unit, phones.tokens.unit, letters.tokens.unit) == ("phone", "phone", "char")
    cut = read_cuts("sounds/dev_cuts.jsonl.gz")[0]
    audio = torch.from_numpy(cut.load_audio())
    lengths = torch.tensor([audio.shape[1]])
    with torch.inference_mode():
        heads, _ = loaded.model.classify_heads(*loaded.model.frontend(audio, lengths))
        for one, name in ((phones, "main"), (letters, "char")):
            log_probs, _ = one.model(audio, lengths)
            assert torch.equal(log_probs, heads[name][-1])
            assert log_probs.size(2) == len(one.tokens)
    rows = dict(loaded.describe())
    assert rows["tokens"].startswith("5 of unit phone")
    assert "head char" in rows
    with pytest.raises(ConfigError, match="choose from phone, char"):
        loaded.head("letters")
    _decode_both(tmp_path)


def _decode_both(exp_dir: Path) -> None:
    model = ["--checkpoint", str(exp_dir / "last.ckpt"), "--cuts", "sounds/dev_cuts.jsonl.gz"]
    for flags in ([], ["--head", "char", "--beam-size", "4", "--nbest", "4"]):
        assert decode.main([*model, *flags, "--workers", "0"]) == 0
    phones, letters = (read_hypotheses(exp_dir / f"dev_{label}.jsonl") for label in ("greedy", "char_beam4"))
    assert {hyps[0].text for hyps in phones.values()} != {hyps[0].text for hyps in letters.values()}
    nbest, settings = str(exp_dir / "dev_char_beam4.jsonl"), str(exp_dir / "both.json")
    lists = [*model, "--nbest", nbest]
    assert tune.main(["rescore", *lists, "--head", "char", "--out", settings]) == 0
    assert RescoringSettings.load(settings).head == "char"
    assert rescore.main([*lists, "--settings", settings, "--out", str(exp_dir / "rescored.jsonl")]) == 0


def test_settings_of_heads_that_cannot_be_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for change, found in (
        ("model.heads.char.weight=1.0", "model.heads: have weights 1; give each 0 or more, together less than 1"),
        ("model.heads.char.tokens=none/tokens_char.txt", "none/tokens_char.txt: no such file"),
        ("+model.heads.keys=${model.heads.char}", "head 'keys': is no name for one"),
        ("+model.heads.char.size=3", "model.heads: Option 'size' is not accepted"),
        ("model.encoder.init_args.num_layers=1", "encoder: has one layer"),
    ):
        assert main([*BOTH, change, f"exp_dir={tmp_path}"]) in (1, 2)
        assert found in capsys.readouterr().err.splitlines()[-1]
