"""The details of one run as plain values, for the templates of the page and of notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.text import clip, compact, format_duration, one_line
from sbh_jobkit.report.verdicts import sign_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

    from sbh_jobkit.report.verdicts import Sign
    from sbh_jobkit.run.run import Fault, Run

MOST_TEXT = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetails:
    """Everything that is shown of a run."""

    sign: Sign
    colour: str
    """The name of one of the COLOURS."""
    at: datetime
    """Its fire time."""
    zone: tzinfo | None
    """The zone of all times in it."""
    why: str
    """Why it has this verdict, in one line; empty for a plain success."""
    facts: Mapping[str, Any]
    """What is true of the run as a whole, by name."""
    faults: Sequence[Fault]
    texts: Mapping[str, str]
    """What the run wrote, by name."""
    traffic: Mapping[str, Sequence[Any]]
    """What the run did to the tenant and sent to the network, by name."""

    @classmethod
    def from_run(cls, run: Run) -> RunDetails:
        """Take the details from a run."""
        return cls(
            sign=sign_of(run),
            colour="bad" if not run.ok else "note" if run.verdict != "ok" else "good",
            at=run.fire_time,
            zone=run.fire_time.tzinfo,
            why=one_line(_why(run)),
            facts=_facts(run),
            faults=run.faults,
            texts=_texts(run),
            traffic=_traffic(run),
        )


def _why(run: Run) -> str:
    if run.verdict == "unexpected_ok":
        return f"expected to fail: {run.expected}"
    return run.summary.removeprefix(f"{sign_of(run).word}: ")


def _facts(run: Run) -> dict[str, Any]:
    late = run.started_at if run.started_at != run.fire_time else None
    facts = {
        "Error": run.error,
        "Reason": run.reason,
        "Injected faults": "; ".join(run.injected_faults),
        "Expected to fail": run.expected,
        "Started": late.astimezone(run.fire_time.tzinfo) if late else None,
        "Virtual duration": format_duration(run.duration) if run.outcome.started else None,
        "Returned": None if run.value is None else compact(run.value),
    }
    return {name: value for name, value in facts.items() if value or (name == "Expected to fail" and value is not None)}


def _texts(run: Run) -> dict[str, str]:
    traceback = run.error.traceback if run.error else None
    named = {"Traceback": traceback or "", "Output": run.stdout, "Log": "\n".join(run.logs)}
    return {name: clip(text.rstrip(), MOST_TEXT) for name, text in named.items() if text.strip()}


def _traffic(run: Run) -> dict[str, Sequence[Any]]:
    named = {"HTTP calls": run.http_calls, "Emitted": run.events, "LLM calls": run.llm_calls, "Files": run.files}
    return {name: values for name, values in named.items() if values}
