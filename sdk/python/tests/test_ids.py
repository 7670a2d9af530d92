"""Ids are unique, sort by time, and are UUIDs of version 7."""

from __future__ import annotations

import os
import random
import threading
import time
from uuid import UUID

import pytest

from sentrial.ids import new_id


def test_they_sort_in_the_order_they_are_made() -> None:
    made = [new_id("evt") for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_they_are_uuids_of_version_7_with_the_time_of_now() -> None:
    prefix, _, text = new_id("sess").partition("_")
    uuid = UUID(hex=text)
    assert (prefix, uuid.version, uuid.variant) == ("sess", 7, "specified in RFC 4122")
    assert abs((uuid.int >> 80) / 1000 - time.time()) < 60


def test_they_are_unique_across_threads() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend(new_id("evt") for _ in range(5_000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 20_000


def test_a_program_that_seeds_random_does_not_repeat_them() -> None:
    def tail() -> str:
        random.seed(42)
        return new_id("evt")[-15:]

    assert tail() != tail()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_makes_others_than_its_parent() -> None:
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_id("evt")[-15:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(read, 100).decode() != new_id("evt")[-15:]
    os.close(read)
    os.close(write)
