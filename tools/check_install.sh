#!/usr/bin/env bash
# Installs the project as a machine would that has never seen it: an empty folder, empty caches, nothing from this disk.
#
#   tools/check_install.sh [WAY ...]     of uv, pip and pip-unconstrained; all of them by default, some minutes each
#
# Each way makes an environment of its own (about 6 GB in $TMPDIR, removed at once), prints the versions, imports every
# name that the package takes from outside, and resamples a second of audio. The index is the one that pip is configured for.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
ways=("$@")
((${#ways[@]})) || ways=(uv pip pip-unconstrained)
python=${PYTHON:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

index=$("$python" -m pip config get global.index-url 2>/dev/null || true)
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_CONSTRAINT UV_FIND_LINKS UV_EXTRA_INDEX_URL UV_INDEX UV_CONSTRAINT
export PIP_CONFIG_FILE=/dev/null PIP_NO_CACHE_DIR=1 UV_NO_CONFIG=1 UV_NO_CACHE=1
if [[ $index ]]; then export PIP_INDEX_URL=$index UV_DEFAULT_INDEX=$index; fi

copy_source() {
  mkdir "$work/source"
  tar -cf - --exclude=__pycache__ asr conf pyproject.toml README.md LICENSE | tar -xf - -C "$work/source"
}

install() { # WAY: into $work/env
  local project="$work/source[demo,media]"
  "$python" -m venv "$work/env"
  case $1 in
    uv)
      "$python" -m venv "$work/uv"
      "$work/uv/bin/python" -m pip install --quiet uv
      "$work/uv/bin/uv" pip install --quiet --python "$work/env/bin/python" --constraint constraints.txt "$project"
      ;;
    pip) "$work/env/bin/python" -m pip install --quiet --constraint constraints.txt "$project" ;;
    pip-unconstrained) "$work/env/bin/python" -m pip install --quiet "$project" ;;
    *)
      echo "check_install: $1: no such way; give uv, pip or pip-unconstrained" >&2
      exit 2
      ;;
  esac
}

resampled='
import torch
from torchaudio.functional import resample
print("resampled to", len(resample(torch.zeros(44100), 44100, 16000)), "samples")'

copy_source
for way in "${ways[@]}"; do
  SECONDS=0
  echo "== $way"
  install "$way"
  (
    cd "$work" # not where the sources lie: what is installed is what runs
    env/bin/asr --version
    env/bin/python "$OLDPWD/tools/check_imports.py"
    env/bin/python -c "$resampled"
  )
  echo "== $way: installed and checked in $SECONDS s, $(du -sm "$work/env" | cut -f1) MB"
  rm -rf "$work/env" "$work/uv"
done
