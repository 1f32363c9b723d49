from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from asr.cli.command import command
from asr.cli.main import print_versions
from asr.dependencies import LIBRARIES, DependencyError, load_error, versions

UNLOADABLE = "raise OSError('Could not load this library: libtorchaudio.so\\nundefined symbol')\n"


@pytest.fixture
def broken_torchaudio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "torchaudio.py").write_text(UNLOADABLE)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)


def test_versions_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_versions() == 0
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert list(shown) == ["carousel-asr", "python", *LIBRARIES, "libsndfile"]
    assert shown["python"] == ".".join(map(str, sys.version_info[:3]))
    assert shown["torch"] == importlib.import_module("torch").__version__


@pytest.mark.usefixtures("broken_torchaudio")
def test_a_library_that_does_not_load_is_one_line_and_the_others_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert print_versions() == 1
    shown = capsys.readouterr()
    assert shown.err == (
        "asr --version: torchaudio: does not load (OSError: Could not load this library: libtorchaudio.so); "
        "install it anew together with what it needs; constraints.txt names versions that work together\n"
    )
    assert [line.split()[0] for line in shown.out.splitlines()][2:] == [
        "torch",
        "lightning",
        "lhotse",
        "soundfile",
        "libsndfile",
    ]


def test_what_extras_install_is_imported_where_it_is_used() -> None:
    root = Path(__file__).parents[1]
    extras = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    names = [name for extra in ("demo", "export", "media") for name in extras[extra]]
    libraries = {re.split(r"[^\w-]", name)[0].replace("-", "_") for name in names} - {"carousel_asr"}
    assert libraries == {"espeakng_loader", "onnx", "onnxruntime", "av"}
    wrong = []
    for file in (root / "asr").rglob("*.py"):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            modules = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            wrong += [f"{file.name}: {name}" for name in modules if name.partition(".")[0] in libraries]
    assert not wrong


def test_a_missing_library_is_named() -> None:
    with pytest.raises(ImportError) as caught:
        importlib.import_module("no_such_library.part")
    assert str(load_error(caught.value)).startswith("no_such_library: is not installed; install")


@pytest.mark.parametrize("wrong", [ZeroDivisionError(), OSError("disk"), ModuleNotFoundError(name="asr.nowhere")])
def test_bugs_of_ours_are_no_missing_libraries(wrong: Exception) -> None:
    with pytest.raises(type(wrong)) as caught:
        raise wrong
    assert load_error(caught.value) is None


@pytest.mark.usefixtures("broken_torchaudio")
def test_a_verb_that_needs_it_says_so_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def resample(argv: list[str] | None = None) -> int:
        importlib.import_module("torchaudio")
        return 0

    assert resample([]) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert ": torchaudio: does not load (OSError: " in shown


def test_a_module_that_is_imported_at_the_top_of_a_verb_is_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text(UNLOADABLE)
    (tmp_path / "torch.py").write_text(UNLOADABLE)
    given = str(tmp_path / "numpy.py")  # a file that is there
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['asr', 'decode', '--checkpoint', 'a', "
    program += f"'--cuts', {given!r}]; from asr.cli.main import main; sys.exit(main())"
    root = Path(__file__).parents[1]
    found = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=False)
    assert found.returncode == 1, found.stderr
    assert found.stderr.count("\n") == 1
    assert "does not load (OSError: Could not load this library" in found.stderr


def test_versions_hold_errors_where_a_library_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lhotse", None)
    found = dict(versions())
    assert isinstance(found["lhotse"], DependencyError)
    assert str(found["lhotse"]).startswith("lhotse: is not installed")
