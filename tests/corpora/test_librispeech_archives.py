import functools
import hashlib
import http.server
import tarfile
import threading
from pathlib import Path

import pytest

from asr.corpora import librispeech
from asr.corpora.librispeech_archives import ARCHIVES, Archive, download
from asr.errors import ConfigError, DataError
from tests.corpora.librispeech_tree import make_tree


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        wanted = self.headers.get("Range")
        if wanted is None:
            return super().do_GET()
        self.server.asked[-1] += f" {wanted}"
        rest = Path(self.translate_path(self.path)).read_bytes()[int(wanted.removeprefix("bytes=").removesuffix("-")) :]
        self.send_response(206)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)
        return None

    def log_message(self, format, *args):  # noqa: A002 - named by the base class
        pass


@pytest.fixture
def mirror(tmp_path):
    """Serves the folder "served" as OpenSLR's resources."""
    (tmp_path / "served/31").mkdir(parents=True)
    handler = functools.partial(Handler, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def address(mirror):
    return f"http://127.0.0.1:{mirror.server_address[1]}/"


@pytest.fixture
def archives(tmp_path, make_audio, monkeypatch, mirror):
    """Makes an archive for each of the two parts of mini-LibriSpeech."""
    for subset, prefix in (("train-clean-5", "14-208"), ("dev-clean-2", "7-1")):
        corpus = make_tree(tmp_path / subset, make_audio, {subset: {prefix: 2}})
        path = tmp_path / "served/31" / f"{subset}.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            tar.add(corpus, "LibriSpeech")
        monkeypatch.setitem(ARCHIVES, subset, Archive(31, hashlib.md5(path.read_bytes()).hexdigest()))
        monkeypatch.setitem(librispeech.NUM_UTTERANCES, subset, 2)


def test_subsets_are_fetched_once_and_unpacked_beside_one_another(archives, mirror, tmp_path):
    told = []
    for folder in (tmp_path / "new", tmp_path / "new" / "LibriSpeech"):
        for subsets in (["train-clean-5"], ["train-clean-5", "dev-clean-2"]):
            log_of = lambda url: lambda done, total: told.append((url, done == total))  # noqa: E731
            assert download(subsets, folder, mirror=address(mirror), log_of=log_of) == tmp_path / "new" / "LibriSpeech"
    assert mirror.asked == ["/31/train-clean-5.tar.gz", "/31/dev-clean-2.tar.gz"]
    assert told[-1] == (f"{address(mirror)}31/dev-clean-2.tar.gz", True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["LibriSpeech"]
    splits = librispeech.prepare(tmp_path / "new")
    assert {split: len(cuts) for split, cuts in splits.items()} == {"train-clean-5": 2, "dev-clean-2": 2}
    assert splits["train-clean-5"][0].supervisions[0].custom["sex"] == "F"


def test_a_transfer_goes_on_where_it_stopped(archives, mirror, tmp_path):
    whole = (tmp_path / "served/31/train-clean-5.tar.gz").read_bytes()
    (tmp_path / "new").mkdir()
    (tmp_path / "new/train-clean-5.tar.gz.part").write_bytes(whole[:1000])
    download(["train-clean-5"], tmp_path / "new", mirror=address(mirror))
    assert mirror.asked == ["/31/train-clean-5.tar.gz bytes=1000-"]
    assert (tmp_path / "new/LibriSpeech/train-clean-5").is_dir()


def test_an_archive_with_another_checksum_is_thrown_away(archives, mirror, tmp_path, monkeypatch):
    monkeypatch.setitem(ARCHIVES, "dev-clean-2", Archive(31, "0" * 32))
    with pytest.raises(DataError, match=r"31/dev-clean-2\.tar\.gz: its md5 is [0-9a-f]{32}, not 0{32}; it was deleted"):
        download(["dev-clean-2"], tmp_path / "new", mirror=address(mirror))
    assert list((tmp_path / "new").iterdir()) == []


def test_an_archive_without_the_subset(archives, mirror, tmp_path, monkeypatch):
    served = tmp_path / "served/31"
    (served / "train-clean-5.tar.gz").replace(served / "dev-clean-2.tar.gz")
    monkeypatch.setitem(ARCHIVES, "dev-clean-2", ARCHIVES["train-clean-5"])
    with pytest.raises(DataError, match=r"dev-clean-2\.tar\.gz: holds no folder LibriSpeech/dev-clean-2"):
        download(["dev-clean-2"], tmp_path / "new", mirror=address(mirror))
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["dev-clean-2.tar.gz"]


def test_names_that_openslr_does_not_have_are_refused_before_any_transfer(mirror, tmp_path):
    with pytest.raises(
        ConfigError, match="subset 'dev-mini': OpenSLR has none of that name; choose from train-clean-100"
    ):
        download(["train-clean-5", "dev-mini"], tmp_path, mirror=address(mirror))
    assert mirror.asked == []


def test_every_official_subset_has_an_archive_with_a_checksum():
    assert list(ARCHIVES) == list(librispeech.NUM_UTTERANCES)
    assert {len(archive.md5) for archive in ARCHIVES.values()} == {32}
    assert len({archive.md5 for archive in ARCHIVES.values()}) == len(ARCHIVES)
