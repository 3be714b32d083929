# One virtual environment, made once from pyproject.toml and constraints.txt. CONTRIBUTING.md says
# what each target is for.
PYTHON ?= python3
BIN = .venv/bin
SOURCES = app.py assembly bot adapters backfills commands sandbox benchmarks tests
# Without compiled files every worker compiles all tests anew, which is a quarter of `make check`.
export PYTHONDONTWRITEBYTECODE =
# What is imported is compiled then; most of what comes along never is.
INSTALL = $(BIN)/pip install -q --disable-pip-version-check --no-compile -c constraints.txt -e

.PHONY: sandbox test check crash-matrix outlines pictures bench clean static

sandbox: .venv/.sandbox
	$(BIN)/python app.py sandbox $(ARGS)

# Its tests wait for processes and clocks for half of the time: two cores carry four of them at once.
test: static
	@command -v chromium >/dev/null || { echo "The tests of the sandbox's page need Chromium: apt-get install chromium"; exit 1; }
	@command -v kubectl >/dev/null || { echo "The tests of the sandbox's Kubernetes need kubectl: apt-get install kubernetes-client"; exit 1; }
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --no-loadscope-reorder

check: static
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m "not slow"

static: .venv/.dev
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

crash-matrix: .venv/.dev
	$(BIN)/python -m tests.crash.matrix

outlines: .venv/.dev
	$(BIN)/python app.py outline --write

# ONLY="RB-INC-001 DAILY-001" takes those of some.
pictures: .venv/.dev
	$(BIN)/python -m tests.scenarios.pictures $(ONLY)
	$(BIN)/python app.py outline --write

bench: .venv/.dev
	set -e; for file in $(wildcard benchmarks/bench_*.py); do \
		$(BIN)/python -m benchmarks.$$(basename $$file .py); done

clean:
	rm -rf .venv var build *.egg-info
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/.sandbox: .venv/.made pyproject.toml constraints.txt
	$(INSTALL) '.[sandbox]'
	touch $@

.venv/.dev: .venv/.made pyproject.toml constraints.txt
	$(INSTALL) '.[dev]'
	touch .venv/.sandbox $@
