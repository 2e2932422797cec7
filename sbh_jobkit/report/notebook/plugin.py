"""A plugin, as a notebook shows it: its jobs and when they are due, what it may do, and what is surely not meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.plugin.manifest import PERMISSIONS
from sbh_jobkit.report.notebook.elements import COLOURS, card, code, items, line, soft, table, word
from sbh_jobkit.report.text import count, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.plugin.plugin import Plugin

_BY_HAND = "by hand"


def text(plugin: Plugin) -> str:
    """List its jobs, for a terminal."""
    rows = [(name, expression or _BY_HAND, english) for name, expression, english, _ in _jobs(plugin)]
    left, right = (max((len(row[side]) for row in rows), default=0) for side in (0, 1))
    listed = [f"  {name:<{left}}  {expression:<{right}}  {english}".rstrip() for name, expression, english in rows]
    return "\n".join([_title(plugin), *listed, *(f"warning: {warning}" for warning in plugin.warnings)])


def html(plugin: Plugin) -> str:
    """List its jobs and its manifest."""
    manifest = plugin.manifest
    rows = [
        (f"<strong>{safe(name)}</strong>", code(expression) if expression else _BY_HAND, safe(english), soft(place))
        for name, expression, english, place in _jobs(plugin)
    ]
    facts = {
        "permissions": "all" if manifest.permissions == PERMISSIONS else ", ".join(sorted(manifest.permissions)),
        "secrets": ", ".join(manifest.secrets),
        "routes": ", ".join(route.path for route in plugin.routes),
        "hooks": ", ".join(f"{hook.kind} {hook.name}" for hook in plugin.hooks),
    }
    warnings = items(f"{word('warning', COLOURS['note'])}: {safe(warning)}" for warning in plugin.warnings)
    return card(
        line(f"<strong>{safe(_title(plugin))}</strong>"),
        line(safe(manifest.description)) if manifest.description else "",
        table(("job", "schedule", "", "where"), rows) if rows else line("There is no job."),
        warnings if plugin.warnings else "",
        *(line(soft(f"{name}:"), safe(told)) for name, told in facts.items() if told),
    )


def _title(plugin: Plugin) -> str:
    manifest = plugin.manifest
    slug = f" ({manifest.slug})" if manifest.slug != manifest.name else ""
    return f"{manifest.name}{slug} {manifest.version}: {count(len(plugin.jobs), 'job')}"


def _jobs(plugin: Plugin) -> Iterator[tuple[str, str | None, str, str]]:
    for name, job in plugin.jobs.items():
        schedule = job.schedule
        yield name, job.expression, schedule.describe() if schedule else "", job.place or ""
