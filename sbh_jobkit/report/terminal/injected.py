"""What each injected fault hit, and what came of it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from sbh_jobkit.report.terminal.runs import wrap_line
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.compare.judgement import Finding

_PARTS = re.compile(r"(?P<name>.*?)(?: \((?P<number>[\d,]+) (?P<unit>\w+?)s?\b[^)]*\))?")


def injected_lines(runs: Sequence[Run], findings: Sequence[Finding], width: int | None = None) -> Iterator[str]:
    """Write for each fault how many requests and runs it hit and how many failed, then what is lost or doubled."""
    hits: defaultdict[str, list[Run]] = defaultdict(list)
    units: dict[str, tuple[int, str]] = {}
    for run in runs:
        for text in run.injected_faults:
            found = _PARTS.fullmatch(text)
            name = found["name"] if found else text
            hits[name].append(run)
            if found and found["unit"]:
                number = units.get(name, (0, ""))[0] + int(found["number"].replace(",", ""))
                units[name] = number, found["unit"]
    if hits:
        yield "injected faults, and what came of them:"
    for name, met in hits.items():
        failed = sum(run.outcome.started and not run.ok for run in met)
        what = f"{count(*units[name])} in " if name in units else ""
        yield from wrap_line(
            f"{name}: {what}{count(len(met), 'run')}, {f'{failed:,}' if failed else 'none'} failed", "  ", width
        )
    for finding in findings:
        yield from wrap_line(finding.line, "  ", width)
