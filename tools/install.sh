#!/usr/bin/env bash
# Installs the project and one extra into .venv, which it makes where there is none that works: tools/install.sh dev
#
# Uses uv where there is one, else venv and pip. PYTHON names the interpreter, if python3 is too old. `make` runs this when
# .venv is missing or older than pyproject.toml.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extra=${1:?usage: tools/install.sh EXTRA, one of demo dev export}
recent='import sys; sys.exit(sys.version_info < (3, 11))'

have_uv() { uv --version >/dev/null 2>&1; } # a shim may be on the PATH with no uv behind it

if ! .venv/bin/python -c "$recent" 2>/dev/null; then
  if have_uv; then
    uv venv --quiet --clear --python "${PYTHON:->=3.11}" .venv
  elif "${PYTHON:-python3}" -c "$recent"; then
    "${PYTHON:-python3}" -m venv --clear .venv
  else
    echo "install: ${PYTHON:-python3}: Python 3.11 or newer is needed; name one, as in make PYTHON=python3.12 test" >&2
    exit 1
  fi
fi

echo "install: carousel-asr[$extra] into .venv; torch alone is some gigabytes, the first time" >&2
if have_uv; then
  uv pip install --quiet --python .venv/bin/python --editable ".[$extra]"
else
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null # uv's have no pip
  .venv/bin/python -m pip install --quiet --editable ".[$extra]"
fi
