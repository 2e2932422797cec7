"""What a range used: a line for the terminal, a folded table for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import folded
from sbh_jobkit.report.text import count, moment, safe, stamp
from sbh_jobkit.run.usage import AT_HOST, BUSIEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

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


def usage_lines(usage: Usage, over: Sequence[str] = ()) -> Iterator[str]:
    """Tell what the runs used, and which limits they passed."""
    if told := used(usage):
        yield from folded(f"used: {told}")
    for sentence in over:
        yield from folded(f"over budget: {sentence}")


def used(usage: Usage) -> str:
    """Say in a line what the runs used; nothing where they used nothing but time."""
    parts = [
        f"{count(usage.http_calls, 'HTTP call')}{_to_hosts(usage)}",
        f"{count(usage.llm_calls, 'LLM call')} ({count(usage.llm_tokens, 'token')})",
        f"{count(usage.rows_read, 'row')} read",
        f"{count(usage.bytes_written, 'byte')} written",
        count(usage.emits, "emit"),
    ]
    told = ", ".join(part for part in parts if not part.startswith("0 "))
    busiest = usage.busiest_minute
    if not told or busiest is None or busiest.runs == 1:
        return told
    return f"{told}; busiest minute: {moment(busiest.at)} {busiest.at:%Z}, {count(busiest.runs, 'run')}"


def _to_hosts(usage: Usage) -> str:
    hosts = list(usage.http_calls_by_host)
    if len(hosts) <= 1:
        return "".join(f" to {host}" for host in hosts)
    return f" to {len(hosts):,} hosts (most to {hosts[0]}: {usage.http_calls_by_host[hosts[0]]:,})"


def usage_table(usage: Usage, limits: Mapping[str, int]) -> str:
    """Write a row for each amount that was used or has a limit; folded, unless a limit was passed."""
    names = list(_names(usage, limits))
    if not names:
        return ""
    passed = [name for name, limit in limits.items() if usage.amount(name) > limit]
    budget = '<th scope="col" class="n">Budget</th>' if limits else ""
    rows = "".join(_row(usage, name, limits, bad=name in passed) for name in names)
    left_out = len(usage.http_calls_by_host) - _MOST_HOSTS
    more = f'<p class="more">{count(left_out, "more host")} had fewer calls.</p>' if left_out > 0 else ""
    return (
        f'<details class="calm" id="usage"{" open" if passed else ""}><summary><strong>Usage</strong> '
        f'<span class="why">{safe(used(usage))}</span></summary>'
        '<div class="scroll" role="region" aria-label="Usage" tabindex="0"><table>'
        "<caption><span>What the runs used, and which job used most of it.</span></caption>"
        f'<thead><tr><th scope="col">What</th><th scope="col" class="n">Used</th>{budget}'
        f'<th scope="col">Most</th></tr></thead><tbody>{rows}</tbody></table>{more}</div></details>'
    )


def _names(usage: Usage, limits: Mapping[str, int]) -> Iterator[str]:
    """Yield the amounts that have a row: the calls to hosts below all HTTP calls."""
    hosts = [f"{AT_HOST}{host}" for host in list(usage.http_calls_by_host)[:_MOST_HOSTS]]
    for name in _TITLES:
        if usage.amount(name) or name in limits:
            yield name
        if name == "http_calls":
            yield from dict.fromkeys([*hosts, *(name for name in limits if name.startswith(AT_HOST))])


def _row(usage: Usage, name: str, limits: Mapping[str, int], *, bad: bool) -> str:
    title = _TITLES.get(name) or f"HTTP calls to {name.removeprefix(AT_HOST)}"
    limit = f"{limits[name]:,}" if name in limits else ""
    budget = f'<td class="n">{limit}</td>' if limits else ""
    return (
        f'<tr{" class=bad" if bad else ""}><th scope="row">{safe(title)}</th>'
        f'<td class="n failures">{usage.amount(name):,}</td>{budget}<td>{_most(usage, name)}</td></tr>'
    )


def _most(usage: Usage, name: str) -> str:
    if name == BUSIEST and usage.busiest_minute is not None:
        return stamp(usage.busiest_minute.at)
    most = usage.most(name)
    return f"{safe(most[0])}, {most[1]:,}" if most else ""
