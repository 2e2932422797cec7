"""Each hostile job: its outcome, its reason, the output that is kept, how soon it is over, and that nothing is left."""

import re
from time import monotonic

import pytest
from hostile_jobs import MAIN, TABLE, judge


def test_the_table_has_every_job():
    """A job that is added to the plugin must stand in the table, or in a test of its own."""
    names = set(re.findall(r'@job\("(\w+)"', MAIN.read_text()))
    assert names - set(TABLE) == {"well", "tell_a_secret", "log_a_secret", "emit_much", "wait"}


@pytest.mark.parametrize("name", TABLE)
def test_a_hostile_job(name, ask, starter):
    """It ends as the table says, nothing of it is left, and the next run begins at once."""
    case, began = TABLE[name], monotonic()
    handle = ask(name, **case.limits)
    assert handle.wait_ready(10)
    handle.go()
    run = handle.result(case.within)
    took = monotonic() - began
    left = starter.left()
    next_began, first = monotonic(), []
    well = ask("well", on_message=lambda message: first.append((message["kind"], monotonic() - next_began)))
    well.wait_ready(10)
    well.go()
    after = well.result(10)

    judge(name, run)
    assert left == []
    assert took < case.within
    assert (after.verdict, after.stdout) == ("ok", "well\n")
    assert dict(first)["began"] < 1.0  # 50 ms on a machine that does nothing else; bench/children.py has the figures
