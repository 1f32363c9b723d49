from __future__ import annotations

import contextlib
import random
import tracemalloc
import zipfile

import numpy as np
import pytest

from asr.errors import AsrError, DataError
from asr.lm.kneser_ney import estimate
from asr.lm.npz import read_npz, write_npz

APART = "is damaged: its arrays do not belong together"
NO_PROBABILITY = "is damaged: some of its log probabilities are above 0 or not a number"


def damaged(model, path, **changes):
    write_npz(model, path)
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez(path, **{name: value for name, value in arrays.items() if value is not None})
    with pytest.raises(DataError) as raised:
        read_npz(path)
    return str(raised.value).removeprefix(f"{path}: ").partition(";")[0]


def changed(array, place, value):
    array = array.copy()
    array[place] = value
    return array


def test_arrays_that_do_not_belong_together(tmp_path, make_text):
    model, path = estimate(make_text(0), 3), tmp_path / "m.npz"
    last = model.num_states - 1
    around = model.arc_offsets.copy()
    around[2:5] = 2**62, -(2**63), -(2**62)  # each is above the one before it, in 64 bits
    for changes in (
        {"arc_labels": model.arc_labels[1:]},
        {"arc_labels": model.arc_labels + 1},
        {"arc_labels": changed(model.arc_labels, 1, 0)},
        {"backoff_states": model.backoff_states + 1},
        {"backoff_states": np.maximum(np.arange(model.num_states, dtype=np.int32) - 1, 0)},
        {"backoff_states": changed(model.backoff_states, last, last)},
        {"arc_next_states": model.arc_next_states + model.num_states},
        {"arc_next_states": model.arc_next_states - 1},
        {"arc_offsets": model.arc_offsets[::-1]},
        {"arc_offsets": changed(model.arc_offsets, 2, 10**15)},
        {"arc_offsets": around},
        {"num_ngrams": np.array([3, 4])},
        {"num_ngrams": np.array([], dtype=np.int64)},
        {"num_ngrams": np.array([*model.num_ngrams[:2], -1])},
    ):
        assert damaged(model, path, **changes) == APART


def test_numbers_that_are_no_probabilities(tmp_path, make_text):
    model, path = estimate(make_text(0), 2), tmp_path / "m.npz"
    for value in (np.nan, np.inf, 0.1):
        assert damaged(model, path, arc_log_probs=changed(model.arc_log_probs, 5, value)) == NO_PROBABILITY
    for value in (np.nan, np.inf, 300.0):
        assert damaged(model, path, backoffs=changed(model.backoffs, 2, value)) == NO_PROBABILITY


def test_minus_infinity_is_what_cannot_come(tmp_path, make_text):
    model, path = estimate(make_text(0), 2), tmp_path / "m.npz"
    model.arc_log_probs[4] = -np.inf
    write_npz(model, path)
    assert np.isfinite(read_npz(path).log_prob(["a", "b"]))


def test_files_of_something_else(tmp_path, make_text):
    model, path = estimate(make_text(0), 2), tmp_path / "m.npz"
    assert damaged(model, path, format=np.frombuffer(b"other", np.uint8)) == "is not an n-gram model of this program"
    assert damaged(model, path, backoffs=None) == "cannot be read (KeyError: it has no backoffs)"
    for words in (np.array([object()]), np.zeros((2, 2), np.uint8), np.array(["a"]), np.array(1)):
        assert damaged(model, path, words=words) == "cannot be read (ValueError: words is not an array of its type)"
    assert damaged(model, path, words=np.array([255], np.uint8)).startswith("cannot be read (UnicodeDecodeError")
    assert damaged(model, path, words=np.frombuffer(b"<unk>\n<s>\n</s>\na\na", np.uint8)) == "'a' occurs in it twice"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"m.npz: cannot be read .*; make it with: asr lm convert"):
        read_npz(path)
    with pytest.raises(DataError, match=r"none.npz: no such file; check the path"):
        read_npz(tmp_path / "none.npz")


def repacked(path, member, change):
    """Changes the bytes of a member, and the sum of the archive with them."""
    with zipfile.ZipFile(path) as archive:
        contents = {info.filename: archive.read(info) for info in archive.infolist()}
    contents[member] = change(contents[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda data: data[:-8], "is damaged: arc_log_probs is cut short"),
        (lambda data: data[:-3], "cannot be read (ValueError: buffer size must be a multiple"),
        (lambda data: data.replace(b"<f8", b"<i8"), "cannot be read (ValueError: arc_log_probs is not an array of its"),
        (lambda data: data.replace(b"(", b"(9999", 1), "cannot be read (ValueError: arc_log_probs is not an array"),
        (lambda data: data.replace(b"{", b"[" * 60, 1), "cannot be read (ValueError: arc_log_probs is not an array"),
        (lambda data: b"", "cannot be read (ValueError: arc_log_probs is not an array of its type)"),
    ],
)
def test_damage_under_a_right_sum(tmp_path, make_text, change, found):
    path = tmp_path / "m.npz"
    write_npz(estimate(make_text(0), 2), path)
    repacked(path, "arc_log_probs.npy", change)
    with pytest.raises(DataError) as raised:
        read_npz(path)
    assert str(raised.value).startswith(f"{path}: {found}")


def test_an_archive_that_would_fill_the_memory(tmp_path, make_text):
    path = tmp_path / "m.npz"
    write_npz(estimate(make_text(0), 2), path)
    repacked(path, "arc_log_probs.npy", lambda data: data + bytes(80 << 20))
    assert path.stat().st_size < 200_000
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"would unpack to 83,[0-9,]+ bytes out of [0-9,]+, which no model does"):
            read_npz(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_whatever_is_changed_is_found_or_does_no_harm(tmp_path, make_text):
    write_npz(estimate(make_text(0, num_sentences=5), 2), tmp_path / "m.npz")
    whole = (tmp_path / "m.npz").read_bytes()
    expected = read_npz(tmp_path / "m.npz")
    generator, path = random.Random(0), tmp_path / "damaged.npz"
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(generator.choice([1, 1, 3])):
            data[generator.randrange(len(data))] = generator.choice([0, 255, generator.randrange(256)])
        path.write_bytes(data[: generator.randrange(len(data))] if generator.random() < 0.2 else data)
        with contextlib.suppress(AsrError):
            found = read_npz(path)  # only what no sum covers, such as the time of a member, is not found
            assert found.vocabulary == expected.vocabulary
            np.testing.assert_array_equal(found.arc_log_probs, expected.arc_log_probs)


def test_models_of_any_shape_come_back(tmp_path):
    model = estimate([["a"], ["b"]], 5)
    write_npz(model, tmp_path / "m.npz")
    again = read_npz(tmp_path / "m.npz")
    assert again.num_ngrams == model.num_ngrams == (5, 4, 2)
