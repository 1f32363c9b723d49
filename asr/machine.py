"""A process's use of the machine: cores, threads, and memory kept by the C library."""

from __future__ import annotations

import atexit
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -3, -4, -8  # of glibc's mallopt
_MOST = 2**31 - 1
_CACHES, _MOST_OPERATIONS = ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"), 64
_LARGE, _SPARE = 32 << 20, 256 << 20  # bytes: of blocks that are no part of the heap, and free at its end


def num_cores(root: Path = Path("/")) -> int:
    """Returns how many cores this process may use, given its affinity and its container's quota under ``root``."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *(int(quota) for quota in _quotas(root))]))


def num_processes() -> int:
    """Returns how many concurrent processes fill the cores, each with the threads of ``OMP_NUM_THREADS``."""
    threads = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    return max(1, num_cores() // max(1, int(threads) if threads.isdecimal() else 1))


def use_one_thread() -> None:
    """Makes each process compute in one thread, unless ``OMP_NUM_THREADS`` says otherwise; children inherit it.

    Threads that share a step of a recurrent layer wait for one another in every frame, and all stall as soon as another
    program takes a core from one of them: cores are filled by processes and concurrent batches instead.
    """
    if "OMP_NUM_THREADS" in os.environ:
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    if "torch" in sys.modules:  # which read the environment when it was loaded
        sys.modules["torch"].set_num_threads(1)


def bound_caches() -> None:
    """Bounds what torch keeps of operations on tensors of one shape, unless the environment does; children inherit it.

    By default oneDNN and the layer above it keep the last 1,024 compiled operations. Batches of speech hardly ever have
    the same shape twice, so that a training grows by 2 MB with each step and never uses them again.
    """
    for name in _CACHES:
        os.environ.setdefault(name, str(_MOST_OPERATIONS))


def is_first_rank() -> bool:
    """Returns whether this process is the first of those that run one command together, as each tells it.

    Processes that nobody has started as ranks are first ranks.
    """
    return all(os.environ.get(name, "0") == "0" for name in ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID"))


def keep_memory() -> bool:
    """Tells glibc to reuse the memory of freed tensors, unless ``CAROUSEL_KEEP_MEMORY=0``.

    By default it returns every large block, and the kernel clears the same pages again in every step.

    Returns:
        Whether it was done; other C libraries are not changed.
    """
    if os.environ.get("CAROUSEL_KEEP_MEMORY") == "0":
        return False
    libc = _glibc()
    return libc is not None and bool(libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, _MOST))


def share_heap() -> bool:
    """Tells glibc to give all threads one heap, and to keep what is freed there until :func:`return_memory`.

    By default each thread has a heap of its own, in pieces of 64 MB, in which the tensors of batches leave holes: hours
    of batches side by side hold several times the memory that they use.

    Returns:
        Whether it was done; other C libraries are not changed.
    """
    libc = _glibc()
    settings = ((_M_ARENA_MAX, 1), (_M_MMAP_THRESHOLD, _LARGE), (_M_TRIM_THRESHOLD, _SPARE))
    return libc is not None and all(libc.mallopt(name, value) for name, value in settings)


def return_memory() -> None:
    """Gives freed memory back to the system, with glibc; a few milliseconds."""
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)


@contextmanager
def uncollected() -> Iterator[None]:
    """Does not search for garbage within the block, for what loads and stays: a tenth less time to import torch.

    Garbage that it makes all the same is found afterwards.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def end_at_once() -> None:
    """Makes this process end without searching everything for garbage: with torch, that takes up to a second.

    For programs that close themselves what they open: what only a cycle of objects holds is not closed any more.
    """
    atexit.register(gc.freeze)


def _glibc() -> ctypes.CDLL | None:
    """Returns the C library of this process if it is glibc."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") else None


def _quotas(root: Path) -> list[float]:
    """Returns the quota, in cores, of each control group of this process, of either version."""
    quotas = []
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        folder = Path(group.lstrip("/"))
        if not controllers:
            levels = [root / "sys/fs/cgroup" / level for level in (folder, *folder.parents)]
            quotas += [_read(level / "cpu.max").split() for level in levels]
        elif "cpu" in controllers.split(","):
            levels = [root / "sys/fs/cgroup/cpu" / level for level in (folder, *folder.parents)]
            quotas += [
                [_read(level / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")] for level in levels
            ]
    return [int(each[0]) / int(each[1]) for each in quotas if len(each) == 2 and all(map(str.isdecimal, each))]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
