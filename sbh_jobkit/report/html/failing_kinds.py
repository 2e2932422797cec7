"""The failing runs of a fleet: one section for all runs of a job that failed alike, at whatever tenants.

Every job's first kind comes before any job's second, so that one loud job does not hide a quiet one.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from sbh_jobkit.report.html.failing_run import section
from sbh_jobkit.report.text import count, safe, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sbh_jobkit.report.fleet_rows import FailingKind

_MOST_SECTIONS = 50
_MOST_NAMED = 100


def chosen(kinds: Sequence[FailingKind]) -> dict[int, FailingKind]:
    """Choose the kinds that get a section, by its number: up to 50, in the order of plugins and jobs."""
    ranked = [
        (rank, place)
        for _, members in groupby(enumerate(kinds), key=lambda item: item[1].who)
        for rank, (place, _) in enumerate(members)
    ]
    wanted = sorted(place for _, place in sorted(ranked)[:_MOST_SECTIONS])
    return {number: kinds[place] for number, place in enumerate(wanted, start=1)}


def kind_sections(
    shown: dict[int, FailingKind], kinds: Sequence[FailingKind], rerun: Callable[[FailingKind], str]
) -> str:
    """Write a section for each chosen kind under its job's name, and name the jobs that have none."""
    parts = []
    for named, members in groupby(shown.items(), key=lambda item: item[1].who):
        parts.append(f"<h3>{safe(named)}</h3>")
        parts += [section(number, kind.alike.first, rerun(kind)) + _like_it(kind) for number, kind in members]
    sectioned = {kind.who for kind in shown.values()}
    rest = list(dict.fromkeys(kind.who for kind in kinds if kind.who not in sectioned))
    if rest:
        more = f" and {len(rest) - _MOST_NAMED:,} more" if len(rest) > _MOST_NAMED else ""
        named = ", ".join(map(safe, rest[:_MOST_NAMED]))
        parts.append(f'<p class="more">{count(len(rest), "further failing job")}: {named}{more}.</p>')
    return "".join(parts)


def _like_it(kind: FailingKind) -> str:
    alike = kind.alike
    told = f"This one was at {safe(alike.first.tenant)}"
    if alike.count > 1:
        told += f"; {alike.count - 1:,} more failed like it"
        told += f", at {count(alike.tenants, 'tenant')} in all" if alike.tenants > 1 else ""
        told += f", the last at {stamp(alike.last)}"
    return f'<p class="more">{told}.</p>'
