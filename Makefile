PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PYTHONUNBUFFERED := 1

.PHONY: demo test test-fast ui dev bench lint clean

# Everything that the project needs, into .venv; done again when the requirements change.
$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; choose it with: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev -e '.[ui,export]'
	touch $@

demo: $(VENV)/installed ## build the sample dialogues into data/moshi_sample with the built-in voice
	$(BIN)/moshi-assets demo --output data

test: $(VENV)/installed ## run every test, a process for each core
	$(BIN)/python -m pytest -n auto --dist loadfile

test-fast: $(VENV)/installed ## the tests that take no whole build, server or model: for the time while you write
	$(BIN)/python -m pytest -n auto --dist loadfile -m "not slow"

ui: $(VENV)/installed ## Dagster's webserver and daemon on the datasets in data/ and their history
	$(BIN)/moshi-assets ui --output data

dev: $(VENV)/installed ## the same by Dagster's dg, for work on the code
	DAGSTER_HOME="$$($(BIN)/python -c 'from moshi_assets.defs import instance_home as i; print(i.instance_home(i.Path("data")))')" $(BIN)/dg dev

bench: $(VENV)/installed ## reproduce every figure of the README
	$(BIN)/python -m benchmarks

lint: $(VENV)/installed ## rules, format and types of all code, and the definitions that Dagster loads
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/dg check defs

clean: ## remove what make demo and make ui wrote, but not .venv
	rm -rf data
