"""`sbh-jobkit preview`: when an expression or a plugin's jobs are due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit import clock
from sbh_jobkit.cli import options as given
from sbh_jobkit.cli import streams
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.report.terminal.runs import fire_lines, time_with_zone
from sbh_jobkit.run.run import Fire
from sbh_jobkit.schedule import cron, times
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.simulation.simulator import Simulator

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime
    from zoneinfo import ZoneInfo

LOOK_AHEAD = "7d"
_MOST_LINES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Preview:
    now: datetime
    heading: list[str]
    fires: list[Fire]
    of_plugin: bool


def preview(options: Namespace) -> bool:
    """Print the fire times; nothing runs."""
    expression = options.what.startswith("@") or len(options.what.split()) > 1
    found = _of_expression(options) if expression else _of_plugin(options)
    if options.json:
        rows = [{"job": fire.job or None, "at": fire.at.isoformat(), "note": fire.note} for fire in found.fires]
        streams.print_json({"what": options.what, "from": found.now.isoformat(), "fires": rows})
        return True
    lines = fire_lines(found.fires[:_MOST_LINES], found.now, with_jobs=found.of_plugin)
    print("\n".join([*found.heading, "", *lines]))
    if len(found.fires) > _MOST_LINES:
        print(f"… and {len(found.fires) - _MOST_LINES:,} more; --json lists them all, --job and --from show less")
    return True


def _of_expression(options: Namespace) -> _Preview:
    if options.job:
        msg = f"--job names a job of a plugin, and {options.what!r} is a cron expression; leave it out"
        raise JobkitError(msg)
    schedule = Schedule(options.what, options.tz or "UTC")
    now = _start(options, schedule.tz)
    end = times.end_of(now, options.end, options.duration, default=LOOK_AHEAD)
    found = schedule.fires(now, end)
    fires = [Fire(plugin="", job="", at=at, note=schedule.note(at)) for at in found]
    heading = [f"{schedule.expression}: {schedule.describe(clocks=False)}"]
    if schedule.cron.debian_differs:
        heading.append("note: read as croniter and Kubernetes do; Debian cron would combine the two day fields by AND")
    heading += [f"note: {note}" for note in (*schedule.cron.notes, *schedule.clock_notes(now))]
    if not fires:
        within = f"within {options.duration or LOOK_AHEAD}" if options.end is None else f"before {options.end}"
        following = schedule.next_or_none(now)
        heading.append(f"not due {within}{f'; next: {following.isoformat()}' if following is not None else ''}")
    return _Preview(now=now, heading=heading, fires=fires, of_plugin=False)


def _of_plugin(options: Namespace) -> _Preview:
    if not options.what.strip() or not Path(options.what).exists():
        meant = cron.suggestion(options.what)
        example = f": {meant}" if meant is not None else " (five fields, such as '0 9 * * 1')"
        msg = f"{options.what!r} is neither a path that exists nor cron{example}"
        raise JobkitError(msg)
    plugin = given.load(options.what)
    now = _start(options, times.zone(options.tz or plugin.manifest.timezone or "UTC"))
    end = times.end_of(now, options.end, options.duration, default=LOOK_AHEAD)
    simulator = Simulator(plugin, World(), start=now, end=end, tz=options.tz, jobs=options.job)
    heading = []
    for due in simulator.due:
        heading.append(f"{due.job.name}: {due.schedule.describe(clocks=False)}")
        following = due.schedule.next_or_none(now.astimezone(UTC) - timedelta(seconds=1))
        if following is None or following >= end:
            again = f"; next: {time_with_zone(following)}" if following is not None else ""
            heading.append(f"  not due before {time_with_zone(end)}{again}")
        heading += [f"  note: {note}" for note in due.schedule.clock_notes(now)]
    names = plugin.jobs if options.job is None else options.job
    heading += [f"{name}: manual only (no schedule)" for name in names if plugin.jobs[name].expression is None]
    return _Preview(now=now, heading=heading, fires=list(simulator.fires()), of_plugin=True)


def _start(options: Namespace, zone: ZoneInfo) -> datetime:
    return times.instant_in_range(options.start, zone) if options.start else clock.now(zone)
