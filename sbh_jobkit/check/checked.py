"""What the check of one plugin found."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sbh_jobkit.check.finding import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What the check of one plugin found."""

    path: str
    """The path of the plugin, as it was typed."""
    findings: tuple[Finding, ...] = ()
    not_checked: str = ""
    """What was not looked at, and why; empty if all was."""
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The lines of each file."""
    folder: Path | None = None
    """Where the files are; None for a zip, whose files cannot be changed."""

    @property
    def ok(self) -> bool:
        """Whether there is nothing but notes."""
        return all(found.level == "note" for found in self.findings)

    def path_of(self, file: str) -> str:
        """Return the path of one of the plugin's files, from the directory where the command was typed."""
        typed = PurePath(self.path)
        folder = typed.parent if typed.suffix in {".py", ".json"} else typed
        return (folder / file).as_posix()

    def line(self, found: Finding) -> str:
        """Return the line of source of a finding; empty if there is none."""
        lines = self.texts.get(found.file, ())
        return lines[found.line - 1] if 1 <= found.line <= len(lines) else ""
