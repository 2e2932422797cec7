"""Rules for times: naive and aware ones, the clock of another zone, and what happens at import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.check.flow.library import AWARE, NAIVE, UTC_NAIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.finding import Finding
    from sbh_jobkit.check.flow.trace import Called, Used
    from sbh_jobkit.check.flow.values import Value
    from sbh_jobkit.check.subject import Subject

_CLOCK = {
    *("datetime.datetime.now", "datetime.datetime.utcnow", "datetime.datetime.today", "datetime.date.today"),
    *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "time.monotonic", "time.perf_counter"),
    *("time.ctime", "time.strftime"),
}
_WAITS = {"time.sleep", "asyncio.sleep"}
_OPENS = {"builtins.open", "builtins.input"}
_UTC = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu"}
_NAIVE = {NAIVE, UTC_NAIVE}
_SWITCH = "use one kind: datetime.now(UTC) and aware times, or naive times everywhere"


def findings(subject: Subject) -> Iterator[Finding]:
    """Yield times that do not go together, and what must not happen at import."""
    for used in subject.trace.uses:
        if used.other is not None and "TypeError" not in used.caught:
            yield from _together(subject, used, used.value, used.other)
    zone = _zone(subject)
    for called in subject.trace.calls:
        if called.importing:
            yield from _at_import(subject, called)
        if zone and called.path in {"datetime.datetime.utcnow", "datetime.datetime.utcfromtimestamp"}:
            message = f"{called.path.rpartition('.')[2]}() is the time of UTC without saying so, but jobs run in {zone}"
            advice = "write datetime.now(), which is in the schedule's zone, or datetime.now(UTC)"
            yield subject.found(called, "utc-naive", message, called.call, level="warning", advice=advice)


def _together(subject: Subject, used: Used, left: Value, right: Value) -> Iterator[Finding]:
    """Find comparisons and differences of times that raise TypeError, or are never true."""
    kinds = {left.kind, right.kind}
    if used.how not in {"order", "equal", "operator"} or (used.how == "operator" and used.operator != "-"):
        return
    verb = {"order": "compared with", "equal": "equal to", "operator": "subtracted from"}[used.how]
    level = "warning" if used.how == "equal" else "error"
    targets = {left.target, right.target}
    if kinds == {"datetime"} and AWARE in targets and targets & _NAIVE:
        message = f"a time without a zone is never {verb} one with a zone"
        if used.how != "equal":
            message = f"a time without a zone cannot be {verb} one with a zone"
        yield subject.found(used, "naive-aware", message, level=level, advice=_SWITCH)
    elif kinds == {"datetime", "date"} and used.how != "equal":
        advice = "take .date() of the datetime"
        yield subject.found(used, "naive-aware", f"a datetime cannot be {verb} a date", level=level, advice=advice)
    elif "datetime" in kinds and kinds & {"str", "int", "float"} and used.how != "equal":
        other = "text" if "str" in kinds else "a number"
        advice = "datetime.fromisoformat(…) makes a datetime of text" if other == "text" else ""
        yield subject.found(used, "naive-aware", f"a datetime cannot be {verb} {other}", level=level, advice=advice)


def _zone(subject: Subject) -> str | None:
    """Return the zone in which jobs run, if a manifest says another one than UTC."""
    found = subject.source.manifest
    if found is None:
        return None
    zones = [found.timezone, *(each.timezone for each in found.jobs or ())]
    return next((zone for zone in zones if zone and zone not in _UTC), None)


def _at_import(subject: Subject, called: Called) -> Iterator[Finding]:
    """Find what happens once, when the module is imported, although it is meant for every run."""
    name = called.path
    if called.ours:
        what = f"ctx.{name} is called"
    elif name in _CLOCK and not (name == "time.strftime" and len(called.given) > 1):
        what = "the clock is read"
    elif name in _WAITS:
        what = "the import waits"
    elif name in _OPENS:
        what = "a file is opened"
    else:
        return
    message = f"{what} when the module is imported, once, and not at each run"
    yield subject.found(called, "at-import", message, called.call, level="warning", advice="do it inside the job")
