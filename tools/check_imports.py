"""Imports each name that the package takes from outside, also inside functions: python tools/check_imports.py.

Prints a line for each that is missing and one with the count; ends with status 1 if any is.
"""

from __future__ import annotations

import ast
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import asr


def outside_names(package: Path) -> Iterator[tuple[str, str]]:
    """Yields module and name of each import from outside the package and the standard library; names may be empty."""
    for file in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
            if isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names if _is_outside(alias.name, package))
            elif isinstance(node, ast.ImportFrom) and node.module and _is_outside(node.module, package):
                yield from ((node.module, alias.name) for alias in node.names)


def _is_outside(module: str, package: Path) -> bool:
    top = module.partition(".")[0]
    known = sys.stdlib_module_names | {package.name, "_typeshed"}  # which only type checkers have
    return top not in known


def complaint(module: str, name: str) -> str:
    """Returns what is wrong with an import, or nothing."""
    try:
        imported = importlib.import_module(module)
        if name and not hasattr(imported, name):
            importlib.import_module(f"{module}.{name}")
    except Exception as error:  # a broken library may raise anything while it is imported
        return f"{module} {name}: {type(error).__name__}: {error}"
    return ""


def main() -> int:
    """Checks all imports and returns the exit status."""
    names = sorted(set(outside_names(Path(asr.__file__).parent)))
    complaints = [found for module, name in names if (found := complaint(module, name))]
    for found in complaints:
        print(found, file=sys.stderr)
    packages = {module.partition(".")[0] for module, _ in names}
    print(f"{len(names) - len(complaints)} of {len(names)} names of {len(packages)} libraries import")
    return 1 if complaints else 0


if __name__ == "__main__":
    raise SystemExit(main())
