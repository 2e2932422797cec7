"""Around every clock change of thirty zones: the fire times of a walk from minute to minute.

The walk shares nothing with the schedule: what is due is written as sets here, and a clock change is met by looking at
the local time of each minute.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import NamedTuple

import pytest

from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.schedule.times import zone

_CITIES = {
    "Africa": "Cairo Casablanca Juba",
    "America": "Caracas Havana Mexico_City New_York Nuuk Santiago Sao_Paulo St_Johns",
    "Antarctica": "Casey Troll",
    "Asia": "Amman Gaza Kathmandu Pyongyang Tehran",
    "Atlantic": "Azores",
    "Australia": "Lord_Howe Sydney",
    "Europe": "Dublin Istanbul London Moscow Paris",
    "Pacific": "Apia Auckland Chatham Kwajalein",
}
ZONES = [f"{area}/{city}" for area, cities in _CITIES.items() for city in cities.split()]
FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (1993, 2031))
MINUTE, HOUR = 60, 3_600
AROUND = 4 * HOUR
"""How far to look on either side of a change: more than any of them but those that skip a day."""


class Due(NamedTuple):
    """What an expression means."""

    minutes: set[int]
    hours: set[int]
    weekdays: set[int]
    follows_elapsed_time: bool

    def at(self, wall: datetime) -> bool:
        """Whether it is due at a local time."""
        return wall.minute in self.minutes and wall.hour in self.hours and wall.isoweekday() in self.weekdays


EVERY_DAY = set(range(1, 8))
MEANINGS = {
    "0 0 * * 0,4": Due({0}, {0}, {4, 7}, follows_elapsed_time=False),
    "30 2 * * *": Due({30}, {2}, EVERY_DAY, follows_elapsed_time=False),
    "0,1,30,59 0,1,2,3,22,23 * * *": Due({0, 1, 30, 59}, {0, 1, 2, 3, 22, 23}, EVERY_DAY, follows_elapsed_time=False),
    "*/20 * * * *": Due({0, 20, 40}, set(range(24)), EVERY_DAY, follows_elapsed_time=True),
    "*/7 0,1,2,23 * * *": Due(set(range(0, 60, 7)), {0, 1, 2, 23}, EVERY_DAY, follows_elapsed_time=True),
    "5 */2 * * 6,7": Due({5}, set(range(0, 24, 2)), {6, 7}, follows_elapsed_time=True),
}


@cache
def changes(name: str) -> list[int]:
    """Return the seconds at which the offset of a zone changes."""
    tz = zone(name)

    def offset(at):
        return datetime.fromtimestamp(at, tz).utcoffset()

    found, day = [], 24 * HOUR
    for start in range(FIRST, LAST, day):
        low, high = start, start + day
        if offset(low) == offset(high):
            continue
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
        found.append(high)
    return found


def spans(name: str) -> list[list[tuple[int, datetime]]]:
    """Return the minutes around each change, with the local time of each."""
    tz = zone(name)
    return [
        [
            (epoch, datetime.fromtimestamp(epoch, tz).replace(tzinfo=None, fold=0))
            for epoch in range((change - AROUND) // MINUTE * MINUTE, change + AROUND, MINUTE)
        ]
        for change in changes(name)
    ]


def walked(due: Due, minutes: list[tuple[int, datetime]]) -> list[int]:
    """Walk from minute to minute; one that follows elapsed time is due whenever the local time matches.

    A fixed time is due once: when the clock shows it first, or has jumped over it.
    """
    if due.follows_elapsed_time:
        return [epoch for epoch, wall in minutes[1:] if due.at(wall)]
    fires, seen, step = [], minutes[0][1], timedelta(minutes=1)
    for epoch, wall in minutes[1:]:
        passed = [seen + step * number for number in range(1, (wall - seen) // step + 1)]
        if any(map(due.at, passed)):
            fires.append(epoch)
        seen = max(seen, wall)
    return fires


def test_there_are_thirty_zones_with_many_changes():
    """In most of them clocks change twice a year, in some rarely and oddly."""
    assert len(ZONES) == 30
    assert sum(len(changes(name)) for name in ZONES) > 1_500


@pytest.mark.parametrize("name", ZONES)
def test_the_fire_times_around_each_change(name):
    """They are those of a walk from minute to minute, whatever the clocks do."""
    schedules = {expression: Schedule(expression, name) for expression in MEANINGS}
    for minutes in spans(name):
        start, end = minutes[1][0], minutes[-1][0] + MINUTE
        fires = {expression: list(schedule.epochs(start, end)) for expression, schedule in schedules.items()}
        assert fires == {expression: walked(due, minutes) for expression, due in MEANINGS.items()}
