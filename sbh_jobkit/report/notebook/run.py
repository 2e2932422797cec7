"""One run, as a notebook shows it: how it ended, and all that was seen of it; what is long is folded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.fakes.diff import diff
from sbh_jobkit.fakes.snapshot import Snapshot
from sbh_jobkit.report.html import run_details as particulars
from sbh_jobkit.report.html.failing_run import why
from sbh_jobkit.report.notebook import difference
from sbh_jobkit.report.notebook.elements import COLOURS, card, code, fold, items, line, pre, soft, table, word
from sbh_jobkit.report.terminal.runs import one_run
from sbh_jobkit.report.text import safe, stamp
from sbh_jobkit.report.verdicts import sign_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.run import Run

WIDTH = 80
"""Of texts: what a notebook keeps must not depend on the terminal that its kernel was started from."""
_FEW_LINES = 12
_FEW_ITEMS = 5


def text(run: Run) -> str:
    """Tell everything about it, for a terminal."""
    return "\n".join(one_run(run, width=WIDTH))


def html(run: Run) -> str:
    """Tell everything about it."""
    return card(line(headline(run)), *particulars_of(run))


def headline(run: Run) -> str:
    """Say which run it was, and how it ended."""
    return f"{_verdict(run)} {code(run.job)} {stamp(run.fire_time)} {soft(f'{run.fire_time:%Z}')}"


def in_a_line(run: Run) -> str:
    """Say the same, and why."""
    return f"{headline(run)} {safe(particulars.one_line(why(run)))}"


def _verdict(run: Run) -> str:
    """Name how a run ended, in its colour."""
    colour = "bad" if not run.ok else "note" if run.verdict != "ok" else "good"
    return word(sign_of(run).word, COLOURS[colour])


def particulars_of(run: Run) -> Iterator[str]:
    """Tell everything that does not stand in the headline."""
    facts = [(soft(term.replace(" ", "\N{NO-BREAK SPACE}")), told) for term, told in particulars.facts(run)]
    if facts:
        yield table((), facts)
    if run.faults:
        yield fold("Faults", items(map(particulars.fault, run.faults)), unfolded=True)
    for name, written in particulars.texts(run):
        yield fold(name, pre(written), unfolded=written.count("\n") < _FEW_LINES)
    changes = _changes(run)
    for name, rows in particulars.traffic(run):
        if name == "Files" and changes:
            continue  # among the changes they say more
        yield fold(f"{name}: {len(rows):,}", items(particulars.first_of(rows)), unfolded=len(rows) <= _FEW_ITEMS)
    yield changes


def _changes(run: Run) -> str:
    if not (isinstance(run.before, Snapshot) and isinstance(run.after, Snapshot)):
        return ""
    found = diff(run.before, run.after)
    sections = [each for each in found.sections() if each[0] != "events"]  # they are told with their times
    return "".join(difference.section(name, changes, unfolded=len(changes) <= _FEW_ITEMS) for name, changes in sections)
