#!/usr/bin/env bash
# Installs the project and one extra into .venv, which it makes where there is none that works: tools/install.sh dev
#
# Versions are those of constraints.txt. Uses uv where there is one, else venv and pip. `make` runs this when .venv is
# missing or older than pyproject.toml or constraints.txt.
#
#   PYTHON=python3.12 tools/install.sh dev    another interpreter, if python3 is too old
#   TORCH=2.11.0 tools/install.sh dev         another torch, with the libraries it comes with
#   CONSTRAINTS= tools/install.sh dev         the newest versions that pyproject.toml admits
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
extra=${1:?usage: tools/install.sh EXTRA, one of demo dev media}
constraints=${CONSTRAINTS-constraints.txt}
recent='import sys; sys.exit(sys.version_info < (3, 11))'

have_uv() { uv --version >/dev/null 2>&1; } # the PATH may hold a shim without uv

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

options=()
if [[ $constraints ]]; then
  chosen=.venv/constraints.txt
  if [[ ${TORCH:-} ]]; then # what torch is pinned to goes with it: CUDA's libraries, triton and setuptools
    grep -vE '^(torch|triton|setuptools|nvidia-.*|cuda-.*)==' "$constraints" >"$chosen"
    echo "torch==$TORCH" >>"$chosen"
  else
    cp "$constraints" "$chosen"
  fi
  options=(--constraint "$chosen")
fi

echo "install: carousel-asr[$extra] into .venv; torch alone is some gigabytes, the first time" >&2
if have_uv; then
  uv pip install --quiet --python .venv/bin/python "${options[@]}" --editable ".[$extra]"
else
  .venv/bin/python -m pip --version >/dev/null 2>&1 || .venv/bin/python -m ensurepip >/dev/null # uv's have no pip
  .venv/bin/python -m pip install --quiet "${options[@]}" --editable ".[$extra]"
fi
