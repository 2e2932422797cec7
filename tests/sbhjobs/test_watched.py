"""A run as a test gets it is the run, to whoever asks."""

from __future__ import annotations

import copy
import pickle
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta

import pytest

from pytest_sbhjobs.watched import TrackedRun, WatchedRun
from sbh_jobkit import Outcome, Run

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)
PLAIN = {"tenant": "acme", "plugin": "p", "fire_time": AT, "started_at": AT, "duration": timedelta(0)}
RUN = Run(job="greet", outcome=Outcome.OK, value="hello", **PLAIN)


@pytest.fixture
def seen():
    """Return the run and what was read of it."""
    return TrackedRun(RUN, among_many=False)


def test_it_is_the_run(seen):
    """By type, value, text and copy."""
    watched = WatchedRun(seen)
    assert isinstance(watched, Run)
    assert (watched == RUN, RUN.__eq__(watched)) == (True, True)
    assert watched != replace(RUN, value="bye")
    assert hash(watched) == hash(RUN)
    assert repr(watched) == "<Run greet 2026-01-05 06:00 UTC: ok>"
    assert asdict(watched) == asdict(RUN)
    assert type(replace(watched, job="other")) is Run
    assert (copy.copy(watched), pickle.loads(pickle.dumps(watched))) == (RUN, RUN)  # noqa: S301  its own


def test_it_notes_what_is_read(seen):
    """Each name that was asked for, and nothing for a repr."""
    watched = WatchedRun(seen)
    assert (repr(watched), seen.names) == (repr(RUN), set())
    assert (watched.ok, watched.stdout) == (True, "")
    assert seen.names == {"ok", "stdout"}


def test_it_cannot_be_changed(seen):
    """As the run cannot."""
    with pytest.raises(AttributeError):
        WatchedRun(seen).job = "other"
