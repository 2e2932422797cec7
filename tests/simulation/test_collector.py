"""How often Python's garbage collector looks, while a simulation keeps its runs and afterwards."""

import gc

import pytest

from sbh_jobkit.simulation.simulator import SeldomCollected


@pytest.fixture
def threshold():
    """Set a threshold, and set back what was before."""
    before = gc.get_threshold()
    yield gc.set_threshold
    gc.set_threshold(*before)


@pytest.mark.parametrize(
    ("before", "inside"),
    [
        ((700, 10, 10), (10_000, 100, 10)),
        ((2_000, 20, 5), (10_000, 100, 5)),
        ((700, 200, 10), (10_000, 200, 10)),
        ((50_000, 10, 10), (50_000, 10, 10)),
        ((0, 10, 10), (0, 10, 10)),
    ],
)
def test_it_looks_less_often_and_then_as_before(threshold, before, inside):
    """A collector that is off, or seldom looks, stays so."""
    threshold(*before)
    with SeldomCollected():
        assert gc.get_threshold() == inside
    assert gc.get_threshold() == before


def test_what_a_job_sets_stays(threshold):
    """A threshold that the code of a plugin sets meanwhile is its own affair."""
    threshold(700, 10, 10)
    with SeldomCollected():
        gc.set_threshold(900, 10, 10)
    assert gc.get_threshold() == (900, 10, 10)


def test_what_is_kept_counts_as_old(threshold):
    """The runs of a simulation are not looked at again as soon as it is over."""
    threshold(700, 10, 10)
    with SeldomCollected():
        kept = [[number] for number in range(50_000)]
    assert gc.get_count()[1:] == (0, 0)
    assert len(kept) == 50_000
    assert gc.get_freeze_count() == 0


def test_what_the_caller_has_frozen_stays_frozen(threshold):
    """A server freezes what it has loaded before it forks."""
    threshold(700, 10, 10)
    gc.freeze()
    try:
        with SeldomCollected():
            pass
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()
