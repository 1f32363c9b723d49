from __future__ import annotations

import hashlib
import json
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.corpora import timit
from asr.corpora.synth import generate, recording
from asr.errors import ConfigError, DataError
from asr.text.phones import TIMIT_61
from tests.corpora.synth.conftest import SETTINGS


def contents(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_layout_is_that_of_timit(corpus: Path) -> None:
    assert sorted(path.name for path in corpus.iterdir()) == [".completed", "DOC", "SPLITS.TXT", "TEST", "TRAIN"]
    waves = sorted(corpus.glob("T*/DR?/[FM]???0/SI*.WAV"))
    assert len(waves) == len(list(corpus.rglob("*.WAV"))) > 10
    for path in waves:
        info = soundfile.info(path)
        assert (info.samplerate, info.channels, info.format, info.subtype) == (16000, 1, "WAV", "PCM_16")
        begin, end, sentence = path.with_suffix(".TXT").read_text().split(maxsplit=2)
        assert (begin, end) == ("0", str(info.frames))
        phones = [line.split() for line in path.with_suffix(".PHN").read_text().splitlines()]
        assert {symbol for _, _, symbol in phones} <= set(TIMIT_61)
        assert phones[0][::2] == ["0", "h#"]
        assert phones[-1][1:] == [str(info.frames), "h#"]
        assert all(int(start) < int(stop) for start, stop, _ in phones)
        assert all(one[1] == other[0] for one, other in pairwise(phones))
        words = [line.split()[2] for line in path.with_suffix(".WRD").read_text().splitlines()]
        assert words == [word.strip(".,?") for word in sentence.lower().split()]


def test_it_is_as_long_as_asked_for(corpus: Path) -> None:
    seconds = sum(soundfile.info(path).duration for path in corpus.rglob("*.WAV"))
    assert 36 <= seconds <= 36 + SETTINGS["num_speakers"] * 6


def test_same_settings_same_bytes_whatever_the_jobs(corpus: Path, tmp_path: Path) -> None:
    generate(tmp_path / "again", jobs=1, **SETTINGS)
    assert contents(tmp_path / "again") == contents(corpus)


def test_another_seed_gives_another_corpus(tmp_path: Path) -> None:
    small = {"minutes": 0.02, "num_speakers": 3}
    generate(tmp_path / "a", seed=0, **small)
    generate(tmp_path / "b", seed=1, **small)
    ours, theirs = ({hash_ for name, hash_ in contents(tmp_path / name).items() if "WAV" in name} for name in "ab")
    assert not ours & theirs


def test_the_noise_is_in_the_range_and_of_all_kinds(corpus: Path) -> None:
    lines = [line.split() for line in (corpus / "DOC" / "NOISE.TXT").read_text().splitlines()[1:]]
    assert {kind for _, kind, _, _ in lines} == {"white", "pink", "babble"}
    assert all(5 <= float(ratio) <= 25 for _, _, ratio, _ in lines)
    assert len({level for _, _, _, level in lines}) > len(lines) // 2
    assert {name for name, _, _, _ in lines} == {f"{path.parent.name}_{path.stem}" for path in corpus.rglob("*.WAV")}


def test_the_ends_have_noise_alone_and_the_middle_speech(corpus: Path) -> None:
    for path in corpus.rglob("*.WAV"):
        samples, _ = soundfile.read(path)
        begin, *_, end = (int(line.split()[1]) for line in path.with_suffix(".PHN").read_text().splitlines()[:-1])
        assert np.std(samples[: begin - 20]) < 0.7 * np.std(samples[begin:end])
        assert np.abs(samples).max() <= 0.985


def test_timit_reads_it(corpus: Path) -> None:
    splits = timit.prepare(corpus)
    assert list(splits) == ["train", "dev", "test"]
    speakers = {name: {cut.supervisions[0].speaker for cut in cuts} for name, cuts in splits.items()}
    assert sum(map(len, speakers.values())) == len(set.union(*speakers.values())) == 6
    texts = {name: {cut.supervisions[0].text for cut in cuts} for name, cuts in splits.items()}
    assert sum(map(len, texts.values())) == len(set.union(*texts.values()))
    assert sum(len(cuts) for cuts in splits.values()) == len(list(corpus.rglob("*.WAV")))


def test_a_finished_corpus_is_left_as_it_is(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path: path.stat().st_mtime_ns for path in corpus.rglob("*")}
    monkeypatch.setattr("asr.corpora.synth.espeak.find_spec", lambda name: None)  # espeak-ng could not be started
    generate(corpus, jobs=1, **SETTINGS)
    assert {path: path.stat().st_mtime_ns for path in corpus.rglob("*")} == before


def test_an_interrupted_corpus_is_continued(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "corpus"
    write, calls, lock = recording._write, [], threading.Lock()

    def write_some(*arguments: object) -> None:
        with lock:
            calls.append(arguments)
            if len(calls) > 5:
                raise KeyboardInterrupt
        write(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(recording, "_write", write_some)
        with pytest.raises(KeyboardInterrupt):
            generate(folder, jobs=2, **SETTINGS)
    assert (folder / ".unfinished").is_file()
    stopped = {path: path.stat().st_mtime_ns for path in folder.rglob("*.WAV")}
    assert len(stopped) == 5
    generate(folder, jobs=2, **SETTINGS)
    assert contents(folder) == contents(corpus)
    assert all(path.stat().st_mtime_ns == time for path, time in stopped.items())


def test_other_settings_make_it_anew(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    generate(folder, minutes=0.02, num_speakers=3, seed=0)
    before = contents(folder)
    generate(folder, minutes=0.02, num_speakers=3, seed=1)
    assert json.loads((folder / ".completed").read_text())["seed"] == 1
    generate(folder, minutes=0.02, num_speakers=3, seed=0)
    assert contents(folder) == before


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        generate(tmp_path / "file" / "corpus", minutes=0.02, num_speakers=3)


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(ConfigError, match="holds no synthetic corpus"):
        generate(tmp_path, minutes=1)
    with pytest.raises(ConfigError, match="holds no synthetic corpus"):
        generate(tmp_path / "thesis.txt", minutes=1)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_will_do_and_progress_is_told(tmp_path: Path) -> None:
    told: list[float] = []
    generate(tmp_path, minutes=0.02, num_speakers=3, on_seconds=told.append)
    assert sum(told) == pytest.approx(sum(soundfile.info(path).duration for path in tmp_path.rglob("*.WAV")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"minutes": 0},
        {"minutes": float("nan")},
        {"minutes": 1, "num_speakers": 2},
        {"minutes": 1, "jobs": 0},
        {"minutes": 1, "seed": -1},
    ],
)
def test_settings_out_of_range(wrong: dict[str, float], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=list(wrong)[-1]):
        generate(tmp_path / "corpus", **wrong)
    assert not (tmp_path / "corpus").exists()


def test_a_missing_wheel_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("asr.corpora.synth.espeak.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'carousel-asr\[demo\]'"):
        generate(tmp_path / "corpus", minutes=0.02, num_speakers=3)
    assert not (tmp_path / "corpus").exists()
