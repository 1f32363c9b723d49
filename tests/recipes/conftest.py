from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def asr_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Provides a folder with a command ``asr`` that starts at once; see :mod:`tests.recipes.warm_asr`."""
    folder = tmp_path_factory.mktemp("bin")
    program, address = Path(__file__).with_name("warm_asr.py"), folder / "socket"
    command = [sys.executable, str(program), "serve", str(address)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as server:
        try:
            assert server.stdout is not None
            assert server.stdout.readline() == b"ready\n"
            asr = folder / "asr"
            asr.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{program}" call "{address}" "$@"\n')
            asr.chmod(0o755)
            yield folder
        finally:
            server.kill()
