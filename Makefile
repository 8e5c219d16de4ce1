# Two commands: `make study` shows what mho does, `make test` checks that it is right.
# Needs only python3 (3.11 or later) with its venv module; everything goes into .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
JOBS   ?= 2

.PHONY: help study test check install install-test kernels ngspice clean

help:
	@echo "make study   set up, run the ECRAM study on the packaged measurement, name the report"
	@echo "make test    set up, check style, floors and types, run every test"
	@echo "make check   style, floors and types alone"
	@echo "make kernels build the optional array solver for this machine (needs a C++ compiler)"
	@echo "make clean   remove the virtual environment and caches; results/ stays"

study: install
	$(BIN)/mho study run ecram-stp

# A module's tests stay in one process, because they share compiled circuits.
test: install-test ngspice check
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope --no-loadscope-reorder

check: install-test
	$(BIN)/ruff check src tests benchmarks scripts
	$(BIN)/ruff format --check src tests benchmarks scripts
	$(BIN)/lint-imports
	$(BIN)/pyright --pythonpath $(BIN)/python

# Ten times faster arrays where a C++ compiler is; kept in the user's cache, for this kind of processor.
kernels: install
	$(BIN)/python -m mho.crossbars.kernels

# The stamps hold what was installed for which pyproject.toml, so that a second call installs nothing.
install: $(VENV)/installed
install-test: $(VENV)/installed-test

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mho needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version). Name another: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "The venv module is missing. Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@ $(VENV)/installed

# ngspice is the outside judge of the circuit floor. It is no Python package, so it is installed only where that is
# plainly allowed: by root, through apt. Without it the tests that need it say so and are skipped.
ngspice:
	@if command -v ngspice >/dev/null; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "installing ngspice"; \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ngspice; } >/dev/null \
	    || echo "ngspice could not be installed; the comparisons with it will be skipped"; \
	else echo "ngspice is not installed (Debian: apt-get install ngspice); the comparisons with it will be skipped"; fi

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist
