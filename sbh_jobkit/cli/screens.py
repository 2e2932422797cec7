"""What `sbh-jobkit serve` prints: lines for a person on a terminal, JSON lines for everything else."""

from __future__ import annotations

import json
import logging
import sys
import threading
from datetime import UTC
from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit import clock
from sbh_jobkit.report.terminal.serving import run_line, serving_lines
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from sbh_jobkit.report.terminal.serving import Serving
    from sbh_jobkit.run.run import Run

_KEPT = (
    *("tenant", "plugin", "job", "fire_time", "attempt", "started_at", "duration"),
    *("outcome", "verdict", "ok", "reason", "error"),
)


class Screen(Protocol):
    """Where a scheduler's messages go."""

    def serving(self, serving: Serving) -> None:
        """Show what is served."""

    def ended(self, run: Run) -> None:
        """Show a run that has ended."""

    def stopping(self, going: int, grace: float) -> None:
        """Show that nothing new starts, and how many runs still go on."""

    def message(self, level: str, text: str, **facts: str | int) -> None:
        """Show a message of the scheduler; `facts` name the run that it is about."""


class TerminalScreen:
    """Lines for a person."""

    def __init__(self, *, with_tenant: bool, with_plugin: bool) -> None:
        """Name tenant and plugin of a run where there are several."""
        self._named = {"with_tenant": with_tenant, "with_plugin": with_plugin}

    def serving(self, serving: Serving) -> None:
        """Show what is served, and how to stop."""
        print("\n".join(serving_lines(serving, clock.now(UTC))))
        print("Ctrl-C stops it", flush=True)

    def ended(self, run: Run) -> None:
        """Show one line."""
        print(run_line(run, **self._named), flush=True)

    def stopping(self, going: int, grace: float) -> None:
        """Show how to end at once."""
        rest = f"; {count(going, 'run')} may go on for {grace:g} s, Ctrl-C again ends them now" if going else ""
        print(f"stopping{rest}", flush=True)

    def message(self, level: str, text: str, **facts: str | int) -> None:
        """Show it on standard error; its text names the job."""
        del facts
        print(f"sbh-jobkit: {level}: {text}", file=sys.stderr, flush=True)


class JsonLines:
    """One JSON object a line, each with its time and its kind."""

    def __init__(self) -> None:
        """Write lines of several threads one after the other."""
        self._lock = threading.Lock()

    def serving(self, serving: Serving) -> None:
        """Write what is served."""
        jobs = [{"job": job, "next": at.isoformat()} for at, job in serving.due]
        names = {"plugins": list(serving.plugins), "tenants": list(serving.tenants)}
        self._write("serving", **names, store=serving.store, url=serving.url, jobs=jobs)

    def ended(self, run: Run) -> None:
        """Write how a run ended; its output is in the history."""
        row = run.to_dict()
        faults = [fault["kind"] for fault in row["faults"]]
        self._write("run", **{name: row[name] for name in _KEPT}, faults=faults)

    def stopping(self, going: int, grace: float) -> None:
        """Write that it stops."""
        self._write("stopping", going=going, grace=grace)

    def message(self, level: str, text: str, **facts: str | int) -> None:
        """Write a message, with tenant, plugin, job and fire time where it is about a run."""
        self._write("message", level=level, text=text, **facts)

    def _write(self, kind: str, **fields: Any) -> None:
        line = json.dumps({"at": clock.now(UTC).isoformat(), "kind": kind, **fields}, ensure_ascii=False)
        with self._lock:
            print(line, flush=True)


class ScreenHandler(logging.Handler):
    """Shows the scheduler's log on its screen."""

    def __init__(self, screen: Screen) -> None:
        """Take what is informative or worse."""
        super().__init__(logging.INFO)
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        """Show one record, with its traceback if it has one."""
        self._screen.message(record.levelname.lower(), self.format(record), **getattr(record, "facts", {}))
