from __future__ import annotations

import io
import json
import re
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from asr.checkpoints.acoustic import load_checkpoint
from asr.cli.transcribe import main
from asr.errors import ConfigError
from asr.models.averaged import AveragedModel
from asr.transcription.live import LiveReader
from asr.transcription.recognizer import Recognizer
from asr.transcription.torch_engine import TorchEngine
from tests.transcription.tiny_models import checkpoint_content, live_content, save_checkpoint

Captured = pytest.CaptureFixture[str]
SECONDS = 3.3
SAMPLES = (3000 * np.random.default_rng(0).standard_normal(round(16000 * SECONDS))).astype("<i2")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_checkpoint(tmp_path_factory.mktemp("live") / "live.ckpt", live_content()))


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(content))))


def live(checkpoint: str, *arguments: str | Path) -> int:
    return main(["--checkpoint", checkpoint, "--device", "cpu", "--live", *map(str, arguments)])


def whole(checkpoint: str) -> str:
    """Returns what the model reads in the samples as one tensor, without spaces: a pause may end a word in a stream."""
    (found,) = Recognizer.from_checkpoint(checkpoint).recognize([SAMPLES.astype(np.float32) / 32768])
    return found.text.replace(" ", "")


def test_stdin_gives_partial_and_final_words_with_their_delays(
    checkpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    pipe(monkeypatch, SAMPLES.tobytes())
    assert live(checkpoint, "-") == 0
    printed = capsys.readouterr()
    lines = [line.split("\t") for line in printed.out.splitlines()]
    assert {kind for kind, *_ in lines} == {"partial", "final"}
    final = [line for line in lines if line[0] == "final"]
    assert "".join(word for *_, word in final) == whole(checkpoint) != ""
    assert all(0 <= float(start) < float(end) <= SECONDS for _, start, end, *_ in lines)
    assert all(-0.02 <= float(delay) <= SECONDS for *_, delay, _ in lines)
    log = printed.err.splitlines()
    assert log[0].startswith("asr transcribe: a frame waits for at most 0.53 s of sound; features are normalised as in")
    words = rf"asr transcribe: 3\.3 s heard, {len(final)} words; from the end of a word to its first reading "
    assert re.fullmatch(words + r"\d\.\d\d s \(95 %: .*\), to the final one .*; computed in \d+\.\d s", log[-1])


class Stopped(io.BytesIO):
    """A microphone that Ctrl-C stops after its last sample."""

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        if not content:
            raise KeyboardInterrupt
        return content

    read1 = read


def test_ctrl_c_makes_the_last_words_final(checkpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=Stopped(SAMPLES.tobytes()), isatty=lambda: False))
    with suppress(KeyboardInterrupt):
        assert live(checkpoint, "-") == 130
    printed = capsys.readouterr()
    lines = [line.split("\t") for line in printed.out.splitlines()]
    assert lines[-1][0] == "final"
    shown = {start: word for kind, start, _, _, word in lines if kind == "partial"}
    final = {start: word for kind, start, _, _, word in lines if kind == "final"}
    assert shown.items() <= final.items()
    assert len(final) == sum(kind == "final" for kind, *_ in lines), "none twice"
    assert f"s heard, {len(final)} words" in printed.err


def test_files_of_pcm_and_of_audio_and_other_rates(checkpoint: str, tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "a.pcm").write_bytes(SAMPLES.tobytes())
    soundfile.write(tmp_path / "a.flac", SAMPLES, 16000)
    soundfile.write(tmp_path / "a.wav", SAMPLES, 16000)
    texts = []
    for name in ("a.pcm", "a.flac", "a.wav"):
        assert live(checkpoint, tmp_path / name, "--format", "jsonl", "--quiet") == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        found = [json.loads(line) for line in printed.out.splitlines()]
        assert set(found[0]) == {"kind", "word", "start", "end", "confidence", "delay"}
        texts.append("".join(each["word"] for each in found if each["kind"] == "final"))
    assert texts == [whole(checkpoint)] * 3
    assert live(checkpoint, tmp_path / "a.pcm", "--rate", "8000") == 0
    assert "asr transcribe: 6.6 s heard" in capsys.readouterr().err


def test_running_statistics_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    pipe(monkeypatch, SAMPLES.tobytes())
    assert live(str(save_checkpoint(tmp_path / "a.ckpt", live_content("speech"))), "-", "--beam-size", "2") == 0
    said = "normalised over the last 15 s, in training over utterances (cmvn: speech); a model trained with"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "-: holds no samples; pipe PCM into the command"),
        (b"fLaC\0\0\0\x22", "-: is FLAC, not 16-bit PCM; make it PCM: ffmpeg -i FILE -f s16le -ar 16000 -ac 1 -"),
    ],
)
def test_bad_streams_are_told_in_one_line(
    content: bytes, cause: str, checkpoint: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    pipe(monkeypatch, content)
    assert live(checkpoint, "-", "--quiet") == 1
    assert capsys.readouterr() == ("", f"asr transcribe: {cause}\n")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["-", "-"], "--live: 2 streams are named; name one: - for stdin, or a file"),
        ([], "--live: 0 streams are named"),
        (["-", "--format", "srt"], "--format srt: cannot be written word by word; give txt or jsonl"),
        (["-", "--exact"], "--exact: does not go with --live; leave one of them out"),
        (["-", "--out-dir", "x"], "--out-dir: does not go with --live"),
        (["-", "--rescoring", "x.json"], "--rescoring: does not go with --live"),
        (["-", "--channels", "separate"], "--channels: does not go with --live"),
        (["-", "--batch-seconds", "9"], "--batch-seconds: does not go with --live"),
        (["a.wav", "--rate", "8000"], "--rate: a.wav says its rate itself; leave it out"),
    ],
)
def test_options_that_contradict_each_other(
    arguments: list[str], cause: str, checkpoint: str, capsys: Captured
) -> None:
    assert live(checkpoint, *arguments, "--quiet") == 2
    assert capsys.readouterr().err.startswith(f"asr transcribe: {cause}")


def test_files_that_are_not_there(checkpoint: str, tmp_path: Path, capsys: Captured) -> None:
    assert live(checkpoint, tmp_path / "none.raw", "--quiet") == 1
    assert "none.raw: no such file; check the path" in capsys.readouterr().err
    assert live(checkpoint, tmp_path, "--quiet") == 1
    assert "cannot be read (Is a directory)" in capsys.readouterr().err
    assert main(["--checkpoint", checkpoint, str(tmp_path / "a.wav"), "--rate", "8000"]) == 2
    assert "--rate: is that of a stream; add --live, or leave it out" in capsys.readouterr().err


def test_a_model_that_hears_to_the_end_is_refused(tmp_path: Path, capsys: Captured) -> None:
    assert live(str(save_checkpoint(tmp_path / "a.ckpt", checkpoint_content())), "-") == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    found = "asr transcribe: --live: this model reads each recording backwards too, from its end; train with "
    assert printed.err.startswith(found + "model=lstm_latency or model=lstm_unidirectional")
    assert printed.err.count("\n") == 1


def test_several_models_and_networks_without_torch_are_refused(checkpoint: str) -> None:
    loaded = load_checkpoint(checkpoint)
    with pytest.raises(ConfigError, match="several models are averaged over whole chunks; take one of them"):
        LiveReader(TorchEngine(AveragedModel([loaded.model, loaded.model]), loaded.tokens))
    with pytest.raises(ConfigError, match="an ONNX network hears whole chunks only"):
        LiveReader(object())  # type: ignore[arg-type]


def test_a_whole_recording_is_heard_exactly_by_the_chunks_of_a_stream(checkpoint: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", SAMPLES, 16000)
    (found,) = Recognizer.from_checkpoint(checkpoint).transcribe([tmp_path / "a.wav"], exact=True)
    assert found.text.replace(" ", "") == whole(checkpoint)
    assert torch.is_inference_mode_enabled() is False
