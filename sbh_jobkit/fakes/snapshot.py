"""The state of a world at one moment; snapshots share the parts that did not change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit.display import Shown
from sbh_jobkit.run.frozen import maker

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
        """Return a redactor for the world's secrets."""

    def difference(self, before: Snapshot, after: Snapshot) -> Any:
        """Return the changes from one snapshot to another."""

    def at(self, snapshot: Snapshot) -> Any:
        """Return a new world in the state of a snapshot."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, repr=False)
class Snapshot(Shown):
    """The state of a world, from `world.snapshot()`; for `world.restore(snapshot)` and `diff(before, after)`."""

    origin: _Origin
    taken: datetime | None
    """The virtual time of the snapshot; None if the clock was real."""
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
    """The states of extensions, by service name."""
    settings: tuple[Any, ...]

    def __repr__(self) -> str:
        """Show its time, and count rows, files and events."""
        rows = sum(map(len, self.tables.rows.values()))
        when = f" at {self.taken:%Y-%m-%d %H:%M:%S %Z}" if self.taken else ""
        return f"<Snapshot{when}: {rows} rows, {len(self.files.files)} files, {len(self.events)} events>"

    def later(self, at: datetime) -> Snapshot:
        """Return the same state at a later virtual time."""
        return make_snapshot(
            origin=self.origin,
            taken=at,
            files=self.files,
            tables=self.tables,
            secrets=self.secrets,
            llm=self.llm,
            http=self.http,
            jobs=self.jobs,
            memory=self.memory,
            events=self.events,
            random=self.random,
            services=self.services,
            settings=self.settings,
        )

    def world(self) -> Any:
        """Return a new world in this state; changes to it do not change the snapshot."""
        return self.origin.at(self)

    def changes_since(self, before: Snapshot) -> Any:
        """Return the changes since an earlier snapshot, as `diff(before, self)` does."""
        return self.origin.difference(before, self)


make_snapshot = maker(Snapshot)
