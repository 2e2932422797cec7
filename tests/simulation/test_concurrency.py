"""How many runs start in the same minute."""

from __future__ import annotations

from sbh_jobkit.simulation.concurrency import BusyMinute, Concurrency

SYNC, BILL, MAIL = ("shop", "sync"), ("shop", "bill"), ("post", "mail")


def test_minutes_are_counted_from_the_first_to_the_last():
    """Each minute has the number of runs that start in it."""
    pileup = Concurrency({SYNC: [10, 12, 12], BILL: [12], MAIL: []})
    assert (pileup.first, list(pileup.runs), pileup.most) == (10, [1, 0, 3], 3)


def test_nothing_piles_up_where_nothing_starts():
    """No runs, no minutes, no peaks."""
    pileup = Concurrency({SYNC: []})
    assert (list(pileup.runs), pileup.most, pileup.peaks(5)) == ([], 0, [])


def test_peaks_are_the_busiest_minutes_each_kind_once():
    """The most runs first, the earlier of two; minutes in which just the same runs start are one peak."""
    pileup = Concurrency({SYNC: [0, 1, 2, 3, 4], BILL: [1, 1, 3, 3], MAIL: [2, 2, 4]})
    assert pileup.peaks(3) == [
        BusyMinute(minute=1, runs=3, who=((BILL, 2), (SYNC, 1)), minutes=2, last=3),
        BusyMinute(minute=2, runs=3, who=((MAIL, 2), (SYNC, 1)), minutes=1, last=2),
        BusyMinute(minute=4, runs=2, who=((SYNC, 1), (MAIL, 1)), minutes=1, last=4),
    ]


def test_two_of_one_are_not_one_of_two():
    """Minutes of equal numbers of runs differ where the runs do."""
    pileup = Concurrency({SYNC: [0, 0, 1], BILL: [1]})
    assert [(peak.minute, peak.minutes) for peak in pileup.peaks(5)] == [(0, 1), (1, 1)]
