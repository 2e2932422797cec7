"""A world as it was at one moment: a value that shares what did not change with the world and with other moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit.display import Shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.filestore import FilesState
    from sbh_jobkit.fakes.http.routes import HttpState
    from sbh_jobkit.fakes.llm import LlmState
    from sbh_jobkit.fakes.memory import MemoryState
    from sbh_jobkit.fakes.persistent_list import ListSnapshot
    from sbh_jobkit.fakes.plugin_jobs import JobsState
    from sbh_jobkit.fakes.secrets import SecretsState
    from sbh_jobkit.fakes.tables import TablesState
    from sbh_jobkit.run.redaction import Redactor
    from sbh_jobkit.run.run import Event


class _Origin(Protocol):
    tenant_id: str

    @property
    def zone(self) -> ZoneInfo:
        """The zone in force."""

    def redactor(self) -> Redactor:
        """Return what keeps secrets out of sight."""

    def difference(self, before: Snapshot, after: Snapshot) -> Any:
        """Return what changed between two snapshots."""

    def at(self, snapshot: Snapshot) -> Any:
        """Return a world of its own that stands there."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Snapshot(Shown):
    """What `world.snapshot()` keeps; `world.restore` goes back to it, `diff` tells two apart."""

    origin: _Origin
    taken: datetime | None
    """The virtual time at which it was taken; None outside of virtual time."""
    files: FilesState
    tables: TablesState
    secrets: SecretsState
    llm: LlmState
    http: HttpState | None
    jobs: JobsState
    memory: MemoryState
    events: ListSnapshot[Event]
    random: Any
    services: Mapping[str, Any]
    """What extensions keep, by the names of their services."""
    settings: tuple[Any, ...]

    def __repr__(self) -> str:
        """Say when it was taken, and count."""
        rows = sum(map(len, self.tables.rows.values()))
        when = f" at {self.taken:%Y-%m-%d %H:%M:%S %Z}" if self.taken else ""
        return f"<Snapshot{when}: {rows} rows, {len(self.files.files)} files, {len(self.events)} events>"

    def world(self) -> Any:
        """Return a world of its own as it was then, a new one each time: what is done there changes nothing here."""
        return self.origin.at(self)

    def changes_since(self, before: Snapshot) -> Any:
        """Return what changed since an earlier snapshot, as `diff(before, after)` does."""
        return self.origin.difference(before, self)
