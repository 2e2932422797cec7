"""The object storage of a fake tenant for one run: its files, plus latency and injected faults."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sbh_jobkit import clock
from sbh_jobkit.fakes.faults import latency
from sbh_jobkit.fakes.filestore import StoredFile

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sbh_jobkit.context.backends import FileInfo
    from sbh_jobkit.context.links import Signer
    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.filestore import FileStore
    from sbh_jobkit.fakes.repeats import Repeats


class FakeFiles:
    """The object storage of `world.files`."""

    __slots__ = ("_injector", "_repeats", "_signer", "_store")

    def __init__(
        self, store: FileStore, signer: Signer, injector: FaultInjector | None, repeats: Repeats | None = None
    ) -> None:
        """Read and write the store.

        `signer` makes links, `injector` may make calls fail, `repeats` ends a loop that waits for another answer.
        """
        self._repeats = repeats
        self._store = store
        self._signer = signer
        self._injector = injector

    def list(self, prefix: str) -> Iterable[FileInfo]:
        """Return the files whose keys begin with a prefix, sorted by key."""
        self._look("list", prefix)
        return self._store.describe_all(prefix)

    def stat(self, key: str) -> FileInfo | None:
        """Return a file's key, size, content type and time, or None if there is no such file."""
        self._look("get", key)
        return self._store.describe(key)

    def read(self, key: str) -> StoredFile | None:
        """Return a file with its bytes, for a link; None if there is no such file."""
        self.connect()
        return self._store.stat(key)

    def put(self, key: str, data: bytes, content_type: str) -> bool:
        """Store a file; False if an injected fault says that the storage is full."""
        self.connect()
        if self._injector is not None and self._injector.storage_is_full():
            return False
        self._store.put(key, StoredFile(data=data, content_type=content_type, modified=clock.now(UTC).timestamp()))
        return True

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        return self._store.delete(key)

    def presign(self, key: str, operation: str, expires_in: int) -> str:
        """Return a link, which `ctx.http` answers; signing needs no call to the storage."""
        return self._signer.sign(key, operation, expires_in, clock.now(UTC))

    def _look(self, member: str, asked: str) -> None:
        self.connect()
        if self._repeats is not None:
            self._repeats.check(
                lambda: f"ctx.files.{member}({asked!r})", 'set world.files.latency = "20ms" in world.py'
            )

    def connect(self) -> None:
        """Wait the latency of one call; raises ConnectionError if an injected fault refuses it."""
        latency.advance(self._store.latency)
        if self._injector is not None and (refusal := self._injector.on_request("files")) is not None:
            raise ConnectionError(refusal.text)
