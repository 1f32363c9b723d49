import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile
import torch
from lhotse import CutSet, Recording, SupervisionSegment
from lhotse.cut import MonoCut

from asr.cli.features import main
from asr.configuration.composition import compose_config, resolve
from asr.configuration.menu import groups
from asr.corpora.manifests import read_cuts, write_cuts
from asr.features.choice import choose_frontend
from asr.features.cmvn import load_statistics
from asr.features.frontend import FrontEnd


def make_cuts(path, num_cuts=3):
    path.parent.mkdir(parents=True, exist_ok=True)
    cuts = []
    for number in range(num_cuts):
        name = f"{path.name.partition('_')[0]}-{number}"
        audio = path.with_name(f"{name}.wav")
        soundfile.write(audio, np.random.default_rng(number).normal(0, 0.1, 8000 + 700 * number), 16000)
        recording = Recording.from_file(audio, recording_id=name)
        supervision = SupervisionSegment(name, name, 0.0, recording.duration, text="A B", speaker="speaker")
        cuts.append(MonoCut(name, 0.0, recording.duration, 0, recording=recording, supervisions=[supervision]))
    write_cuts(CutSet.from_cuts(cuts), path)
    return path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_writes_cuts_with_features_front_end_and_statistics(tmp_path, capsys):
    cuts = make_cuts(tmp_path / "data" / "train_cuts.jsonl.gz")
    out = tmp_path / "data" / "features"
    settings = ("--frontend", "graves123")
    assert run("--cuts", cuts, "--out", out, "--speeds", 0.9, 1.0, 1.1, "--jobs", 1, "--cmvn", *settings) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(out / "train_cuts.jsonl.gz"), str(out / "cmvn.json")]
    assert "real-time factor" in printed.err
    assert "train: 9 cuts with 41 values a frame" in printed.err

    results = read_cuts(out / "train_cuts.jsonl.gz")
    assert sorted(cut.id for cut in results)[:3] == ["train-0", "train-0_sp0.9", "train-0_sp1.1"]
    assert all(cut.load_features().shape == (cut.num_frames, 41) for cut in results)
    frontend = FrontEnd(num_mels=40, use_energy=True, delta_order=2)
    described = json.loads((out / "frontend.json").read_text())
    assert described == {"fingerprint": frontend.fingerprint, "settings": frontend.settings()}
    load_statistics(out / "cmvn.json", frontend)
    features = [cut.load_features() for cut in results if "_sp" not in cut.id]
    own = torch.from_numpy(np.concatenate(features)).mean(0)
    assert torch.allclose(frontend.cmvn_mean[:41], own, atol=1e-4)


def test_runs_again_without_computing(tmp_path, capsys):
    cuts, out = make_cuts(tmp_path / "dev_cuts.jsonl.gz"), tmp_path / "features"
    assert run("--cuts", cuts, "--out", out, "--jobs", 1) == 0
    first = (out / "dev_cuts.jsonl.gz").read_bytes()
    capsys.readouterr()
    assert run("--cuts", cuts, "--out", out, "--jobs", 1) == 0
    assert "dev: 3 of 3 cuts are computed already" in capsys.readouterr().err
    assert gzip.decompress((out / "dev_cuts.jsonl.gz").read_bytes()) == gzip.decompress(first)


def test_several_splits_and_quiet(tmp_path, capsys):
    files = [make_cuts(tmp_path / f"{split}_cuts.jsonl.gz", 1) for split in ("train", "dev")]
    assert run("--quiet", "--cuts", *files, "--out", tmp_path / "features", "--jobs", 2) == 0
    printed = capsys.readouterr()
    assert [line.rpartition("/")[2] for line in printed.out.split()] == ["train_cuts.jsonl.gz", "dev_cuts.jsonl.gz"]
    assert printed.err == ""


def error_of(capsys, status, *arguments):
    assert run(*arguments, "--jobs", 1) == status
    lines = capsys.readouterr().err.splitlines()
    line = lines[-1]
    assert line.startswith("asr features: ")
    return line


def test_another_front_end_in_the_same_folder(tmp_path, capsys):
    cuts, out = make_cuts(tmp_path / "dev_cuts.jsonl.gz", 1), tmp_path / "features"
    assert run("--cuts", cuts, "--out", out, "--jobs", 1) == 0
    line = error_of(capsys, 2, "--cuts", cuts, "--out", out, "--frontend", "fbank40")
    assert "frontend.json: was written with another front end: num_mels 80 there and 40 here; use the same" in line


def test_impossible_settings(tmp_path, capsys):
    cuts, out = make_cuts(tmp_path / "dev_cuts.jsonl.gz", 1), tmp_path / "features"
    for change, line in (
        ("num_mels=2", "num_mels: is 2; it has to be 4 to 4096"),
        ("num_mel=40", "--frontend fbank40 num_mel: is no setting of it; choose from kind, sample_rate, "),
        ("num_mels=many", "--frontend fbank40 num_mels: is 'many'; give one like 80"),
        ("use_energy=1", "--frontend fbank40 use_energy: is 1; give one like False"),
    ):
        assert line in error_of(capsys, 2, "--cuts", cuts, "--out", out, "--frontend", "fbank40", change)
    line = "frontend=fbank: there is no such choice; did you mean frontend=fbank80?"
    assert line in error_of(capsys, 2, "--cuts", cuts, "--out", out, "--frontend", "fbank")
    assert "--num-mels: is no longer an option of asr features; give --frontend NAME num_mels=VALUE" in error_of(
        capsys, 2, "--cuts", cuts, "--out", out, "--num-mels", 40
    )
    assert "1.0 among them" in error_of(capsys, 2, "--cuts", cuts, "--out", out, "--speeds", 0.9)
    assert "would be overwritten" in error_of(capsys, 2, "--cuts", cuts, "--out", tmp_path)
    other = make_cuts(tmp_path / "other" / "dev_cuts.jsonl.gz", 1)
    assert "two have the same name" in error_of(capsys, 2, "--cuts", cuts, other, "--out", out)


def test_missing_cuts_and_missing_audio(tmp_path, capsys):
    out = tmp_path / "features"
    assert "none_cuts.jsonl.gz" in error_of(capsys, 1, "--cuts", tmp_path / "none_cuts.jsonl.gz", "--out", out)
    cuts = make_cuts(tmp_path / "dev_cuts.jsonl.gz")
    (tmp_path / "dev-1.wav").unlink()
    line = error_of(capsys, 1, "--cuts", cuts, "--out", out)
    assert "dev-1.wav: audio of dev-1 cannot be read (No such file or directory)" in line
    assert not (out / "dev_cuts.jsonl.gz").exists()


@pytest.mark.parametrize("arguments", [[], ["--cuts", "a"], ["--cuts", "a", "--out", "b", "--jobs", "0"]])
def test_wrong_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: asr features" in capsys.readouterr().err


@pytest.mark.parametrize("name", groups()["frontend"])
def test_settings_are_those_of_the_front_end_of_training(name):
    conf = resolve(compose_config([f"frontend={name}", "corpus=c", "name=n"]))["model"]["frontend"]["init_args"]
    assert choose_frontend(name).settings() == FrontEnd(**conf | {"cmvn": "global"}).settings()
    changed = choose_frontend(name, "sample_rate=8000", "low_freq=60").settings()
    assert (changed["sample_rate"], changed["low_freq"]) == (8000, 60)


def test_help_is_instant():
    code = (
        "import sys, asr.cli.features as verb\n"
        "try: verb.main(['--help'])\n"
        "except SystemExit: print({'torch', 'lhotse', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
    assert "examples:" in done.stdout
