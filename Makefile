# The commands of this repository. Each installs what it needs into .venv first; nothing needs root.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Where this keeps Python from keeping what it compiles, each of the hundreds of processes that tests start compiles it all.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test check format campaign bench clean

help:  ## say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/installed  ## run the shop and the co-op, with a live view
	$(BIN)/twofold demo

test: check  ## everything that must hold before a change goes in, in less than six minutes
	$(BIN)/pytest -q -n 2 --dist worksteal

# mypy goes through the tests too; pyright, which would take three times as long for all, does so in campaigns.
check: $(VENV)/installed  ## formatting, lint, types and import direction
	$(BIN)/ruff format --check --quiet
	$(BIN)/ruff check --quiet
	$(BIN)/lint-imports --no-cache --no-logo
	$(BIN)/mypy & $(BIN)/basedpyright src benchmarks; found=$$?; wait $$! && exit $$found

format: $(VENV)/installed  ## put every file into the one format
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format

campaign: $(VENV)/installed  ## the same tests for hours instead of minutes: more kills, more races, more random programs
	$(BIN)/basedpyright
	$(BIN)/pytest -q -n 2 --dist worksteal --campaign --timeout 7200

bench: $(VENV)/bench-installed  ## print the figures beside their limits and the peer's
	$(BIN)/python -m benchmarks

clean:  ## remove the environment and everything that was made
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find src tests benchmarks -name __pycache__ -prune -exec rm -rf {} +

# One environment, made anew when the package's metadata changes. uv does it in seconds where it is installed; plain
# venv and pip do the same elsewhere. pip comes from outside, because Debian's venv cannot bring its own.
INSTALL = if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python $(1); \
          else $(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check $(1); fi

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Twofold needs Python 3.11 or newer: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/installed: pyproject.toml | $(BIN)/python
	@echo "Installing into $(VENV) ..."
	@$(call INSTALL,-e '.[dev]')
	@touch $@

$(VENV)/bench-installed: pyproject.toml | $(VENV)/installed
	@$(call INSTALL,-e '.[bench]')
	@touch $@
