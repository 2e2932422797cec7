"""What the runs of a range used, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import wrap_line
from sbh_jobkit.report.text import count, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.usage import Usage


def usage_lines(usage: Usage, over: Sequence[str] = ()) -> Iterator[str]:
    """Write what the runs used, and which limits they exceeded."""
    if text := usage_text(usage):
        yield from wrap_line(f"used: {text}")
    for sentence in over:
        yield from wrap_line(f"over budget: {sentence}")


def usage_text(usage: Usage) -> str:
    """Return in a line what the runs used; empty if they used only time."""
    parts = [
        f"{count(usage.http_calls, 'HTTP call')}{_to_hosts(usage)}",
        f"{count(usage.llm_calls, 'LLM call')} ({count(usage.llm_tokens, 'token')})",
        f"{count(usage.rows_read, 'row')} read",
        f"{count(usage.bytes_written, 'byte')} written",
        count(usage.emits, "emit"),
    ]
    text = ", ".join(part for part in parts if not part.startswith("0 "))
    busiest = usage.busiest_minute
    if not text or busiest is None or busiest.runs == 1:
        return text
    return f"{text}; busiest minute: {format_time(busiest.at)} {busiest.at:%Z}, {count(busiest.runs, 'run')}"


def _to_hosts(usage: Usage) -> str:
    hosts = list(usage.http_calls_by_host)
    if len(hosts) <= 1:
        return "".join(f" to {host}" for host in hosts)
    return f" to {len(hosts):,} hosts (most to {hosts[0]}: {usage.http_calls_by_host[hosts[0]]:,})"
