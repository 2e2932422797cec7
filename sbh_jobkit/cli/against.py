"""`sbh-jobkit simulate PLUGIN --against OTHER`: what two versions of a plugin do differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.cli import options as given
from sbh_jobkit.cli import streams
from sbh_jobkit.fakes.script import FILE
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.project.at_commit import plugin_at
from sbh_jobkit.report.headline import title
from sbh_jobkit.report.terminal.comparison import comparison_lines
from sbh_jobkit.report.terminal.runs import time_with_zone
from sbh_jobkit.simulation.versions import compare_versions

if TYPE_CHECKING:
    from argparse import Namespace

    from sbh_jobkit.simulation.conditions import Conditions


def against(options: Namespace, conditions: Conditions, path: str, tenant: str) -> bool:
    """Simulate both versions, print what differs, and return whether nothing does."""
    with plugin_at(options.against, path) as other:
        after, before = given.load(path), Plugin.load(other)
        given.require_jobs(after)
        given.require_jobs(before)
        root = after.root if after.root is not None and (after.root / FILE).is_file() else before.root
        found = compare_versions(conditions, before, after, lambda: conditions.world_of(root, tenant))
    name = title(found.after)  # type: ignore[arg-type]  # it is a Simulation
    if options.html:
        from sbh_jobkit.report.html.comparison import comparison_page

        streams.write(
            options.html, comparison_page(found, f"{name} against {options.against}", (options.against, path))
        )
    if options.json:
        streams.print_json({"plugin": path, "against": options.against, **found.to_dict()})
        return not found
    start, end = conditions.range_in(found.after.zone)
    print(f"{name} against {options.against}: {time_with_zone(start)} to {time_with_zone(end)}\n")
    if lines := list(comparison_lines(found)):
        print("\n".join([*lines, ""]))
    print(found.summary)
    if options.html:
        print(f"report: {options.html}")
    return not found
