"""Standard streams while code of others runs."""

import os
import sys
from collections.abc import Generator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def stdout_kept() -> Generator[None]:
    """stdout belongs to the result: what is printed meanwhile goes to stderr, also from native code
    and from commands.
    """
    try:
        kept = os.dup(1)
    except OSError:  # it is closed: nothing can be printed
        yield
        return
    sys.stdout.flush()
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
