import pytest

from asr.errors import DataError
from asr.files import written_whole


def test_the_file_appears_when_the_block_ends_and_nothing_else_stays(tmp_path):
    path = tmp_path / "new" / "a.jsonl.gz"
    with written_whole(path) as beside:
        beside.write_text("whole")
        assert not path.exists()
        assert beside.name.endswith("a.jsonl.gz")
    assert [(file.name, file.read_text()) for file in (tmp_path / "new").iterdir()] == [("a.jsonl.gz", "whole")]


def test_an_error_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def write_half():
        with written_whole(path) as beside:
            beside.write_text("half")
            raise KeyError("broken off")

    with pytest.raises(KeyError):
        write_half()
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("a.txt", "old")]


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(DataError, match=r"file/a.txt: cannot be written \((Not a directory|File exists)\)"),
        written_whole(tmp_path / "file" / "a.txt"),
    ):
        pass
