"""What a job is called with on today's host: the fake tenant's `ctx`, where the host answers otherwise.

Each answer that differs from the guide's is given as the host gives it, and is a fault whose kind is the id of the
divergence; one that does not differ is no fault. The ids are those of `divergences.json`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.fakes.context import FakeContext
from sbh_jobkit.fakes.db import FakeDatabase
from sbh_jobkit.fakes.files import FakeFiles
from sbh_jobkit.fakes.secrets import FakeSecrets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.filestore import FileStore
    from sbh_jobkit.fakes.http.http import FakeHttp
    from sbh_jobkit.fakes.tables import Tables
    from sbh_jobkit.run.recorder import Recorder

    Row = dict[str, Any]
    Gate = Callable[[str, str], None]

_NOT_GIVEN: Any = None.__class__  # tells what is not given from what is given as None
_ANSWERED = ("users", "projects")
"""The tables of which the host knows a row."""


class HostSecrets(FakeSecrets):
    """`ctx.secrets` on today's host."""

    __slots__ = ()

    def get(self, key: str, default: str | None = _NOT_GIVEN) -> str | None:
        """Return None (D6); raises TypeError for a default (D7)."""
        if default is not _NOT_GIVEN:
            message = f"today's host takes no default: ctx.secrets.get({key!r}, …) raises TypeError"
            self._journal.divergence("D7", "ctx.secrets.get", message)
            msg = "get() takes the key alone"
            raise TypeError(msg)
        if super().get(key) is not None:
            message = f"today's host gives no secret to a job: ctx.secrets.get({key!r}) is None"
            self._journal.divergence("D6", "ctx.secrets.get", message)
        return None

    @property
    def has(self) -> Any:
        """Raise AttributeError (D7)."""
        self._journal.divergence("D7", "ctx.secrets.has", "today's host has no ctx.secrets.has: AttributeError")
        msg = "ctx.secrets has no 'has'"
        raise AttributeError(msg)


class HostFiles(FakeFiles):
    """`ctx.files` on today's host."""

    __slots__ = ("_prefix",)

    def __init__(
        self,
        store: FileStore,
        journal: Recorder,
        gate: Gate,
        zone: ZoneInfo,
        trouble: FaultInjector | None = None,
        *,
        prefix: str,
    ) -> None:
        """See the tenant's files, which the host stores below a prefix."""
        super().__init__(store, journal, gate, zone, trouble)
        self._prefix = prefix

    def list(self, prefix: str = "") -> list[Row]:
        """List files with an aware time (D4), by the keys that the storage has (D5)."""
        found = super().list(prefix)
        for entry in found:
            entry["key"] = f"{self._prefix}{entry['key']}"
        if found:
            self._tell_time("list", prefix)
            message = f"today's host puts {self._prefix!r} before each key: ctx.files.list({prefix!r})"
            self._journal.divergence("D5", "ctx.files.list", message)
        return found

    def get(self, key: str) -> Row | None:
        """Describe one file, with an aware time (D4)."""
        found = super().get(key)
        if found is not None:
            self._tell_time("get", key)
        return found

    def delete(self, key: str) -> bool:
        """Remove a file; True for a key as it was listed, by which nothing is removed (D5)."""
        if not self._is_listed(key):
            return super().delete(key)
        self._reach("files.delete", "files.write")
        message = f"today's host removes nothing by a key as it lists it: ctx.files.delete({key!r}) answers True"
        self._journal.divergence("D5", "ctx.files.delete", message)
        return True

    def _is_listed(self, key: object) -> bool:
        return isinstance(key, str) and key not in self._store and key.removeprefix(self._prefix) in self._store

    def _told(self, epoch: Any) -> str:
        return datetime.fromtimestamp(epoch, UTC).isoformat()

    def _tell_time(self, member: str, given: str) -> None:
        message = f"today's host gives last_modified with the offset +00:00: ctx.files.{member}({given!r})"
        self._journal.divergence("D4", f"ctx.files.{member}", message)


class HostDatabase(FakeDatabase):
    """`ctx.db` on today's host: a user, a project, and nothing else."""

    __slots__ = ("_promised",)

    def __init__(
        self, tables: Tables, journal: Recorder, gate: Gate, trouble: FaultInjector | None = None, *, unread: Recorder
    ) -> None:
        """Answer from the tenant's tables; what goes wrong with the guide's own answers is of no interest here."""
        super().__init__(tables, journal, gate, trouble)
        self._promised = FakeDatabase(tables, unread, lambda *_: None)

    def query(
        self, table: str, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: int = _NOT_GIVEN
    ) -> list[Row]:
        """Return the first row at most (D3); raises TypeError for an offset (D1)."""
        if offset is not _NOT_GIVEN:
            message = f"today's host takes no offset: ctx.db.query({table!r}, offset={offset!r}) raises TypeError"
            self._journal.divergence("D1", "ctx.db.query", message)
            msg = "query() takes no offset"
            raise TypeError(msg)
        self._gate("db.query", "db.read")
        self._meet_trouble()
        rows = self._known(table)
        self._journal.rows_read += len(rows)
        self._compare("query", table, rows, lambda: self._promised.query(table, filters, limit))
        return rows

    def get_by_id(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return the first row, if the host knows one (D3)."""
        self._gate("db.get_by_id", "db.read")
        self._meet_trouble()
        row = next(iter(self._known(table)), None)
        self._journal.rows_read += row is not None
        self._compare("get_by_id", table, row, lambda: self._promised.get_by_id(table, id))
        return row

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count the first row, if the host knows one (D3)."""
        self._gate("db.count", "db.read")
        self._meet_trouble()
        number = len(self._known(table))
        self._compare("count", table, number, lambda: self._promised.count(table, filters))
        return number

    def _known(self, table: object) -> list[Row]:
        known = isinstance(table, str) and table in _ANSWERED and table in self._tables
        return self._tables.select(f"{table}", None, end=1) if known else []

    def _compare(self, member: str, table: object, answer: Any, promise: Callable[[], Any]) -> None:
        if _same(promise, answer):
            return
        known = "one row" if answer else "no row"
        told = "it alone" if answer and member != "count" else f"{answer!r}"
        message = f"today's host knows {known} of {table!r}: ctx.db.{member} answers {told}"
        self._journal.divergence("D3", f"ctx.db.{member}", message)


class HostContext(FakeContext):
    """A `PluginContext` that answers as today's host does."""

    def __init__(self, tenant_id: str, user_id: str | None = None, role: str | None = None, **given: Any) -> None:
        """Serve a tenant as FakeContext does, which takes the same."""
        super().__init__(tenant_id, user_id, role, **given)
        tenant, journal = self._tenant, self._journal
        gate, trouble = self._gate, self._trouble
        self.secrets = HostSecrets(tenant.secrets, journal, trouble)
        self.files = HostFiles(tenant.files, journal, gate, self._zone, trouble, prefix=f"{tenant_id}/")
        self.db = HostDatabase(tenant.db, journal, gate, trouble, unread=tenant.journal())

    @property
    def http(self) -> FakeHttp:
        """Outbound HTTP, to few hosts; httpx and respx load when it is first used."""
        if self._http is None:
            from sbh_jobkit.fakes.host.http import HostHttp

            self._http = HostHttp(self._tenant.http, self._journal, self._gate, self._zone, self._trouble)
        return self._http

    @property
    def check_memory_usage(self) -> Any:
        """Raise AttributeError (D2)."""
        message = "today's host has no ctx.check_memory_usage: AttributeError"
        self._journal.divergence("D2", "ctx.check_memory_usage", message)
        msg = "ctx has no 'check_memory_usage'"
        raise AttributeError(msg)


def _same(promise: Callable[[], Any], answer: Any) -> bool:
    """Whether the guide's answer is the same; rows are compared as they are written, for a value may have no `==`."""
    try:
        promised = promise()
    except JobkitError:
        return False
    if isinstance(promised, list) and len(promised) != len(answer):
        return False
    return repr(promised) == repr(answer)
