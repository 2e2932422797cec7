"""`sbh-jobkit backfill`: run past fire times of a job that have not run, each under its own fire time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sbh_jobkit.cli.history import require_known
from sbh_jobkit.cli.pause import person, require_tenant, writing
from sbh_jobkit.engines.instants import now
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.policy import Window

if TYPE_CHECKING:
    from argparse import Namespace

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.planner import Key


def backfill(options: Namespace) -> bool:
    """Ask for the fire times of a range, or for an end to what was asked for."""
    if (options.start is None) is not options.cancel or (options.cancel and options.end):
        msg = "backfill needs the start of the range, --from ISO" if not options.cancel else "--cancel takes no range"
        raise JobkitError(msg)
    with writing(options) as connection:
        key = _key(connection, options)
        sentence = _cancel(connection, key) if options.cancel else _ask(connection, key, options)
    print(sentence)
    return True


def _ask(connection: Connection, key: Key, options: Namespace) -> str:
    from sbh_jobkit.engines import backfill as rows
    from sbh_jobkit.engines.heartbeat import Lives
    from sbh_jobkit.engines.pauses import Pauses

    at, tz = now(), rows.zone_of(connection, key)
    start = times.instant_in_range(options.start, tz)
    end = datetime.fromtimestamp(at, UTC) if options.end is None else times.instant_in_range(options.end, tz, end=True)
    found = rows.ask(connection, key, Window(start=start.timestamp(), end=end.timestamp()), person(), at)
    sentence = f"backfill of {key[2]}: {found.sentence}"
    if found.asked and (paused := Pauses.read(connection).of(key).current) is not None:
        return f"{sentence}; they wait, since {paused.sentence}"
    if found.asked and not Lives.read(connection, at).fresh(at):
        return f"{sentence}; they wait for a scheduler, since none is alive"
    return sentence


def _cancel(connection: Connection, key: Key) -> str:
    from sbh_jobkit.engines import backfill as rows

    number = rows.cancel(connection, key, person(), now())
    return f"backfill of {key[2]}: {rows.fire_times(number)} will not run; what has started goes on"


def _key(connection: Connection, options: Namespace) -> Key:
    """Return the job that the options name; raises JobkitError for an unknown one, or one of several tenants."""
    from sbh_jobkit.engines.history import known_plugins, tenants_of

    require_known(known_plugins(connection), options.plugin, options.job)
    require_tenant(connection, options.tenant)
    tenants = tenants_of(connection, options.plugin, options.job)
    if options.tenant is None and len(tenants) > 1:
        msg = f"the job {options.job!r} of {options.plugin} is served at {', '.join(tenants)}; add --tenant NAME"
        raise JobkitError(msg)
    return options.tenant or tenants[0], options.plugin, options.job
