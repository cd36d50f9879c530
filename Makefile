# Serein's commands, the same for a person and for CI. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install -qq --disable-pip-version-check --no-input -c constraints.txt

# Both stamps stand for an editable install, so that one environment serves demo and tests.
CORE := $(VENV)/.stamp-core
FULL := $(VENV)/.stamp-full

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench model clean

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(CORE) ## Install what prediction needs and judge the bundled sample clips
	$(BIN)/serein predict src/serein/samples/*.flac

test: $(FULL) ## Run all tests
	$(BIN)/python -m pytest

lint: $(FULL) ## Check style, formatting and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(FULL) ## Measure cold start, prediction, features, long recordings and streams
	$(BIN)/python -m benchmarks.predict
	$(BIN)/python -m benchmarks.features
	$(BIN)/python -m benchmarks.timeline
	$(BIN)/python -m benchmarks.stream

model: $(FULL) ## Train and score the packaged models anew (hours): corpora in SEREIN_CORPORA
	$(BIN)/python scripts/make_model.py $(or $(SEREIN_CORPORA),../shared/corpora) build/model

clean: ## Remove caches and builds; the environment stays
	rm -rf build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find src tests scripts -type d -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Serein needs Python 3.11 or newer, and '$(PYTHON)' is not." \
	    "Name one that is: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(CORE): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e .
	@touch $@

$(FULL): pyproject.toml constraints.txt | $(BIN)/python
	$(PIP_INSTALL) -e '.[all,test]'
	@touch $(CORE) $@
