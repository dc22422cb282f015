"""A process that has the slow imports done, and forks one process for every script or `ssl` command
that it is asked to run.

    python tests/rehearsals/stage.py SOCKET                    serve
    python tests/rehearsals/stage.py SOCKET --run WORD ...     run one command there, in this folder
    and environment

A command is the path of a Python script and its words, or `ssl` and its words. Its process has
standard streams, folder and environment of whoever asked, and its code as `__main__`, as if it had
been started by itself; only the imports are shared, also with the fork server that a script may
start.
"""

import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

LONGEST_REQUEST = 1 << 20


def run_there(
    address: str,
    words: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    streams: Sequence[int] = (0, 1, 2),
    patience: float | None = None,
) -> int:
    """The exit code of the command. Raises TimeoutError after `patience` seconds."""
    request = {"words": list(words), "folder": str(folder), "environment": dict(environment)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(address)
        connection.settimeout(patience)
        socket.send_fds(connection, [json.dumps(request).encode()], list(streams))
        answer = connection.recv(100)
    return int(answer) if answer else 1


def serve(address: str) -> None:
    _import_all()
    # nobody waits for the processes that serve one request
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
        door.bind(address)
        door.listen()
        print("ready", flush=True)
        while True:
            connection, _ = door.accept()
            if os.fork() == 0:
                door.close()
                _serve_one(connection)
            connection.close()


def _import_all() -> None:
    """What most scripts and commands import; nothing of it may start a thread."""
    import importlib
    import pkgutil

    import matplotlib.backends.backend_agg
    import matplotlib.backends.backend_svg
    import matplotlib.figure  # noqa: F401
    import sklearn.linear_model  # noqa: F401
    import sslplugins
    import torch._dynamo  # noqa: F401
    import transformers  # noqa: F401
    from transformers import BertForMaskedLM, GPT2LMHeadModel, Trainer  # noqa: F401

    import sslcli.cli.actions

    for package in (sslcli.cli.actions, sslplugins):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def _serve_one(connection: socket.socket) -> None:
    request, streams, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 3)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    process = os.fork()
    if process == 0:
        connection.close()
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)
        asked = json.loads(request)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        _share_with_fork_servers()
        os._exit(_code_of(asked["words"]))
    _, status = os.waitpid(process, 0)
    connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _share_with_fork_servers() -> None:
    """A fork server of multiprocessing is this process forked, not a new one that imports
    everything again.
    """
    import multiprocessing.forkserver as servers

    import torch

    start = servers.util.spawnv_passfds

    def start_or_fork(path: str, words: Sequence[str], handles: Sequence[int]) -> int:
        if "multiprocessing.forkserver" not in words[-1] or torch.cuda.is_initialized():
            return start(path, words, handles)
        process = os.fork()
        if process == 0:
            servers._forkserver.__init__()  # its lock is held by whoever starts this server
            _close_all_but(handles)
            try:
                exec(words[-1], {})
            finally:
                os._exit(0)
        return process

    servers.util.spawnv_passfds = start_or_fork


def _close_all_but(handles: Sequence[int]) -> None:
    """Standard streams stay too."""
    most = max(map(int, os.listdir("/proc/self/fd")))
    for handle in sorted({*range(3, most + 1)} - {*handles}):
        try:
            os.close(handle)
        except OSError:  # not open
            continue


def _code_of(words: list[str]) -> int:
    """Run one command to its end."""
    sys.argv = words
    try:
        if words[0] == "ssl":
            from sslcli.cli.app import main

            main()
        else:
            sys.path[0] = str(Path(words[0]).parent)
            runpy.run_path(words[0], run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    _run_exit_handlers()
    return code


def _run_exit_handlers() -> None:
    """Those that the end of an interpreter would run, and flushed streams."""
    import atexit
    import threading

    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()


if __name__ == "__main__":
    if sys.argv[2:3] == ["--run"]:
        sys.exit(run_there(sys.argv[1], sys.argv[3:], Path.cwd(), os.environ))
    serve(sys.argv[1])
