# Everything that a person or a CI job calls; `make` alone lists it. Paths are relative, so a folder with a space in its name works.

PYTHON := .venv/bin/python
PIP := $(PYTHON) -m pip --disable-pip-version-check
LOCKED := -c constraints.txt
# Workers each load torch: more than eight cost more memory than they save time.
PARALLEL := -n auto --maxprocesses 8 --dist worksteal

.PHONY: help setup run test test-fast check format lock images clean

help: ## List these targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: .venv/.everything ## Prepare .venv with everything: the engine, its tests and its benchmarks

run: .venv/.engine ## Install what running needs, then open the studio on this machine
	@.venv/bin/vitask up

test: setup ## Run every test
	@$(PYTHON) -m pytest $(PARALLEL)

test-fast: setup ## Run the tests that take no more than a moment each
	@$(PYTHON) -m pytest $(PARALLEL) -m "not slow"

check: setup ## Format, lint, types, the arrows between packages, and advisories on what is locked
	@$(PYTHON) -m ruff format --check
	@$(PYTHON) -m ruff check
	@.venv/bin/oxlint app
	@$(PYTHON) -m mypy
	@$(PYTHON) .venv/bin/lint-imports --no-logo
	@$(PYTHON) .ci/audit.py

format: setup ## Put the code into the house's format
	@$(PYTHON) -m ruff format
	@$(PYTHON) -m ruff check --fix

lock: setup ## Resolve all dependencies afresh and write constraints.txt and requirements.lock
	@$(PYTHON) .ci/lock.py

images: .venv/bin/python ## Ask the registry for the digests of the pinned images (needs docker)
	@$(PYTHON) .ci/images.py

clean: ## Remove .venv and what the tools left
	@rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build *.egg-info
	@find core tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@for name in python3 python3.13 python3.12 python3.11 python; do \
	    if command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        echo "Preparing .venv with $$($$name --version)"; \
	        $$name -m venv .venv && exit 0; \
	        rm -rf .venv; \
	        echo "$$name could not make a virtual environment. On Debian or Ubuntu, install python3-venv and try again." >&2; exit 1; \
	    fi; \
	done; \
	echo "VITask Studio needs Python 3.11 or newer, and none was found. Install one (python.org) and try again." >&2; exit 1

# Torch goes first, so that a wheel of exactly this version that is already on the disk is the one that is taken.
.venv/.engine: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing what running needs; the first time this downloads torch and takes some minutes."
	@$(PIP) install $(LOCKED) torch
	@$(PIP) install $(LOCKED) -q --editable .
	@touch .venv/.engine

.venv/.everything: .venv/.engine
	@echo "Installing what tests and benchmarks need."
	@$(PIP) install $(LOCKED) -q --editable ".[dev,bench]"
	@$(PYTHON) .ci/browser.py
	@touch .venv/.everything
