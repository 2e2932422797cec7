"""A fleet as plain text that fits into 80 columns."""

from __future__ import annotations

from itertools import groupby, islice
from typing import TYPE_CHECKING

from sbh_jobkit.report.rows import failing_groups, job_names
from sbh_jobkit.report.terminal.runs import group_lines, time_with_zone, wrap_line
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from sbh_jobkit.report.rows import PluginRow
    from sbh_jobkit.simulation.fleet.result import FleetSimulation

_MOST_ROWS = 30
_MOST_PEAKS = 3
_MOST_NAMES = 6
_MOST_JOBS = 10


def fleet_table(rows: Sequence[PluginRow]) -> Table:
    """Return the counts of the first plugins, as a rich table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("plugin", overflow="fold")
    for name in ("tenants", "jobs", "runs", "failed", "expected", "busiest minute"):
        table.add_column(name, justify="right")
    for row in rows[:_MOST_ROWS]:
        style = "red" if row.failures else "green" if row.runs else "dim"
        numbers = (row.tenants, row.jobs, row.runs, row.failures, row.expected)
        busiest = f"{row.busiest[1]:,} at {row.busiest[0]:%m-%d %H:%M}" if row.busiest else "none"
        table.add_row(Text(row.label, style), *(f"{number:,}" for number in numbers), busiest)
    return table


def more_rows(rows: Sequence[PluginRow]) -> Iterator[str]:
    """Write how many plugins the table leaves out."""
    rest = rows[_MOST_ROWS:]
    if rest:
        failing = sum(bool(row.failures) for row in rest)
        yield f"… and {count(len(rest), 'more plugin')}, {f'{failing:,} of them' if failing else 'none'} with failures"


def peaks(simulation: FleetSimulation) -> Iterator[str]:
    """Write the busiest minutes, and the jobs whose runs start in them."""
    found = simulation.concurrency().peaks(_MOST_PEAKS)
    if not found:
        return
    yield "busiest minutes:"
    for peak in found:
        names = job_names(peak)
        more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
        again = f", and {count(peak.minutes - 1, 'other')} like it" if peak.minutes > 1 else ""
        when = f"{time_with_zone(simulation.time_of(peak.minute))}{again}"
        yield from wrap_line(f"{when}: {count(peak.runs, 'run')}, {', '.join(names[:_MOST_NAMES])}{more}", "  ")


def failing(simulation: FleetSimulation) -> Iterator[str]:
    """Write the groups of failing runs of the first jobs."""
    jobs = groupby(failing_groups(simulation), key=lambda group: group.job)
    for job, groups in islice(jobs, _MOST_JOBS):
        for failing_group in groups:
            group = failing_group.group
            yield from group_lines(group, f"{job} at {group.first.tenant}")
    further = sum(1 for _ in jobs)
    if further:
        yield f"… and runs of {count(further, 'more job')}"
