"""Modules that few commands need and that take long to import: imported when they are used
first.
"""

import importlib
from typing import Any


class Deferred:
    """Stands for a module; the first attribute that is asked for imports it."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self._module), name)
