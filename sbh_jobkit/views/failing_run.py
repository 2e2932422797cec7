"""One failing run: its time, error, output, and the one command that reruns it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sbh_jobkit.run import jsonable
from sbh_jobkit.views.verdicts import glyph, sign_of
from sbh_jobkit.views.words import clip, clock, count, safe, stamp, took

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sbh_jobkit.run import Fault, Run

_MOST_TEXT = 20_000
_MOST_LINE = 300
_MOST_ROWS = 20


def section(number: int, run: Run, command: str, *, folded: bool = False) -> str:
    """Write the run as a section that the timeline links to."""
    sign = sign_of(run)
    return (
        f'<details{"" if folded else " open"} id="run-{number}" class="run v-{sign.verdict}"><summary>{glyph(sign)}'
        f"{stamp(run.fire_time)} <strong>{sign.word}</strong> "
        f'<span class="why">{safe(_one_line(_why(run)))}</span></summary>'
        f'<div class="body">{_facts(run)}{_faults(run.faults)}{_texts(run)}{_traffic(run)}'
        f'<p class="rerun"><span>Run it again</span> <code tabindex="0">{safe(command)}</code></p></div></details>'
    )


def _why(run: Run) -> str:
    if run.verdict == "unexpected_ok":
        return f"expected to fail: {run.expected}"
    return run.summary.removeprefix(f"{sign_of(run).word}: ")


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MOST_LINE else line[:_MOST_LINE] + " …"


def _facts(run: Run) -> str:
    error = run.error
    rows: list[tuple[str, str]] = []
    if error:
        name = f"<strong>{safe(error.type)}</strong>: " if error.type else ""
        place = f' <span class="place">at {safe(error.place)}</span>' if error.place else ""
        rows.append(("Error", f"{name}{safe(clip(error.message, _MOST_TEXT))}{place}"))
    if run.reason:
        rows.append(("Reason", safe(run.reason)))
    if run.troubles:
        rows.append(("Fault plan", safe("; ".join(run.troubles))))
    if run.expected is not None:
        rows.append(("Expected to fail", safe(run.expected)))
    if run.started_at and run.started_at != run.fire_time:
        rows.append(("Started", stamp(run.started_at.astimezone(run.fire_time.tzinfo))))
    if run.outcome.started:
        rows.append(("Virtual duration", took(run.duration)))
    if run.value is not None:
        rows.append(("Returned", f"<code>{safe(_compact(run.value))}</code>"))
    return f"<dl>{''.join(f'<dt>{term}</dt><dd>{told}</dd>' for term, told in rows)}</dl>" if rows else ""


def _faults(faults: Sequence[Fault]) -> str:
    return _list("Faults", [_fault(fault) for fault in faults])


def _fault(fault: Fault) -> str:
    place = f' <span class="place">at {safe(fault.place)}</span>' if fault.place else ""
    allowed = " (allowed)" if fault.allowed else ""
    advice = f'<br><span class="advice">To mend: <code>{safe(fault.advice)}</code></span>' if fault.advice else ""
    what = f"<strong>{safe(fault.kind)}</strong>{allowed} <code>{safe(fault.member)}</code>"
    return f"{what}: {safe(fault.message)}{place}{advice}"


def _texts(run: Run) -> str:
    traceback = run.error.traceback if run.error else None
    return _block("Traceback", traceback or "") + _block("Output", run.stdout) + _block("Log", "\n".join(run.logs))


def _block(name: str, text: str) -> str:
    if not text.strip():
        return ""
    return f'<h4>{name}</h4><pre tabindex="0">{safe(clip(text.rstrip(), _MOST_TEXT))}</pre>'


def _traffic(run: Run) -> str:
    def local(at: datetime) -> str:
        return clock(at.astimezone(run.fire_time.tzinfo))

    return (
        _list(
            "HTTP calls",
            (
                f"{local(call.at)} <code>{safe(call.method)} {safe(call.url)}</code> → {call.status or 'no answer'}"
                f"{'' if call.matched else ', no route of the world matched'}"
                for call in run.http_calls
            ),
        )
        + _list(
            "Emitted",
            (
                f"{local(event.at)} <code>{safe(event.type)}</code> <code>{safe(_compact(event.payload))}</code>"
                for event in run.events
            ),
        )
        + _list(
            "LLM calls",
            (f"{local(call.at)} {safe(call.model)}: {safe(_one_line(call.prompt))}" for call in run.llm_calls),
        )
        + _list(
            "Files",
            (f"{safe(file.action)} <code>{safe(file.key)}</code>, {count(file.size, 'byte')}" for file in run.files),
        )
    )


def _list(name: str, items: Iterable[str]) -> str:
    rows = list(items)
    if not rows:
        return ""
    left_out = len(rows) - _MOST_ROWS
    if left_out > 0:
        rows[_MOST_ROWS:] = [f"and {left_out:,} more"]
    return f"<h4>{name}</h4><ul>{''.join(f'<li>{row}</li>' for row in rows)}</ul>"


def _compact(value: Any) -> str:
    return _one_line(json.dumps(jsonable(value), ensure_ascii=False))
