"""The choices in ``conf/``, read without Hydra."""

from __future__ import annotations

from pathlib import Path

import asr


def conf_dir() -> Path:
    """Returns the folder of configurations: inside an installed package, next to the package in a checkout."""
    package = Path(asr.__file__).parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


def groups() -> dict[str, list[str]]:
    """Returns the choices of each group in ``conf/``."""
    menu: dict[str, list[str]] = {}
    for file in sorted(conf_dir().glob("*/**/*.yaml")):
        group, _, name = file.relative_to(conf_dir()).with_suffix("").as_posix().partition("/")
        menu.setdefault(group, []).append(name)
    return menu
