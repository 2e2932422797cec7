"""The result of `%check_plugin`: a list of findings that IPython shows as text."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.check.check import check
from sbh_jobkit.project.export import export_plugin
from sbh_jobkit.report.findings import FORMATS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Findings(list[Any]):
    """The findings of a check; empty if there are none."""

    path: str
    target: str

    @classmethod
    def from_check(cls, path: str, target: str) -> Self:
        """Check a plugin and return its findings."""
        found = cls(check(path, target=target))
        found.path, found.target = path, target
        return found

    def __repr__(self) -> str:
        """Return the text of `sbh-jobkit check`."""
        return FORMATS["text"](self, self.path, self.target)


def check_cells(cells: Sequence[tuple[int, str]], names: Mapping[str, Any], target: str) -> Findings:
    """Check the plugin that `%export_plugin` would write; raises ExportError if the cells cannot be exported."""
    with TemporaryDirectory() as folder:
        export_plugin(cells, names, Path(folder) / "notebook")
        found = Findings.from_check(str(Path(folder) / "notebook"), target)
    found.path = "the notebook"
    return found
