"""The table by plugin; beyond 100 of them the others are folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.text import count, safe, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sbh_jobkit.report.fleet_rows import PluginSummary

_MOST_ROWS = 100
_COLUMNS: Mapping[str, Callable[[PluginSummary], int]] = {
    "Tenants": lambda row: row.tenants,
    "Jobs": lambda row: row.jobs,
    "Runs": lambda row: row.runs,
    "Failures": lambda row: row.failures,
    "Expected": lambda row: row.expected,
    "HTTP calls": lambda row: row.http_calls,
    "Emits": lambda row: row.emits,
}


def plugin_table(rows: Sequence[PluginSummary], first_section: Mapping[str, int]) -> str:
    """Write a row a plugin, those with failures first; failures link to the plugin's first section."""
    caption = (
        f"{count(len(rows), 'plugin')}. Expected runs failed as their author said they would; they are no failures."
    )
    foot = "".join(f'<td class="n">{sum(map(of, rows)):,}</td>' for name, of in _COLUMNS.items() if name != "Tenants")
    table = _table(
        caption,
        rows[:_MOST_ROWS],
        first_section,
        f'<tfoot><tr><th scope="row">All plugins</th><td></td>{foot}<td></td></tr></tfoot>',
    )
    rest = rows[_MOST_ROWS:]
    if not rest:
        return table
    name = count(len(rest), "more plugin")
    return f'{table}<details class="calm"><summary>{name}</summary>{_table(name, rest, first_section)}</details>'


def _table(caption: str, rows: Sequence[PluginSummary], first_section: Mapping[str, int], foot: str = "") -> str:
    head = "".join(f'<th scope="col" class="n">{name}</th>' for name in _COLUMNS)
    body = "".join(_row(row, first_section.get(row.path)) for row in rows)
    return (
        '<div class="scroll" role="region" aria-label="Plugins" tabindex="0"><table class="jobs">'
        f"<caption><span>{caption}</span></caption>"
        f'<thead><tr><th scope="col">Plugin</th>{head}<th scope="col">Busiest minute</th></tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def _row(row: PluginSummary, section: int | None) -> str:
    cells = "".join(_cell(name, of(row), section) for name, of in _COLUMNS.items())
    busiest = '<span class="none">none</span>'
    if row.busiest is not None:
        at, runs = row.busiest
        busiest = f"{count(runs, 'run')}, {stamp(at)}"
    bad = ' class="bad"' if row.failures else ""
    return (
        f'<tr{bad}><th scope="row">{safe(row.label)}<small>{safe(row.path)}</small></th>{cells}<td>{busiest}</td></tr>'
    )


def _cell(name: str, number: int, section: int | None) -> str:
    kind = ' class="n failures"' if name == "Failures" else ' class="n"'
    if not number:
        return f'<td{kind}><span class="none">0</span></td>'
    linked = name == "Failures" and section is not None
    return f'<td{kind}><a href="#run-{section}">{number:,}</a></td>' if linked else f"<td{kind}>{number:,}</td>"
