"""Two simulations side by side on one time axis, as one HTML file that loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from sbh_jobkit.report.axis import Axis
from sbh_jobkit.report.html.grid import FOOT, HEAD, grid
from sbh_jobkit.report.html.page import clock_changes, range_facts, render_page
from sbh_jobkit.report.template import render
from sbh_jobkit.report.terminal.comparison import example, group_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sbh_jobkit.simulation.compare.comparison import Comparison

_UNITS = 10_000
_HEIGHT = 18
_MOST_GROUPS = 200


def comparison_page(found: Comparison, title: str, names: tuple[str, str]) -> str:
    """Return the report; `names` are those of the two simulations."""
    before = found.before
    axis = Axis(before.start, before.end)
    return render_page(
        "comparison",
        title=title,
        headline=found.summary[0].upper() + found.summary[1:],
        ok=not found,
        facts={"Before": names[0], "After": names[1], **range_facts(axis, before.zone.key)},
        sections={"sides": "Side by side", "changes": "Changes"},
        clock_changes=clock_changes(axis),
        body=comparison_body(found, names),
    )


def comparison_body(found: Comparison, names: tuple[str, str]) -> Markup:
    """Return both timelines, the marks of what differs, and the table of changes."""
    axis = Axis(found.before.start, found.before.end)
    jobs = {job: None for side in (found.before, found.after) for job in (due.job.name for due in side.due)}
    tracks = [
        {
            "job": job,
            "plot": Markup(_tracks(found, job, axis)),  # noqa: S704  numbers and our own words
            "height": HEAD + 3 * _HEIGHT + FOOT,
        }
        for job in jobs
    ]
    groups = found.groups
    return render(
        "comparison_body",
        tracks=tracks,
        names=names,
        groups=[
            {"job": group.job, "line": group_line(group), "example": list(example(group.first))}
            for group in groups[:_MOST_GROUPS]
        ],
        more=max(0, len(groups) - _MOST_GROUPS),
    )


def _tracks(found: Comparison, job: str, axis: Axis) -> str:
    """Draw the effects before, those after, and what differs, one above the other."""
    total = HEAD + 3 * _HEIGHT + FOOT
    changed = [each.effect.fire_time for each in found.effects if each.effect.job == job]
    changed += [each.run.fire_time for each in found.runs if each.run.job == job]
    rows = [
        *(
            ("ok", {round(axis.share(run.fire_time) * _UNITS) for run in side.runs if run.job == job})
            for side in (found.before, found.after)
        ),
        ("failed", {round(axis.share(at) * _UNITS) for at in changed}),
    ]
    paths = "".join(_path(places, verdict, number) for number, (verdict, places) in enumerate(rows))
    inner = 3 * _HEIGHT
    return (
        f"{''.join(grid(axis, total))}"
        f'<svg y="{HEAD}" width="100%" height="{inner}" viewBox="0 0 {_UNITS} {inner}"'
        f' preserveAspectRatio="none" aria-hidden="true">{paths}</svg>'
    )


def _path(places: Iterable[int], verdict: str, row: int) -> str:
    steps = "".join(f"M{place} {(row + 1) * _HEIGHT - 2}v-{_HEIGHT - 5}" for place in sorted(places))
    return f'<path class="marks v-{verdict}" d="{steps}"/>' if steps else ""
