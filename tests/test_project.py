"""The project itself: its make targets, its checks, the wheel, and imports that run one way."""

from __future__ import annotations

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PYTHON = Path(sys.executable)


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command and gives what it printed."""
    return subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def copy_tree(target: Path) -> None:
    """Copies what a wheel is made of."""
    for name in ("asr", "conf"):
        shutil.copytree(ROOT / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, target / name)


def test_make_without_a_target_prints_the_targets() -> None:
    printed = run("make", "--no-print-directory").stdout
    assert printed == run("make", "--no-print-directory", "help").stdout
    targets = [line.split()[1] for line in printed.splitlines()]
    assert targets == ["help", "demo", "test", "check", "bench", "upgrade", "clean"]


def test_ci_runs_what_people_run() -> None:
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("make ")] == ["make test", "make check"]
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("target", "extra"), [("test", "dev"), ("demo", "demo")])
def test_a_missing_environment_is_made_first(tmp_path: Path, target: str, extra: str) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt"):
        (tmp_path / name).touch()
    assert f"tools/install.sh {extra}" in run("make", "--dry-run", target, cwd=tmp_path).stdout.splitlines()
    (tmp_path / ".venv").mkdir()
    (tmp_path / f".venv/{extra}.stamp").touch()
    assert "install" not in run("make", "--dry-run", target, cwd=tmp_path).stdout
    os.utime(tmp_path / f".venv/{extra}.stamp", (0, 0))
    assert f"tools/install.sh {extra}" in run("make", "--dry-run", target, cwd=tmp_path).stdout.splitlines()


def test_extras() -> None:
    assert set(PROJECT["project"]["optional-dependencies"]) == {"demo", "dev", "export", "media"}


def test_every_package_is_listed() -> None:
    folders = {file.parent.relative_to(ROOT) for file in (ROOT / "asr").rglob("*.py")}
    packages = {".".join(folder.parts) for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages | {"asr.conf"}
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders)


def test_the_wheel_carries_modules_and_configurations_and_composes_them(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    copy_tree(source)
    (source / "asr/box/english.asr").write_bytes(b"the model in the box")
    build = "from setuptools import build_meta; build_meta.build_wheel('out')"
    built = run(PYTHON, "-c", build, cwd=source)
    assert built.returncode == 0, built.stderr
    (wheel,) = (source / "out").glob("carousel_asr-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "installed")
    assert (tmp_path / "installed/asr/box/english.asr").read_bytes() == b"the model in the box"
    assert (tmp_path / "installed/asr/box/NOTICE").exists()
    missing = [file for file in files_of("asr", "*.py") if file not in names]
    missing += [file for kind in ("*.css", "*.js") for file in files_of("asr", kind) if file not in names]
    missing += [file for file in files_of("conf", "*") if f"asr/{file}" not in names]
    assert not missing
    assert not [name for name in names if not name.startswith(("asr/", "carousel_asr-"))]
    command = (PYTHON, "-m", "asr.cli.train", "--print-config", "experiment=an4/blstm")
    composed = run(*command, cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    assert "corpus: an4" in composed.stdout, composed.stderr


def files_of(folder: str, pattern: str) -> list[str]:
    files = [file for file in (ROOT / folder).rglob(pattern) if file.is_file() and "__pycache__" not in file.parts]
    return [file.relative_to(ROOT).as_posix() for file in files]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return run(
        PYTHON, "-c", "from importlinter.cli import lint_imports_command as main; main(['--no-cache'])", cwd=folder
    )


def test_imports_run_one_way() -> None:
    found = lint_imports(ROOT)
    assert found.returncode == 0, found.stdout


def test_the_contracts_notice_each_wrong_import(tmp_path: Path) -> None:
    copy_tree(tmp_path)
    wrong = {
        "Imports run one way": ("models/lengths.py", "import asr.decoding.greedy"),
        "never reach Lightning or Lhotse": ("checkpoints/acoustic.py", "import asr.corpora.manifests"),
        "One door to Hydra": ("training/run.py", "import omegaconf"),
        "One door to Lightning": ("scoring/counts.py", "import lightning"),
        "One door to Lhotse": ("training/module.py", "import lhotse"),
        "One door to jiwer": ("cli/score.py", "import jiwer"),
        "One door to sentencepiece": ("text/tokens.py", "import sentencepiece"),
        "One door to soundfile": ("corpora/checks.py", "import soundfile"),
        "What runs without torch never reaches it": ("portable/greedy.py", "import torch"),
        "One door to onnxruntime": ("transcription/portable_engine.py", "import onnxruntime"),
        "One door to PyAV": ("audio/opening.py", "import av"),
        "One door to matplotlib": ("cli/report.py", "import matplotlib"),
        "No circles": ("models/cells/recurrence.py", "import asr.models.cells.scan"),
    }
    for file, line in wrong.values():
        with (tmp_path / "asr" / file).open("a", encoding="utf-8") as module:
            module.write(f"{line}\n")
    report = lint_imports(tmp_path).stdout
    broken = [line for line in report.splitlines() if line.endswith("BROKEN")]
    assert len(broken) == len(PROJECT["tool"]["importlinter"]["contracts"])
    assert all(any(name in line for line in broken) for name in wrong), report


def imported_by(file: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    found = {name.name for node in nodes if isinstance(node, ast.Import) for name in node.names}
    from_modules = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    return found | {f"{node.module}.{name.name}" for node in from_modules for name in node.names}


def test_tests_import_neither_each_other_nor_tools() -> None:
    wrong = set()
    for file in (ROOT / "tests").rglob("*.py"):
        tested = "tools" if file.is_relative_to(ROOT / "tests/tools") else "asr"
        for name in imported_by(file):
            is_test = name.startswith("tests.") and any(part.startswith("test_") for part in name.split(".")[:-1])
            if is_test or (name.split(".")[0] == "tools" and tested != "tools"):
                wrong.add(f"{file.relative_to(ROOT)}: {name}")
    assert not wrong


def test_tools_import_what_there_is() -> None:
    missing = set()
    for file in (ROOT / "tools").rglob("*.py"):
        for name in imported_by(file):
            module, _, attribute = name.rpartition(".")
            is_module = (ROOT / f"{name.replace('.', '/')}.py").exists()
            if module.startswith("asr.") and not is_module and not hasattr(importlib.import_module(module), attribute):
                missing.add(f"{file.relative_to(ROOT)}: {name}")
    assert not missing


def test_shell_is_clean() -> None:
    scripts = [ROOT / ".ci/run", *ROOT.glob("recipes/**/*.sh"), *ROOT.glob("tools/*.sh")]
    found = run(PYTHON.with_name("shellcheck"), "--external-sources", *scripts)
    assert found.returncode == 0, found.stdout + found.stderr


def test_constraints_are_bare_versions_of_everything_that_is_asked_for() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9a-z.]+", line) for line in lines), lines
    pinned = dict(line.split("==") for line in lines)
    assert list(pinned) == sorted(pinned)
    extras = PROJECT["project"]["optional-dependencies"].values()
    asked = [Requirement(text) for part in (PROJECT["project"]["dependencies"], *extras) for text in part]
    for requirement in asked:
        if requirement.name != "carousel-asr":
            assert pinned[requirement.name] in requirement.specifier, requirement


def test_what_is_asked_for_is_imported() -> None:
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "asr").rglob("*.py"))
    undeclared = {"urllib3"}  # lhotse's
    modules = {"hydra-core": "hydra"}
    for text in PROJECT["project"]["dependencies"]:
        name = Requirement(text).name
        imported = rf"^ *(import|from) {modules.get(name, name)}\b"
        assert name in undeclared or re.search(imported, code, re.MULTILINE), f"{name} is imported nowhere"
