"""One failing run: its time, error, output, and the one command that reruns it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.report.html import run_details as particulars
from sbh_jobkit.report.text import safe, stamp
from sbh_jobkit.report.verdicts import glyph, sign_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sbh_jobkit.run.run import Run


def section(number: int, run: Run, command: str, *, folded: bool = False) -> str:
    """Write the run as a section that the timeline links to."""
    sign = sign_of(run)
    return (
        f'<details{"" if folded else " open"} id="run-{number}" class="run v-{sign.verdict}"><summary>{glyph(sign)}'
        f"{stamp(run.fire_time)} <strong>{sign.word}</strong> "
        f'<span class="why">{safe(particulars.one_line(why(run)))}</span></summary>'
        f'<div class="body">{_facts(run)}{_list("Faults", list(map(particulars.fault, run.faults)))}'
        f"{''.join(_block(name, text) for name, text in particulars.texts(run))}"
        f"{''.join(_list(name, rows) for name, rows in particulars.traffic(run))}"
        f'<p class="rerun"><span>Run it again</span> <code tabindex="0">{safe(command)}</code></p></div></details>'
    )


def why(run: Run) -> str:
    """Say why a run is as it is, without the word that its sign has."""
    if run.verdict == "unexpected_ok":
        return f"expected to fail: {run.expected}"
    return run.summary.removeprefix(f"{sign_of(run).word}: ")


def _facts(run: Run) -> str:
    rows = "".join(f"<dt>{term}</dt><dd>{told}</dd>" for term, told in particulars.facts(run))
    return f"<dl>{rows}</dl>" if rows else ""


def _block(name: str, text: str) -> str:
    return f'<h4>{name}</h4><pre tabindex="0">{safe(text)}</pre>'


def _list(name: str, rows: Sequence[str]) -> str:
    if not rows:
        return ""
    return f"<h4>{name}</h4><ul>{''.join(f'<li>{row}</li>' for row in particulars.first_of(list(rows)))}</ul>"
