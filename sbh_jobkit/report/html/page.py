"""What all reports have in common: one HTML file that loads nothing, no script, no font, no picture, no address.

A policy in its head makes browsers hold it to that. The bytes follow from the values alone.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

from sbh_jobkit.report.text import DAYS, offset, safe, stamp
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from sbh_jobkit.report.axis import Axis

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def document(title: str, verdict: str, content: str) -> str:
    """Put a header and a main part, in HTML, on a page; the verdict is HTML too, the title any text."""
    style = files("sbh_jobkit.report.html").joinpath("report.css").read_text(encoding="utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="sbh-jobkit {__version__}">
<title>{verdict} · {safe(title)}</title>
<link rel="icon" href="data:,">
<style>
{style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to the report</a>
{content}
<footer><p>Written by sbh-jobkit {__version__}. This file loads nothing from anywhere.</p></footer>
</body>
</html>
"""


def span(axis: Axis) -> str:
    """Write the range."""
    return f"{stamp(axis.start)} to {stamp(axis.end)}"


def offsets(axis: Axis) -> str:
    """Write the zone's offset from UTC, two where it changes."""
    first, last = offset(axis.start.utcoffset()), offset(axis.end.utcoffset())
    return f"({first})" if first == last else f"({first}, at the end {last})"


def clock_changes(axis: Axis) -> str:
    """Say when clocks change within the range."""
    return "".join(
        f'<p class="note">Clocks go {"forward" if change.after > change.before else "back"} on '
        f"{DAYS[change.at.weekday()]} {change.at:%Y-%m-%d} (the dashed line): "
        f"from {offset(change.before)} to {offset(change.after)}.</p>"
        for change in axis.clock_changes()
    )
