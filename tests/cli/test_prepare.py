import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.cli.prepare import main
from asr.corpora import an4, synth, timit
from asr.corpora.folder import prepare
from asr.corpora.manifests import read_cuts


def run(capsys, *arguments):
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


@pytest.fixture
def mine(tmp_path, make_audio):
    """Makes a table of two speakers and three utterances."""
    for seed, name in enumerate("abc"):
        make_audio(tmp_path / "mine" / f"{name}.wav", seed, seconds=1.8)
    path = tmp_path / "mine" / "my.csv"
    path.write_text("audio,text,speaker\na.wav,Hi!,s1\nb.wav,Grüße,s1\nc.wav,it's,s2\n", encoding="utf-8")
    return path


def test_a_folder(mine, tmp_path, capsys):
    out = tmp_path / "data"
    status, stdout, err = run(capsys, "folder", mine, "--out", out, "--policy", "upper-no-punctuation")
    assert status == 0
    assert stdout == (
        "train: 0.002 hours, 3 utterances, 2 speakers\n"
        "  sample rates: 16000 Hz (3)\n"
        "  9 characters under upper-no-punctuation (904dba44): ' E G H I R S T Ü\n"
    )
    assert err.startswith("check: 5.4 s of audio in ")
    assert [cut.supervisions[0].text for cut in read_cuts(out / "train_cuts.jsonl.gz")] == ["Hi!", "Grüße", "it's"]
    assert (out / "quarantine.tsv").read_text() == "utterance_id\tpath\treason\tfound\n"
    assert sorted(file.name for file in out.iterdir()) == ["quarantine.tsv", "train_cuts.jsonl.gz"]


def test_quiet_leaves_only_results(mine, tmp_path, capsys):
    for arguments in (["--quiet", "folder", mine], ["folder", mine, "--quiet"]):
        status, stdout, err = run(capsys, *arguments, "--out", tmp_path / "data")
        assert (status, err) == (0, "")
        assert stdout.startswith("train: ")
    _, _, err = run(capsys, "folder", mine, "--out", tmp_path / "data")
    assert err


def test_dev_fraction_and_shared_speakers(mine, tmp_path, capsys):
    status, stdout, err = run(capsys, "folder", mine, "--out", tmp_path / "data", "--dev-fraction", "0.4")
    assert status == 0
    assert "train: 0.001 hours, 2 utterances, 1 speaker\n" in stdout
    assert "dev: 0.001 hours, 1 utterance, 1 speaker\n" in stdout  # 1.8 s: 0.0005 hours
    assert "too" not in err
    mine.write_text("audio,text,speaker\na.wav,Hi!,s1\nb.wav,Grüße,s1\n", encoding="utf-8")
    status, _, err = run(capsys, "folder", mine, "--out", tmp_path / "data", "--dev-fraction", "0.5")
    assert err.endswith("1 of the 1 speakers of dev are in train, too\n")


def test_splits(mine, tmp_path, capsys):
    mine.rename(mine.with_name("train.csv"))
    (mine.parent / "test.csv").write_text("audio,text\nc.wav,C\n")
    mine.with_name("train.csv").write_text("audio,text\na.wav,A\nb.wav,B\n")
    status, stdout, _ = run(capsys, "folder", mine.parent, "--out", tmp_path / "data", "--splits")
    assert status == 0
    assert "test: 0.001 hours, 1 utterance, speakers unknown\n" in stdout
    assert len(read_cuts(tmp_path / "data" / "train_cuts.jsonl.gz")) == 2


def test_other_sample_rates_are_counted_or_quarantined(mine, tmp_path, make_audio, capsys):
    make_audio(mine.parent / "b.wav", seed=9, sample_rate=8000)
    status, stdout, _ = run(capsys, "folder", mine, "--out", tmp_path / "data")
    assert status == 0
    assert "  sample rates: 8000 Hz (1), 16000 Hz (2)\n  1 utterance at 8000 Hz will be resampled\n" in stdout
    assert [cut.sampling_rate for cut in read_cuts(tmp_path / "data" / "train_cuts.jsonl.gz")] == [16000, 8000, 16000]

    status, stdout, err = run(capsys, "--quiet", "folder", mine, "--out", tmp_path / "strict", "--strict-rate")
    assert (status, stdout) == (1, "")
    assert err.startswith(f"b: rate: 8000 Hz, not 16000 Hz ({mine.parent / 'b.wav'})\nasr prepare: {mine}: 1 of 3 ")

    options = ("--strict-rate", "--sample-rate", "8000", "--on-problem", "leave-out")
    status, stdout, err = run(capsys, "folder", mine, "--out", tmp_path / "8k", *options)
    assert "1 utterance, 1 speaker\n  sample rates: 8000 Hz (1)\n" in stdout
    assert "left out 2 of 3 utterances (2 rate), listed in" in err


def truncated(folder: Path, make_audio) -> None:
    with (folder / "b.wav").open("r+b") as file:
        file.truncate(20000)


def text_file(folder: Path, make_audio) -> None:
    (folder / "b.wav").write_text("hello")


def no_file(folder: Path, make_audio) -> None:
    (folder / "b.wav").unlink()


def no_samples(folder: Path, make_audio) -> None:
    make_audio(folder / "b.wav", seconds=0)


def no_text(folder: Path, make_audio) -> None:
    path = folder / "my.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("Grüße", " "), encoding="utf-8")


def short(folder: Path, make_audio) -> None:
    make_audio(folder / "b.wav", seconds=0.05)


def long(folder: Path, make_audio) -> None:
    make_audio(folder / "b.wav", seconds=61, sample_rate=1000)


def in_dev(folder: Path, make_audio) -> None:
    shutil.copy(folder / "b.wav", folder / "d.wav")
    path = folder / "my.csv"
    path.write_text("audio,text,split\na.wav,A,train\nb.wav,B,train\nd.wav,B,dev\n")


BAD = [
    (truncated, "unreadable: is truncated: the last 37,644 bytes that its header promises are missing"),
    (text_file, "unreadable: is a text file, not audio"),
    (no_file, "unreadable: no such file"),
    (no_samples, "empty: holds no samples"),
    (no_text, "empty-text: the transcript is empty"),
    (short, "too-short: 0.050 s, less than 0.1 s"),
    (long, "too-long: 61.000 s, more than 60 s"),
    (in_dev, "duplicate-audio: the same audio is d of split dev"),
]


@pytest.mark.parametrize(("damage", "line"), BAD, ids=[damage.__name__ for damage, _ in BAD])
def test_bad_utterances_are_refused_or_left_out(mine, tmp_path, make_audio, capsys, damage, line):
    damage(mine.parent, make_audio)
    out = tmp_path / "data"
    status, stdout, err = run(capsys, "--quiet", "folder", mine, "--out", out)
    assert (status, stdout) == (1, "")
    assert err == (
        f"b: {line} ({mine.parent / 'b.wav'})\n"
        f"asr prepare: {mine}: 1 of 3 utterances cannot be used, listed in {out / 'quarantine.tsv'}; "
        "correct them, or go on without them with --on-problem leave-out\n"
    )
    _, row = (out / "quarantine.tsv").read_text(encoding="utf-8").splitlines()
    assert row.split("\t") == ["b", str(mine.parent / "b.wav"), *line.split(": ", 1)]
    assert [file.name for file in out.iterdir()] == ["quarantine.tsv"]

    status, stdout, err = run(capsys, "--quiet", "folder", mine, "--out", out, "--on-problem", "leave-out")
    assert status == 0
    reason = line.split(":")[0]
    assert err.endswith(f"left out 1 of 3 utterances (1 {reason}), listed in {out / 'quarantine.tsv'}\n")
    assert "b" not in {cut.id for cut in read_cuts(out / "train_cuts.jsonl.gz")}


def test_duplicate_ids(mine, tmp_path, capsys):
    mine.write_text("id,audio,text\nu1,a.wav,A\nu1,b.wav,B\nu2,c.wav,C\n")
    status, _, err = run(capsys, "--quiet", "folder", mine, "--out", tmp_path / "data")
    assert status == 1
    assert f"u1: duplicate-id: 2 utterances of split train have this id ({mine.parent / 'b.wav'})\n" in err
    assert "1 of 2 utterances cannot be used" in err


def test_only_the_first_problems_are_named(mine, tmp_path, make_audio, capsys):
    names = [f"n{number}" for number in range(9)]
    mine.write_text("audio,text\na.wav,A\n" + "".join(f"{name}.wav,B\n" for name in names))
    status, _, err = run(capsys, "--quiet", "folder", mine, "--out", tmp_path / "data")
    assert (status, len(err.splitlines())) == (1, 6)
    assert len((tmp_path / "data" / "quarantine.tsv").read_text().splitlines()) == 10
    mine.write_text("audio,text\nn1.wav,A\n")
    status, _, err = run(capsys, "--quiet", "folder", mine, "--out", tmp_path / "data", "--on-problem", "leave-out")
    assert (status, err.splitlines()[-1]) == (
        1, "asr prepare: split train: no utterance is left of it; see quarantine.tsv for the reasons"
    )  # fmt: skip


@pytest.mark.parametrize(
    "corpus", [["an4", "--corpus-dir"], ["timit", "--corpus-dir"], ["synth", "--corpus-dir"], ["folder"]]
)
def test_missing_and_empty_folders(tmp_path, capsys, corpus):
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        status, stdout, err = run(capsys, *corpus, tmp_path / name, "--out", tmp_path / "data")
        assert (status, stdout, err.count("\n")) == (1, "", 1)
        assert err.startswith(f"asr prepare: {tmp_path / name}")
        assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            ["--min-duration", "2", "--max-duration", "1"],
            "--min-duration, --max-duration: 2 s is not below 1 s; give sec",
        ),
        (["--policy", "lower"], "text policy 'lower': there is none of that name; choose from verbatim, "),
        (["--dev-fraction", "2"], "dev_fraction: is 2.0; give a share from 0 up to 1, such as 0.1"),
    ],
)
def test_wrong_usage(mine, tmp_path, capsys, options, line):
    status, stdout, err = run(capsys, "folder", mine, "--out", tmp_path / "data", *options)
    assert (status, stdout, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"asr prepare: {line}")


@pytest.mark.parametrize(
    "arguments",
    [[], ["switchboard"], ["folder", "x"], ["folder", "x", "--out", "y", "--splits", "--dev-fraction", ".1"]],
)
def test_argparse_refuses_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: asr prepare" in capsys.readouterr().err


def test_an4_is_downloaded_when_no_folder_is_given(mine, tmp_path, capsys, monkeypatch):
    called = []

    def download(folder, advance):
        advance(5_000_000, 64_000_000)
        advance(64_000_000, 64_000_000)
        called.append(folder)
        return folder / "an4"

    def splits(corpus_dir, problems, num_jobs):
        called.append(corpus_dir)
        return prepare(mine, problems=problems, num_jobs=num_jobs)

    monkeypatch.setattr(an4, "download", download)
    monkeypatch.setattr(an4, "prepare", splits)
    out = tmp_path / "data"
    status, _, err = run(capsys, "an4", "--out", out)
    assert (status, called) == (0, [out / "corpus", out / "corpus" / "an4"])
    assert f"{an4.URL}: 5.0 MB of 64.0 MB\n{an4.URL}: 64.0 MB of 64.0 MB\n" in err
    run(capsys, "an4", "--out", out, "--corpus-dir", tmp_path)
    assert called[2:] == [tmp_path]


def test_synth_is_made_unless_a_corpus_is_given(mine, tmp_path, capsys, monkeypatch):
    called = []
    monkeypatch.setattr(synth, "generate", lambda corpus_dir, **settings: called.append((corpus_dir, settings)))
    monkeypatch.setattr(timit, "prepare", lambda corpus_dir: called.append(corpus_dir) or prepare(mine))
    out = tmp_path / "data"
    settings = ("--minutes", "3", "--speakers", "8", "--seed", "5", "--jobs", "2")
    assert run(capsys, "synth", "--out", out, *settings)[0] == 0
    (corpus_dir, made), prepared = called
    assert corpus_dir == prepared == out / "corpus"
    assert made.pop("on_seconds")
    assert made == {"minutes": 3.0, "num_speakers": 8, "seed": 5, "jobs": 2}
    assert run(capsys, "synth", "--out", out, "--corpus-dir", tmp_path)[0] == 0
    assert called[2:] == [tmp_path]


def test_a_folder_that_cannot_be_written(mine, capsys):
    status, stdout, err = run(capsys, "--quiet", "folder", mine, "--out", mine / "data")
    assert (status, stdout, err.count("\n")) == (1, "", 1)
    assert f"quarantine.tsv: cannot be written ({mine} is no folder); name another place" in err


def test_channels(tmp_path, capsys):
    voice = np.random.default_rng(0).normal(0, 0.1, 16000)
    (tmp_path / "mine").mkdir()
    soundfile.write(tmp_path / "mine" / "a.wav", np.stack((voice, -voice), axis=1), 16000)
    soundfile.write(tmp_path / "mine" / "b.wav", np.stack((voice, voice[::-1]), axis=1), 16000)
    for name in "ab":
        (tmp_path / "mine" / f"{name}.txt").write_text(name)
    status, _, err = run(capsys, "--quiet", "folder", tmp_path / "mine", "--out", tmp_path / "data")
    told = (
        "the channels of 1 utterance cancel each other, and the loudest is taken alone: a; --channel takes one of all\n"
    )
    assert (status, err) == (0, told)
    assert [cut.channel for cut in read_cuts(tmp_path / "data" / "train_cuts.jsonl.gz")] == [0, [0, 1]]
    status, _, err = run(capsys, "--quiet", "folder", tmp_path / "mine", "--out", tmp_path / "data", "--channel", "2")
    assert (status, err) == (0, "")
    assert [cut.channel for cut in read_cuts(tmp_path / "data" / "train_cuts.jsonl.gz")] == [1, 1]
    status, _, err = run(capsys, "--quiet", "folder", tmp_path / "mine", "--out", tmp_path / "data", "--channel", "3")
    assert (status, err.splitlines()[0].rpartition(" (")[0]) == (1, "a: channel: has 2 channels, and no channel 3")
    with pytest.raises(SystemExit) as caught:
        run(capsys, "folder", tmp_path / "mine", "--out", tmp_path / "data", "--channel", "0")
    assert caught.value.code == 2
