"""Model files that are damaged, and those that were made to do harm: one line each, nothing run, nothing written."""

from __future__ import annotations

import io
import pickle
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoints.model_file.members import SCHEMA
from asr.checkpoints.model_file.reading import load_model_file
from asr.errors import AsrError
from tests.checkpoints.model_files import Members, rewritten, with_manifest, write_model_file
from tests.transcription.tiny_models import save_checkpoint

WEIGHT = "acoustic_0/output.weight"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_model_file(tmp_path_factory.mktemp("made")).read_bytes()


@pytest.fixture
def whole(tmp_path: Path, made: bytes) -> Path:
    (tmp_path / "whole.asr").write_bytes(made)
    return tmp_path / "whole.asr"


def refused(path: Path) -> str:
    """Returns the one line that a file is refused with, and looks whether it has written anything."""
    before = {each: each.stat().st_mtime_ns for each in path.parent.rglob("*")}
    with pytest.raises(AsrError) as caught:
        load_model_file(path)
    assert {each: each.stat().st_mtime_ns for each in path.parent.rglob("*")} == before
    line = str(caught.value)
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert "; " in line, "what to do"
    return line.removeprefix(f"{path}: ")


def place(whole: Path, name: str) -> tuple[int, int]:
    """Returns where the bytes of a member begin, and how many they are."""
    with zipfile.ZipFile(whole) as archive:
        info = archive.getinfo(name)
    local = whole.read_bytes()[info.header_offset + 26 : info.header_offset + 30]
    return info.header_offset + 30 + sum(struct.unpack("<2H", local)), info.compress_size


def patched(whole: Path, begin: int, content: bytes) -> Path:
    data = bytearray(whole.read_bytes())
    data[begin : begin + len(content)] = content
    whole.write_bytes(data)
    return whole


def test_nothing_changed_is_read(whole: Path) -> None:
    assert load_model_file(rewritten(whole, lambda members: None)).precision == "float32"


DAMAGES: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "nothing": (lambda whole: b"", "is empty (0 bytes)"),
    "its first half": (lambda whole: whole.read_bytes()[: len(whole.read_bytes()) // 2], "is truncated: its end is"),
    "its last byte gone": (lambda whole: whole.read_bytes()[:-1], "is truncated: its end is missing"),
    "a page of zeros at its start": (lambda whole: bytes(4096) + whole.read_bytes()[4096:], "is no model file as asr"),
    "another file": (lambda whole: b"RIFF" + bytes(4000), "is not a model file; give a model file that asr export"),
    "something added": (lambda whole: whole.read_bytes() + b"more", "is damaged ("),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_of_the_file(whole: Path, kind: str) -> None:
    change, found = DAMAGES[kind]
    whole.write_bytes(change(whole))
    message = refused(whole)
    assert message.startswith(found) or (kind == "something added" and "something follows" in message), message


@pytest.mark.parametrize("name", [WEIGHT, "ngram/words", "lexicon/arc_words", "model.json"])
def test_a_bit_that_fell_over_in_a_member(whole: Path, name: str) -> None:
    begin, size = place(whole, name)
    middle = begin + size // 2
    found = refused(patched(whole, middle, bytes([whole.read_bytes()[middle] ^ 4])))
    assert f"{name} does not have its checksum" in found


def test_bytes_that_are_lost_or_doubled_within(whole: Path) -> None:
    content = whole.read_bytes()
    begin, _ = place(whole, WEIGHT)
    for changed in (content[:begin] + content[begin + 512 :], content[: begin + 512] + content[begin:]):
        whole.write_bytes(changed)
        assert refused(whole).startswith(("is no model file as asr export writes it (", "is damaged ("))


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    assert refused(tmp_path / "gone.asr") == "no such file; check the path, or give english, the model in the box"
    (tmp_path / "folder").mkdir()
    assert refused(tmp_path / "folder") == "is a folder; name the .asr file in it"


class Shell:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("made_by_a_pickle"),)


def added(whole: Path, name: str, content: bytes = b"more", **fields: Any) -> Path:
    """Adds a member behind the others, as a program would that hides something in a file."""
    with zipfile.ZipFile(whole, "a") as archive:
        info = zipfile.ZipInfo("placeholder")
        info.filename, info.orig_filename = name, name
        for field, value in fields.items():
            setattr(info, field, value)
        archive.writestr(info, content)
    return whole


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("../../evil.py", "is no name of a member"),
        ("acoustic_0/../../evil.py", "is no name of a member"),
        ("/etc/cron.d/evil", "is no name of a member"),
        ("C:/evil.exe", "is no name of a member"),
        ("acoustic_0\\evil", "is no name of a member"),
        (".bashrc", "is no name of a member"),
        ("folder/", "is no name of a member"),
        ("a\x1b[2Jb", "is no name of a member"),
        ("data.pkl", "data.pkl is not declared"),
    ],
)
def test_malice_in_names(whole: Path, monkeypatch: pytest.MonkeyPatch, name: str, found: str) -> None:
    monkeypatch.chdir(whole.parent)
    message = refused(added(whole, name, pickle.dumps(Shell())))
    assert message.startswith("is no model file as asr export writes it (")
    assert found in message
    assert "\x1b" not in message
    assert not (whole.parent / "made_by_a_pickle").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", ["model.json", "Model.JSON", WEIGHT])
def test_malice_of_two_members_of_one_name(whole: Path, name: str) -> None:
    assert f"{name.lower()} is in it twice" in refused(added(whole, name))


def test_malice_of_links_and_of_what_is_encrypted(whole: Path) -> None:
    content = whole.read_bytes()
    link = added(whole, "a_link", b"/etc/passwd", external_attr=(stat.S_IFLNK | 0o777) << 16)
    assert "a_link is a link or a device" in refused(link)
    whole.write_bytes(content)
    locked = bytearray(added(whole, "locked").read_bytes())
    entry = locked.rindex(b"PK\x01\x02")
    locked[entry + 8] |= 1
    whole.write_bytes(locked)
    assert "locked is encrypted" in refused(whole)


def test_malice_of_a_checkpoint_under_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = save_checkpoint(tmp_path / "a.asr")
    assert refused(path) == "is a checkpoint, not a model file; make one of it with: asr export"
    (tmp_path / "b.asr").write_bytes(pickle.dumps(Shell()))
    assert refused(tmp_path / "b.asr").startswith("is not a model file; ")
    assert not (tmp_path / "made_by_a_pickle").exists()


def test_malice_of_bombs(whole: Path) -> None:
    bomb = rewritten(whole, lambda members: members.update(zeros=bytes(48 << 20)))
    assert bomb.stat().st_size < 1 << 20
    assert "it would unpack to 5" in refused(bomb)
    small = rewritten(whole, lambda members: members.update(zeros=bytes(4 << 20)))
    assert "zeros belongs to nothing in it" in refused(small)
    deep = rewritten(whole, lambda members: members.update({"model.json": b"[" * 100_000}), keeps_sums=True)
    assert "model.json is nested too deep" in refused(deep)
    wide = rewritten(whole, lambda members: members.update({"model.json": b" " * (9 << 20)}), keeps_sums=True)
    assert "model.json would unpack to 9,437,184 bytes" in refused(wide)


def test_malice_of_a_member_that_is_more_than_it_says(whole: Path) -> None:
    name = "model.json"
    begin, size = place(whole, name)
    stream = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = stream.compress(bytes(100 * size)) + stream.flush()
    assert len(packed) <= size
    assert f"{name} does not have its checksum" in refused(patched(whole, begin, packed))


def test_malice_in_the_layout(whole: Path) -> None:
    content = whole.read_bytes()
    whole.write_bytes(b"#!/bin/sh\ntouch made\n" + content)
    assert "directory does not end where the archive does" in refused(whole)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        first, second = archive.infolist()[:2]
        directory = archive.start_dir
    data = bytearray(content)
    entry = data.index(second.filename.encode(), directory) - 46
    struct.pack_into("<L", data, entry + 42, first.header_offset)
    whole.write_bytes(data)
    assert "described in two ways" in refused(whole) or "overlaps" in refused(whole)


def without(*names: str) -> Callable[[Members], object]:
    return lambda members: [members.pop(name) for name in names]


def test_malice_of_members_that_are_not_as_declared(whole: Path) -> None:
    assert f"{WEIGHT} is missing" in refused(rewritten(whole, without(WEIGHT), keeps_sums=True))
    assert f"{WEIGHT} is missing" in refused(rewritten(whole, without(WEIGHT)))
    shorter = rewritten(whole, lambda members: members.update({WEIGHT: members[WEIGHT][:-4]}), keeps_sums=True)
    assert f"{WEIGHT} does not have its declared size" in refused(shorter)
    other = rewritten(whole, lambda members: members.update({WEIGHT: members[WEIGHT][::-1]}), keeps_sums=True)
    assert f"is damaged ({WEIGHT} does not have its declared checksum)" in refused(other)


def test_a_newer_schema(whole: Path) -> None:
    newer = with_manifest(whole, lambda manifest: manifest.update(schema=SCHEMA + 1, more={}))
    assert refused(newer) == (
        "is of schema 3, and this version reads schemas up to 2; "
        "install a newer version, or export it again with this one"
    )


SHELL = {"class_path": "os.system", "init_args": {"command": "touch made"}}
LARGE = 1 << 33


def weight(manifest: dict[str, Any], name: str = "output.weight") -> dict[str, Any]:
    return next(each for each in manifest["acoustic"][0]["weights"] if each["name"] == name)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda m: m["acoustic"][0]["settings"].update(encoder=SHELL), "'os.system' is no encoder of this version"),
        (lambda m: m["acoustic"][0]["settings"].update(frontend=SHELL), "'os.system' is no front end of this"),
        (lambda m: m["acoustic"][0]["settings"]["encoder"]["init_args"].update(hidden_dim=LARGE), "more than there"),
        (lambda m: m["acoustic"][0]["settings"]["encoder"]["init_args"].update(num_layers=60_000), "much larger than"),
        (lambda m: weight(m).update(shape=[LARGE, LARGE]), "bytes, not 295,147,905,179,352,825,856"),
        (lambda m: weight(m).update(shape=[-1, 7]), "shape is a list, not a list of a few sizes"),
        (lambda m: weight(m).update(form="pickle"), "form is 'pickle', not one of float32"),
        (lambda m: weight(m).update(name="../../evil"), "acoustic_0/../../evil is missing"),
        (lambda m: weight(m).update(same="output.bias"), "same is 'output.bias', not a weight before it"),
        (lambda m: m["decoder"].update(lm="/etc/passwd", lexicon=[]), "there are no words without a lexicon"),
        (lambda m: m["decoder"].update(lm=""), "its decoder lacks what its settings name"),
        (lambda m: m["decoder"].update(silence="A"), "silence: 'A' is none of these tokens"),
        (lambda m: m["decoder"].update(beam_size="8"), "beam_size is '8', not a whole number"),
        (lambda m: m.update(confidence={"nbest": 4, "scale": -1.0}), "confidence: scale is -1.0, not a number from 0"),
        (lambda m: m["ngram"].update(num_ngrams=[1 << 39]), "bytes, not"),
        (lambda m: m["ngram"].update(num_ngrams=[]), "num_ngrams is a list, not whole numbers, one for each order"),
        (lambda m: m["ngram"].update(num_ngrams="abc"), "num_ngrams is 'abc', not a list"),
        (lambda m: m["lexicon"].update(num_states=1 << 40), "bytes, not"),
        (lambda m: m.update(acoustic=[]), "it has no acoustic model"),
        (lambda m: m.update(acoustic={}), "acoustic is an object, not a list"),
        (lambda m: m.update(format="other"), "format is 'other', not 'carousel model file'"),
        (lambda m: m.update(schema=True), "schema is true, not a whole number from 1"),
        (lambda m: m["rescoring"][0].update(weight=float("nan")), "weight is NaN, not a number"),
        (lambda m: m["rescoring"][0]["network"]["texts"].append("../../etc/passwd"), "passwd is missing"),
        (lambda m: m.pop("card"), "has no 'card'"),
    ],
)
def test_malice_in_the_manifest(
    whole: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[dict[str, Any]], object], found: str
) -> None:
    monkeypatch.chdir(whole.parent)
    assert found in refused(with_manifest(whole, change))
    assert not (whole.parent / "made").exists()


def numbers(name: str, place: int, value: int) -> Callable[[Members], object]:
    """Changes one byte of a member."""
    return lambda members: members.update({name: members[name][:place] + bytes([value]) + members[name][place + 1 :]})


@pytest.mark.parametrize(
    ("name", "place", "value", "found"),
    [
        ("lexicon/arc_words", 0, 200, "the arcs of its lexicon make no trie"),
        ("lexicon/arc_token_ids", 0, 0, "the arcs of its lexicon make no trie"),
        ("lexicon/arc_token_ids", 0, 99, "the arcs of its lexicon make no trie"),
        ("lexicon/arc_next_states", 0, 4, "the arcs of its lexicon make no trie"),
        ("lexicon/arc_counts", 0, 77, "the arcs of its lexicon are too many or too few"),
        ("lexicon/depths", 1, 9, "the arcs of its lexicon make no trie"),
        ("lexicon/words", 0, ord(" "), "the arcs of its lexicon make no trie"),
        ("lexicon/words", 0, 0xFF, "lexicon/words is no text"),
        ("ngram/arc_counts", 0, 99, "its arrays do not belong together"),
        ("ngram/arc_labels", 1, 120, "the n-grams are of other words"),
        ("ngram/arc_next_states", 20, 250, "the n-grams lead to others that are not there"),
        ("ngram/backoff_states", 3, 250, "the n-grams lead to others that are not there"),
        ("ngram/arc_log_probs_1", -1, 0x7F, "some of its log probabilities are above 0 or not a number"),
        ("ngram/words", 0, ord(" "), "begins with"),
        (WEIGHT, 3, 0x7F, "output.weight is infinite or not a number"),
    ],
)
def test_arrays_that_would_lead_astray(whole: Path, name: str, place: int, value: int, found: str) -> None:
    if place < 0:  # the last byte plane of a number
        with zipfile.ZipFile(whole) as archive:
            place = archive.getinfo(name).file_size * 3 // 4
    path = rewritten(whole, numbers(name, place, value))
    if name == WEIGHT:
        path = rewritten(path, numbers(name, 2, 0xC0))
    assert found in refused(path)


def test_loading_leaves_random_numbers_alone(whole: Path) -> None:
    torch.manual_seed(0)
    load_model_file(whole)
    after = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(after, torch.rand(3))
