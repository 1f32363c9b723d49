import gzip
import re
from pathlib import Path

import pytest
from lhotse import CutSet
from lhotse.audio.backend import LibsndfileBackend, get_current_audio_backend
from lhotse.serialization import open_best

from asr.corpora.listing import Listed, make_splits
from asr.corpora.manifests import read_all_cuts, read_cuts, write_cuts
from asr.errors import DataError


@pytest.fixture
def cuts(tmp_path, make_audio):
    listed = [Listed(f"ü{n}", make_audio(tmp_path / f"{n}.wav", n), "größe ნ", speaker="s") for n in range(3)]
    return make_splits({"train": listed})["train"]


def test_cuts_come_back_equal_and_in_order(tmp_path, cuts):
    for name in ("new/a_cuts.jsonl.gz", "b.jsonl.gz"):
        write_cuts(cuts, tmp_path / name)
        again = read_cuts(tmp_path / name)
        assert list(again) == list(cuts)
        assert not again.is_lazy
    assert (tmp_path / "new/a_cuts.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a_cuts.jsonl.gz"]
    assert "größe ნ" in gzip.decompress((tmp_path / "b.jsonl.gz").read_bytes()).decode()


def test_lhotse_itself_reads_them_and_reads_audio_with_libsndfile(tmp_path, cuts):
    write_cuts(cuts, tmp_path / "a.jsonl.gz")
    assert list(CutSet.from_file(tmp_path / "a.jsonl.gz")) == list(cuts)
    assert isinstance(get_current_audio_backend(), LibsndfileBackend)
    assert cuts[0].load_audio().shape == (1, 8000)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", r": holds no cuts; make it with: asr prepare"),
        (b"\n\n", r": holds no cuts"),
        (b"\n{broken\n", r":2: is not a JSON object"),
        (b"[1]\n", r":1: is not a JSON object"),
        (b'{"audio": "a.wav"}\n', r":1: is not a Lhotse cut"),
        (b'{"type": "MonoCut", "id": "a"}\n', r":1 \(a\): is not a Lhotse cut: its cut has no start"),
        (b"\xff\xfe\n", r": is not UTF-8 text but UTF-16, and damaged"),
        (b'{"a": NaN}\n', r":1: holds NaN, which is not JSON"),
        (b'{"a": -Infinity}\n', r":1: holds -Infinity, which is not JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", r":1: is not a JSON object"),
        (b'{"a": ' + b"[" * 100_000, r":1: is not a JSON object"),
    ],
)
def test_files_without_cuts_are_named_with_the_line(tmp_path, content, found):
    (tmp_path / "a.jsonl").write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.jsonl{found}"):
        read_cuts(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=rf"a\.jsonl\.gz{found}"):
        read_cuts(tmp_path / "a.jsonl.gz")


def test_missing_folder_and_damaged_files(tmp_path, cuts):
    path = tmp_path / "a.jsonl.gz"
    with pytest.raises(DataError, match=r"a\.jsonl\.gz: no such file"):
        read_cuts(path)
    write_cuts(cuts, path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="is no whole gzip file"):
        read_cuts(path)
    path.write_bytes(b"plain text")
    with pytest.raises(DataError, match="is no whole gzip file"):
        read_cuts(path)
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(DataError, match=r"cannot be read \(Is a directory\)"):
        read_cuts(tmp_path / "folder.jsonl")


def test_doubled_ids_are_refused(tmp_path, cuts):
    write_cuts([*cuts, cuts[1]], tmp_path / "a.jsonl.gz")
    with pytest.raises(DataError, match=r"a\.jsonl\.gz:4: utterance id ü1 occurs twice"):
        read_cuts(tmp_path / "a.jsonl.gz")


def test_ids_of_several_files_are_refused_where_they_are_the_same(tmp_path, cuts):
    for name, part in (("a", cuts[:2]), ("b", cuts[2:]), ("c", cuts[1:])):
        write_cuts(part, tmp_path / f"{name}.jsonl.gz")
    assert read_all_cuts([tmp_path / "b.jsonl.gz", tmp_path / "a.jsonl.gz"]) == [cuts[2], cuts[0], cuts[1]]
    with pytest.raises(DataError, match=r"c\.jsonl\.gz: utterance id ü1 is in .*a\.jsonl\.gz too; give files without"):
        read_all_cuts([tmp_path / "a.jsonl.gz", tmp_path / "c.jsonl.gz"])


def test_lhotse_opens_files_and_nothing_else(tmp_path):
    made = tmp_path / "made"
    for place in (f"pipe:touch {made}", f"http://localhost:9/{made}", f"s3://bucket{made}", "-"):
        with pytest.raises(Exception, match=r"No such file|what seems to be a URI"):
            open_best(place, "rb")
    assert not made.exists()
    (tmp_path / "a.txt").write_text("text")
    with open_best(tmp_path / "a.txt", "r") as file:
        assert file.read() == "text"


def test_there_is_one_door_to_what_others_wrote():
    """Only ``manifests`` makes Lhotse's objects of JSON; elsewhere nobody opens files through Lhotse."""
    root = Path(__file__).parents[2]
    door = re.compile(
        r"lhotse\.serialization|load_manifest|deserialize_|(?<!Recognizer)\.from_(file|jsonl\w*|shar|json|yaml|dicts?)\("
    )
    own = {"asr/corpora/manifests.py", "asr/decoding/hypothesis.py", "asr/scoring/hypotheses.py"}  # our own records
    users = {
        str(path.relative_to(root))
        for folder in ("asr", "tools")
        for path in (root / folder).rglob("*.py")
        if door.search(path.read_text(encoding="utf-8"))
    }
    assert users <= own
