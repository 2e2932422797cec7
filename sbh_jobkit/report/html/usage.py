"""What the runs of a range used, as a folded table of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.template import render
from sbh_jobkit.report.usage import usage_text
from sbh_jobkit.run.usage import AT_HOST, BUSIEST
from sbh_jobkit.simulation.measure import Measure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from markupsafe import Markup

    from sbh_jobkit.run.usage import Usage

_TITLES = {
    "runs": "Runs",
    "llm_calls": "LLM calls",
    "llm_tokens": "LLM tokens",
    "http_calls": "HTTP calls",
    "rows_read": "Rows read",
    "bytes_written": "Bytes written",
    "emits": "Emits",
    BUSIEST: "Runs in the busiest minute",
}
_MOST_HOSTS = 10


def usage_table(usage: Usage, limits: Mapping[str, int]) -> Markup | str:
    """Write a row for each amount that was used or has a limit; folded, unless a limit was exceeded."""
    rows = [_row(usage, name, limits.get(name)) for name in _names(usage, limits)]
    if not rows:
        return ""
    columns = {"What": False, "Used": True, **({"Budget": True} if limits else {}), "Most": False}
    return render(
        "usage",
        line=usage_text(usage),
        exceeded=any(row["exceeded"] for row in rows),
        columns=columns,
        limited=bool(limits),
        rows=rows,
        more_hosts=len(usage.http_calls_by_host) - _MOST_HOSTS,
    )


def _names(usage: Usage, limits: Mapping[str, int]) -> Iterator[str]:
    """Yield the names of the amounts that have a row; HTTP calls by host come below all HTTP calls.

    Limits by job and by day come last.
    """
    hosts = [f"{AT_HOST}{host}" for host in list(usage.http_calls_by_host)[:_MOST_HOSTS]]
    whole = {name for name in limits if Measure.read(name).resource == name}
    for name in _TITLES:
        if usage.amount(name) or name in limits:
            yield name
        if name == "http_calls":
            yield from dict.fromkeys([*hosts, *(name for name in limits if name in whole and name.startswith(AT_HOST))])
    yield from (name for name in limits if name not in whole)


def _row(usage: Usage, name: str, limit: int | None) -> dict[str, Any]:
    measure = Measure(resource=name) if limit is None else Measure.read(name)
    used = measure.used(usage)
    busiest = measure.resource == BUSIEST
    return {
        "title": _title(measure),
        "used": used.amount,
        "limit": limit,
        "exceeded": limit is not None and used.amount > limit,
        "minute": used.usage.busiest_minute.at if busiest and used.usage.busiest_minute else None,
        "most": None if busiest else used.usage.most(measure.resource),
        "day": used.day,
    }


def _title(measure: Measure) -> str:
    what = _TITLES.get(measure.resource) or f"HTTP calls to {measure.resource.removeprefix(AT_HOST)}"
    return f"{what}{' a day' if measure.daily else ''}{f' of {measure.job}' if measure.job else ''}"
