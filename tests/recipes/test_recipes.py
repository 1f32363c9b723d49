"""The recipes, run as people run them."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.checkpoints.model_file.reading import load_model_file, read_headline
from tests.corpora.textgrids import write_textgrid

ROOT = Path(__file__).parents[2]
RECIPES = sorted(recipe.relative_to(ROOT / "recipes").as_posix() for recipe in ROOT.glob("recipes/*/*.sh"))


@pytest.fixture(autouse=True)
def _asr_of_these_tests(asr_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{asr_folder}{os.pathsep}{os.environ['PATH']}")
    # Goes before every file of that name: recipes put a .venv/bin before everything else in PATH.
    monkeypatch.setenv("BASH_FUNC_asr%%", f'() {{ "{asr_folder}/asr" "$@"; }}')


def run(recipe: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Runs a script below recipes/ in a folder of its own."""
    command = [ROOT / "recipes" / recipe, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def asr(*arguments: str, cwd: Path) -> None:
    subprocess.run(["asr", *arguments], cwd=cwd, check=True)


@pytest.mark.parametrize("recipe", RECIPES)
def test_help_is_the_comment_at_the_top(recipe: str, tmp_path: Path) -> None:
    printed = run(recipe, "--help", cwd=tmp_path)
    assert printed.returncode == 0
    assert f"recipes/{recipe} [" in printed.stdout
    assert "#" not in printed.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--no-such"], "--no-such: no such option; --help lists them"),
        (["--path", "x"], "--path: no such option; --help lists them"),
        (["--stage"], "--stage: needs a value"),
        (["--stage", "two"], "--stage, --stop-stage: two, 99; give numbers"),
        (["extra"], "extra: neither an option nor KEY=VALUE; --help lists the options"),
    ],
)
def test_wrong_usage_is_one_line_and_status_2(recipe: str, arguments: list[str], message: str, tmp_path: Path) -> None:
    failed = run(recipe, *arguments, cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == f"{ROOT}/recipes/{recipe}: {message}\n"


@pytest.mark.parametrize(
    ("recipe", "option"),
    [
        ("run.sh", "--lm-text"),
        ("run.sh", "--lexicon"),
        ("run.sh", "--aligned"),
        ("full.sh", "--lm-text"),
    ],
)
def test_librispeech_names_what_is_not_there_before_it_trains(recipe: str, option: str, tmp_path: Path) -> None:
    failed = run(f"librispeech/{recipe}", "--corpus-dir", ".", option, "nowhere.txt", cwd=tmp_path)
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr == f"{ROOT}/recipes/librispeech/{recipe}: {option}: nowhere.txt: no such file or folder\n"


def test_an4_names_the_split_that_is_none(tmp_path: Path) -> None:
    failed = run("an4/run.sh", "--split", "train", cwd=tmp_path)
    assert failed.returncode == 2
    assert failed.stderr.endswith("--split: train; give dev or test\n")


def test_an4_names_the_folder_that_is_missing(tmp_path: Path) -> None:
    failed = run("an4/run.sh", "--corpus-dir", "nowhere", cwd=tmp_path)
    assert failed.returncode in (1, 2)
    stage, message = failed.stderr.splitlines()
    assert "stage 1" in stage
    assert "nowhere" in message
    assert message.startswith("asr prepare: ")


def test_stages_from_and_to(tmp_path: Path) -> None:
    nothing = run("synth/run.sh", "--stage", "9", cwd=tmp_path)
    assert (nothing.returncode, nothing.stdout, nothing.stderr) == (0, "", "")
    failed = run("synth/run.sh", "--stage", "2", "--stop-stage", "2", cwd=tmp_path)
    assert failed.returncode == 1
    assert "data/synth/train_cuts.jsonl.gz" in failed.stderr


def test_synth_from_beginning_to_end(tmp_path: Path) -> None:
    small = ("--minutes", "1.5", "--speakers", "10", "trainer.max_epochs=1", "model.encoder.init_args.hidden_dim=16")
    done = run("synth/run.sh", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    exp = tmp_path / "exp/synth/blstm/seed0"
    report = (exp / "report.md").read_text(encoding="utf-8")
    rows = [line for line in report.splitlines() if line.startswith(("| dev", "| test"))]
    assert [row.split()[1:4] for row in rows] == [
        [f"{split}_{decoder}", "|", "phone"]
        for split in ("dev", "test")
        for decoder in ("untrained", "greedy", "beam16")
    ]
    assert all(row in done.stdout for row in rows)
    assert (exp / "learning_curves.png").read_bytes().startswith(b"\x89PNG")
    again = run("synth/run.sh", "--stage", "6", "--stop-stage", "6", cwd=tmp_path)
    assert (again.returncode, again.stdout.count("| test_beam16")) == (0, 1), again.stderr


def test_timit_asks_for_its_folder(tmp_path: Path) -> None:
    failed = run("timit/run.sh", cwd=tmp_path)
    assert failed.returncode == 2
    assert failed.stderr.endswith("--corpus-dir: TIMIT cannot be downloaded; give the folder from the LDC\n")


def test_memory_gives_each_trial_its_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASH_FUNC_python%%", '() { echo "$*"; }')  # goes before every file of that name
    made = tmp_path / "exp/memory/copy"
    made.mkdir(parents=True)
    (made / "lstm_chrono_T100_seed0.json").touch()  # finished
    (made / "rnn_T100_seed0.partial.json").touch()  # not finished
    cells = ("--cells", "lstm gru", "--others", "ligru conv_lstm", "--steps", "30")
    done = run("memory/run.sh", "--stage", "2", "--stop-stage", "3", *cells, cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "-m tools.memory --task copy --cell ligru --length 100 --seed 0 --steps 30 --goal 0.01 --learning-rate 0.001",
        "-m tools.memory --task copy --cell conv_lstm --length 100 --seed 0 --steps 30 --goal 0.01",
        "-m tools.memory --task copy --cell gru --length 100 --seed 0 --chrono --steps 30 --goal 0.01",
        "-m tools.memory --task copy --cell rnn --length 100 --seed 0 --steps 30 --learning-rate 0.001",
        "-m tools.memory --task copy --cell lstm --length 200 --seed 0 --chrono --steps 30 --goal 0.01",
        "-m tools.memory --task copy --cell gru --length 200 --seed 0 --chrono --steps 30 --goal 0.01",
        "-m tools.memory --task copy --cell rnn --length 200 --seed 0 --steps 30 --learning-rate 0.001",
        "-m tools.memory --task adding --cell lstm --length 750 --seed 0 --chrono --goal 0.01",
        "-m tools.memory --task adding --cell gru --length 750 --seed 0 --chrono --goal 0.01",
        "-m tools.memory --task adding --cell rnn --length 750 --seed 0 --steps 2000",
    ]


def test_timit_from_beginning_to_end(tmp_path: Path) -> None:
    assert (
        run("synth/run.sh", "--minutes", "1.5", "--speakers", "10", "--stop-stage", "1", cwd=tmp_path).returncode == 0
    )
    small = ("trainer.max_epochs=1", "model.encoder.init_args.hidden_dim=8", "data.max_batch_size=32")
    done = run("timit/run.sh", "--corpus-dir", "data/synth/corpus", "--rungs", "blstm", *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "exp/timit/ladder.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    assert rows[2:] == ["blstm"]
    assert "39-merged" in table
    assert (tmp_path / "exp/timit/blstm/seed0/bigram.json").exists()
    both = ("--rungs", "blstm graves_1x250", "--stage", "3", "--stop-stage", "3")  # the first one is trained already
    done = run("timit/run.sh", *both, *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "exp/timit/graves_1x250/seed0/best.ckpt").exists()


def make_librispeech(root: Path, subset: str, speakers: list[str], seconds: float = 1.0) -> None:
    """Writes a subset of two utterances a speaker: a tone for each word."""
    for speaker in speakers:
        folder = root / "LibriSpeech" / subset / speaker / "7"
        folder.mkdir(parents=True)
        lines = []
        for number, words in enumerate(["HIGH LOW", "LOW HIGH LOW"]):
            tones = [
                np.sin(np.arange(int(16000 * seconds)) * (0.5 if word == "HIGH" else 0.1) * (1 + int(speaker) / 50))
                for word in words.split()
            ]
            name = f"{speaker}-7-{number:04}"
            soundfile.write(folder / f"{name}.flac", 0.3 * np.concatenate(tones), 16000)
            lines.append(f"{name} {words}\n")
        (folder / f"{speaker}-7.trans.txt").write_text("".join(lines), encoding="utf-8")


def make_aligned(root: Path, words: dict[str, tuple[str, str]]) -> Path:
    """Writes utterances of two other speakers, with the times of their words and phones."""
    make_librispeech(root, "aligned", ["8", "9"])
    aligned = root / "LibriSpeech/aligned"
    for name, text in (("0000", "HIGH LOW"), ("0001", "LOW HIGH LOW")):
        said = [(second, second + 1.0, word) for second, word in enumerate(text.split())]
        phones = [
            (begin + part / 2, begin + (part + 1) / 2, words[word][part]) for begin, _, word in said for part in (0, 1)
        ]
        for speaker in ("8", "9"):
            write_textgrid(aligned / f"{speaker}/7/{speaker}-7-{name}.TextGrid", said, phones, float(len(said)))
    return aligned


def test_librispeech_asks_for_a_dictionary(tmp_path: Path) -> None:
    failed = run("librispeech/run.sh", cwd=tmp_path)
    assert failed.returncode == 2
    assert failed.stderr.endswith("--lexicon: is missing; give a dictionary such as cmudict.dict\n")


@pytest.mark.timeout(1800)  # thirty commands, of which a busy machine takes long for each
def test_librispeech_from_the_tokens_to_words_by_phones_and_letters(tmp_path: Path) -> None:
    words = {"HIGH": ("HH", "AY1"), "LOW": ("L", "OW1")}
    make_librispeech(tmp_path, "train-clean-5", ["1", "2", "3", "4"])
    make_librispeech(tmp_path, "dev-tiny", ["5", "6"])
    aligned = make_aligned(tmp_path / "far", words)
    lines = "".join(f"{word.lower()} {' '.join(phones)}\n" for word, phones in words.items())
    (tmp_path / "all.dict").write_text(f"{lines}middle M IH1 D AH0 L\n", encoding="utf-8")
    learn = ["train", "--config-name", "g2p", "corpus=librispeech", "lexicon=[all.dict]"]
    asr(*learn, "data.held_out_every=2", "trainer.max_epochs=1", "model.hidden_dim=8", cwd=tmp_path)
    options = ("--dev", "dev-tiny", "--lexicon", "all.dict", "--aligned", str(aligned))
    refused = run("librispeech/run.sh", "--corpus-dir", ".", "--stage", "2", *options, cwd=tmp_path)
    assert refused.returncode == 1
    assert "8 utterances are listed or found here, train-clean-5 has 1519" in refused.stderr
    prepare = ["prepare", "librispeech", "--partial", "--policy", "upper-no-punctuation", "--lexicon", "all.dict"]
    asr(*prepare, "--corpus-dir", ".", "--out", "data/librispeech", cwd=tmp_path)
    prepare = ["prepare", "librispeech", "--policy", "arpabet-39", "--corpus-dir", str(aligned)]
    asr(*prepare, "--alignments", str(aligned), "--out", "data/librispeech/aligned", cwd=tmp_path)
    (tmp_path / "books.txt").write_text("HIGH LOW\nLOW HIGH LOW\nHIGH HIGH\n" * 40, encoding="utf-8")
    (tmp_path / "more.txt").write_text("LOW LOW\nOTHER HIGH LOW\nHIGH\n" * 20, encoding="utf-8")
    small = ("trainer.max_epochs=1", "model.encoder.init_args.hidden_dim=8", "data.batch_seconds=8")
    texts = ("--lm-text", "books.txt", "--lm-text", "more.txt", "--box", "out/mini.asr")
    done = run("librispeech/run.sh", "--stage", "3", *options, *texts, *small, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    exp = tmp_path / "exp/librispeech/mini_crf/seed0"
    report = (exp / "report.md").read_text(encoding="utf-8")
    named = {line.split()[1] for line in report.splitlines() if line.startswith(("| dev-tiny", "| aligned"))}
    letters = {f"dev-tiny_char_{name}" for name in ("greedy", "beam64", "lexicon", "3gram")}
    by_phones = {f"dev-tiny_words_{name}" for name in ("3gram", "both", "lstm")}
    rest = {"dev-tiny_phone_greedy", "aligned_phone_greedy", "aligned_char_greedy", "dev-tiny_box_lstm"}
    assert named == letters | by_phones | rest
    assert "language-model text (books.txt, more.txt) and dev-tiny: unknown: no utterance has 7 words" in report
    for name in ("aligned", "dev-tiny"):
        assert re.search(rf"{name}_phone_greedy +phone +20\b", done.stdout), done.stdout
    assert "times, ms" in done.stdout
    assert "val/char_cer" in done.stderr
    model = load_model_file(tmp_path / "out/mini.asr")
    assert (model.precision, list(model.acoustic[0].beside)) == ("int8", ["char"])
    assert model.pronounce is not None
    assert len(model.rescoring) == 1
    assert model.card["made_by"].startswith("recipes/librispeech/run.sh --dev dev-tiny --lexicon all.dict")
    assert " --lm-text more.txt --box mini.asr " in model.card["made_by"]
    assert read_headline(tmp_path / "out/mini.asr").endswith(" of words wrong on dev-tiny")
