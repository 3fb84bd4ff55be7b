# scenesort: install, demo, test. A second call of any target starts at once.
# Needs Python 3.11, make and a package registry that pip can reach.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
DEMO := demo

.DEFAULT_GOAL := install
.PHONY: install demo test lint clean

install: $(VENV)/.installed  ## .venv with the scenesort command and the default weights

demo: $(VENV)/.installed  ## photos with known cameras are rendered, sorted and scored
	$(BIN)/scenesort demo -o $(DEMO)

test: lint  ## lint, types and tests
	$(BIN)/pytest

lint: $(VENV)/.installed-dev  ## lint and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:  ## remove what the targets above made
	rm -rf $(VENV) $(DEMO) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# torch first, so that its download is seen by itself. "==2.13.0" also fits a registry's CPU build, "2.13.0+cpu".
$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install -c constraints.txt torch==2.13.0
	$(PIP) install -c constraints.txt -e .
	$(BIN)/scenesort weights fetch
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP) install -c constraints.txt -e '.[dev]'
	$(BIN)/scenesort weights fetch --all
	@touch $@
