"""What a check found, as `%check_plugin` returns it: a list that shows itself."""

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
    """What is wrong with a plugin; empty where nothing is."""

    path: str
    target: str

    @classmethod
    def of(cls, path: str, target: str) -> Self:
        """Check a plugin."""
        found = cls(check(path, target=target))
        found.path, found.target = path, target
        return found

    def __repr__(self) -> str:
        """Write it as the command line does."""
        return FORMATS["text"](self, self.path, self.target)


def checked(cells: Sequence[tuple[int, str]], names: Mapping[str, Any], target: str) -> Findings:
    """Check what cells define, as it would be exported; raises ExportError for what cannot be."""
    with TemporaryDirectory() as folder:
        export_plugin(cells, names, Path(folder) / "notebook")
        found = Findings.of(str(Path(folder) / "notebook"), target)
    found.path = "the notebook"
    return found
