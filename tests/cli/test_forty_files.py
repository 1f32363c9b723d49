"""A folder as people have it: forty files, of which twenty-five are damaged, odd, or no audio at all."""

from __future__ import annotations

import json
import os
import socket
import struct
import sys
from pathlib import Path
from unicodedata import normalize

import numpy as np
import pytest
import soundfile

from asr.cli.prepare import main as prepare
from asr.cli.transcribe import main as transcribe
from asr.corpora.manifests import read_cuts
from tests.audio.media_files import write_media
from tests.audio.sounds import RATE, encoded, flac_total, lengths, mp3_without_header, patched, speech, without_end
from tests.transcription.tiny_models import save_checkpoint

Captured = pytest.CaptureFixture[str]

WAV = encoded("WAV", "PCM_16")
GOOD = [f"good{number:02}.{('wav', 'flac', 'mp3', 'ogg', 'aiff')[number % 5]}" for number in range(15)]
READ = {  # odd, and read to the end: the seconds that are in them
    "no length.wav": (lengths(WAV, 0, 0), 1.0),
    "from a pipe.wav": (lengths(WAV, 0xFFFFFFFF, 0xFFFFFFFF), 1.0),
    "too short.wav": (lengths(WAV, 8000), 1.0),
    "unknown.flac": (flac_total(encoded("FLAC"), 0), 1.0),
    "no end.opus": (without_end(encoded("OPUS")), 1.0),
    "joined.ogg": (2 * encoded("OGG", "VORBIS"), 2.0),
    "joined.mp3": (2 * encoded("MP3"), 2.0),
    "no count.mp3": (mp3_without_header(), 1.0),
    "gsm.wav": (encoded("WAV", "GSM610"), 1.0),
    "g721.au": (encoded("AU", "G721_32"), 1.0),
    "phone.wave": (WAV, 1.0),
    normalize("NFD", "naïve café.wav"): (WAV, 1.0),
    f"{249 * 'n'}.wav": (WAV, 1.0),
    "line\nbreak\x1b[31m.wav": (WAV, 1.0),
}
NAMED = {  # what is told of them
    "empty.wav": (b"", "is empty (0 bytes)"),
    "page.mp3": (b"<!DOCTYPE html><html>404</html>", "is a web page, not audio"),
    "cut.wav": (WAV[:20000], "is truncated: the last 12,044 bytes"),
    "one hertz.wav": (patched(WAV, 24, struct.pack("<I", 1)), "has a sample rate of 1 Hz"),
    "one bit.wav": (patched(WAV, 24, struct.pack("<I", 1 << 28 | RATE)), "has a sample rate of 268,451,456 Hz"),
}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_checkpoint(tmp_path_factory.mktemp("model") / "tiny.ckpt"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number, name in enumerate(GOOD):
        soundfile.write(folder / name, speech(1.0, seed=number), RATE)
    for name, (content, _) in (READ | NAMED).items():
        (folder / name).write_bytes(content)
    write_media(folder / "voice.m4a", speech(1.0), "b.m4a")
    opposite = speech(1.0)
    soundfile.write(folder / "opposite.wav", np.hstack((opposite, -0.9 * opposite)), RATE, subtype="FLOAT")
    loud = speech(1.0)
    loud[77] = 1e30
    soundfile.write(folder / "loud.wav", loud, RATE, subtype="FLOAT")
    os.mkfifo(folder / "pipe.wav")
    (folder / "lost.wav").symlink_to("nowhere.wav")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "linked.wav").write_bytes(WAV)
    (folder / "link").symlink_to("../store")
    return folder


SECONDS = {name: seconds for name, (_, seconds) in READ.items()} | {"voice.m4a": 1.0, "opposite.wav": 1.0}
SECONDS |= dict.fromkeys(GOOD, 1.0) | {"link/linked.wav": 1.0}
TOLD = {name: told for name, (_, told) in NAMED.items()} | {
    "loud.wav": "some of its samples are as large as 1e+30, where 1 is full scale",
    "pipe.wav": "is a pipe, not a file",
    "lost.wav": "is a link to nowhere.wav, which is not there",
}


def test_every_file_is_transcribed_or_named(folder: Path, checkpoint: str, tmp_path: Path, capsys: Captured) -> None:
    assert len(SECONDS | TOLD) == 40
    assert len(SECONDS | TOLD) - len(GOOD) == 25
    arguments = ["--checkpoint", checkpoint, "--device", "cpu", str(folder)]
    assert transcribe([*arguments, "--format", "jsonl"]) == 1
    printed = capsys.readouterr()
    transcripts = [json.loads(line) for line in printed.out.splitlines()]
    found = {os.path.relpath(fields["path"], folder): fields["duration"] for fields in transcripts}
    assert found.keys() == SECONDS.keys()
    for name, seconds in found.items():
        assert SECONDS[name] <= seconds < SECONDS[name] + 0.2, name
    lines = [line for line in printed.err.splitlines() if line.startswith("asr transcribe: /")]
    for name, told in TOLD.items():
        assert [line for line in lines if line.startswith(f"asr transcribe: {folder / name}: {told}")], name
    note = "its channels cancel each other, so channel 1, the loudest, is read alone; --channel takes another"
    assert f"asr transcribe: {folder / 'opposite.wav'}: {note}" in lines
    assert len(lines) == len(TOLD) + 1
    assert printed.err.splitlines()[-1].endswith(f"; {len(TOLD)} of 40 files failed")

    out = tmp_path / "out"
    assert transcribe([*arguments, "--out-dir", str(out), "--format", "srt", "--quiet"]) == 1
    assert sum(path.is_file() for path in out.rglob("*")) == len(SECONDS)
    assert all(path.suffix == ".srt" and len(os.fsencode(path.name)) <= 255 for path in out.iterdir() if path.is_file())


def test_every_file_is_prepared_or_named(folder: Path, tmp_path: Path, capsys: Captured) -> None:
    for name in SECONDS | TOLD:
        (folder / name).with_suffix(".txt").write_text("hello")
    (folder / "joined.mp3").rename(folder / "joined twice.mp3")  # beside joined.ogg it would have the same name
    (folder / "joined twice.txt").write_text("hello")
    out = tmp_path / "data"
    assert prepare(["folder", str(folder), "--out", str(out), "--on-problem", "leave-out"]) == 0
    printed = capsys.readouterr()
    assert f"left out {len(TOLD)} of 40 utterances ({len(TOLD)} unreadable)" in printed.err
    assert "the channels of 1 utterance cancel each other, and the loudest is taken alone: opposite; " in printed.err
    rows = [line.split("\t") for line in (out / "quarantine.tsv").read_text(encoding="utf-8").splitlines()[1:]]
    assert {Path(row[1]).name: row[2] for row in rows} == dict.fromkeys(TOLD, "unreadable")
    cuts = list(read_cuts(out / "train_cuts.jsonl.gz"))
    assert len(cuts) == len(SECONDS)
    for cut in cuts:
        samples = cut.load_audio()
        assert samples.shape == (1, cut.num_samples)
        assert 0.9 < samples.shape[1] / RATE < 2.2
    (opposite,) = (cut for cut in cuts if cut.id == "opposite")
    assert opposite.channel == 0
    assert opposite.recording.num_channels == 2


def test_without_pyav_what_needs_it_is_named_with_what_to_install(
    folder: Path, checkpoint: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert transcribe(["--checkpoint", checkpoint, "--device", "cpu", "--quiet", str(folder)]) == 1
    printed = capsys.readouterr()
    assert len(printed.out.splitlines()) == len(SECONDS) - 1
    told = (
        "is MPEG-4 audio (m4a), which needs PyAV; PyAV is not installed (the extra media: pip install av); install it"
    )
    assert f"asr transcribe: {folder / 'voice.m4a'}: {told}" in printed.err
    assert printed.err.splitlines()[-1] == f"{len(TOLD) + 1} of 40 files failed"


def test_sockets_and_folders_called_wav(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s.wav"))
        (tmp_path / "folder.wav").mkdir()
        (tmp_path / "folder.wav" / "a.wav").write_bytes(WAV)
        assert transcribe(["--checkpoint", checkpoint, "--device", "cpu", "--quiet", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{tmp_path}/folder.wav/a.wav\t")
    assert f"{tmp_path}/s.wav: is a socket, not a file" in printed.err
