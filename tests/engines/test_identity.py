"""Which process a worker is, and whether it has certainly ended; in doubt it has not."""

import os
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from sbh_jobkit.engines.identity import has_ended, identify


@pytest.fixture
def other():
    """Start another process, and end it with the test."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process
    process.kill()
    process.communicate()


def parts(name):
    """Split a worker's name into host, boot, process and start."""
    return name.rsplit(":", 3)


def test_a_process_that_goes_on_has_not_ended(other):
    """Neither this one nor another."""
    assert [has_ended(identify()), has_ended(identify(other.pid))] == [False, False]
    assert identify() == identify(os.getpid())


def test_a_process_that_was_killed_has_ended(other):
    """At once, also while nobody has asked for its exit code."""
    name = identify(other.pid)
    other.kill()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
    assert has_ended(name)
    other.wait()
    assert has_ended(name)


def test_a_number_that_another_process_has_got_means_the_end():
    """The start of a process tells it from an earlier one with its number."""
    host, boot, pid, began = parts(identify())
    assert has_ended(f"{host}:{boot}:{pid}:{int(began) - 1}")


def test_after_a_boot_all_have_ended():
    """Whatever number and start they had."""
    host, boot, pid, began = parts(identify())
    assert has_ended(f"{host}:{boot[::-1]}:{pid}:{began}")


def test_of_another_machine_nothing_is_known():
    """Only its signs of life tell, so it has not ended."""
    host, boot, _, _ = parts(identify())
    assert not has_ended(f"other{host}:{boot}:1:1")


def test_a_container_beside_this_one_is_another_machine():
    """It may have the same host name and the same boot, and a process of the same number that is not this one."""
    host, boot, pid, began = parts(identify())
    name, space = host.rsplit("/", 1)
    assert space == str(Path("/proc/self/ns/pid").readlink()).removeprefix("pid:[").removesuffix("]")
    assert not has_ended(f"{name}/{int(space) + 1}:{boot}:{pid}:{int(began) - 1}")


@pytest.mark.parametrize("name", ["", "rehearsal", "a:b", "a:b:c", "a:b:c:d", ":::", "{host}:{boot}:x:1"])
def test_a_name_of_another_form_has_not_ended(name):
    """Another kind of engine may name its workers as it likes."""
    host, boot, *_ = parts(identify())
    assert not has_ended(name.format(host=host, boot=boot))


def test_two_processes_have_two_names(other):
    """And the same process always has the same one."""
    names = {identify(), identify(other.pid), *islice(iter(identify, None), 3)}
    assert len(names) == 2
    assert all(len(name) <= 200 for name in names)  # the width of the store's column
