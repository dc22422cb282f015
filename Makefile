# What CI runs and what a person runs are the same lines.
PYTHON ?= python

.PHONY: install test test-edges lint measures documents

install:
	$(PYTHON) -m pip install 'torch==2.13.0' -e '.[test]'
	$(PYTHON) -m pip install ./examples/third-party-plugin

test: lint
	OMP_WAIT_POLICY=PASSIVE $(PYTHON) -m pytest

# Beside the oldest and the newest releases of what the project needs; each gets an environment of some gigabytes.
test-edges:
	PYTHON=$(PYTHON) tests/releases.sh oldest
	PYTHON=$(PYTHON) tests/releases.sh newest

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) tests/house/type_errors.py

# What the house weighs: sizes, imports, names, docstrings, types.
measures:
	$(PYTHON) tests/house/measures.py

# Help texts inside documents, and the lists of flags and names that tests pin.
documents:
	$(PYTHON) tests/house/help_blocks.py
	$(PYTHON) tests/house/pinned.py
