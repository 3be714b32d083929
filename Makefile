# One virtual environment, made from pyproject.toml and constraints.txt; see CONTRIBUTING.md.
PYTHON ?= python3
BIN = .venv/bin
SOURCES = app.py assembly bot adapters commands sandbox benchmarks tests

.PHONY: sandbox test check types outlines bench clean

sandbox: .venv/.sandbox
	$(BIN)/python app.py sandbox $(ARGS)

test: .venv/.dev
	$(BIN)/ruff format --check -q $(SOURCES)
	$(BIN)/ruff check -q $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: .venv/.dev
	$(BIN)/ruff format --check -q $(SOURCES)
	$(BIN)/ruff check -q $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

outlines: .venv/.dev
	$(BIN)/python app.py outline --write

bench: .venv/.dev
	for file in benchmarks/bench_*.py; do $(BIN)/python $$file; done

clean:
	rm -rf .venv var build .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

.venv/.made:
	$(PYTHON) -m venv .venv
	touch $@

.venv/.sandbox: .venv/.made pyproject.toml constraints.txt
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[sandbox]'
	touch $@

.venv/.dev: .venv/.made pyproject.toml constraints.txt
	$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@ .venv/.sandbox
