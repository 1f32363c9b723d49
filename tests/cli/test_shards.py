import shutil

import numpy as np
import pytest

from asr.cli.shards import main
from asr.corpora.manifests import read_cuts
from asr.data.shards import in_memory


def run(*arguments):
    return main([str(argument) for argument in arguments])


def ids(path):
    return [cut.id for cut in read_cuts(path)]


def test_packs_cuts_and_indexes_them(tiny_corpus, tmp_path, capsys):
    cuts, index = tiny_corpus.data / "dev_cuts.jsonl.gz", tmp_path / "dev_cuts.jsonl.gz"
    assert run("--cuts", cuts, "--out", tmp_path, "--shard-hours", 0.001) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [str(index)]
    assert "dev: 8 cuts in 2 shards of " in printed.err
    assert ids(index) == ids(cuts)
    assert run("--cuts", cuts, "--out", tmp_path, "--shuffle", 1, "--quiet") == 0
    assert sorted(path.name for path in (tmp_path / "dev").iterdir()) == [
        "cuts.000000.jsonl.gz",
        "recording.000000.tar",
    ]
    assert ids(index) != ids(cuts)
    assert sorted(ids(index)) == sorted(ids(cuts))


def test_indexes_shards_that_were_moved(tiny_corpus, tmp_path, capsys):
    cuts = tiny_corpus.data / "dev_cuts.jsonl.gz"
    assert run("--cuts", cuts, "--out", tmp_path / "here") == 0
    shutil.move(tmp_path / "here" / "dev", tmp_path / "there")
    assert run("--folders", tmp_path / "there", "--out", tmp_path) == 0
    moved = read_cuts(tmp_path / "there_cuts.jsonl.gz")
    for cut, other in zip(read_cuts(cuts), moved, strict=True):
        assert np.array_equal(in_memory(other).load_audio(), cut.load_audio())


BAD = {
    "no hours": (["--cuts", "dev_cuts.jsonl.gz", "--out", "out", "--shard-hours", "0"], 2, "--shard-hours: is 0"),
    "index over the cuts": (["--cuts", "dev_cuts.jsonl.gz", "--out", "."], 2, "dev_cuts.jsonl.gz: would be overwrit"),
    "two of a name": (["--cuts", "dev_cuts.jsonl.gz", "dev_cuts.jsonl", "--out", "out"], 2, "two have the same name"),
    "index among shards": (["--folders", "out", "--out", "out"], 2, "an index among them would be taken for one"),
    "no cuts": (["--cuts", "nowhere_cuts.jsonl.gz", "--out", "out"], 1, "nowhere_cuts.jsonl.gz: no such file"),
    "no folder": (["--folders", "nowhere", "--out", "out"], 1, "nowhere: no such folder"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_line(tiny_corpus, monkeypatch, capsys, case):
    monkeypatch.chdir(tiny_corpus.data)
    arguments, status, line = BAD[case]
    assert run(*arguments) == status
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith("asr shards: ")
    assert line in error
