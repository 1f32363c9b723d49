#!/usr/bin/env bash
# Makes constraints.txt anew: the newest versions that pyproject.toml admits, kept if all tests pass with them.
#
# `make upgrade` runs this. It installs into an environment of its own below the current .venv's folder, so that nothing
# changes if a test fails; pip is used as it is configured. TORCH=2.11.0 keeps torch at that version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$python" -m venv "$work/env"
"$work/env/bin/python" -m pip install --quiet --editable ".[dev]" ${TORCH:+"torch==$TORCH"}
"$work/env/bin/python" - >"$work/constraints.txt" <<'PYTHON'
import platform
from importlib.metadata import distributions

def pin(distribution):
    name = distribution.metadata["Name"].lower().replace("_", "-").replace(".", "-")
    return f"{name}=={distribution.version.partition('+')[0]}"

print("# Versions of everything, indirect dependencies too, that all tests pass with; made by `make upgrade`.")
print(f"# Python {platform.python_version()}, {platform.system()} {platform.machine()}")
left_out = ("carousel-asr==", "pip==", "uv==")
pins = {pin(each) for each in distributions() if not pin(each).startswith(left_out)}
print(*sorted(pins, key=lambda text: text.partition("==")[0]), sep="\n")
PYTHON
echo "upgrade: what would change in constraints.txt:" >&2
diff constraints.txt "$work/constraints.txt" >&2 || true
OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} PYTHONDONTWRITEBYTECODE="" \
  "$work/env/bin/python" -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal
cp "$work/constraints.txt" constraints.txt
echo "upgrade: constraints.txt is new; make test installs it" >&2
