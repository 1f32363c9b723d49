from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from asr.errors import DataError
from asr.lm.rows import RowsInMemory, RowsOnDisk, merged_rows, unique_rows


def make_rows(seed, number=400, order=3, num_words=6):
    words = np.random.default_rng(seed).integers(num_words, size=(number, order)).astype(np.int32)
    return unique_rows(words)


@pytest.mark.parametrize("block", [3, 40, 10_000])
@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_merging_is_counting_together(tmp_path, order, block):
    tables = [make_rows(seed, number=10**seed, order=order) for seed in range(4)]
    sources = [RowsInMemory(*table) for table in tables[:2]]
    for words, counts in tables[2:]:
        sources.append(RowsOnDisk(order, tmp_path))
        for first in range(0, len(words), 50):
            sources[-1].append(words[first : first + 50], counts[first : first + 50])
    merged = merged_rows(sources, order, tmp_path, block)
    expected = unique_rows(*(np.concatenate(parts) for parts in zip(*tables, strict=True)))
    for found, wanted in zip(merged.read(0, len(merged)), expected, strict=True):
        assert np.array_equal(found, wanted)
    assert [part.tolist() for part in merged.read(1, 2)] == [part[1:2].tolist() for part in expected]


def test_no_file_is_ever_seen(tmp_path):
    rows = RowsOnDisk(3, tmp_path)
    rows.append(*make_rows(0))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"none: temporary files cannot be written to it \(No such file or directory\)"):
        RowsOnDisk(3, tmp_path / "none")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device")
def test_a_full_disk(tmp_path):
    rows = RowsOnDisk(3, tmp_path)
    with Path("/dev/full").open("wb", buffering=0) as full:
        os.dup2(full.fileno(), rows._file.fileno())
        with pytest.raises(DataError, match=r"No space left on device.; name a folder with more room: --temporary-f"):
            rows.append(*make_rows(0))
