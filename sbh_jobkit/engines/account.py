"""What a server knows of one run from its messages, and the `Run` that follows from it."""

from __future__ import annotations

import signal
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.run.outcome import CallResult, out_of_memory, timed_out
from sbh_jobkit.run.record import ENTRIES, read_entry, read_run
from sbh_jobkit.run.run import Fault, Outcome, Run, RunError

if TYPE_CHECKING:
    from sbh_jobkit.engines.messages import Message
    from sbh_jobkit.engines.request import RunRequest


class Account:
    """The messages of one run so far."""

    def __init__(self, request: RunRequest) -> None:
        """Know only what was asked for."""
        self._request = request
        self._heard: dict[str, Message] = {}
        self._entries: dict[str, list[Any]] = {field: [] for field in ENTRIES}
        self._logs: list[str] = []
        self.begun = False
        """Whether the job may have begun."""
        self.reason: str | None = None
        """Why it starts late, or beside another run."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was heard."""
        return not self._heard

    @property
    def is_ready(self) -> bool:
        """Whether the child is ready."""
        return "ready" in self._heard

    @property
    def has_begun(self) -> bool:
        """Whether the job's code has begun."""
        return "began" in self._heard

    @property
    def is_over(self) -> bool:
        """Whether the supervisor has reported the end of all processes."""
        return "over" in self._heard

    @property
    def waits(self) -> bool:
        """Whether the run is over, and its process waits for another one."""
        return self.is_over and bool(self._heard["over"]["waits"])

    @property
    def left(self) -> str | None:
        """What the run has left in its process, which could have had another one otherwise."""
        found: str | None = self._heard["over"]["left"] if self.is_over else None
        return found

    def take(self, message: Message) -> None:
        """Take the next message."""
        kind = message["kind"]
        if kind == "entry":
            field = message["field"]
            self._entries[field].append(read_entry(field, message["entry"], self._request.tz))
        elif kind == "log":
            self._logs.append(message["line"])
        else:
            self._heard[kind] = message

    def run(self) -> Run:
        """Return the run: as the child reported its end, or else made of what was reported before."""
        over = self._heard.get("over")
        if over is None:
            when = "while it ran" if self.begun else "before it began"
            return self._made(CallResult(outcome=Outcome.LOST, reason=f"lost: its supervisor died {when}"), 0.0)
        if "ended" in self._heard:
            run = read_run(self._heard["ended"]["run"], self._request.tz)
        else:
            run = self._made(self._how(over), over["seconds"])
        faults = (*run.faults, *(Fault(**fault) for fault in over["faults"]))
        memory = over["memory_mb"] if self.has_begun else None
        return replace(run, stdout=over["stdout"], stderr=over["stderr"], faults=faults, memory_mb=memory)

    def _how(self, over: Message) -> CallResult:
        """Return how a run ended whose child reported no end."""
        by, place = over.get("by"), over["place"]
        began = self._heard.get("began")
        if by in {"person", "lease"}:
            return _ended_from_outside(over)
        if "refused" in self._heard:
            return _crash(self._heard["refused"]["reason"], None)
        if began is None and by is not None:
            what = "took too long" if by == "time" else "took too much memory"
            return _crash(f"loading the plugin and the tenant {what}", place)
        if began is not None and by == "time":
            return timed_out(began["seconds"], place, over["why"])
        if began is not None and by == "memory":
            return out_of_memory(began["memory_mb"], place)
        return _crash(_explain_code(over["code"]), place)

    def _made(self, result: CallResult, seconds: float) -> Run:
        request, began = self._request, self._heard.get("began")
        fire_time = datetime.fromtimestamp(request.fire, request.tz)
        entries: dict[str, Any] = {field: tuple(items) for field, items in self._entries.items()}
        return Run(
            tenant=request.tenant,
            plugin=request.slug,
            job=request.job,
            fire_time=fire_time,
            started_at=datetime.fromisoformat(began["started"]).astimezone(request.tz) if began else None,
            duration=timedelta(seconds=seconds if began else 0.0),
            outcome=result.outcome,
            reason="; ".join(filter(None, (result.reason, self.reason))) or None,
            error=result.error,
            logs=tuple(self._logs),
            **entries,
        )


def _ended_from_outside(over: Message) -> CallResult:
    if over["by"] == "person":
        return CallResult(outcome=Outcome.CANCELLED, reason=f"cancelled by {over['who']}")
    return CallResult(outcome=Outcome.LOST, reason="lost: its worker could not renew its lease, and so it was ended")


def _crash(message: str, place: str | None) -> CallResult:
    return CallResult(outcome=Outcome.CRASHED, error=RunError(type="", message=message, place=place))


def _explain_code(code: int) -> str:
    if code >= 0:
        return f"the process ended with exit code {code} before the job returned"
    return f"the process was ended by {signal.Signals(-code).name} before the job returned"
