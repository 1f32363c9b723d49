"""What a checkpoint's pickle may hold; torch reads what we read, and what we refuse never runs."""

from __future__ import annotations

import io
import math
import os
import pickle
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asr.checkpoints.pickled import ForeignError, unpickle
from asr.checkpoints.reading import read_checkpoint
from asr.errors import CheckpointError

DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.bool,
    torch.uint8,
)
SHARED = torch.arange(24.0)

tensors = st.one_of(
    st.builds(
        lambda dtype, shape: torch.arange(math.prod(shape)).reshape(shape).to(dtype),
        st.sampled_from(DTYPES),
        st.lists(st.integers(0, 3), max_size=3),
    ),
    st.sampled_from([SHARED, SHARED[3:7], SHARED.view(4, 6).T, SHARED[::5], SHARED.view(2, 3, 4)[:, 1], SHARED[:0]]),
    st.just(torch.ones(3, requires_grad=True)),
    st.just(torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)),
)
plain = st.one_of(st.none(), st.booleans(), st.integers(-(2**100), 2**100), st.floats(), st.text(max_size=5))
contents = st.recursive(
    plain | tensors,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=4),
        st.dictionaries(st.text(max_size=3), inner, max_size=4).map(OrderedDict),
    ),
    max_leaves=12,
)


def is_same(ours: Any, theirs: Any) -> bool:
    if type(ours) is not type(theirs):
        return False
    if isinstance(ours, dict):
        return list(ours) == list(theirs) and all(is_same(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list | tuple):
        return len(ours) == len(theirs) and all(map(is_same, ours, theirs))
    if isinstance(ours, Tensor):
        kind = (ours.dtype, ours.shape, ours.requires_grad) == (theirs.dtype, theirs.shape, theirs.requires_grad)
        strides = not ours.numel() or ours.stride() == theirs.stride()
        return kind and strides and torch.equal(ours, theirs)
    return ours == theirs or (ours != ours and theirs != theirs)


@settings(max_examples=150)
@given(contents)
def test_torch_reads_the_same(tmp_path_factory: pytest.TempPathFactory, content: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "pickled.ckpt"
    torch.save({"content": content}, path)
    theirs = torch.load(path, weights_only=True)
    assert is_same(read_checkpoint(path), theirs)
    assert is_same(read_checkpoint(path, is_mapped=False), theirs)


def test_tensors_that_share_numbers_go_on_sharing_them(tmp_path: Path) -> None:
    torch.save({"a": SHARED[:4], "b": SHARED[2:]}, tmp_path / "a.ckpt")
    content = read_checkpoint(tmp_path / "a.ckpt")
    content["a"][2] = -1
    assert content["b"][0] == -1
    assert SHARED[2] == read_checkpoint(tmp_path / "a.ckpt")["a"][2] == 2  # the file stays as it is


def test_versions_of_modules_stay_with_their_state(tmp_path: Path) -> None:
    state = torch.nn.BatchNorm1d(2).state_dict()
    torch.save({"state": state}, tmp_path / "a.ckpt")
    assert read_checkpoint(tmp_path / "a.ckpt")["state"]._metadata == state._metadata


class Reducer:
    """An object that says how it is to be made."""

    def __init__(self, *how: Any) -> None:
        self.how = how

    def __reduce__(self) -> tuple[Any, ...]:
        return self.how


def refused(path: Path, content: Any) -> str:
    torch.save({"content": content}, path)
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    return str(caught.value)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("content", "name"),
    [
        (Reducer(os.mkdir, ("made",)), "posix.mkdir"),
        (Reducer(eval, ("__import__('os').mkdir('made')",)), "__builtin__.eval"),
        (Reducer(getattr, ("text", "upper")), "__builtin__.getattr"),
        (Reducer(__import__, ("os",)), "__builtin__.__import__"),
        (Reducer(bytearray, (10**13,)), "__builtin__.bytearray"),  # torch makes it: terabytes
        (Reducer(torch.Tensor, (10**6, 10**7)), "torch.Tensor"),
        (
            Reducer(torch._utils._rebuild_meta_tensor_no_storage, (torch.float32, (10**9,), (1,), False)),
            "_rebuild_meta",
        ),
        (Counter("aab"), "collections.Counter"),
        ({"a", "b"}, "set"),
        (b"bytes", "_codecs.encode"),
        (1 + 2j, "complex"),
        (torch.Size([3]), "torch.Size"),
        (torch.float32, "torch.float32"),
        (torch.device("cpu"), "torch.device"),
        (Path("a"), "pathlib"),
        (torch.ones(2, dtype=torch.complex64), "torch.ComplexFloatStorage"),
        (torch.ones(2).to_sparse(), "_rebuild_sparse_tensor"),
        (Reducer(torch._utils._rebuild_qtensor, ()), "_rebuild_qtensor"),
        (torch.nn.Parameter(torch.ones(2)), "_rebuild_parameter"),
        (torch.ones(2).to(torch.float8_e4m3fn), "torch"),
        (torch.ones(2, dtype=torch.int16), "torch.ShortStorage"),
        (torch.ones(2, device="meta"), "torch"),
        (torch.nn.Linear(2, 2), "torch.nn.modules.linear.Linear"),
        (Reducer(OrderedDict, ([("a", 1)],)), "collections.OrderedDict with arguments"),
        ({1.5: "a"}, "neither texts nor whole numbers"),
        ({(1, 2): "a"}, "neither texts nor whole numbers"),
    ],
)
def test_everything_else_is_named_and_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    message = refused(tmp_path / "a.ckpt", content)
    assert "could run code" in message
    assert name in message
    assert not (tmp_path / "made").exists()


def no_numbers(key: str, dtype: torch.dtype, count: int) -> Tensor:
    return torch.zeros(count, dtype=dtype)


def foreign(pickled: bytes) -> str:
    with pytest.raises(ForeignError) as caught:
        unpickle(b"\x80\x02" + pickled + b".", no_numbers)
    return str(caught.value)


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"cos\nsystem\n", "os.system"),
        (b"cbuiltins\neval\n", "builtins.eval"),
        (b"ctorch._utils\n_rebuild_tensor_v2.__globals__\n", "torch._utils._rebuild_tensor_v2.__globals__"),
        (b"(ios\nsystem\n", "instruction INST"),
        (b"X\x02\0\0\0osX\x06\0\0\0system\x93", "instruction STACK_GLOBAL"),
        (b"ccollections\nOrderedDict\n)\x81", "instruction NEWOBJ"),
        (b"(ccollections\nOrderedDict\no", "instruction OBJ"),
        (b"\x82\x01", "instruction EXT1"),
        (b"Pstorage\n", "instruction PERSID"),
        (b"C\x01a", "instruction SHORT_BINBYTES"),
        (b"\x8a\x01\x05\x80\x04", "instruction PROTO"),
        (b"0", "instruction POP"),
        (b"S'a'\n", "instruction STRING"),
        (b"\x8b\xff\xff\xff\x7f", "breaks off"),
        (b"X\xff\xff\xff\xff", "breaks off"),
        (b"h\x05", "breaks off"),
        (b"t", "breaks off"),
        (b"\x86", "breaks off"),
        (b"}a", "breaks off"),
        (b"]K\x01K\x02s", "keys are neither"),
        (b"}K\x01a", "appended to what is no list"),
        (b"}(K\x01u", "breaks off"),
        (b"K\x01)R", "a call of what is no name"),
        (b"ctorch\nFloatStorage\n)R", "a call of torch.FloatStorage with arguments"),
        (b"X\x1a\0\0\0ctorch._utils\n_rebuild_tensor", "breaks off"),
        (b"X\x17\0\0\0collections OrderedDict)R", "a call of what is no name"),  # a text is no name
        (b"ccollections\nOrderedDict\n}X\x05\0\0\0itemsK\x01sb", "attributes of an object"),
        (b"ccollections\nOrderedDict\n)R}X\x05\0\0\0itemsK\x01sb", "attributes of an object"),
        (b"}}X\x01\0\0\0aK\x01sb", "attributes of an object"),
        (b"K\x05Q", "not described as torch does"),
        (b"X\x07\0\0\0storage\x85Q", "not described as torch does"),
        (b"]q\x00h\x00a", "nested without end"),
        (b"]" * 70 + b"a" * 69, "nested without end"),
    ],
)
def test_instructions_that_torch_does_not_write(pickled: bytes, message: str) -> None:
    assert message in foreign(pickled)


def test_values_that_are_few_in_the_file_and_endless_outside(tmp_path: Path) -> None:
    lists: list[Any] = []
    for _ in range(60):
        lists = [lists] * 10
    assert "nested without end" in foreign(pickle.dumps(lists, 2)[2:-1])
    key: Any = ()
    for _ in range(60):
        key = (key, key)  # whose hash takes 2^60 steps
    pickled = io.BytesIO()
    pickler = pickle.Pickler(pickled, 2)
    pickler.dump(key)
    assert "neither texts" in foreign(b"}" + pickled.getvalue()[2:-1] + b"K\x01s")


def pid(key: Any = "0", kind: bytes = b"ctorch\nFloatStorage\n", count: Any = 6, name: Any = "storage") -> bytes:
    """Returns the instructions for numbers."""
    return b"".join([b"(", value(name), kind, value(key), value("cpu"), value(count), b"tQ"])


def value(of: Any) -> bytes:
    return pickle.dumps(of, 2)[2:-1]


def tensor(numbers: bytes = pid(), offset: Any = 0, size: Any = (6,), stride: Any = (1,), **more: Any) -> bytes:
    """Returns the instructions for a tensor."""
    flags = value(more.get("grad", False)) + more.get("hooks", b"ccollections\nOrderedDict\n)R") + more.get("last", b"")
    parts = value(offset) + value(size) + value(stride)
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + numbers + parts + flags + b"tR"


@pytest.mark.parametrize(
    "pickled",
    [
        tensor(size=(7,)),
        tensor(offset=1),
        tensor(offset=-1),
        tensor(size=(2, 3), stride=(3, 2)),
        tensor(size=(2, 3), stride=(3, -1)),
        tensor(size=(-1,)),
        tensor(size=(10**6, 10**6), stride=(0, 0)),  # one number, shown 10^12 times
        tensor(size=(7, 1), stride=(0, 1)),
        tensor(size=(2**40, 2**40), stride=(1, 1)),
        tensor(size=(6,), stride=(1, 1)),
        tensor(size=(1,) * 20, stride=(1,) * 20),
        tensor(size=6),
        tensor(size=(True,)),
        tensor(size=(6.0,)),
        tensor(offset="0"),
        tensor(grad=1),
        tensor(hooks=b"ccollections\nOrderedDict\n)RK\x01ccollections\nOrderedDict\ns"),
        tensor(last=value({"conj": True})),
        tensor(numbers=value([1.0] * 6)),
        tensor(numbers=b"ctorch\nFloatStorage\n"),
        tensor(numbers=pid(count=-6)),
        tensor(numbers=pid(count=6.0)),
        tensor(numbers=pid(key=0)),
        tensor(numbers=pid(name="module")),
        tensor(numbers=pid(kind=b"ccollections\nOrderedDict\n")),
        tensor(numbers=pid(kind=value("torch FloatStorage"))),
        b"ctorch._utils\n_rebuild_tensor_v2\n)R",
        tensor(last=b"NNNN"),
    ],
)
def test_tensors_that_are_more_than_their_numbers(pickled: bytes) -> None:
    assert foreign(pickled)
    assert unpickle(b"\x80\x02" + tensor() + b".", no_numbers).shape == (6,)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\x06t", b"K\x07t"),  # one number more than the member has: the first of another's bytes
        (b"K\x06t", b"K\x05t"),
        (b"K\x06t", b"J\xff\xff\xff\x7ft"),
        (b"FloatStorage", b"HalfStorage"),
        (b"FloatStorage", b"DoubleStorage"),
        (b"X\x01\0\0\x000q", b"X\x01\0\0\x009q"),  # a member that is not there
        (b"X\x01\0\0\x000q", b"X\x0b\0\0\0../data.pklq"),
    ],
)
def test_numbers_that_are_not_as_many_as_are_stored(tmp_path: Path, old: bytes, new: bytes) -> None:
    source, target = tmp_path / "a.ckpt", tmp_path / "b.ckpt"
    torch.save({"content": torch.arange(6.0), "more": torch.ones(3)}, source)
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith("data.pkl"):
                assert old in content
                content = content.replace(old, new, 1)
            changed.writestr(name, content)
    with pytest.raises(CheckpointError, match="that are not stored"):
        read_checkpoint(target)


def test_numbers_of_two_types(tmp_path: Path) -> None:
    source, target = tmp_path / "a.ckpt", tmp_path / "b.ckpt"
    torch.save({"a": torch.arange(6.0), "b": torch.arange(6, dtype=torch.int32)}, source)
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as changed:
        for name in archive.namelist():
            changed.writestr(name, archive.read(name).replace(b"X\x01\0\0\x001q", b"X\x01\0\0\x000q"))
    with pytest.raises(CheckpointError, match="numbers that are of two types"):
        read_checkpoint(target)


def test_names_as_long_as_a_file(tmp_path: Path) -> None:
    source, target = tmp_path / "a.ckpt", tmp_path / "b.ckpt"
    torch.save({}, source)
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as changed:
        for name in archive.namelist():
            evil = b"\x80\x02c" + b"x" * 10_000 + b"\ny\n."
            changed.writestr(name, evil if name.endswith("data.pkl") else archive.read(name))
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(target)
    assert len(str(caught.value)) < 600


def test_a_pickle_without_end() -> None:
    with pytest.raises(ForeignError, match="a pickle of 67,108,865 bytes"):
        unpickle(bytes((1 << 26) + 1), no_numbers)
