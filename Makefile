# Every chore is a target; CI calls the same ones.
PYTHON ?= python3
VENV ?= .venv
RUNS ?= runs
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: quickstart setup test check docs clean

quickstart: $(VENV)/quickstart.done
	$(BIN)/hardneg run quickstart --out $(RUNS)/quickstart

setup: $(VENV)/dev.done

test: $(VENV)/dev.done
	$(BIN)/python -m pytest

check: $(VENV)/dev.done
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pydoclint src
	$(BIN)/typos src tests docs benchmarks README.md CHANGELOG.md
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/dev.done
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/quickstart.done: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[quickstart]'
	touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) site build dist
