"""Latency: how long a service takes to answer, in virtual time."""

from __future__ import annotations

import re
from datetime import timedelta
from math import isfinite

from sbh_jobkit import clock
from sbh_jobkit.errors import TimeFormatError, WorldError
from sbh_jobkit.schedule import times

Latency = str | float | timedelta
"""`"300ms"`, `"2s"`, a number of seconds, or a timedelta."""

_MILLISECONDS = re.compile(r"\s*(\d{1,9})\s*ms\s*", re.IGNORECASE)


def read(latency: Latency, member: str) -> float:
    """Return a latency in seconds; raises WorldError, which names `member`, if it is not a time from 0."""
    try:
        seconds = _seconds(latency)
    except (TimeFormatError, TypeError, ValueError, OverflowError):
        seconds = -1.0
    if not (isfinite(seconds) and seconds >= 0):
        msg = f"{member}: {latency!r} is not a latency; use a number of seconds from 0, or text such as '300ms' or '2s'"
        raise WorldError(msg)
    return seconds


def _seconds(latency: Latency) -> float:
    if isinstance(latency, timedelta):
        return latency.total_seconds()
    if not isinstance(latency, str):
        return -1.0 if isinstance(latency, bool) else float(latency)
    if found := _MILLISECONDS.fullmatch(latency):
        return int(found[1]) / 1000
    return times.duration(latency).total_seconds()


def advance(seconds: float) -> None:
    """Advance virtual time; do nothing where the clock is real, so that tests of a fake never wait."""
    if seconds and clock.is_virtual():
        clock.sleep(seconds)
