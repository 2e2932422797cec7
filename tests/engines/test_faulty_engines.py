"""The tests of an engine find what is wrong with one: each fault fails one of them, with one sentence."""

import os
import re
from pathlib import Path

import pytest

MODULE = """
from functools import partial
import pytest
import table_engine
from pytest_sbhjobs.engines import EngineTests

class TestIt(EngineTests):
    quiet, patience, period = 0.6, 5.0, table_engine.PERIOD

    @pytest.fixture
    def open_engine(self, store_url):
        return partial(table_engine.{}, store_url)
"""
FAULTS = {
    "OffersTwice": {
        "test_each_row_is_brought_once": "3 rows were offered, and start was called 6 times",
    },
    "OffersEarly": {
        "test_no_row_is_brought_before_its_time": "a row was brought N its time",
    },
    "Forgets": {
        "test_what_nobody_worked_for_is_kept": (
            "a row was offered before there was a worker, and nobody was called within 5 s"
        ),
    },
    "RunsUnasked": {
        "test_a_withdrawn_row_is_not_brought": "a row was brought that had been withdrawn",
    },
}
"""The faults that an engine must not have, and all tests that fail for each."""
MORE = {
    "CallsIdly": ("test_nobody_is_called_for_nothing", "nothing was offered, and start was called"),
    "KeepsFailed": (
        "test_what_a_failed_transaction_offered_is_not_brought",
        "a row was brought whose transaction had failed",
    ),
    "TakesAll": ("test_no_more_calls_go_on_than_there_are_slots", "3 calls went on at once, with 2 slots"),
    "GoesOn": ("test_it_ends_when_it_is_told_to", "work did not end within 5 s of its stop"),
    "OnlyOnce": (
        "test_what_a_killed_worker_had_is_brought_when_it_is_offered_again",
        "a row of a worker that was killed was offered again, and nobody was called within 5 s",
    ),
    "AllTick": (
        "test_one_of_several_processes_ticks",
        "three processes ticked, the first was killed, and the others were called N times in 2 s, with one every 1 s",
    ),
}
"""Further faults, and the test that is there for each."""
PLAIN = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:randomly")
PROCESSES = ("killed", "several", "test_each_fire", "by_hand", "cancelled", "runs_go_on", "waited", "no_row_starts")
"""Tests that start processes, which take longer."""


@pytest.fixture
def failures(pytester, monkeypatch):
    """Return a function that runs the tests for a faulty engine, and returns the sentence of each that fails."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "data/engines"), prepend=os.pathsep)

    def run(fault, only):
        path = pytester.makepyfile(MODULE.format(fault))
        done = pytester.runpytest_subprocess(path, "-k", only, *PLAIN)
        lines = "\n".join(done.outlines)
        found = re.findall(r"^_+ TestIt\.(\w+) _+\n(.*)\n(?=_|=)", lines, re.MULTILINE)
        assert len(found) == done.parseoutcomes().get("failed", 0), lines
        return {name: re.sub(r"\d+\.\d s before|(?<=others were called )\d+", "N", said) for name, said in found}

    return run


@pytest.mark.parametrize("fault", FAULTS)
def test_an_engine_with_a_fault(failures, fault):
    """It fails one test and no other; the four faults fail four."""
    assert failures(fault, " and ".join(f"not {each}" for each in PROCESSES)) == FAULTS[fault]


def test_an_engine_that_nobody_opens(pytester):
    """The sentence says what to give."""
    path = pytester.makepyfile("from pytest_sbhjobs.engines import EngineTests\nclass TestIt(EngineTests): ...\n")
    done = pytester.runpytest_subprocess(path, "-k", "brought_once", *PLAIN)
    says = "a fixture 'open_engine' must return what opens the engine: partial(MyEngine, url)"
    assert (done.parseoutcomes()["errors"], says in done.outlines) == (1, True)


@pytest.mark.parametrize("fault", MORE)
def test_each_test_of_an_engine_can_fail(failures, fault):
    """There is a fault for it."""
    test, says = MORE[fault]
    assert failures(fault, test) == {test: says}
