"""Where `pytest --pdb` stops: in the plugin's code, where the kit's would be of no use."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from pytest_sbhjobs import tracker
from pytest_sbhjobs.failure import JobFailedError
from sbh_jobkit.run import tracebacks

if TYPE_CHECKING:
    from types import TracebackType

    from sbh_jobkit import Job, Run

_MOST = 10_000
"""So many exceptions are kept: more than most months have failing runs."""
_BEFORE = pytest.StashKey[tracebacks.Ending | None]()


class Debugger:
    """Lets the traceback of a failed test end in the plugin's frames, if a run that failed is the reason."""

    def __init__(self) -> None:
        """Keep what runs raise from now on."""
        tracebacks.keep(_MOST)

    def pytest_unconfigure(self) -> None:
        """Keep it no longer."""
        tracebacks.keep(0)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note what was raised before the test."""
        item.stash[_BEFORE] = tracebacks.latest()

    @pytest.hookimpl(tryfirst=True)
    def pytest_exception_interact(self, node: Any, call: pytest.CallInfo[Any]) -> None:
        """Add the plugin's frames below those of the test, so that `up` leads to the test; pdb comes after this."""
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, JobFailedError):
            found = _of_job(node, error)
        elif isinstance(error, (AssertionError, pytest.fail.Exception)) and isinstance(node, pytest.Item):
            found = _of_test(node, error)
        else:
            return
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        if last is not None and found is not None:
            last.tb_next = found


def _of_job(item: Any, error: JobFailedError) -> TracebackType | None:
    """Return the frames of the first failing run of a simulated job, or its line."""
    run = error.first
    job: Job = item.parent.plugin.jobs[item.name]
    ending = tracebacks.find(job.name, (run.started_at or run.fire_time).timestamp()) if run is not None else None
    return ending.traceback if ending is not None else _standing(job, error.place or job.place)


def _of_test(item: Any, error: BaseException) -> TracebackType | None:
    """Return the frames of the last run of a test that raised; of one that nobody checked, its line."""
    ending = tracebacks.latest()
    if ending is not None and ending is not item.stash.get(_BEFORE, None):
        return ending.traceback
    failed: Run | None = item.stash.get(tracker.UNCHECKED, None)
    plugin = getattr(item, "funcargs", {}).get("sbh_plugin")
    if failed is None or plugin is None or isinstance(error, AssertionError):
        return None
    job: Job = plugin.jobs[failed.job]
    place = next((fault.place for fault in failed.faults if not fault.allowed and fault.place), job.place)
    return _standing(job, place)


def _standing(job: Job, place: str | None) -> TracebackType | None:
    names = getattr(inspect.unwrap(job.function), "__globals__", {})
    return tracebacks.standing_at(place, job.root, names) if place is not None and job.root is not None else None
