# `make reproduce` and `make test` need Python 3.11 or later and make, and nothing else.
PYTHON ?= python3
RUN := .venv/bin

.PHONY: reproduce test check docs bench lock sram-table clean

reproduce: .venv/installed
	$(RUN)/dse reproduce

# Two files of tests at a time: many tests use both cores of a small machine by themselves.
test: .venv/installed
	$(RUN)/python -m pytest --numprocesses 2 --dist loadfile

check: .venv/installed
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/mypy
	$(RUN)/lint-imports

# The documentation as pages that open from their folder, build/docs/index.html.
docs: .venv/installed
	$(RUN)/python docs/python_reference.py
	$(RUN)/mkdocs build --strict --quiet

bench: .venv/installed
	$(RUN)/python -m benchmarks

# The environment: exactly the locked versions, then the project itself.
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=")'
	$(PYTHON) -m venv .venv
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(RUN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Resolve the locked versions anew, for every supported Python.
lock:
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --group dev --group docs --extra postgres --extra dashboard --output-file requirements.lock pyproject.toml

# Make the SRAM table anew with live CACTI, see evaluators/components/SRAM_TABLE.md.
sram-table: .venv/installed
	$(RUN)/python -m evaluators.components.cacti --out evaluators/components/sram_cacti.csv

clean:
	rm -rf .venv runs build *.egg-info
