"""The speed of fire times, compared with cronsim."""

from __future__ import annotations

from datetime import UTC
from itertools import islice
from zoneinfo import ZoneInfo

from cronsim import CronSim
from measure import END, START, drain, ratio, row

from sbh_jobkit import Schedule


def fire_times() -> None:
    """Compare a dense year of fire times with cronsim's."""
    share = 50
    for zone in ("UTC", "Europe/Paris"):
        for expression in ("* * * * *", "*/15 * * * *"):
            schedule = Schedule(expression, zone)
            total = sum(1 for _ in schedule.epochs(START.timestamp(), END.timestamp()))
            begin = START.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))

            def theirs(expression=expression, begin=begin, total=total) -> None:
                drain(islice(CronSim(expression, begin), total // share))

            integers, took = ratio(
                lambda schedule=schedule: drain(schedule.epochs(START.timestamp(), END.timestamp())),
                theirs,
                scale=share,
            )
            datetimes, _ = ratio(lambda schedule=schedule: drain(schedule.fires(START, END)), theirs, scale=share)
            name = f"a year of {expression} in {zone}"
            row(
                name,
                f"{total / took / 1e6:.1f} M/s",
                f"{integers:.0f}x cronsim as integers (20), {datetimes:.0f}x as datetimes (4)",
            )
