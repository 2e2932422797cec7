"""What runs did to the world, as a notebook shows it: like effects in one row, with their number."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.report.template import render
from sbh_jobkit.report.text import compact, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sbh_jobkit.run.effects import Effect

_NUMBERS = re.compile(r"\d+")
_MOST = 50


@dataclass(slots=True, kw_only=True)
class _Row:
    """Effects of one job that differ only by numbers and content."""

    job: str
    kind: str
    name: str
    first: str
    """What the first of them sent."""
    times: int = 0


def html(effects: Iterable[Effect]) -> str:
    """Return a table of effects, in the order of the first of each kind."""
    rows: dict[tuple[str, str, str, int], _Row] = {}
    for each in effects:
        pattern = _NUMBERS.sub("#", each.name)
        key = each.job, each.kind, pattern, each.status
        if key not in rows:
            status = f" {each.status or 'no answer'}" if each.kind == "http" else ""
            rows[key] = _Row(job=each.job, kind=each.kind, name=f"{each.name}{status}", first=_content(each))
        row = rows[key]
        row.times += 1
        if row.times > 1 and not row.name.startswith((each.name, pattern)):
            row.name = _NUMBERS.sub("#", each.name)
    shown = list(rows.values())
    return render("effects_card", rows=shown[:_MOST], more=len(shown) - _MOST)


def _content(effect: Effect) -> str:
    """Return the beginning of a payload or body, or the size of a file."""
    if effect.kind == "file":
        return f"{effect.size:,} bytes" if effect.name.startswith("uploaded ") else ""
    if effect.content is None:
        return ""
    return one_line(effect.content) if isinstance(effect.content, str) else compact(effect.content)
