"""A worker's lease: it ends the worker's runs before others may take it for dead.

The worker renews it in the store, and hands what is left of it to the supervisor of each run. So a run ends in time
also where the worker itself cannot act, since it was stopped, or its machine slept.
"""

from __future__ import annotations

import time

LEASE = 30.0
"""Seconds without a sign of life after which a scheduler or a worker counts as dead."""
MARGIN = 5.0
"""Seconds before its end at which runs are killed, so that nothing is left of them then."""


def elapsed() -> float:
    """Return seconds of a clock that nobody sets, and that counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """How long this worker's runs may go on."""

    def __init__(self, seconds: float = LEASE - MARGIN) -> None:
        """Begin without one: it is over."""
        self._seconds = seconds
        self._until = 0.0

    def renew(self, asked: float) -> None:
        """Begin again, from the instant of `elapsed` at which the store was asked."""
        self._until = asked + self._seconds

    @property
    def age(self) -> float:
        """How many seconds ago it was renewed."""
        return elapsed() - self._until + self._seconds

    @property
    def left(self) -> float:
        """How many seconds are left; 0 where it is over."""
        return max(0.0, self._until - elapsed())
