from __future__ import annotations

import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asr.machine import is_first_rank, num_cores, num_processes, uncollected


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def test_all_cores_that_a_process_may_run_on(tmp_path: Path) -> None:
    assert num_cores(tmp_path) == 8


@pytest.mark.parametrize(
    ("quotas", "expected"),
    [
        ({"a/b": "max 100000", "a": "250000 100000"}, 2),
        ({"a/b": "50000 100000"}, 1),
        ({"": "300000 100000"}, 3),
        ({"a/b": "max 100000"}, 8),
        ({"a/b": "1600000 100000"}, 8),
    ],
)
def test_a_quota_of_any_group_around_counts(tmp_path: Path, quotas: dict[str, str], expected: int) -> None:
    write(tmp_path / "proc/self/cgroup", "0::/a/b\n")
    for group, quota in quotas.items():
        write(tmp_path / "sys/fs/cgroup" / group / "cpu.max", f"{quota}\n")
    assert num_cores(tmp_path) == expected


@pytest.mark.parametrize(("quota", "expected"), [("150000", 1), ("400000", 4), ("-1", 8)])
def test_a_quota_of_the_older_groups(tmp_path: Path, quota: str, expected: int) -> None:
    write(tmp_path / "proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/pod\n")
    write(tmp_path / "sys/fs/cgroup/cpu/pod/cpu.cfs_quota_us", f"{quota}\n")
    write(tmp_path / "sys/fs/cgroup/cpu/pod/cpu.cfs_period_us", "100000\n")
    assert num_cores(tmp_path) == expected


@pytest.mark.parametrize(("threads", "expected"), [("1", 8), ("3", 2), ("16", 1), ("2,1", 4), ("many", 8)])
def test_processes_times_threads_fill_the_cores(monkeypatch: pytest.MonkeyPatch, threads: str, expected: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setattr("asr.machine._quotas", lambda _: [])
    assert num_processes() == expected


SHOW = """
import resource, sys
from asr.cli.command import command
from asr.machine import keep_memory

@command
def main(argv=None):
    import torch
    kept = keep_memory()
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        torch.empty(40 << 20, dtype=torch.uint8).fill_(1)
    print(torch.get_num_threads(), kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
    return 0

main([])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks for glibc and its faults")
def test_one_thread_and_kept_memory_unless_the_environment_says_otherwise() -> None:
    found = []
    for settings in ({}, {"OMP_NUM_THREADS": "2", "CAROUSEL_KEEP_MEMORY": "0"}):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | settings
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        done = subprocess.run([sys.executable, "-c", SHOW], env=environment, capture_output=True, text=True, check=True)
        found.append(done.stdout.split())
    assert [each[:2] for each in found] == [["1", "True"], ["2", "False"]]
    assert int(found[0][2]) < int(found[1][2]) / 2, "the same pages are used again"


SHARED = """
import sys, threading
from asr.machine import return_memory, share_heap

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20

def spend():
    for blocks in held:
        blocks += [bytearray(b"x") * (1 << 20) for _ in range(30)]

shared = share_heap()
before, held = resident(), [[] for _ in range(4)]
threads = [threading.Thread(target=spend) for _ in held]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
kept = [blocks.pop() for blocks in held]
most = resident()
held.clear()
return_memory()
print(shared, most - before, resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks for glibc and its heap")
def test_what_threads_have_freed_is_returned() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", SHARED], env=environment, capture_output=True, text=True, check=True)
    shared, most, left = done.stdout.split()
    assert shared == "True"
    assert int(most) > 100
    assert int(left) < 30


GARBAGE = """
import sys
from asr.machine import end_at_once

class Cycle:
    def __init__(self):
        self.me = self
    def __del__(self):
        print("searched")

if sys.argv[1:]:
    end_at_once()
left = Cycle()
del left
print("done")
"""


def test_the_end_of_a_process_need_not_search_for_garbage() -> None:
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    found = []
    for arguments in ([], ["at once"]):
        command = [sys.executable, "-c", GARBAGE, *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        found.append(done.stdout.split())
    assert found == [["done", "searched"], ["done"]]


def test_garbage_is_searched_for_again_after_loading() -> None:
    with uncollected():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ValueError, match="unreadable"), uncollected():
        raise ValueError("unreadable")
    assert gc.isenabled()


@pytest.mark.parametrize("name", ["LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"])
def test_first_ranks(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert is_first_rank()
    monkeypatch.setenv(name, "0")
    assert is_first_rank()
    monkeypatch.setenv(name, "1")
    assert not is_first_rank()


GROWN = """
import ctypes
from asr.machine import bound_caches

bound_caches()
import torch

class Heap(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks used free top"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

def used():
    libc = ctypes.CDLL(None)
    libc.mallinfo2.restype = Heap
    return libc.mallinfo2().used >> 10

layer = torch.nn.Linear(64, 64).bfloat16()
with torch.inference_mode():
    layer(torch.randn(20, 64).bfloat16())
    before = used()
    for length in range(300):
        layer(torch.randn(30 + length, 64).bfloat16())
print(used() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks for glibc and its heap")
def test_operations_on_shapes_that_never_come_again_are_not_kept() -> None:
    grown = []
    for settings in ({}, {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "1024", "LRU_CACHE_CAPACITY": "1024"}):
        environment = {name: value for name, value in os.environ.items() if "CACHE_CAPACITY" not in name} | settings
        environment["PYTHONPATH"] = str(Path(__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-c", GROWN], env=environment, capture_output=True, text=True, check=True
        )
        grown.append(int(done.stdout))
    if grown[1] < 10_000:  # KB
        pytest.skip("this processor multiplies without oneDNN")
    assert grown[0] < grown[1] / 2, grown
