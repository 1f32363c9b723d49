"""A moment of tools/fuzz.py for every reader, always with the same inputs; and that it sees what goes wrong."""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from asr.errors import DataError

TOOLS = Path(__file__).parents[1] / "tools"


def load(name):
    """Imports a tool, which finds its parts in its own folder."""
    sys.path.insert(0, str(TOOLS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(TOOLS))


fuzz, seeds = load("fuzz"), load("fuzz_seeds")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(fuzz.READERS))
def test_damaged_files_are_read_or_refused_in_one_line(name):
    fuzz.check([name])
    valid = fuzz.READERS[name].seeds()
    for number in range(40):
        chosen, content = fuzz.make_input(name, valid, 0, number)
        found = fuzz.try_input(fuzz.READERS[name], chosen, content)
        assert found in ("accepted", "refused"), f"python tools/fuzz.py --input {name}:{number}\n{found}"


def test_inputs_follow_from_seed_name_and_number():
    valid = fuzz.READERS["arpa"].seeds()
    first = [fuzz.make_input("arpa", valid, 0, number) for number in range(20)]
    assert first == [fuzz.make_input("arpa", valid, 0, number) for number in range(20)]
    assert len({content for _, content in first}) > 15
    assert first != [fuzz.make_input("arpa", valid, 1, number) for number in range(20)]


def goes_wrong(path: Path) -> None:
    """Goes wrong in every way that there is, as the first byte says."""
    kind = path.read_bytes()[:1]
    if kind == b"\0":
        raise DataError(path, "is damaged", "make it again")
    if kind == b"\x01":
        raise KeyError("no line for the user")
    if kind == b"\x02":
        time.sleep(3600)
    if kind == b"\x03":
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == b"\x04":
        bytearray(1 << 40)
    if kind == b"\x05":
        os._exit(3)


def read_wrong(kinds: bytes, limits, out: Path, monkeypatch):
    """Fuzzes :func:`goes_wrong` with one input of each kind, in this order."""
    valid = [seeds.Seed("a.bin", bytes([kind]), "binary") for kind in kinds]
    monkeypatch.setitem(fuzz.READERS, "wrong", seeds.Reader(lambda: valid, goes_wrong))
    monkeypatch.setattr(fuzz, "make_input", lambda name, valid, seed, number: (valid[number], valid[number].content))
    return fuzz.fuzz("wrong", 3600.0, len(kinds), 0, limits, out)


@pytest.mark.filterwarnings("ignore")  # of Python 3.12, that a process with threads forks
def test_what_goes_wrong_is_seen_and_kept(tmp_path, monkeypatch):
    outcome = read_wrong(b"\0\1\3\4\5\6", fuzz.Limits(seconds=600.0), tmp_path, monkeypatch)
    assert (outcome.accepted, outcome.refused, outcome.num_inputs) == (1, 1, 6)
    assert outcome.failures == {
        1: "KeyError: 'no line for the user'",
        2: "the process died of SIGKILL",
        3: "MemoryError",
        4: "the process ended with 3",
    }
    assert (tmp_path / "wrong" / "2" / "a.bin").read_bytes() == b"\x03"


@pytest.mark.filterwarnings("ignore")
def test_what_hangs_is_ended_and_the_next_is_read(tmp_path, monkeypatch):
    outcome = read_wrong(b"\2\2", fuzz.Limits(seconds=0.2), tmp_path, monkeypatch)
    assert outcome.num_inputs == 2
    assert outcome.failures == dict.fromkeys((0, 1), "hangs: no end in 0.2 s")
    assert (tmp_path / "wrong" / "1" / "a.bin").read_bytes() == b"\x02"


@pytest.mark.filterwarnings("ignore")
def test_the_table_and_the_status(tmp_path, monkeypatch, capsys):
    arguments = ["textgrid", "--inputs", "20", "--out", str(tmp_path / "kept")]
    monkeypatch.setattr(fuzz, "check", lambda names: None)
    monkeypatch.setattr(fuzz.logging, "disable", lambda level: None)
    monkeypatch.setattr(fuzz.warnings, "simplefilter", lambda action: None)
    assert fuzz.main(arguments) == 0
    header, row = capsys.readouterr().out.splitlines()
    assert header.split() == ["reader", "inputs", "accepted", "refused", "failures"]
    assert (row.split()[0], row.split()[1], row.split()[-1]) == ("textgrid", "20", "0")
    assert not (tmp_path / "kept").exists()
    valid = [seeds.Seed("a.bin", b"\x01", "binary")]
    monkeypatch.setitem(fuzz.READERS, "wrong", seeds.Reader(lambda: valid, goes_wrong))
    monkeypatch.setattr(fuzz, "make_input", lambda name, valid, seed, number: (valid[0], valid[0].content))
    assert fuzz.main(["wrong", "--inputs", "3", "--out", str(tmp_path / "kept")]) == 1
    _, row, kind = capsys.readouterr().out.splitlines()
    assert row.split() == ["wrong", "3", "0", "0", "3"]
    assert kind.split(maxsplit=1) == [
        "3",
        f"KeyError: 'no line for the user', such as {tmp_path / 'kept' / 'wrong' / '0'}",
    ]
