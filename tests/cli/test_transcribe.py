import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
import torch

from asr.cli.transcribe import main
from asr.decoding.settings import RescoringSettings
from asr.features.frontend import FrontEnd
from asr.models.acoustic import AcousticModel
from asr.models.transformer import TransformerEncoder
from asr.transcription.outputs import OutputFolder
from tests.transcription.tiny_models import FRONTEND, checkpoint_content, save_checkpoint

Captured = pytest.CaptureFixture[str]
LAST_LINE = r"transcribing: \d+\.\d s of audio in \d+\.\d s, real-time factor \d+\.\d{{4}}; {} files failed"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(save_checkpoint(tmp_path_factory.mktemp("model") / "tiny.ckpt"))


def noise(seconds: float, rate: int = 16000, channels: int = 1, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(round(seconds * rate), channels, generator=torch.Generator().manual_seed(seed))


def write(path: Path, seconds: float = 1.0, rate: int = 16000, channels: int = 1, seed: int = 0, **kind: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, noise(seconds, rate, channels, seed).numpy(), rate, **kind)
    return path


def transcribe(checkpoint: str, *arguments: str | Path) -> int:
    return main(["--checkpoint", checkpoint, "--device", "cpu", *map(str, arguments)])


def test_one_file_gives_its_text(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    assert transcribe(checkpoint, write(tmp_path / "a.wav")) == 0
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert printed.out.strip()
    assert printed.err.startswith("transcribing: 1.0 s of audio in ")
    assert re.fullmatch(LAST_LINE.format("0 of 1"), printed.err.splitlines()[-1])


def test_several_files_give_path_and_text_in_their_order(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    paths = [
        write(tmp_path / f"{name}.wav", seconds, seed=seed)
        for seed, (name, seconds) in enumerate([("long", 25.0), ("short", 0.5), ("middle", 2.0)])
    ]
    assert transcribe(checkpoint, *paths, "--quiet") == 0
    printed = capsys.readouterr()
    lines = [line.split("\t") for line in printed.out.splitlines()]
    assert [path for path, _ in lines] == [str(path) for path in paths]
    assert all(text for _, text in lines)
    assert printed.err == ""


@pytest.mark.parametrize(
    ("name", "rate", "channels", "kind"),
    [
        ("a.flac", 16000, 1, {}),
        ("a.ogg", 16000, 2, {}),
        ("a.opus", 48000, 1, {"format": "OGG", "subtype": "OPUS"}),
        ("a.mp3", 44100, 2, {}),
        ("a.sph", 16000, 1, {"format": "NIST"}),
        ("a.aiff", 22050, 3, {}),
        ("a.au", 8000, 1, {"subtype": "ULAW"}),
        ("a.caf", 11025, 1, {}),
        ("a.w64", 16000, 2, {"subtype": "FLOAT"}),
    ],
)
def test_formats_rates_and_channels(
    tmp_path: Path, checkpoint: str, capsys: Captured, name: str, rate: int, channels: int, kind: dict[str, str]
) -> None:
    path = write(tmp_path / "sounds" / name, 1.0, rate, channels, **kind)
    assert transcribe(checkpoint, path.parent, "--format", "json") == 0
    printed = capsys.readouterr()
    fields = json.loads(printed.out)
    assert fields["path"] == str(path)
    assert fields["duration"] == pytest.approx(1.0, abs=0.05)
    assert ("asr transcribe: 1 of 1 files were resampled to 16000 Hz\n" in printed.err) == (rate != 16000)


def test_stereo_is_the_mean_of_its_channels(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    stereo = write(tmp_path / "stereo.wav", channels=2, subtype="FLOAT")
    mono = tmp_path / "mono.wav"
    soundfile.write(mono, soundfile.read(stereo)[0].mean(axis=1), 16000, subtype="FLOAT")
    assert transcribe(checkpoint, stereo, mono) == 0
    first, second = (line.split("\t")[1] for line in capsys.readouterr().out.splitlines())
    assert first == second


def test_a_channel_is_chosen_from_those_that_a_file_has(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    stereo = write(tmp_path / "stereo.wav", channels=2, subtype="FLOAT")
    for channel in (0, 1):
        soundfile.write(tmp_path / f"{channel}.wav", soundfile.read(stereo)[0][:, channel], 16000, subtype="FLOAT")
    for channel in (0, 1):
        assert transcribe(checkpoint, stereo, "--channel", str(channel + 1), "--format", "json") == 0
        chosen = json.loads(capsys.readouterr().out)["tokens"]
        assert transcribe(checkpoint, tmp_path / f"{channel}.wav", "--format", "json") == 0
        assert json.loads(capsys.readouterr().out)["tokens"] == chosen
    assert transcribe(checkpoint, stereo, tmp_path / "0.wav", "--channel", "2") == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{stereo}\t")
    assert f"{tmp_path / '0.wav'}: has 1 channel, and no channel 2; choose one from 1 to 1\n" in printed.err


def test_the_channels_of_a_call_are_its_speakers(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    call, mono = write(tmp_path / "call.wav", channels=2), write(tmp_path / "mono.wav")
    assert transcribe(checkpoint, call, mono, "--channels", "separate", "--format", "jsonl") == 0
    printed = capsys.readouterr()
    spoken, alone = map(json.loads, printed.out.splitlines())
    assert spoken["speakers"] == ["L", "R"]
    assert "speakers" not in alone
    assert "asr transcribe: 1 of 2 files have one channel: their speakers are not told apart\n" in printed.err
    assert transcribe(checkpoint, call, "--channels", "separate", "--format", "tsv") == 0
    assert capsys.readouterr().out.startswith("path\tstart\tend\tword\tconfidence\tspeaker\n")


def test_a_recording_comes_from_stdin(
    tmp_path: Path, checkpoint: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.flac")
    for content, status in ((path.read_bytes(), 0), (b"", 1)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert transcribe(checkpoint, "-", "--format", "json", "--quiet") == status
    printed = capsys.readouterr()
    assert json.loads(printed.out)["path"] == "-"
    assert printed.err.splitlines()[0] == "asr transcribe: -: is empty (0 bytes); copy or record it again"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
    assert transcribe(checkpoint, "-", "--out-dir", tmp_path / "out", "--quiet") == 0
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["stdin.txt"]


def test_a_list_names_recordings(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    write(tmp_path / "x/a.wav")
    listed = tmp_path / "list.txt"
    listed.write_text(f"{tmp_path}/gone.wav\n{tmp_path}/x\n", encoding="utf-8")
    assert transcribe(checkpoint, "--list", listed) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{tmp_path}/x/a.wav\t")
    assert f"asr transcribe: {listed}:1: {tmp_path}/gone.wav: no such file; check the path\n" in printed.err


def test_what_is_done_is_not_done_again(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    paths = [write(tmp_path / f"{place}.wav", 0.3, seed=place) for place in range(3)]
    out = ["--out-dir", tmp_path / "out", "--resume"]
    assert transcribe(checkpoint, paths[1], *out) == 0
    (tmp_path / "out/1.txt").write_text("as it was", encoding="utf-8")
    capsys.readouterr()
    assert transcribe(checkpoint, *paths, *out) == 0
    printed = capsys.readouterr().err
    assert printed.startswith("asr transcribe: 1 of 3 files are done already, 2 are left\n")
    assert printed.endswith("; 0 of 2 files failed\n")
    assert (tmp_path / "out/1.txt").read_text(encoding="utf-8") == "as it was"
    assert transcribe("no checkpoint at all", *paths, *out) == 0
    assert capsys.readouterr().err == "asr transcribe: 3 of 3 files are done already, 0 are left\n"


def test_ctrl_c_leaves_what_is_done_and_says_how_much(
    tmp_path: Path, checkpoint: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [write(tmp_path / f"{place}.wav", 0.3, seed=place) for place in range(3)]
    whole = OutputFolder.write

    def write_two(folder: OutputFolder, name: str, text: str) -> None:
        if name == "2":
            raise KeyboardInterrupt
        whole(folder, name, text)

    monkeypatch.setattr(OutputFolder, "write", write_two)
    assert transcribe(checkpoint, *paths, "--out-dir", tmp_path / "out") == 130
    told = "asr transcribe: interrupted; 2 of 3 files are done; --resume does the rest\n"
    assert capsys.readouterr().err == told
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["0.txt", "1.txt"]


def test_headers_are_not_looked_at_before_the_first_file_is_read(
    tmp_path: Path, checkpoint: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asr.audio import opening

    opened: list[str] = []
    open_file = opening.open_file

    def opened_in_turn(path: Path, stored: bytes | None = None) -> object:
        opened.append(path.name)
        return open_file(path, stored)

    monkeypatch.setattr(opening, "open_file", opened_in_turn)
    paths = [write(tmp_path / f"{place}.wav", 0.3) for place in range(5)]
    assert transcribe(checkpoint, *paths, "--batch-seconds", "0.3") == 0
    assert opened == sorted(opened)


def test_files_that_are_no_audio_by_their_names_are_counted(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    write(tmp_path / "a.wav")
    (tmp_path / "notes.txt").touch()
    (tmp_path / ".hidden").touch()
    assert transcribe(checkpoint, tmp_path) == 0
    assert "asr transcribe: 1 files are skipped, not being audio by name: notes.txt\n" in capsys.readouterr().err


def test_a_file_that_is_there_already_is_replaced_and_counted(
    tmp_path: Path, checkpoint: str, capsys: Captured
) -> None:
    for folder in ("x", "y"):
        arguments = [write(tmp_path / folder / "a.wav", seed=len(folder)), "--out-dir", tmp_path / "out"]
        assert transcribe(checkpoint, *arguments) == 0
    told = f"asr transcribe: 1 files were in {tmp_path / 'out'} already, and have been replaced\n"
    assert capsys.readouterr().err.count(told) == 1


@pytest.mark.parametrize("form", ["txt", "jsonl", "srt"])
def test_the_longest_name_gives_a_transcript(tmp_path: Path, checkpoint: str, form: str) -> None:
    name = f"{249 * 'n'}.x.wav"
    assert transcribe(checkpoint, write(tmp_path / name), "--out-dir", tmp_path / "out", "--format", form) == 0
    (written,) = (tmp_path / "out").iterdir()
    assert written.name == (f"{249 * 'n'}.x.{form}" if form != "jsonl" else written.name)
    assert written.name.endswith(f".{form}")
    assert written.stat().st_size


def test_names_that_no_file_can_have_are_one_line_each(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    good = write(tmp_path / "a.wav")
    assert transcribe(checkpoint, "a\0b.wav", good, f"{300 * 'x'}.wav", "~nobody/a.wav", "--quiet") == 1
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{good}\t")
    assert "a\\0b.wav: has a NUL in its name; correct the path\n" in printed.err
    assert f"{300 * 'x'}.wav: cannot be read (File name too long); check the file and its rights\n" in printed.err
    assert "~nobody/a.wav: no such file; check the path\n" in printed.err
    assert printed.err.count("\n") == 4


def test_names_that_are_not_utf8_are_given_back_as_they_are(
    tmp_path: Path, checkpoint: str, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = write(tmp_path / "a.wav").rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    other = write(tmp_path / "b.wav")
    assert transcribe(checkpoint, path, other, "--quiet") == 0
    assert capfdbinary.readouterr().out.startswith(os.fsencode(path) + b"\t")
    assert transcribe(checkpoint, path, other, "--format", "jsonl", "--quiet") == 0
    first, _ = capfdbinary.readouterr().out.decode("utf-8").splitlines()
    assert json.loads(first)["path"] == str(path)
    assert transcribe(checkpoint, path, other, "--out-dir", tmp_path / "out", "--format", "json", "--quiet") == 0
    assert sorted(os.fsencode(written.name) for written in (tmp_path / "out").iterdir()) == [b"b.json", b"caf\xe9.json"]


def test_files_that_fail_are_named_and_the_rest_goes_on(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    good = [write(tmp_path / f"good{number}.wav", seed=number) for number in range(2)]
    text = tmp_path / "text.wav"
    text.write_text("no audio at all\n" * 20)
    cut_off = tmp_path / "cut.wav"
    cut_off.write_bytes(good[0].read_bytes()[:9000])
    empty = tmp_path / "empty.wav"
    empty.touch()
    bad = [tmp_path / "gone.wav", text, cut_off, empty]
    assert transcribe(checkpoint, bad[0], good[0], *bad[1:], good[1]) == 1
    printed = capsys.readouterr()
    assert [line.split("\t")[0] for line in printed.out.splitlines()] == [str(path) for path in good]
    lines = [line for line in printed.err.splitlines() if line.startswith("asr transcribe: ")]
    assert len(lines) == len(bad)
    assert all(line.startswith(f"asr transcribe: {path}: ") for line, path in zip(lines, bad, strict=True))
    assert re.fullmatch(LAST_LINE.format("4 of 6"), printed.err.splitlines()[-1])


def test_all_files_failing(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    assert transcribe(checkpoint, tmp_path / "gone.wav", "--format", "json", "--quiet") == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1] == "1 of 1 files failed"


def test_out_dir_holds_a_file_for_each_recording(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    for seed, name in enumerate(["x/a.wav", "x/b/a.wav", "y/a.wav"]):
        write(tmp_path / "in" / name, seed=seed)
    out = tmp_path / "new" / "out"
    assert transcribe(checkpoint, tmp_path / "in", "--out-dir", out, "--format", "srt") == 0
    assert capsys.readouterr().out == ""
    files = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    assert files == ["x/a.srt", "x/b/a.srt", "y/a.srt"]
    assert "-->" in (out / "x/a.srt").read_text(encoding="utf-8")


def test_same_names_in_two_folders_do_not_overwrite_each_other(
    tmp_path: Path, checkpoint: str, capsys: Captured
) -> None:
    for seed, name in enumerate(["x/a.wav", "y/a.wav"]):
        write(tmp_path / name, seed=seed)
    arguments = [tmp_path / "x", tmp_path / "y", tmp_path / "x/a.wav"]
    assert transcribe(checkpoint, *arguments, "--out-dir", tmp_path / "out") == 0
    assert "1 files are named more than once and are transcribed once" in capsys.readouterr().err
    texts = [(tmp_path / "out" / name).read_text(encoding="utf-8") for name in ("x/a.wav.txt", "y/a.wav.txt")]
    assert texts[0] != texts[1]


def test_tables_of_several_recordings(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    paths = [write(tmp_path / name, seed=seed) for seed, name in enumerate(["x/a.wav", "x/b/a.wav"])]
    for name, names in (("ctm", {"a", "b/a"}), ("tsv", {"path", *map(str, paths)})):
        assert transcribe(checkpoint, tmp_path / "x", "--format", name) == 0
        separator = "\t" if name == "tsv" else " "
        assert {line.split(separator)[0] for line in capsys.readouterr().out.splitlines()} == names
    assert transcribe(checkpoint, tmp_path / "x", "--format", "json") == 0
    assert [fields["path"] for fields in json.loads(capsys.readouterr().out)] == [str(path) for path in paths]


def test_beam_search_and_batches(tmp_path: Path, checkpoint: str, capsys: Captured) -> None:
    path = write(tmp_path / "a.wav")
    assert transcribe(checkpoint, path, "--beam-size", "8", "--batch-seconds", "5", "--threads", "1") == 0
    assert capsys.readouterr().out.strip()


def test_other_scripts_reach_stdout_whatever_the_locale(tmp_path: Path) -> None:
    content = checkpoint_content()
    content["hyper_parameters"]["tokens"]["tokens"][1:-1] = list("абвгд")
    path = write(tmp_path / "ж.wav")
    other = write(tmp_path / "b.wav", seed=1)
    model = str(save_checkpoint(tmp_path / "a.ckpt", content))
    command = [sys.executable, "-m", "asr.cli.transcribe", "--quiet", "--checkpoint", model, str(path), str(other)]
    done = subprocess.run(
        command,
        env={"PYTHONIOENCODING": "ascii", "PATH": "/usr/bin"},
        capture_output=True,
        check=False,
    )
    assert (done.stderr, done.returncode) == (b"", 0)
    assert set(done.stdout.decode().splitlines()[0].partition("\t")[2]) <= set("абвгд ")
    assert done.stdout.decode().startswith(f"{path}\t")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["a.wav", "b.wav", "--format", "srt"], 2, "--format srt: cannot hold the 2 recordings in one file; add --out"),
        (["a.wav", "--nbest", "3"], 2, "--nbest: nothing chooses among them; give --rescoring"),
        (["a.wav", "--rescoring", "x.json"], 2, "--rescoring: one hypothesis leaves no choice; give --settings"),
        (
            ["a.wav", "--beam-size", "4", "--rescoring", "x.json"],
            1,
            "x.json: is no settings of rescoring (no such file)",
        ),
        (["a.wav", "--beam-size", "4", "--rescoring", "half.json"], 1, "settings of rescoring: name no model"),
        (["a.wav", "--settings", "x.json"], 1, "x.json: is no settings of a decoder (no such file)"),
        (["a.wav", "--device", "tpu"], 2, "--device: 'tpu' cannot be used"),
        ([], 2, "AUDIO: names nothing to transcribe; name files or folders, - for stdin, or give --list"),
        (["a.wav", "--resume"], 2, "--resume: stdout keeps nothing to resume from; add --out-dir"),
        (["--list", "x.txt"], 1, "x.txt: no such file; check the path"),
        (["notes"], 1, "notes: holds no audio: no file in it ends in .wav"),
        (["a.wav", "--out-dir", "notes/readme.md"], 2, "--out-dir notes/readme.md: is a file; name a folder"),
    ],
)
def test_what_cannot_be_is_one_line(
    tmp_path: Path,
    checkpoint: str,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("a.wav"))
    write(Path("b.wav"))
    RescoringSettings(0.5).save("half.json")
    Path("notes").mkdir()
    Path("notes/readme.md").touch()
    assert transcribe(checkpoint, "--quiet", *arguments) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("asr transcribe: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--beam-size", "0"], ["--beam-size", "many"], ["--threads", "-1"], ["--batch-seconds", "0"]),
        *(["--format", "doc"], ["--channel", "1", "--channels", "separate"]),
    ],
)
def test_wrong_usage(checkpoint: str, capsys: Captured, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        transcribe(checkpoint, "a.wav", *arguments)
    assert caught.value.code == 2
    assert f"argument {arguments[0]}" in capsys.readouterr().err


def test_checkpoints_that_are_none(tmp_path: Path, capsys: Captured) -> None:
    audio = write(tmp_path / "a.wav")
    path = tmp_path / "b.ckpt"
    path.write_bytes(b"\0" * 100)
    assert transcribe(str(path), audio) == 1
    assert capsys.readouterr().err.startswith(f"asr transcribe: {path}: is not a checkpoint; ")


def test_gpu_memory_that_runs_out_is_one_line(
    tmp_path: Path, checkpoint: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    from asr.transcription.recognizer import Recognizer

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(Recognizer, "recognize", full)
    assert transcribe(checkpoint, write(tmp_path / "a.wav")) == 2
    assert "--batch-seconds: 160 is more than this GPU's memory holds; give less\n" in capsys.readouterr().err


def test_a_whole_run_imports_neither_lightning_nor_lhotse(tmp_path: Path, checkpoint: str) -> None:
    program = (
        "import runpy, sys\n"
        "try:\n"
        "    runpy.run_module('asr.cli.transcribe', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as exit:\n"
        "    assert exit.code == 0\n"
        "print(sorted({'lightning', 'lhotse', 'torchaudio', 'hydra', 'jsonargparse', 'scipy'} & sys.modules.keys()))\n"
    )
    audio = str(write(tmp_path / "a.wav", 30.0))
    command = [sys.executable, "-c", program, "--checkpoint", checkpoint, audio, "--format", "json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.endswith("}\n[]\n")


def test_exact_hears_recordings_whole_and_refuses_attention(checkpoint: str, tmp_path: Path, capsys: Captured) -> None:
    path = write(tmp_path / "a.wav", 3.0, channels=2)
    assert transcribe(checkpoint, path, "--exact") == 0
    whole = capsys.readouterr().out
    assert transcribe(checkpoint, path) == 0
    assert capsys.readouterr().out == whole  # which is no longer than a chunk
    assert transcribe(checkpoint, path, "--exact", "--channels", "separate", "--quiet") == 0
    assert "L: " in capsys.readouterr().out
    content = checkpoint_content(hidden_dim=8)
    encoder = content["hyper_parameters"]["encoder"]
    encoder["class_path"] = "asr.models.transformer.TransformerEncoder"
    encoder["init_args"] |= {"num_heads": 2, "feedforward_dim": 8}
    model = AcousticModel(FrontEnd(**FRONTEND), TransformerEncoder(20, **encoder["init_args"]), 7)
    content["state_dict"] = {f"model.{name}": value for name, value in model.state_dict().items()}
    other = save_checkpoint(tmp_path / "transformer.ckpt", content)
    assert transcribe(str(other), path, "--exact") == 2
    assert "each frame of TransformerEncoder sees all others" in capsys.readouterr().err
