"""Corpora from the network: resumed where a transfer broke off, verified, and unpacked whole."""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import tarfile
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from tempfile import mkdtemp

from asr.errors import DataError

_BLOCK = 1 << 18  # bytes
_AGAIN = "check the network and run it again: it goes on where it stopped"
Advance = Callable[[int, int | None], None]
"""Told the bytes that have arrived and the bytes in all, None if the server does not say."""

_BY_HAND = "download and unpack it by hand and give the folder with --corpus-dir"


def fetch(
    url: str,
    path: str | Path,
    *,
    digest: tuple[str, str] | None = None,
    attempts: int = 5,
    pause: float = 2.0,
    timeout: float = 30.0,
    advance: Advance | None = None,
) -> Path:
    """Downloads a file unless it is there; an interrupted transfer resumes from ``<path>.part``.

    Args:
        url: http or https.
        path: file to write; it appears once it is whole.
        digest: algorithm and hex digest that the file must have, such as ("md5", "2a93…"); None checks only that it is
            as long as the server says.
        attempts: how often a broken transfer is resumed.
        pause: seconds before the second attempt; doubled for each further one.
        timeout: seconds without a byte after which a transfer counts as broken.
        advance: called after each block.

    Returns:
        The path.

    Raises:
        DataError: the server refuses or cannot be reached, the transfer keeps breaking off, or the digest differs.
    """
    path = Path(path)
    if path.is_file():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.part")
    _persist(url, partial, attempts, pause, timeout, advance)
    if digest is not None:
        algorithm, expected = digest
        with partial.open("rb") as file:
            found = hashlib.file_digest(file, algorithm).hexdigest()
        if found != expected.lower():
            partial.unlink()
            remedy = f"it was deleted: run it again, or {_BY_HAND}"
            raise DataError(url, f"its {algorithm} is {found}, not {expected}", remedy)
    return partial.replace(path)


def unpack(archive: str | Path, member: str, folder: str | Path) -> Path:
    """Unpacks and returns the top folder of a tar archive; a damaged archive is deleted, so that it is fetched again.

    Only files and folders below ``member`` are made: links, devices, and names that lead elsewhere are refused.

    Args:
        archive: tar file, compressed or not.
        member: name of the folder in the archive.
        folder: where ``member`` appears once all of it is unpacked.

    Raises:
        DataError: the archive is damaged, unsafe, or does not hold the folder.
    """
    archive, target = Path(archive), Path(folder) / member
    if target.is_dir():
        return target
    Path(folder).mkdir(parents=True, exist_ok=True)
    beside = Path(mkdtemp(prefix=f".part-{member}-", dir=folder))
    try:
        with tarfile.open(archive) as tar:
            for entry in tar:
                _unpack_entry(tar, entry, member, beside)
            while tar.fileobj is not None and tar.fileobj.read(_BLOCK):
                pass  # up to the end, where gzip's checksum is
        if not (beside / member).is_dir():
            raise DataError(archive, f"holds no folder {member}/", _BY_HAND)
        (beside / member).replace(target)
    except (tarfile.TarError, zlib.error, EOFError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(target, f"cannot be written ({os.strerror(error.errno)})", "make room") from None
        archive.unlink(missing_ok=True)
        raise DataError(archive, f"is not a complete tar archive ({error})", "it was deleted; run it again") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _persist(url: str, partial: Path, attempts: int, pause: float, timeout: float, advance: Advance | None) -> None:
    """Transfers until ``partial`` is whole or the attempts are used up."""
    found = "no transfer was tried"
    for attempt in range(attempts):
        if attempt:
            time.sleep(pause * 2 ** (attempt - 1))
        try:
            _transfer(url, partial, timeout, advance)
            return
        except urllib.error.HTTPError as error:
            with error:
                if error.code < 500:
                    raise DataError(url, f"the server answers {error.code} {error.reason}", _BY_HAND) from None
                found = f"the server answers {error.code} {error.reason}"
        except (OSError, http.client.HTTPException) as error:
            found = f"the transfer was interrupted ({getattr(error, 'reason', None) or error or type(error).__name__})"
    raise DataError(url, f"{found}, {attempts} times", _AGAIN)


def _transfer(url: str, partial: Path, timeout: float, advance: Advance | None) -> None:
    """Fetches what is missing of ``partial``; OSError or HTTPException if it breaks off."""
    done = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        with error:
            if error.headers.get("Content-Range", "").rpartition("/")[2] != str(done):
                partial.unlink()  # another file than the one begun
                raise OSError("the file on the server has changed") from None
        return
    with response:
        if response.status != http.client.PARTIAL_CONTENT:
            done = 0  # the server does not resume, and sends the whole file
        length = response.headers.get("Content-Length")
        total = None if length is None else done + int(length)
        with partial.open("ab" if done else "wb") as file:
            while block := response.read(_BLOCK):
                file.write(block)
                done += len(block)
                if advance is not None:
                    advance(done, total)
    if total is not None and partial.stat().st_size != total:
        raise OSError(f"{partial.stat().st_size:,} of {total:,} bytes came")


def _unpack_entry(tar: tarfile.TarFile, entry: tarfile.TarInfo, member: str, beside: Path) -> None:
    name = PurePosixPath(entry.name)
    if not entry.isdir() and not entry.isfile():
        raise DataError(str(tar.name), f"{entry.name} is a link or device", _BY_HAND)
    if name.is_absolute() or ".." in name.parts:
        raise DataError(str(tar.name), f"{entry.name} leads out of the archive's folder", _BY_HAND)
    if name.parts[:1] != (member,):
        return
    path = beside / name
    if entry.isdir():
        path.mkdir(parents=True, exist_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(entry)
    if source is not None:
        with source, path.open("wb") as file:
            shutil.copyfileobj(source, file)
