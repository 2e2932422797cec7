"""The `ctx` of `target="host"`: it answers as today's host does.

Where the answer differs from the guide's, the run also gets a fault; its kind is the id of the divergence (D1, D2, …)
in `divergences.json`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.db import Database
from sbh_jobkit.context.files import Files
from sbh_jobkit.context.gate import Gate
from sbh_jobkit.context.secrets import Secrets
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.fakes.context import FakeContext
from sbh_jobkit.fakes.services import FakeFiles, FakeRows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.context.backends import Hints
    from sbh_jobkit.context.http import Http
    from sbh_jobkit.fakes.filestore import FileStore
    from sbh_jobkit.fakes.tables import Tables
    from sbh_jobkit.run.recorder import Recorder

    Row = dict[str, Any]

_NOT_GIVEN: Any = None.__class__  # a default that no caller passes; None would be a value
_ANSWERED = ("users", "projects")
"""The tables for which the host returns a row."""


class HostSecrets(Secrets):
    """`ctx.secrets` on today's host."""

    __slots__ = ()

    def get(self, key: str, default: str | None = _NOT_GIVEN) -> str | None:
        """Return None (D6); raises TypeError for a default (D7)."""
        if default is not _NOT_GIVEN:
            message = f"today's host accepts no default: ctx.secrets.get({key!r}, …) raises TypeError"
            self._recorder.divergence("D7", "ctx.secrets.get", message)
            msg = "get() accepts only a key"
            raise TypeError(msg)
        if super().get(key) is not None:
            message = f"today's host gives no secret to a job: ctx.secrets.get({key!r}) returns None"
            self._recorder.divergence("D6", "ctx.secrets.get", message)
        return None

    @property
    def has(self) -> Any:
        """Raise AttributeError (D7)."""
        self._recorder.divergence(
            "D7", "ctx.secrets.has", "today's host has no ctx.secrets.has: it raises AttributeError"
        )
        msg = "ctx.secrets has no 'has'"
        raise AttributeError(msg)


class HostFiles(Files):
    """`ctx.files` on today's host."""

    __slots__ = ("_prefix", "_services", "_store")

    def __init__(
        self, store: FileStore, services: FakeFiles, recorder: Recorder, gate: Gate, zone: ZoneInfo, *, prefix: str
    ) -> None:
        """Read and write the tenant's files; the host puts `prefix` before each key that it lists."""
        super().__init__(services, recorder, gate, zone)
        self._services = services
        self._store = store
        self._prefix = prefix

    def list(self, prefix: str = "") -> list[Row]:
        """List files with aware times (D4) and with the prefix in their keys (D5)."""
        found = super().list(prefix)
        for entry in found:
            entry["key"] = f"{self._prefix}{entry['key']}"
        if found:
            self._report_time("list", prefix)
            message = f"today's host lists keys with the prefix {self._prefix!r}: ctx.files.list({prefix!r})"
            self._recorder.divergence("D5", "ctx.files.list", message)
        return found

    def get(self, key: str) -> Row | None:
        """Describe one file, with an aware time (D4)."""
        found = super().get(key)
        if found is not None:
            self._report_time("get", key)
        return found

    def delete(self, key: str) -> bool:
        """Remove a file; for a key with the prefix, as it is listed, remove nothing and return True (D5)."""
        if not self._is_listed(key):
            return super().delete(key)
        self._gate("files.delete", "files.write")
        self._services.connect()
        message = f"today's host does not remove a file by its listed key: ctx.files.delete({key!r}) returns True"
        self._recorder.divergence("D5", "ctx.files.delete", message)
        return True

    def _is_listed(self, key: object) -> bool:
        return isinstance(key, str) and key not in self._store and key.removeprefix(self._prefix) in self._store

    def _time(self, epoch: float) -> str:
        return datetime.fromtimestamp(epoch, UTC).isoformat()

    def _report_time(self, member: str, given: str) -> None:
        message = f"today's host returns last_modified with the offset +00:00: ctx.files.{member}({given!r})"
        self._recorder.divergence("D4", f"ctx.files.{member}", message)


class HostDatabase(Database):
    """`ctx.db` on today's host: one user, one project, and nothing else."""

    __slots__ = ("_promised", "_rows", "_tables")

    def __init__(
        self, tables: Tables, rows: FakeRows, recorder: Recorder, gate: Gate, hints: Hints, *, unread: Recorder
    ) -> None:
        """Answer from the tenant's tables.

        Each answer is compared with the guide's; `unread` takes the faults of the guide's answers, and is not used.
        """
        super().__init__(rows, recorder, gate, hints)
        self._tables = tables
        self._rows = rows
        self._promised = Database(FakeRows(tables, None), unread, Gate(unread), hints)

    def query(
        self, table: str, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: int = _NOT_GIVEN
    ) -> list[Row]:
        """Return the first row, or nothing (D3); raises TypeError for an offset (D1)."""
        if offset is not _NOT_GIVEN:
            message = f"today's host accepts no offset: ctx.db.query({table!r}, offset={offset!r}) raises TypeError"
            self._recorder.divergence("D1", "ctx.db.query", message)
            msg = "query() accepts no offset"
            raise TypeError(msg)
        self._gate("db.query", "db.read")
        rows = self._host_rows(table)
        self._recorder.rows_read += len(rows)
        self._compare("query", table, rows, lambda: self._promised.query(table, filters, limit))
        return rows

    def get_by_id(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return the first row, whatever the id, or None (D3)."""
        self._gate("db.get_by_id", "db.read")
        row = next(iter(self._host_rows(table)), None)
        self._recorder.rows_read += row is not None
        self._compare("get_by_id", table, row, lambda: self._promised.get_by_id(table, id))
        return row

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Return 1 for users and projects, 0 for other tables (D3)."""
        self._gate("db.count", "db.read")
        number = len(self._host_rows(table))
        self._compare("count", table, number, lambda: self._promised.count(table, filters))
        return number

    def _host_rows(self, table: object) -> list[Row]:
        self._rows.connect()
        known = isinstance(table, str) and table in _ANSWERED and table in self._tables
        return self._tables.select(f"{table}", None, end=1) if known else []

    def _compare(self, member: str, table: object, answer: Any, promise: Callable[[], Any]) -> None:
        if _is_same(promise, answer):
            return
        known = "only one row" if answer else "no row"
        shown = "that row" if answer and member != "count" else f"{answer!r}"
        message = f"today's host has {known} in {table!r}: ctx.db.{member} returns {shown}"
        self._recorder.divergence("D3", f"ctx.db.{member}", message)


class HostContext(FakeContext):
    """A `PluginContext` that answers as today's host does."""

    @cached_property
    def secrets(self) -> HostSecrets:
        """The tenant's secrets, which a job cannot read."""
        return HostSecrets(self._services.secrets, self._recorder, self._gate, self._services.hints)

    @cached_property
    def files(self) -> HostFiles:
        """The object storage."""
        store, prefix = self._stores.files, f"{self.tenant_id}/"
        services = FakeFiles(store, self._injector)
        return HostFiles(store, services, self._recorder, self._gate, self._zone, prefix=prefix)

    @cached_property
    def db(self) -> HostDatabase:
        """The tables."""
        tables, unread = self._stores.db, self._stores.recorder()
        rows = FakeRows(tables, self._injector)
        return HostDatabase(tables, rows, self._recorder, self._gate, self._services.hints, unread=unread)

    @cached_property
    def http(self) -> Http:
        """Outbound HTTP, to five hosts only."""
        from sbh_jobkit.fakes.host.http import HostHttp

        return HostHttp(self._services.http, self._recorder, self._gate, self._zone)

    @property
    def check_memory_usage(self) -> Any:
        """Raise AttributeError (D2)."""
        message = "today's host has no ctx.check_memory_usage: it raises AttributeError"
        self._recorder.divergence("D2", "ctx.check_memory_usage", message)
        msg = "ctx has no 'check_memory_usage'"
        raise AttributeError(msg)


def _is_same(promise: Callable[[], Any], answer: Any) -> bool:
    """Whether the guide's answer is the same, compared by repr: some values in rows cannot be compared by ==."""
    try:
        promised = promise()
    except JobkitError:
        return False
    if isinstance(promised, list) and len(promised) != len(answer):
        return False
    return repr(promised) == repr(answer)
