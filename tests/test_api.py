"""What programs import from the package: nothing heavy before it is asked for; README's lines as they stand there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

import asr
from asr.decoding.settings import DecoderSettings
from asr.lm.kneser_ney import estimate
from asr.lm.storage import save_ngram
from tests.transcription.tiny_models import CHARACTERS, save_checkpoint

README = Path(__file__).parents[1] / "README.md"


def python(program: str) -> str:
    """Runs a program in a process of its own and returns what it printed."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_importing_the_package_takes_no_time() -> None:
    measure = "import time; start = time.process_time(); import asr; print(time.process_time() - start)\n"
    check = "import sys; assert not {'torch', 'numpy'} & sys.modules.keys()\n"
    assert min(float(python(measure + check)) for _ in range(3)) < 0.05


def test_no_command_imports_torch_nor_the_recognizer_the_training() -> None:
    program = (
        "import sys, asr, asr.cli.main, asr.cli.transcribe, asr.cli.info\n"
        "assert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
        "asr.Recognizer, asr.Aligner, asr.Transcript, asr.DecoderSettings, asr.Hotwords, asr.FORMATS\n"
        "print(sorted({'lightning', 'lhotse', 'torchaudio', 'hydra', 'jsonargparse'} & sys.modules.keys()))\n"
    )
    assert python(program) == "[]\n"


def test_what_the_package_offers() -> None:
    assert {name: getattr(asr, name).__module__ for name in asr.__all__ if name != "FORMATS"} == {
        "Aligner": "asr.transcription.aligner",
        "DecoderSettings": "asr.decoding.settings",
        "Hotwords": "asr.text.hotwords",
        "Recognizer": "asr.transcription.recognizer",
        "Transcript": "asr.transcription.transcript",
    }
    assert "srt" in asr.FORMATS
    with pytest.raises(AttributeError, match="module 'asr' has no attribute 'Recogniser'"):
        asr.Recogniser  # noqa: B018


def test_the_lines_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    save_checkpoint(Path("best.ckpt"))
    samples = 0.1 * torch.randn(16000, generator=torch.Generator().manual_seed(0))
    soundfile.write("talk.wav", samples.numpy(), 16000)
    save_ngram(estimate([[*CHARACTERS.replace(" ", "|")]], 2), "characters.npz")
    DecoderSettings(beam_size=4, lm="characters.npz", lm_weight=0.5).save("3gram.json")
    exec(program, {})
    assert len([line for line in program.splitlines() if line]) == 3
    assert capsys.readouterr().out.strip()
