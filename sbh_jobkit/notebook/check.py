"""The result of `%check_plugin`: a list of findings that IPython shows as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.check.check import check_all
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.project.export import export_plugin
from sbh_jobkit.report.findings import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sbh_jobkit.check.checked import Checked


class Findings(list[Any]):
    """The findings of a check; empty if there are none."""

    path: str
    target: str
    _checked: Checked

    @classmethod
    def from_check(cls, path: str, target: str) -> Self:
        """Check a plugin and return its findings."""
        (checked,) = check_all([path], Settings(target=target))
        found = cls(checked.findings)
        found.path, found.target, found._checked = path, target, checked
        return found

    def __repr__(self) -> str:
        """Return the text of `sbh-jobkit check`."""
        return FORMATS["text"]([replace(self._checked, path=self.path)], self.target)


def check_cells(cells: Sequence[tuple[int, str]], names: Mapping[str, Any], target: str) -> Findings:
    """Check the plugin that `%export_plugin` would write; raises ExportError if the cells cannot be exported."""
    with TemporaryDirectory() as folder:
        export_plugin(cells, names, Path(folder) / "notebook")
        found = Findings.from_check(str(Path(folder) / "notebook"), target)
    found.path = "the notebook"
    return found
