"""The result of `%check_plugin`: a list of findings that a notebook shows with their lines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.check.check import check_all
from sbh_jobkit.check.checked import Checked
from sbh_jobkit.check.finding import Finding
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.display import Shown
from sbh_jobkit.errors import ExportError
from sbh_jobkit.project.export import named_after
from sbh_jobkit.project.plugin import make_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.project.code.cells import Cell

_NAME = "the notebook"
_RULE = "notebook-cells"


class Findings(Shown, list[Any]):
    """The findings of a check; empty if there are none."""

    target: str
    checked: Checked
    """The same findings with the lines of source."""
    notes: tuple[str, ...] = ()
    """What to know of the files that were made of the cells, a sentence each."""

    @classmethod
    def from_checked(cls, checked: Checked, target: str, notes: tuple[str, ...] = ()) -> Self:
        """Return what was found."""
        found = cls(checked.findings)
        found.target, found.checked, found.notes = target, checked, notes
        return found

    @classmethod
    def from_check(cls, path: str, target: str) -> Self:
        """Check a plugin and return its findings."""
        (checked,) = check_all([path], Settings(target=target))
        return cls.from_checked(checked, target)

    def __repr__(self) -> str:
        """Return the text of `sbh-jobkit check`."""
        from sbh_jobkit.report.notebook import findings

        return findings.text(self)


def check_cells(cells: Sequence[Cell], names: Mapping[str, Any], target: str, loaded: Plugin | None = None) -> Findings:
    """Check the plugin that `%export_plugin` would write; what cannot be written is a finding, too. Nothing runs."""
    settings = Settings(target=target)
    with TemporaryDirectory() as folder:
        try:
            made = make_files(cells, names, named_after(Path(folder, "notebook")), loaded)
        except ExportError as error:
            found = tuple(Finding(file="", line=1, rule=_RULE, message=problem) for problem in error.problems)
            return Findings.from_checked(Checked(path=_NAME, findings=found), target)
        for name, text in made.files.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        (checked,) = check_all([folder], settings)
    findings = tuple(replace(each, edits=()) for each in checked.findings)  # there is no file to fix
    return Findings.from_checked(replace(checked, path=_NAME, findings=findings, folder=None), target, made.notes)
