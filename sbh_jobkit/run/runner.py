"""Running one job once: open a session, call the job in a sandbox, and write the run.

The runner knows neither fakes nor engines. It never sleeps and never decides when: its caller has moved the clock.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.plugin.silent import Listener
from sbh_jobkit.run.capture import redacted
from sbh_jobkit.run.run import make_run
from sbh_jobkit.schedule.schedule import Schedule

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.run.session import Sandbox, Tenant


class Runner:
    """Runs jobs of one tenant in a sandbox."""

    __slots__ = ("_sandbox", "_tenant")

    def __init__(self, tenant: Tenant, sandbox: Sandbox) -> None:
        """Keep both; nothing runs yet."""
        self._tenant = tenant
        self._sandbox = sandbox

    def run(
        self,
        job: Job,
        fire: float,
        schedule: Schedule | ZoneInfo,
        *,
        started: float | None = None,
        reason: str | None = None,
    ) -> Run:
        """Run a job that was due at `fire`, now, and return what happened.

        `fire` and `started` are epoch seconds; `started` is what the clock shows, where it is later than `fire`.
        Naive times of the job are in the zone of its schedule, or in the zone that is given for a job without one.
        `reason` says why it starts late, or beside another run.
        """
        timed = schedule if isinstance(schedule, Schedule) else None
        zone = schedule.tz if isinstance(schedule, Schedule) else schedule
        fire_time = datetime.fromtimestamp(fire, zone)
        late = started is not None and started != fire
        started_at = datetime.fromtimestamp(started or fire, zone) if late else fire_time
        with self._tenant.open(job, fire, zone) as session:
            recorder = session.recorder
            before, Listener.current = Listener.current, Listener(recorder.note, recorder.redacted)
            try:
                call = self._sandbox.call(job, session)
            finally:
                Listener.current = before
            result, output = call.result, call.output
            error = result.error
            if output.stdout or output.stderr or output.logs:
                recorder.output(*output, place=job.place)
            recorder.finish(job.place)
            note = timed.note(fire_time) if timed is not None and timed.cron.fixed else None
            if result.reason or note:
                reason = "; ".join(filter(None, (result.reason, reason, note)))
            session.finish(result.outcome, started_at, error.message if error is not None else reason)
        return make_run(
            tenant=self._tenant.id,
            plugin=job.manifest.slug,
            job=job.name,
            fire_time=fire_time,
            started_at=started_at,
            duration=call.duration,
            outcome=result.outcome,
            reason=reason,
            value=result.value,
            error=error,
            stdout=redacted(output.stdout, session.redactor()) if output.stdout else "",
            stderr=redacted(output.stderr, session.redactor()) if output.stderr else "",
            logs=tuple([authors_terms(session.redactor().text(line)) for line in output.logs]) if output.logs else (),
            expected=session.redactor().text(session.expected) if session.expected else session.expected,
            events=tuple(recorder.events),
            http_calls=tuple(recorder.http_calls),
            llm_calls=tuple(recorder.llm_calls),
            files=tuple(recorder.files),
            secrets_set=tuple(map(session.redactor().text, recorder.secrets_set)) if recorder.secrets_set else (),
            rows_read=recorder.rows_read,
            faults=tuple(recorder.faults),
            injected_faults=tuple(map(session.redactor().text, session.injected)) if session.injected else (),
            notes=recorder.all_notes(),
            before=session.before,
            after=session.after,
        )
