"""The parts that all reports share: one HTML file without scripts that loads no font, no image and no other file.

A policy in its head makes browsers enforce that. The bytes follow from the values alone.
"""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from sbh_jobkit.report.template import render
from sbh_jobkit.report.text import DAYS, format_offset
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from sbh_jobkit.report.axis import Axis

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def render_page(template: str, /, **values: Any) -> str:
    """Fill a template of a page, with the style sheet and the policy that all pages share."""
    style = files("sbh_jobkit.report.html").joinpath("report.css").read_text(encoding="utf-8")
    return str(render(template, policy=Markup(_POLICY), style=Markup(style), version=__version__, **values))  # noqa: S704


def range_facts(axis: Axis, zone: str) -> dict[str, Any]:
    """Return the range and its zone as the header shows them."""
    first, last = format_offset(axis.start.utcoffset()), format_offset(axis.end.utcoffset())
    offsets = first if first == last else f"{first}, at the end {last}"
    return {"Range": (axis.start, axis.end), "Zone": f"{zone} ({offsets})"}


def clock_changes(axis: Axis) -> list[str]:
    """Return a sentence for each change of clocks within the range."""
    return [
        f"Clocks go {'forward' if change.after > change.before else 'back'} on "
        f"{DAYS[change.at.weekday()]} {change.at:%Y-%m-%d} (the dashed line): "
        f"from {format_offset(change.before)} to {format_offset(change.after)}."
        for change in axis.clock_changes()
    ]
