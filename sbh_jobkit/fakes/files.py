"""What a job sees of the tenant's object storage."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sbh_jobkit import clock
from sbh_jobkit.fakes.faults import latency as _latency
from sbh_jobkit.fakes.filestore import BINARY, StoredFile, wrong_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.injector import FaultInjector
    from sbh_jobkit.fakes.filestore import FileStore
    from sbh_jobkit.run.recorder import Recorder

    Gate = Callable[[str, str], None]


@lru_cache(maxsize=1 << 16)
def _naive(epoch: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(epoch, zone).replace(tzinfo=None).isoformat()


class FakeFiles:
    """`ctx.files`."""

    __slots__ = ("_gate", "_journal", "_store", "_trouble", "_zone")

    def __init__(
        self, store: FileStore, journal: Recorder, gate: Gate, zone: ZoneInfo, trouble: FaultInjector | None = None
    ) -> None:
        """See the tenant's files, with naive times in `zone`."""
        self._store = store
        self._journal = journal
        self._gate = gate
        self._zone = zone
        self._trouble = trouble

    def list(self, prefix: str = "") -> list[dict[str, Any]]:
        """List `{key, size, last_modified}`, sorted by key; `last_modified` is naive, in the schedule's zone."""
        self._reach("files.list", "files.read")
        if not self._is_text("list", "a prefix", prefix):
            return []
        return [self._entry(key) for key in self._store.below(prefix)]

    def get(self, key: str) -> dict[str, Any] | None:
        """Describe one file, or None."""
        self._reach("files.get", "files.read")
        file = self._store.stat(key) if self._is_text("get", "a file's key", key) else None
        return None if file is None else {**self._entry(key), "content_type": file.content_type}

    def upload(self, key: str, data: bytes | str, content_type: str = BINARY) -> bool:
        """Store a file; False, and a fault, for data that is neither bytes nor text, no key or no content type."""
        self._reach("files.upload", "files.write")
        if (wrong := wrong_key(key)) is not None:
            return self._refused(wrong)
        if not self._is_text("upload", f"the content type of {key!r}", content_type):
            return False
        if not isinstance(data, (bytes, bytearray, str)):
            advice = "upload bytes or text: json.dumps(…) makes text of an object"
            return self._refused(f"cannot store data of type {type(data).__name__} as {key!r}", advice)
        try:
            raw = data.encode() if isinstance(data, str) else bytes(data)
        except UnicodeEncodeError as error:
            advice = "upload bytes: data.encode(errors='replace') writes a question mark for what UTF-8 has not"
            return self._refused(f"cannot store text as {key!r}: {error}", advice)
        if self._trouble is not None and self._trouble.storage_is_full():
            return False
        moment = clock.now(self._zone).timestamp()
        self._store.put(key, StoredFile(data=raw, content_type=content_type, modified=moment))
        self._journal.upload(key, raw)
        return True

    def _refused(self, message: str, advice: str | None = None) -> bool:
        self._journal.fault("file-type", "ctx.files.upload", message, advice)
        return False

    def _is_text(self, member: str, what: str, given: object) -> bool:
        """Whether it is text; what is not leaves a fault, and finds nothing."""
        if isinstance(given, str):
            return True
        self._journal.fault("file-type", f"ctx.files.{member}", f"{what} must be text, got {given!r}")
        return False

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        self._reach("files.delete", "files.write")
        file = self._store.stat(key) if self._is_text("delete", "a file's key", key) else None
        if file is None:
            return False
        self._journal.deletion(key, len(file.data))
        return self._store.delete(key)

    def get_presigned_url(self, key: str, operation: str = "get_object", expires_in: int = 3600) -> str:
        """Return a link of the usual form; nothing answers it, and the storage is not asked for it."""
        self._gate("files.get_presigned_url", "files.read")
        self._is_text("get_presigned_url", "a file's key", key)
        signature = sha256(f"{operation} {key} {expires_in}".encode()).hexdigest()[:16]
        query = urlencode({"operation": operation, "expires": expires_in, "signature": signature})
        return f"https://files.example/{quote(f'{key}')}?{query}"

    def _reach(self, member: str, permission: str) -> None:
        self._gate(member, permission)
        _latency.advance(self._store.latency)
        if self._trouble is not None and (refused := self._trouble.ask("files")) is not None:
            raise ConnectionError(refused.text)

    def _entry(self, key: str) -> dict[str, Any]:
        file = self._store.stat(key)
        if file is None:  # pragma: no cover  the caller took the key from the store
            raise KeyError(key)
        epoch = file.epoch(clock.now(self._zone)) if file.waits else file.modified
        return {"key": key, "size": len(file.data), "last_modified": self._told(epoch)}

    def _told(self, epoch: Any) -> str:
        """Write a time down, as the guide compares it."""
        return _naive(epoch, self._zone)
