# What CI runs and what a person runs are the same lines.
PYTHON ?= python

.PHONY: install test lint help-blocks

install:
	$(PYTHON) -m pip install -e '.[test]'

test: lint
	OMP_WAIT_POLICY=PASSIVE $(PYTHON) -m pytest

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
