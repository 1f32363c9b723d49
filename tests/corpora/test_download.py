import hashlib
import http.server
import io
import tarfile
import threading

import pytest

from asr.corpora.download import fetch, unpack
from asr.errors import DataError

CONTENT = bytes(range(256)) * 4000


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT as any file, and does to each request what the next of ``faults`` says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults, self.ranges, self.content, self.resumes = [], [], CONTENT, True
        self.url = f"http://127.0.0.1:{self.server_address[1]}/corpus.tar.gz"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self):
        content, wanted = self.server.content, self.headers.get("Range")
        self.server.ranges.append(wanted)
        fault = self.server.faults.pop(0) if self.server.faults else None
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and self.server.resumes else 0
        if isinstance(fault, int) and fault >= 400:
            return self.send_error(fault)
        if begin and begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if begin else 200)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        body = content[begin:]
        self.wfile.write(body[: len(body) // 2] if fault == "break" else body)
        return None

    def log_message(self, format, *args):  # noqa: A002 - named by the base class
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "corpus.tar.gz"


def test_a_whole_transfer(server, path):
    told = []
    assert fetch(server.url, path, advance=lambda done, total: told.append((done, total))) == path
    assert path.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert [file.name for file in path.parent.iterdir()] == ["corpus.tar.gz"]
    fetch(server.url, path)
    assert len(server.ranges) == 1  # what is there is not fetched again


def test_a_broken_transfer_goes_on_where_it_stopped(server, path):
    server.faults = ["break", "break", 503]
    fetch(server.url, path, pause=0)
    assert path.read_bytes() == CONTENT
    half, three_quarters = len(CONTENT) // 2, 3 * len(CONTENT) // 4
    assert server.ranges == [None, f"bytes={half}-", f"bytes={three_quarters}-", f"bytes={three_quarters}-"]


def test_a_transfer_that_keeps_breaking_is_an_error_and_the_next_call_resumes(server, path):
    server.faults = ["break"] * 2
    with pytest.raises(
        DataError, match=r"768,000 of 1,024,000 bytes came\), 2 times; check the network and run it again"
    ):
        fetch(server.url, path, attempts=2, pause=0)
    assert not path.exists()
    fetch(server.url, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges[-1] == f"bytes={3 * len(CONTENT) // 4}-"


def test_a_server_that_cannot_resume_sends_all_again(server, path):
    server.faults, server.resumes = ["break"], False
    fetch(server.url, path, pause=0)
    assert path.read_bytes() == CONTENT


def test_a_part_that_is_already_whole_is_kept(server, path):
    path.parent.mkdir()
    path.with_name("corpus.tar.gz.part").write_bytes(CONTENT)
    fetch(server.url, path)
    assert path.read_bytes() == CONTENT
    assert server.ranges == [f"bytes={len(CONTENT)}-"]


def test_a_part_longer_than_the_file_is_thrown_away(server, path):
    path.parent.mkdir()
    path.with_name("corpus.tar.gz.part").write_bytes(CONTENT + b"more")
    fetch(server.url, path, pause=0)
    assert path.read_bytes() == CONTENT


def test_a_wrong_checksum_throws_the_file_away(server, path):
    with pytest.raises(DataError, match=r"sha256 is [0-9a-f]{64}, not 1234; it was deleted: run it again"):
        fetch(server.url, path, digest=("sha256", "1234"))
    assert list(path.parent.iterdir()) == []
    assert fetch(server.url, path, digest=("sha256", hashlib.sha256(CONTENT).hexdigest().upper())) == path


def test_a_refusal_is_not_tried_again(server, path):
    server.faults = [404]
    with pytest.raises(
        DataError, match=r"corpus\.tar\.gz: the server answers 404 Not Found; download and unpack it by hand"
    ):
        fetch(server.url, path)
    assert len(server.ranges) == 1


def test_a_server_in_trouble_is_named(server, path):
    server.faults = [500, 503]
    with pytest.raises(DataError, match="the server answers 503 Service Unavailable, 2 times"):
        fetch(server.url, path, attempts=2, pause=0)


def test_no_server(path, server):
    url = server.url.replace(str(server.server_address[1]), "1")
    with pytest.raises(DataError, match=r"the transfer was interrupted \(.*refused.*\), 2 times"):
        fetch(url, path, attempts=2, pause=0)


def archive_of(path, entries, mode="w:gz"):
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, mode) as tar:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content.encode(), "/etc/passwd"
                tar.addfile(info)
    return path


def test_unpack_makes_the_folder_whole_and_once(path, tmp_path):
    entries = [
        ("README", b"x"),
        ("an4/etc/a.txt", b"A"),
        ("an4/wav", tarfile.DIRTYPE.decode()),
        ("./an4/wav/b.sph", b"B" * 100000),
    ]
    archive_of(path, entries)
    target = unpack(path, "an4", tmp_path / "to")
    assert sorted(str(file.relative_to(target)) for file in target.rglob("*")) == [
        "etc",
        "etc/a.txt",
        "wav",
        "wav/b.sph",
    ]
    assert (target / "wav/b.sph").read_bytes() == b"B" * 100000
    assert [file.name for file in (tmp_path / "to").iterdir()] == ["an4"]
    path.unlink()
    assert unpack(path, "an4", tmp_path / "to") == target


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("an4/../../evil", b"x", r"an4/\.\./\.\./evil leads out of the archive's folder"),
        ("/an4/evil", b"x", "/an4/evil leads out of the archive's folder"),
        ("an4/link", tarfile.SYMTYPE.decode(), "an4/link is a link or device"),
        ("an4/hard", tarfile.LNKTYPE.decode(), "an4/hard is a link or device"),
        ("an4/device", tarfile.CHRTYPE.decode(), "an4/device is a link or device"),
        ("other/file", b"x", "holds no folder an4/"),
    ],
)
def test_unsafe_and_other_archives_are_refused(path, tmp_path, name, content, found):
    archive_of(path, [("first", b"x"), (name, content)])
    with pytest.raises(DataError, match=found):
        unpack(path, "an4", tmp_path / "to")
    assert list((tmp_path / "to").iterdir()) == []
    assert not (tmp_path / "evil").exists()


def _short(data):
    return data[: len(data) // 2]


def _without_end(data):
    return data[:-4]


def _changed(data):
    return data[:-6] + bytes(byte ^ 255 for byte in data[-6:])


def _no_archive(data):
    return b"<html>404</html>"


@pytest.mark.parametrize("damage", [_short, _without_end, _changed, _no_archive])
def test_a_damaged_archive_is_deleted(path, tmp_path, damage):
    content = hashlib.sha512(b"").digest() * 2000
    archive_of(path, [("an4/a", content), ("an4/b", content)])
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"is not a complete tar archive \(.*\); it was deleted; run it again"):
        unpack(path, "an4", tmp_path / "to")
    assert not path.exists()
    assert list((tmp_path / "to").iterdir()) == []


def test_a_folder_that_cannot_be_written_does_not_cost_the_archive(path, tmp_path):
    archive_of(path, [("an4/a/b", b"x"), ("an4/a", b"x")])
    with pytest.raises(DataError, match=r"cannot be written \(Is a directory\)"):
        unpack(path, "an4", tmp_path / "to")
    assert path.exists()
