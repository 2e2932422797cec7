"""What the pages of one job and of one run show."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sbh_jobkit.engines import vault
from sbh_jobkit.engines.history import Going, Recorded, Wanted, page_of, read_ended, read_going
from sbh_jobkit.engines.instants import from_store, now, to_store
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.live.secrets import LiveSecrets
from sbh_jobkit.report.html.run_details import RunDetails
from sbh_jobkit.report.text import one_line
from sbh_jobkit.report.verdicts import sign_of
from sbh_jobkit.schedule.times import format_elapsed
from sbh_jobkit.server.job_api import run_id

if TYPE_CHECKING:
    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.schedule.policy import Policy
    from sbh_jobkit.server.service import InstalledPlugin, Service

_NEXT, _RUNS = 10, 50


def job_facts(service: Service, found: InstalledPlugin, key: Key) -> dict[str, Any]:
    """Return what the page of a job shows."""
    planned = service.engine.jobs[key].planned
    schedule, at = planned.schedule, datetime.fromtimestamp(now(), UTC)
    timed = None if isinstance(schedule, ManualOnly) else schedule
    runs = run_rows(service, Wanted(tenant=key[0], plugin=key[1], job=key[2]), most=_RUNS)
    causes = Counter(row["why"] for row in runs["ended"] if not row["run"].ok)
    policy = planned.policy
    return {
        "english": None if timed is None else timed.describe(),
        "expression": schedule.expression,
        "zone": schedule.tz.key,
        "following": [] if timed is None else _following(timed, at),
        "policy": {
            "Runs at a time": policy.max_instances,
            "At a fire time while that many run": policy.overlap,
            "After a time without a scheduler": policy.catch_up,
            "Latest start": policy.misfire_grace or "no limit",
            "After a failed run": _tried_again(policy),
        },
        "missing": _missing(service, found),
        "permissions": found.plugin.permissions,
        "runs": runs,
        "causes": causes.most_common(),
    }


def _following(schedule: Any, at: datetime) -> list[tuple[datetime, str | None]]:
    found = []
    for _ in range(_NEXT):
        at = schedule.next(at)
        found.append((at, schedule.note(at)))
    return found


def _missing(service: Service, found: InstalledPlugin) -> list[str]:
    """Return the secrets that the manifest names and no source has."""
    tenant = found.installation.tenant
    with service.store.read() as connection:
        known = {*vault.names_of(connection, tenant, found.plugin.slug)}
    try:
        known |= {*LiveSecrets.from_settings(service.tenants[tenant], os.environ)}
    except JobkitError:  # the run itself says what is wrong with a source
        return []
    return [name for name in found.plugin.secrets if name not in known]


def run_rows(
    service: Service, wanted: Wanted, *, most: int, before: int | None = None, only_failed: bool = False
) -> dict[str, Any]:
    """Return runs, newest first, those that go on apart, and where the next page begins."""
    with service.store.read() as connection:
        limit = None if before is None else from_store(before)
        found = (each for each in read_ended(connection, wanted, before=limit) if not (only_failed and each.run.ok))
        page, is_more = page_of(found, most)
        runs = [each.run for each in page]
        going = [] if before is not None or only_failed else read_going(connection, wanted)
    ended = [
        {"run": run, "sign": sign_of(run), "number": run_number(run), "why": one_line(run.summary)} for run in runs
    ]
    following = run_id(runs[-1]) if is_more else None
    return {"ended": ended, "going": [(each, run_number(each)) for each in going], "next": following}


def run_number(run: Run | Going) -> str:
    """Return what names a run in the address of its page."""
    again = f"?attempt={run.attempt}" if run.attempt > 1 else ""
    return f"{to_store(run.fire_time.timestamp())}{again}"


def _tried_again(policy: Policy) -> str:
    if not policy.retry:
        return "the next fire time"
    times = "once" if policy.retry == 1 else f"{policy.retry} times"
    return f"tried again, {times} at most, after {format_elapsed(policy.wait_before(2))} at first"


def run_facts(found: InstalledPlugin, row: Recorded) -> dict[str, Any]:
    """Return what the page of a run shows."""
    details = _details(row.run)
    late = None if row.late_report is None else row.late_report.verdict
    words = ["sbh-jobkit", "run", found.plugin.path, row.run.job, "--at", row.run.fire_time.isoformat()]
    return {"details": details, "late": late, "command": shlex.join(words), "run": row.run}


def _details(run: Run) -> RunDetails:
    found = RunDetails.from_run(run)
    facts = {name.replace("Virtual duration", "Duration"): value for name, value in found.facts.items()}
    if run.memory_mb is not None:
        facts["Memory"] = f"{run.memory_mb:.1f} MB"
    return replace(found, facts=facts)
