"""A run that was written as plain JSON values, read again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sbh_jobkit.run.run import Event, Fault, FileChange, HttpCall, LlmCall, Outcome, Run, RunError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.run.recorder import Entry

ENTRIES: dict[str, Any] = {
    "events": Event,
    "http_calls": HttpCall,
    "llm_calls": LlmCall,
    "files": FileChange,
    "faults": Fault,
}
"""What a run keeps of what the job did, by the field of the run."""
_PLAIN = ("tenant", "plugin", "job", "reason", "value", "stdout", "stderr", "rows_read", "expected")


def read_run(row: Mapping[str, Any], tz: ZoneInfo) -> Run:
    """Return the run that `to_dict` wrote, with its times in `tz`; what no JSON holds, such as snapshots, is None."""
    error = row["error"]
    started = row["started_at"]
    given: dict[str, Any] = {name: row[name] for name in _PLAIN}
    given |= {name: tuple(read_entry(name, item, tz) for item in row[name]) for name in ENTRIES}
    return Run(
        **given,
        fire_time=_time(row["fire_time"], tz),
        started_at=_time(started, tz) if started is not None else None,
        duration=timedelta(seconds=row["duration"]),
        outcome=Outcome(row["outcome"]),
        attempt=row.get("attempt", 1),
        error=RunError(**error) if error is not None else None,
        logs=tuple(row["logs"]),
        secrets_set=tuple(row.get("secrets_set", ())),
        memory_mb=row.get("memory_mb"),
        injected_faults=tuple(row["injected_faults"]),
    )


def read_entry(field: str, item: Mapping[str, Any], tz: ZoneInfo) -> Entry:
    """Return one entry of a field of a run, such as an event of `events`."""
    values = {name: _time(value, tz) if name == "at" else value for name, value in item.items()}
    entry: Entry = ENTRIES[field](**values)
    return entry


def _time(text: str, tz: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).astimezone(tz)
