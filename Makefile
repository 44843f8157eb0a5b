# Every chore is a target; CI calls the same ones.
PYTHON ?= python3
VENV ?= .venv
RUNS ?= runs
DATA ?= data
PEERS ?= .venv-peers
TROVE ?= .venv-trove
BIN = $(VENV)/bin
# Modules are compiled when they are first imported: most never are. Where that is forbidden, each process would do it.
unexport PYTHONDONTWRITEBYTECODE
PIP = $(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt

.PHONY: quickstart setup test check types style pages secure advisories docs bench bench-ray trust formats fuzz clean

quickstart: $(VENV)/quickstart.done
	$(BIN)/hardneg run quickstart --out $(RUNS)/quickstart

setup: $(VENV)/dev.done

# A process for each core, and one thread of torch in each: on models of a few kilobytes threads wait for each other.
test: $(VENV)/dev.done
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist worksteal

# mypy takes as long as all else together.
check: $(VENV)/dev.done
	@$(MAKE) --jobs 2 --output-sync --no-print-directory types style pages secure

types: $(VENV)/dev.done
	$(BIN)/mypy

style: $(VENV)/dev.done
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/lint-imports
	$(BIN)/pydoclint --quiet src
	$(BIN)/typos src tests docs benchmarks README.md CHANGELOG.md

secure: $(VENV)/dev.done
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml src
	$(BIN)/python .ci/locks.py $(VENV)/installed.json

# Known holes of the packages in constraints.txt, where PyPI's advisories can be reached.
advisories: $(VENV)/dev.done
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --no-deps --requirement constraints.txt

pages: $(VENV)/dev.done
	$(BIN)/python docs/generate.py --check

docs: $(VENV)/dev.done
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --strict

# ROW=encoding measures one row again; without it, all that were not measured for this source and machine.
bench: $(VENV)/dev.done $(PEERS)/peers.done
	$(BIN)/python benchmarks/speed/bench.py --data $(DATA) $(if $(ROW),--row $(ROW)) --data $(DATA) --peers $(PEERS)/bin/python

# Needs two cores that nobody else is at; BENCH="--queries 2000 --documents 50000 --times 1" is a small one.
bench-ray: $(VENV)/dev.done $(TROVE)/trove.done
	$(BIN)/python benchmarks/ray/bench.py --data $(DATA)/ray --trove $(TROVE)/bin/python $(BENCH)

# ONLY=flips does one kind of fault again.
trust: $(VENV)/dev.done
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/trust/trust.py $(if $(ONLY),--only $(ONLY))

# What `hardneg export` writes, read by each peer's own loader in an environment of its own. PEER=FlagEmbedding asks one.
formats: $(VENV)/dev.done
	$(BIN)/python benchmarks/formats/formats.py --contracts
	$(BIN)/python benchmarks/formats/formats.py $(if $(PEER),--peer "$(PEER)")
	$(BIN)/python docs/generate.py

# Damaged files for every reader; goes on where it stopped.
fuzz: $(VENV)/dev.done
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/trust/fuzz.py --minutes $(or $(MINUTES),10)

$(PEERS)/peers.done: benchmarks/speed/peers.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --requirement benchmarks/speed/peers.txt
	touch $@

$(TROVE)/trove.done: benchmarks/ray/trove.txt
	$(PYTHON) -m venv $(TROVE)
	$(TROVE)/bin/python -m pip install --quiet --requirement benchmarks/ray/trove.txt
	$(TROVE)/bin/python -m pip install --quiet --no-deps ir-trove==0.0.2
	touch $@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/quickstart.done: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[quickstart]'
	touch $@

$(VENV)/dev.done: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[dev]' --report $(VENV)/installed.json
	touch $@

clean:
	rm -rf $(VENV) $(PEERS) $(TROVE) site build dist
