"""A fake tenant's backends as one run meets them: its stores, with the latency and the faults that a plan injects."""

from __future__ import annotations

from datetime import UTC
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sbh_jobkit import clock
from sbh_jobkit.context.backends import FileInfo, LlmAnswer, ServiceError
from sbh_jobkit.fakes.faults import latency
from sbh_jobkit.fakes.filestore import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, MutableMapping

    from sbh_jobkit.context.backends import HttpBackend, Row
    from sbh_jobkit.extensions.registry import Extensions
    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.filestore import FileStore
    from sbh_jobkit.fakes.llm import LlmScript
    from sbh_jobkit.fakes.stores import Stores
    from sbh_jobkit.fakes.tables import Tables
    from sbh_jobkit.ports import Service

_MODEL = "fake-llm"


class FakeServices:
    """The services of a fake tenant, for one run."""

    __slots__ = ("_injector", "_stores")

    def __init__(self, stores: Stores, injector: FaultInjector | None = None) -> None:
        """Answer from the stores; `injector` is what a fault plan does to the run."""
        self._stores = stores
        self._injector = injector

    @property
    def secrets(self) -> MutableMapping[str, str]:
        """The secrets."""
        return self._stores.secrets

    @property
    def http(self) -> HttpBackend:
        """The routes; httpx and respx load here."""
        from sbh_jobkit.fakes.http.http import RoutedHttp

        return RoutedHttp(self._stores.http, self._stores.redactor, self._injector)

    @property
    def files(self) -> FakeFiles:
        """The object storage."""
        return FakeFiles(self._stores.files, self._injector)

    @property
    def db(self) -> FakeRows:
        """The tables."""
        return FakeRows(self._stores.db, self._injector)

    @property
    def llm(self) -> FakeLlm:
        """The scripted language model."""
        return FakeLlm(self._stores.llm, self._injector)

    @property
    def hints(self) -> WorldHints:
        """Lines to paste into `world.py`."""
        return _HINTS

    @property
    def extensions(self) -> Extensions[Service]:
        """What extensions add to the world."""
        return self._stores.extensions

    def memory_is_near(self) -> bool:
        """Whether the scripted or measured memory is near the limit."""
        return self._stores.memory.is_near


class WorldHints:
    """Lines that an author can paste into `world.py`."""

    __slots__ = ()

    def secret(self, key: str) -> str:
        """Return the line that sets a secret."""
        return f'world.secrets["{key}"] = "…"'

    def table(self, table: object) -> str:
        """Return the line that makes a table."""
        if not isinstance(table, str):
            return "give the table's name as text"
        return f'world.db.insert("{table}", [{{…}}]), or world.db.create("{table}") for an empty one'


_HINTS = WorldHints()


class FakeFiles:
    """The object storage of `world.files`."""

    __slots__ = ("_injector", "_store")

    def __init__(self, store: FileStore, injector: FaultInjector | None) -> None:
        """Read and write the store."""
        self._store = store
        self._injector = injector

    def list(self, prefix: str) -> Iterable[FileInfo]:
        """Return the files whose keys begin with a prefix, sorted by key."""
        self.reach()
        return [self._info(key, file) for key in self._store.below(prefix) if (file := self._store.stat(key))]

    def stat(self, key: str) -> FileInfo | None:
        """Return one file's facts, or None."""
        self.reach()
        file = self._store.stat(key)
        return None if file is None else self._info(key, file)

    def put(self, key: str, data: bytes, content_type: str) -> bool:
        """Store a file; False where a fault plan says that the storage is full."""
        self.reach()
        if self._injector is not None and self._injector.storage_is_full():
            return False
        self._store.put(key, StoredFile(data=data, content_type=content_type, modified=clock.now(UTC).timestamp()))
        return True

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        return self._store.delete(key)

    def presign(self, key: str, operation: str, expires_in: int) -> str:
        """Return a link of the usual form; nothing answers it, and the storage is not asked for it."""
        signature = sha256(f"{operation} {key} {expires_in}".encode()).hexdigest()[:16]
        query = urlencode({"operation": operation, "expires": expires_in, "signature": signature})
        return f"https://files.example/{quote(f'{key}')}?{query}"

    def reach(self) -> None:
        """Take the time of one call; raises ConnectionError where a fault plan has the storage down."""
        latency.advance(self._store.latency)
        if self._injector is not None and (refused := self._injector.ask("files")) is not None:
            raise ConnectionError(refused.text)

    @staticmethod
    def _info(key: str, file: StoredFile) -> FileInfo:
        modified: Any = file.modified if not file.waits else file.epoch(clock.now(UTC))
        return FileInfo(key, len(file.data), file.content_type, modified)


class FakeRows:
    """The tables of `world.db`."""

    __slots__ = ("_injector", "_tables")

    def __init__(self, tables: Tables, injector: FaultInjector | None) -> None:
        """Read the tables."""
        self._tables = tables
        self._injector = injector

    def page(self, table: str, filters: Mapping[str, Any] | None, first: int, end: int) -> list[Row]:
        """Return copies of matching rows from number `first` to before `end`."""
        self.reach()
        return self._tables.page(table, filters, first, end)

    def get(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return a copy of the row with that id, or None."""
        self.reach()
        return next(iter(self._tables.select(table, {"id": {"$eq": id}}, end=1)), None)

    def count(self, table: str, filters: Mapping[str, Any] | None) -> int:
        """Count matching rows."""
        self.reach()
        return self._tables.count(table, filters)

    def reach(self) -> None:
        """Take the time of one query; raises TimeoutError where a fault plan has the database down."""
        latency.advance(self._tables.latency)
        if self._injector is not None and (refused := self._injector.ask("db")) is not None:
            raise TimeoutError(refused.text)


class FakeLlm:
    """The model of `world.llm`; its tokens are words."""

    __slots__ = ("_injector", "_script")

    def __init__(self, script: LlmScript, injector: FaultInjector | None) -> None:
        """Answer from the script."""
        self._script = script
        self._injector = injector

    @property
    def default_model(self) -> str:
        """A name that is plainly fake."""
        return _MODEL

    def tokens(self, text: str) -> int:
        """Count the words."""
        return len(text.split())

    def answer(self, prompt: str, model: str, temperature: float, max_tokens: int) -> LlmAnswer:
        """Return the scripted answer, cut to `max_tokens` words; raises what the script or a fault plan says."""
        del model, temperature
        if self._injector is not None and (refused := self._injector.ask("llm")) is not None:
            raise ServiceError(refused.text)
        text = " ".join(self._script.answer(prompt).split(" ")[:max_tokens])
        return LlmAnswer(text, self.tokens(prompt), self.tokens(text))
