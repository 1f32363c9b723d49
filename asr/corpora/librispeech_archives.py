"""The archives of LibriSpeech and mini-LibriSpeech: addresses, checksums, and how they are unpacked."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.corpora.download import Advance, fetch, unpack
from asr.errors import ConfigError, DataError

MIRROR = "https://www.openslr.org/resources"
CORPUS = "LibriSpeech"  # folder in every archive


@dataclass(frozen=True)
class Archive:
    """One archive of OpenSLR: the number of its page, 12 for LibriSpeech or 31 for mini-LibriSpeech, and its MD5."""

    resource: int
    md5: str


ARCHIVES = {
    "train-clean-100": Archive(12, "2a93770f6d5c6c964bc36631d331a522"),
    "train-clean-360": Archive(12, "c0e676e450a7ff2f54aeade5171606fa"),
    "train-other-500": Archive(12, "d1a0fd59409feb2c614ce4d30c387708"),
    "dev-clean": Archive(12, "42e2234ba48799c1f50f24a7926300a1"),
    "dev-other": Archive(12, "c8d0bcc9cca99d4f8b62fcc847357931"),
    "test-clean": Archive(12, "32fa31d27d2e1cad72775fee3f4849a9"),
    "test-other": Archive(12, "fb5a50374b501bb3bac4815ee91d3135"),
    "train-clean-5": Archive(31, "5df7d4e78065366204ca6845bb08f490"),
    "dev-clean-2": Archive(31, "6d7ab67ac6a1d2c993d050e16d61080d"),
}
"""The archives by subset.

**Source**: ``md5sum.txt`` of OpenSLR's resources 12 and 31, as several programs that check them list it.
"""


def download(
    subsets: Sequence[str], folder: str | Path, *, mirror: str = MIRROR, log_of: Callable[[str], Advance] | None = None
) -> Path:
    """Fetches, verifies and unpacks the subsets that are not there; an archive is deleted once it is unpacked.

    An interrupted transfer resumes where it stopped, also in a later run.

    Args:
        subsets: names in :data:`ARCHIVES`.
        folder: receives archives and the folder ``LibriSpeech``; or that folder itself.
        mirror: address of OpenSLR's ``resources``.
        log_of: called with the address of each archive; what it returns is called after each block.

    Returns:
        The folder ``LibriSpeech``.

    Raises:
        ConfigError: there is no archive of that name.
        DataError: a transfer failed, or a checksum differs.
    """
    unknown = [subset for subset in subsets if subset not in ARCHIVES]
    if unknown:
        raise ConfigError(
            f"subset {unknown[0]!r}", "OpenSLR has none of that name", f"choose from {', '.join(ARCHIVES)}"
        )
    folder = Path(folder)
    folder = folder.parent if folder.name == CORPUS else folder
    for subset in subsets:
        if not (folder / CORPUS / subset).is_dir():
            url = f"{mirror.rstrip('/')}/{ARCHIVES[subset].resource}/{subset}.tar.gz"
            advance = None if log_of is None else log_of(url)
            digest = ("md5", ARCHIVES[subset].md5)
            _move_in(fetch(url, folder / f"{subset}.tar.gz", digest=digest, advance=advance), subset, folder)
    return folder / CORPUS


def _move_in(archive: Path, subset: str, folder: Path) -> None:
    """Unpacks an archive beside the corpus, then moves its subset there, so that it appears whole."""
    beside = folder / f".unpacked-{subset}"
    unpacked = unpack(archive, CORPUS, beside)
    if not (unpacked / subset).is_dir():
        shutil.rmtree(beside)
        raise DataError(archive, f"holds no folder {CORPUS}/{subset}", "delete it and run it again")
    corpus = folder / CORPUS
    corpus.mkdir(exist_ok=True)
    for file in unpacked.iterdir():
        if file.is_file() and not (corpus / file.name).exists():
            file.replace(corpus / file.name)
    (unpacked / subset).replace(corpus / subset)
    shutil.rmtree(beside)
    archive.unlink()
