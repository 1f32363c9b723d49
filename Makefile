# What people and CI run. .venv is built when it is missing, and brought up to date when pyproject.toml or constraints.txt
# has changed.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check bench upgrade clean

BIN := .venv/bin
SHELL_FILES := .ci/run $(wildcard recipes/*.sh recipes/*/*.sh tools/*.sh)

help: ## print these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/demo.stamp ## speak a corpus, train on it, decode, score, transcribe; and read real speech: offline, minutes on two cores
	recipes/synth/run.sh

# The tests' tensors are too small to share out between threads.
test: export OMP_NUM_THREADS ?= 1
# Else each process that the tests start compiles the package, and the libraries that uv has installed, anew.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/dev.stamp ## run all tests
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

check: .venv/dev.stamp ## lint, formatting, types, import contracts, shell scripts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/shellcheck --external-sources $(SHELL_FILES)

bench: .venv/dev.stamp ## time training against a bare loop; needs data/an4 with features, and a quiet machine
	$(BIN)/python tools/bench_training.py experiment=an4/blstm

upgrade: ## the newest versions that pyproject.toml admits into constraints.txt, if all tests pass with them
	tools/upgrade.sh

clean: ## remove caches and builds; keeps .venv, data and exp
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find asr tests tools -name __pycache__ -prune -exec rm -rf {} +

.venv/demo.stamp: pyproject.toml constraints.txt
	tools/install.sh demo
	touch $@

.venv/dev.stamp: pyproject.toml constraints.txt
	tools/install.sh dev
	touch $@ .venv/demo.stamp # dev holds all of demo
