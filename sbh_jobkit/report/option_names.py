"""Which option was meant by an unknown one: one that is spelled alike, or another word for the same.

A word that means something of its own is never taken for a misspelling: `--start` is not `--target`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Collection

_WORDS = {
    "--against": ("--compare", "--compare-to", "--versus", "--vs", "--base"),
    "--at": ("--time", "--when", "--date", "--instant", "--fire-time"),
    "--bodies": ("--body", "--headers", "--requests"),
    "--budget": ("--limit", "--limits"),
    "--fault": ("--inject", "--failure"),
    "--faults": ("--plan", "--fault-plan", "--fault-file"),
    "--for": ("--duration", "--length", "--days", "--span", "--period", "--range", "--last"),
    "--force": ("--overwrite", "--yes"),
    "--from": ("--start", "--since", "--begin", "--starting", "--after", "--start-date", "--first"),
    "--html": ("--report", "--page"),
    "--job": ("--only", "--name", "--select-job"),
    "--jobs": ("--processes", "--parallel", "--workers", "--procs", "--cores", "--threads"),
    "--on": ("--host", "--url", "--server", "--remote"),
    "--policy": ("--overlap", "--catch-up", "--retry", "--max-instances", "--misfire-grace", "--backoff"),
    "--seed": ("--random-seed", "--random"),
    "--target": ("--guide", "--platform"),
    "--time-limit": ("--timeout", "--max-time", "--seconds"),
    "--to": ("--end", "--until", "--till", "--stop", "--through", "--before", "--end-date"),
    "--twice": ("--idempotent", "--idempotency", "--repeat"),
    "--tz": ("--timezone", "--time-zone", "--zone"),
    "--world": ("--tenant-file", "--fixture", "--fixtures"),
}
"""Other words for an option; some are themselves options of another command, where they mean what they mean here."""
_ELSEWHERE = {
    *("--baseline", "--check", "--diff", "--exit-zero", "--explain", "--fix", "--format", "--ignore", "--json"),
    *("--level", "--list", "--live", "--output", "--port", "--select", "--statistics", "--store", "--stress"),
    *("--strict", "--tenant", "--tenants", "--token-file"),
}
"""Options without other words for them."""
_MEANT = {word: option for option, words in _WORDS.items() for word in words}


def option_hint(name: str, options: Collection[str]) -> str:
    """Return `; did you mean '--from'?` for the option that was meant by an unknown one, or "" if none was."""
    written = name.casefold().replace("_", "-")
    if written in options and written != name:
        return did_you_mean(name, [written])
    meant = _MEANT.get(written)
    if meant is not None:
        return f"; did you mean {meant!r}?" if meant in options else ""
    return "" if written in _WORDS or written in _ELSEWHERE else did_you_mean(name, options)
