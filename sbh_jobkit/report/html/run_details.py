"""All that is to be told of one run, as HTML in small pieces: the report and notebooks each lay them out."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.text import clip, clock, count, safe, stamp, took
from sbh_jobkit.run.run import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sbh_jobkit.run.run import Fault, Run

MOST_TEXT = 20_000
_MOST_LINE = 300
_MOST_ROWS = 20


def facts(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what is true of the run as a whole: a term, and what it is."""
    error = run.error
    if error:
        name = f"<strong>{safe(error.type)}</strong>: " if error.type else ""
        place = f' <span class="place">at {safe(error.place)}</span>' if error.place else ""
        yield "Error", f"{name}{safe(clip(error.message, MOST_TEXT))}{place}"
    if run.reason:
        yield "Reason", safe(run.reason)
    if run.injected_faults:
        yield "Fault plan", safe("; ".join(run.injected_faults))
    if run.expected is not None:
        yield "Expected to fail", safe(run.expected)
    if run.started_at and run.started_at != run.fire_time:
        yield "Started", stamp(run.started_at.astimezone(run.fire_time.tzinfo))
    if run.outcome.started:
        yield "Virtual duration", took(run.duration)
    if run.value is not None:
        yield "Returned", f"<code>{safe(compact(run.value))}</code>"


def fault(found: Fault) -> str:
    """Tell one fault: what, where, and how to mend it."""
    place = f' <span class="place">at {safe(found.place)}</span>' if found.place else ""
    allowed = " (allowed)" if found.allowed else ""
    advice = f'<br><span class="advice">To mend: <code>{safe(found.advice)}</code></span>' if found.advice else ""
    what = f"<strong>{safe(found.kind)}</strong>{allowed} <code>{safe(found.member)}</code>"
    return f"{what}: {safe(found.message)}{place}{advice}"


def texts(run: Run) -> Iterator[tuple[str, str]]:
    """Yield what the run wrote: a name, and the text, which is no HTML yet."""
    traceback = run.error.traceback if run.error else None
    named = (("Traceback", traceback or ""), ("Output", run.stdout), ("Log", "\n".join(run.logs)))
    yield from ((name, clip(text.rstrip(), MOST_TEXT)) for name, text in named if text.strip())


def traffic(run: Run) -> Iterator[tuple[str, list[str]]]:
    """Yield what the run did to the tenant and the world: a name, and a line for each."""

    def local(at: datetime) -> str:
        return clock(at.astimezone(run.fire_time.tzinfo))

    lists = (
        (
            "HTTP calls",
            [
                f"{local(call.at)} <code>{safe(call.method)} {safe(call.url)}</code> → {call.status or 'no answer'}"
                f"{'' if call.matched else ', no route of the world matched'}"
                for call in run.http_calls
            ],
        ),
        (
            "Emitted",
            [
                f"{local(event.at)} <code>{safe(event.type)}</code> <code>{safe(compact(event.payload))}</code>"
                for event in run.events
            ],
        ),
        (
            "LLM calls",
            [f"{local(call.at)} {safe(call.model)}: {safe(one_line(call.prompt))}" for call in run.llm_calls],
        ),
        (
            "Files",
            [f"{safe(file.action)} <code>{safe(file.key)}</code>, {count(file.size, 'byte')}" for file in run.files],
        ),
    )
    yield from ((name, rows) for name, rows in lists if rows)


def first_of(rows: list[str]) -> list[str]:
    """Return the first lines of a long list, and how many more there are."""
    left_out = len(rows) - _MOST_ROWS
    return rows if left_out <= 0 else [*rows[:_MOST_ROWS], f"and {left_out:,} more"]


def one_line(text: str) -> str:
    """Write a text in one line of bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= _MOST_LINE else line[:_MOST_LINE] + " …"


def compact(value: Any) -> str:
    """Write a value as JSON in one line."""
    return one_line(json.dumps(jsonable(value), ensure_ascii=False))
