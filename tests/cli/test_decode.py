"""asr decode: hypotheses for every cut, the same alone and in batches, and one line for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from asr.cli import train
from asr.cli.decode import main
from asr.scoring.hypotheses import read_hypotheses
from tests.conftest import TinyCorpus
from tests.training.test_run import SMALL


@pytest.fixture(scope="module")
def checkpoint(tiny_corpus: TinyCorpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    exp_dir = tmp_path_factory.mktemp("exp")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tiny_corpus.root)
        assert train.main([*SMALL, "trainer.max_epochs=10", "data.batch_seconds=4.0", f"exp_dir={exp_dir}"]) == 0
    return exp_dir / "best.ckpt"


@pytest.mark.parametrize(("flags", "label"), [([], "greedy"), (["--beam-size", "4", "--nbest", "3"], "beam4")])
def test_writes_each_utterance_once_with_times_in_order(
    checkpoint: Path, tiny_corpus: TinyCorpus, capsys: pytest.CaptureFixture[str], flags: list[str], label: str
) -> None:
    cuts = tiny_corpus.data / "dev_cuts.jsonl.gz"
    assert main(["--checkpoint", str(checkpoint), "--cuts", str(cuts), "--workers", "0", *flags]) == 0
    out = checkpoint.with_name(f"dev_{label}.jsonl")
    assert capsys.readouterr().out == f"{out}\n"
    found = read_hypotheses(out)
    assert list(found) == [f"dev-{number:03d}" for number in range(8)]
    for nbest in found.values():
        assert 1 <= len(nbest) <= (3 if flags else 1)
        assert [each.score for each in nbest] == sorted((each.score for each in nbest), reverse=True)
        times = [time for token in nbest[0].tokens for time in (token.start, token.end)]
        assert times == sorted(times)


def test_batches_do_not_change_hypotheses(checkpoint: Path, tiny_corpus: TinyCorpus, tmp_path: Path) -> None:
    common = ["--checkpoint", str(checkpoint), "--cuts", str(tiny_corpus.data / "dev_cuts.jsonl.gz"), "--workers", "0"]
    for seconds in ("0.1", "100"):
        assert main([*common, "--batch-seconds", seconds, "--out", str(tmp_path / seconds)]) == 0
    alone, together = (
        [json.loads(line)["text"] for line in (tmp_path / seconds).read_text(encoding="utf-8").splitlines()]
        for seconds in ("0.1", "100")
    )
    assert alone == together


@pytest.mark.parametrize(
    ("flags", "status", "line"),
    [
        (["--cuts", "nowhere.jsonl.gz"], 1, "nowhere.jsonl.gz: no such file"),
        (["--cuts", "a", "b", "--out", "c"], 2, "--out: one file for 2 files of cuts"),
        (["--cuts", "a", "--nbest", "2"], 2, "--nbest: 2 with a beam of 1"),
        (["--cuts", "a", "--device", "warp"], 2, "--device: 'warp' cannot be used"),
        (["--cuts", "a", "--checkpoint", "nowhere.ckpt"], 1, "nowhere.ckpt: no such file"),
    ],
)
def test_bad_input_gets_one_line(
    checkpoint: Path, capsys: pytest.CaptureFixture[str], flags: list[str], status: int, line: str
) -> None:
    assert main(["--checkpoint", str(checkpoint), *flags]) == status
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert line in error
