"""The findings of a check, as a notebook shows them: each with its place, its line of source and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit.report import findings as _findings
from sbh_jobkit.report.template import render

if TYPE_CHECKING:
    from sbh_jobkit.check.checked import Checked

    class Findings(Protocol):
        """What `%check_plugin` returns."""

        target: str
        checked: Checked
        notes: tuple[str, ...]


_COLOURS = {"error": "bad", "warning": "note", "note": "muted"}


def text(found: Findings) -> str:
    """Return the text of `sbh-jobkit check`, and the notes."""
    return "\n".join([_findings.text([found.checked], found.target), *(f"note: {note}" for note in found.notes)])


def html(found: Findings) -> str:
    """Return the findings as a table."""
    return render(
        "findings_card",
        ends=[*_findings.ends([found.checked], found.target)],
        rows=[_row(found.checked, each) for each in found.checked.findings],
        notes=found.notes,
    )


def _row(checked: Checked, found: Any) -> dict[str, str]:
    return {
        "place": f"{found.file}:{found.line}" if found.file else checked.path,
        "level": found.level,
        "colour": _COLOURS[found.level],
        "rule": found.rule,
        "message": found.message,
        "line": checked.line(found).strip(),
        "advice": found.advice,
    }
