"""What is written aside: names of their own, locks that die with their writer, links and mount
points as targets.
"""

import errno
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from sslcli import asides
from sslcli.asides import clear_away, output_file, output_folder, settled
from sslcli.errors import RunError, UsageError
from sslcli.folders import put_together, replaced, write_atomically, written
from sslcli.runs.run_folder import locked

WRITER = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored below a shell's background jobs
from sslcli.folders import replaced, written
with {how}(Path(sys.argv[1])) as place:
    place.write("half") if hasattr(place, "write") else (place / "half").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writer(tmp_path):
    """Starts a process that is half-way through writing tmp_path/out, and ends it at the latest
    with the test.
    """
    started = []

    def start(how):
        command = [sys.executable, "-c", WRITER.format(how=how), str(tmp_path / "out")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("how", ["written", "replaced"])
def test_what_a_living_writer_holds_stays_and_what_a_dead_one_left_goes(how, writer, tmp_path):
    process = writer(how)
    (left,) = names(tmp_path)
    assert re.fullmatch(r"\.unfinished-out-[0-9a-f]{16}", left)
    write_atomically(tmp_path / "other", "by another command")
    clear_away(tmp_path, ours=True)
    assert names(tmp_path) == [left, "other"]
    os.kill(process.pid, signal.SIGSTOP)  # it hangs, and lives
    write_atomically(tmp_path / "other", "again")
    assert names(tmp_path) == [left, "other"]
    process.kill()
    process.wait()
    write_atomically(tmp_path / "other", "and again")
    assert names(tmp_path) == ["other"]


@pytest.mark.parametrize("how", ["written", "replaced"])
def test_a_signal_that_ends_the_writer_leaves_nothing_of_it(how, writer, tmp_path):
    process = writer(how)
    process.send_signal(signal.SIGINT)
    process.wait()
    assert names(tmp_path) == []


def test_two_that_write_one_file_do_not_meet(tmp_path):
    with written(tmp_path / "out") as first:
        first.write("first " * 1000)
        with written(tmp_path / "out") as second:
            second.write("second")
        first.write("to the end")
    assert (tmp_path / "out").read_text() == "first " * 1000 + "to the end"
    assert names(tmp_path) == ["out"]


def test_names_of_others_that_only_look_alike_stay(tmp_path):
    for name in (".unfinished-thoughts", ".unfinished-notes-20261129", ".replaced-tyres-2025"):
        (tmp_path / name).write_text("mine")
    write_atomically(tmp_path / "out", "x")
    assert len(names(tmp_path)) == 4


def test_a_folder_moved_aside_by_a_writer_that_died_gets_its_name_back(tmp_path):
    (tmp_path / f".replaced-out-{'0' * 16}").mkdir()
    clear_away(tmp_path)
    assert names(tmp_path) == ["out"]


def test_a_long_name_can_be_written(tmp_path):
    name = "長" * 83 + ".jsonl"
    write_atomically(tmp_path / name, "x")
    with replaced(tmp_path / ("d" * 255)) as folder:
        (folder / "a").write_text("x")
    assert names(tmp_path) == ["d" * 255, name]


def test_replacing_keeps_the_permissions(tmp_path):
    write_atomically(tmp_path / "secret", "old")
    (tmp_path / "secret").chmod(0o600)
    write_atomically(tmp_path / "secret", "new")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_reader_of_a_folder_that_is_replaced_always_finds_it(tmp_path):
    reader = "import sys; from pathlib import Path\nwhile True: Path(sys.argv[1], 'a').read_text()"
    with replaced(tmp_path / "out") as folder:
        (folder / "a").write_text("0")
    process = subprocess.Popen(
        [sys.executable, "-c", reader, str(tmp_path / "out")], stderr=subprocess.PIPE
    )
    for number in range(100):
        with replaced(tmp_path / "out") as folder:
            (folder / "a").write_text(str(number))
    assert process.poll() is None, process.stderr.read()
    process.kill()
    process.communicate()


@pytest.fixture
def without_exchange(monkeypatch):
    """A system that cannot swap two names in one step."""
    monkeypatch.setattr(asides, "_exchanged", lambda one, other: False)


def write_out(tmp_path, text):
    with replaced(tmp_path / "out") as folder:
        (folder / "a").write_text(text)


def test_a_folder_is_replaced_in_two_steps_where_one_is_not_known(tmp_path, without_exchange):
    write_out(tmp_path, "old")
    write_out(tmp_path, "new")
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "a").read_text() == "new"


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EXDEV])
@pytest.mark.parametrize("at", [1, 2])
def test_a_rename_that_is_refused_leaves_what_stood_there(
    tmp_path, without_exchange, monkeypatch, number, at
):
    write_out(tmp_path, "old")
    rename, calls = os.rename, []

    def refusing(*names, **more):
        calls.append(names)
        if len(calls) == at:
            raise OSError(number, os.strerror(number))
        rename(*names, **more)

    monkeypatch.setattr(os, "rename", refusing)
    with pytest.raises(RunError, match=os.strerror(number)):
        write_out(tmp_path, "new")
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out" / "a").read_text() == "old"


def test_a_link_is_written_through_and_a_link_to_nothing_refused(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "file").write_text("old")
    for name, target in (
        ("link", "there"),
        ("other", "nowhere"),
        ("round", "round"),
        ("out", "file"),
    ):
        (tmp_path / name).symlink_to(target)
    assert settled(tmp_path / "link") == tmp_path / "there"
    assert output_folder(tmp_path / "link") == tmp_path / "there"
    assert output_file(tmp_path / "out") == tmp_path / "file"
    for name in ("other", "round"):
        for asked in (settled, output_folder, output_file):
            with pytest.raises(UsageError, match="is not there"):
                asked(tmp_path / name)


def test_places_that_are_no_file_or_no_folder_are_refused_before_any_work(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("old")
    monkeypatch.chdir(tmp_path)
    for asked, place, words in (
        (output_folder, tmp_path / "file", "is a file"),
        (output_file, tmp_path, "is a folder"),
        (output_file, tmp_path / "no" / "x", "there is no folder"),
        (settled, tmp_path, "current folder"),
        (settled, tmp_path.parent, "current folder"),
    ):
        with pytest.raises(UsageError, match=words):
            asked(place)


def test_open_files_by_their_number_are_written_as_they_are(tmp_path):
    with (tmp_path / "out").open("w") as file:
        path = tmp_path.__class__(f"/proc/self/fd/{file.fileno()}")
        assert output_file(path) == path
        with written(path) as stream:
            stream.write("x")
    assert names(tmp_path) == ["out"]
    assert (tmp_path / "out").read_text() == "x"


@pytest.fixture
def mounted(tmp_path):
    """A folder that is another one of the same disk by a bind mount."""
    for name in ("volume", "mount point"):
        (tmp_path / name).mkdir()
    command = ["mount", "--bind", str(tmp_path / "volume"), str(tmp_path / "mount point")]
    if subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("nothing can be mounted here")
    yield tmp_path / "mount point"
    subprocess.run(["umount", str(tmp_path / "mount point")], check=True)


def test_a_mount_point_is_refused_as_a_whole_and_written_into_file_by_file(mounted):
    with pytest.raises(UsageError, match="is a mount point"):
        settled(mounted)
    for content in ("old", "new"):
        with put_together(output_folder(mounted), ("last",)) as folder:
            (folder / "last").write_text(content)
        assert (mounted / "last").read_text() == content
    with pytest.raises(RunError, match="cannot write"), replaced(mounted) as folder:
        (folder / "a").write_text("x")
    assert names(mounted) == ["last"]
    assert names(mounted.parent) == ["mount point", "volume"]


def put(folder, names, content, own=()):
    with put_together(folder, ("mark",), own) as aside:
        for name in names:
            (aside / name).write_text(content)


def test_files_that_belong_together_leave_others_alone(tmp_path):
    put(tmp_path / "out", ["a", "b", "mark"], "1")
    inode = (tmp_path / "out").stat().st_ino
    put(tmp_path / "out", ["a", "c", "mark"], "2", own=["a", "b"])
    assert names(tmp_path / "out") == ["a", "c", "mark"]
    assert (tmp_path / "out").stat().st_ino != inode, (
        "nothing but its own was there: replaced as a whole"
    )
    (tmp_path / "out" / "mine").write_text("mine")
    put(tmp_path / "out", ["b", "mark"], "3", own=["a", "c"])
    assert names(tmp_path / "out") == ["b", "mark", "mine"]


def test_wherever_a_writer_among_other_files_dies_the_mark_is_on_one_set_only(tmp_path):
    """At each call that renames or removes something; what is there beside the mark is all old or
    all new.
    """
    (tmp_path / "mine").write_text("mine")
    script = """
import os, sys
from pathlib import Path
from sslcli.folders import put_together
left = int(sys.argv[2])
def hook(event, arguments):
    global left
    if event in ("os.rename", "os.remove"):
        left -= 1
        if left == 0: os._exit(9)
with put_together(Path(sys.argv[1]), ("mark",), ("a", "b")) as aside:
    for name in ("a", "c", "mark"): (aside / name).write_text("new")
    sys.addaudithook(hook)
"""
    seen = set()
    for call in range(1, 12):
        put(tmp_path, ["a", "b", "mark"], "old", own=["a", "b", "c"])
        ended = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path), str(call)], check=False
        )
        there = {name for name in names(tmp_path) if not name.startswith(".")} - {"mine"}
        contents = {(tmp_path / name).read_text() for name in there}
        if "mark" in there:
            assert (there, contents) in (
                ({"a", "b", "mark"}, {"old"}),
                ({"a", "c", "mark"}, {"new"}),
            )
            seen |= contents
        put(tmp_path, ["a", "b", "mark"], "old", own=["a", "b", "c"])
        assert names(tmp_path) == ["a", "b", "mark", "mine"]
        if ended.returncode == 0:
            break
    assert seen == {"old", "new"}
    assert call > 5


def test_the_lock_of_a_writer_outlives_a_clock(tmp_path, writer):
    """Age is no sign of death."""
    process = writer("written")
    (left,) = names(tmp_path)
    os.utime(tmp_path / left, (0, 0))
    clear_away(tmp_path)
    assert names(tmp_path) == [left]
    process.kill()
    process.wait()
    deadline = time.monotonic() + 5
    while names(tmp_path) and time.monotonic() < deadline:
        clear_away(tmp_path)
    assert names(tmp_path) == []


def test_on_a_disk_that_knows_no_locks_files_are_whole_and_what_was_left_stays(
    tmp_path, monkeypatch
):
    """Nobody can tell there whether the writer lives."""

    def refuse(handle, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(asides.fcntl, "flock", refuse)
    left = f".unfinished-out-{'0' * 16}"
    (tmp_path / left).write_text("half")
    write_atomically(tmp_path / "out", "whole")
    write_out(tmp_path / "below", "whole")
    with locked(tmp_path):
        pass
    assert names(tmp_path) == [left, "below", "lock", "out"]
    assert (tmp_path / "below" / "out" / "a").read_text() == "whole"


def test_who_only_looks_at_a_lock_keeps_no_writer_from_it(tmp_path):
    with locked(tmp_path):
        pass
    with (tmp_path / "lock").open() as lock:
        asides.fcntl.flock(lock, asides.fcntl.LOCK_SH)
        timer = threading.Timer(0.03, lambda: asides.fcntl.flock(lock, asides.fcntl.LOCK_UN))
        timer.start()
        with locked(tmp_path):
            pass
        timer.join()


def test_a_spooled_input_goes_with_its_process_however_that_ends(tmp_path):
    script = "import sys, time; from pathlib import Path; from sslcli.asides import spool\n"
    script += "print(spool(Path(sys.argv[1])).name, flush=True); time.sleep(float(sys.argv[2]))"

    def start(seconds):
        command = [sys.executable, "-c", script, str(tmp_path), str(seconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        return process, process.stdout.readline().strip()

    lives, first = start(60)
    killed, second = start(60)
    killed.kill()
    killed.wait()
    ended, third = start(0)
    ended.wait()
    assert [str(path) for path in tmp_path.iterdir()] == [first]
    assert len({first, second, third}) == 3
    lives.kill()
    lives.wait()
