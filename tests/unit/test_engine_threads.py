"""What runs beside the training thread: its order, its errors, its end."""

import itertools
import threading
import time

import pytest

from sslcli.engine.ahead import Ahead
from sslcli.engine.background import Background


def test_items_come_in_their_order_and_the_end_is_told():
    assert list(Ahead(iter(range(100)), depth=3)) == list(range(100))


def test_no_more_than_the_depth_is_made_before_it_is_asked_for():
    made = []
    ahead = Ahead((made.append(number) or number for number in itertools.count()), depth=2)
    assert [next(ahead) for _ in range(5)] == [0, 1, 2, 3, 4]
    time.sleep(0.3)
    ahead.close()
    assert len(made) <= 5 + 2 + 1  # two lie ready, one is in the hand of the thread


def test_an_error_comes_where_its_item_would_have_come():
    def items():
        yield 1
        raise ValueError("the second one")

    ahead = Ahead(items(), depth=4)
    assert next(ahead) == 1
    with pytest.raises(ValueError, match="the second one"):
        next(ahead)


def test_closing_ends_the_thread_of_an_endless_iterator():
    before = threading.active_count()
    ahead = Ahead(itertools.count(), depth=1)
    next(ahead)
    ahead.close()
    assert threading.active_count() == before


def test_one_job_at_a_time_and_every_result_once():
    running, most, background = [], [], Background()

    def job(number):
        running.append(number)
        most.append(len(running))
        time.sleep(0.02)
        running.remove(number)
        return number

    for number in range(5):
        background.submit(lambda number=number: job(number))
    assert background.wait() == [0, 1, 2, 3, 4]
    assert background.finished() == []
    assert max(most) == 1


def test_the_failure_of_a_job_is_raised_by_the_next_call_and_only_once():
    background = Background()

    def fails():
        raise OSError("disk full")

    background.submit(fails)
    with pytest.raises(OSError, match="disk full"):
        background.submit(lambda: 1)
    background.submit(lambda: 2)
    assert background.wait() == [2]
