"""What a job returned or raised, as it is kept: read while its limits hold, and without the values of secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.run.outcome import CallResult, is_plain
from sbh_jobkit.run.run import RunError

if TYPE_CHECKING:
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.run.recorder import Recorder
    from sbh_jobkit.run.redaction import Redactor
    from sbh_jobkit.run.session import Session


def rendered(result: CallResult, job: Job, session: Session) -> CallResult:
    """Return the end of a call with names in place of secrets' values; each secret in it is a fault."""
    redactor, recorder, error = session.redactor(), session.recorder, result.error
    plain = is_plain(result.value)
    if not plain and (session.rules is None or session.rules.awaits):  # today's host has its own rule
        recorder.returned(result.value, job.place)
    value, names = redactor.copy(result.value, plain=plain)
    if error is None and result.reason is None:
        if names:
            recorder.leaked("return", "what the job returned", names, job.place)
        return CallResult(result.outcome, value, None, None, result.place, result.exited)
    if names:
        recorder.leaked("return", "what the job returned", names, job.place)
    if error is not None:
        error = _rendered(error, names, job, redactor, recorder)
    return CallResult(
        outcome=result.outcome,
        value=value,
        error=error,
        reason=redactor.text(result.reason) if result.reason else result.reason,
        place=result.place,
        exited=result.exited,
    )


def _rendered(error: RunError, known: frozenset[str], job: Job, redactor: Redactor, recorder: Recorder) -> RunError:
    texts = (error.type, error.message, error.traceback or "")
    inside = frozenset(name for text in texts for name in redactor.names(text)) - known
    member = "raise" if error.type else "return"
    recorder.leaked(
        member, f"the error that the job {member}{'d' if error.type else 'ed'}", inside, error.place or job.place
    )
    shown = [authors_terms(redactor.text(text), job.root) for text in texts]
    return RunError(type=shown[0], message=shown[1], place=error.place, traceback=shown[2] or None)
