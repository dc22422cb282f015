"""Work of a library that does not look at signals: it is left alone, and the process still ends as
it says.
"""

import subprocess
import sys

import pytest

# A library that never ends, and a signal while it works; what `run` answers is the code.
LEFT = """
import atexit, threading
from sslcli.cli import app
from sslcli.errors import Interrupted
from sslcli.runs import interrupting

interrupting.PATIENCE_SECONDS = 0.01
waited_for = threading.Thread.join

def interrupted(thread, timeout=None):
    if timeout is None and thread.name == interrupting.IN_LIBRARY:
        raise KeyboardInterrupt
    return waited_for(thread, timeout)

def run(words):
    threading.Thread.join = interrupted
    try:
        interrupting.in_thread(lambda go_on: WORK)
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0

app.run = run
atexit.register(print, "an ordinary end")
app.main()
"""


@pytest.mark.parametrize(
    ("library", "printed"),
    [("threading.Event().wait()", ""), ("None", "an ordinary end\n")],
    ids=["goes on", "has ended"],
)
def test_a_thread_that_is_left_in_a_library_does_not_decide_how_the_process_ends(library, printed):
    """Python would take it down in the middle of native code, which may abort."""
    ended = subprocess.run(
        [sys.executable, "-c", LEFT.replace("WORK", library)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, printed, "")
