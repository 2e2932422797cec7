"""A plugin, as a notebook shows it: its jobs with their schedules, its permissions, and its warnings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.plugin.manifest import PERMISSIONS
from sbh_jobkit.report.template import render
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.plugin.plugin import Plugin

_MANUAL = "manual"


def text(plugin: Plugin) -> str:
    """List its jobs, for a terminal."""
    rows = [(name, expression or _MANUAL, english) for name, expression, english, _ in _jobs(plugin)]
    left, right = (max((len(row[side]) for row in rows), default=0) for side in (0, 1))
    listed = [f"  {name:<{left}}  {expression:<{right}}  {english}".rstrip() for name, expression, english in rows]
    return "\n".join([_title(plugin), *listed, *(f"warning: {warning}" for warning in plugin.warnings)])


def html(plugin: Plugin) -> str:
    """List its jobs and its manifest, as HTML."""
    manifest = plugin.manifest
    return render(
        "plugin_card",
        title=_title(plugin),
        description=manifest.description,
        jobs=[
            {"name": name, "expression": expression, "english": english, "place": place}
            for name, expression, english, place in _jobs(plugin)
        ],
        manual=_MANUAL,
        warnings=plugin.warnings,
        facts={
            "permissions": "all" if manifest.permissions == PERMISSIONS else ", ".join(sorted(manifest.permissions)),
            "secrets": ", ".join(manifest.secrets),
            "routes": ", ".join(route.path for route in plugin.routes),
            "hooks": ", ".join(f"{hook.kind} {hook.name}" for hook in plugin.hooks),
        },
    )


def _title(plugin: Plugin) -> str:
    manifest = plugin.manifest
    slug = f" ({manifest.slug})" if manifest.slug != manifest.name else ""
    return f"{manifest.name}{slug} {manifest.version}: {count(len(plugin.jobs), 'job')}"


def _jobs(plugin: Plugin) -> Iterator[tuple[str, str | None, str, str]]:
    for name, job in plugin.jobs.items():
        schedule = job.schedule
        yield name, job.expression, schedule.describe() if schedule else "", job.place or ""
