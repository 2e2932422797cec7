"""The tenant's object storage, in memory."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from sbh_jobkit import clock, times
from sbh_jobkit.errors import WorldError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.journal import Journal

    Gate = Callable[[str, str], None]

_TYPES = {".json": "application/json", ".txt": "text/plain", ".csv": "text/csv", ".html": "text/html"}
_BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file: its bytes, its content type, and when it was written, in epoch seconds."""

    data: bytes
    content_type: str
    modified: float | None
    """None for a file of the world's beginning, until the world begins."""


class FileStore:
    """`world.files`: write and read as the tenant would, with any age."""

    def __init__(self, zone: Callable[[], ZoneInfo]) -> None:
        """Start empty; naive times are in the zone that `zone` tells."""
        self._files: dict[str, StoredFile] = {}
        self._zone = zone

    def __contains__(self, key: object) -> bool:
        """Whether the file exists."""
        return key in self._files

    def __iter__(self) -> Iterator[str]:
        """Go through the keys, sorted."""
        return iter(sorted(self._files))

    def __len__(self) -> int:
        """Count the files."""
        return len(self._files)

    def __repr__(self) -> str:
        """Count them."""
        return f"<files: {len(self)}>"

    def write(
        self,
        key: str,
        data: bytes | str = b"",
        *,
        content_type: str | None = None,
        modified: str | datetime | None = None,
        age: str | timedelta | None = None,
    ) -> None:
        """Write a file; `modified` (ISO or datetime) or `age` (such as "40d") say when, else it is new."""
        if not isinstance(key, str) or not key:
            msg = f"a file's key must be text that is not empty, got {key!r}"
            raise WorldError(msg)
        if not isinstance(data, (bytes, str)):
            msg = f"file {key!r} must be bytes or text, got a value of type {type(data).__name__}"
            raise WorldError(msg)
        guessed = _TYPES.get(key[key.rfind(".") :], _BINARY)
        self._files[key] = StoredFile(
            data=data.encode() if isinstance(data, str) else data,
            content_type=content_type or guessed,
            modified=self._moment(modified, age),
        )

    def _moment(self, modified: str | datetime | None, age: str | timedelta | None) -> float | None:
        if modified is not None and age is not None:
            msg = "give a file's modified time or its age, not both"
            raise WorldError(msg)
        if modified is not None:
            return times.instant(modified, self._zone()).timestamp()
        if age is not None:
            return clock.now(self._zone()).timestamp() - times.duration(age).total_seconds()
        return clock.now(self._zone()).timestamp() if clock.is_virtual() else None

    def begin(self, epoch: float) -> None:
        """Let files that were written before the world began be new at its beginning."""
        for key, file in self._files.items():
            if file.modified is None:
                self._files[key] = StoredFile(data=file.data, content_type=file.content_type, modified=epoch)

    def stat(self, key: str) -> StoredFile | None:
        """Return the stored file, or None."""
        return self._files.get(key)

    def put(self, key: str, file: StoredFile) -> None:
        """Store a file as it is."""
        self._files[key] = file

    def read(self, key: str) -> bytes:
        """Return a file's bytes; raises WorldError with the nearest key where there is none."""
        if key not in self._files:
            msg = f"there is no file {key!r}{did_you_mean(key, self._files)}"
            raise WorldError(msg)
        return self._files[key].data

    def read_text(self, key: str) -> str:
        """Return a file's text, read as UTF-8."""
        return self.read(key).decode()

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        return self._files.pop(key, None) is not None

    def tree(self) -> str:
        """Show every file, one a line: key, size in bytes, time of writing in the zone in force."""
        zone = self._zone()
        width = max(map(len, self._files), default=0)
        return "\n".join(
            f"{key:<{width}}  {len(self._files[key].data):>9,}  {_shown(self._files[key].modified, zone)}"
            for key in self
        )


def _shown(modified: float | None, zone: ZoneInfo) -> str:
    if modified is None:
        return "when the world begins"
    return datetime.fromtimestamp(modified, zone).isoformat(sep=" ", timespec="seconds")


class FakeFiles:
    """`ctx.files`."""

    __slots__ = ("_gate", "_journal", "_store", "_zone")

    def __init__(self, store: FileStore, journal: Journal, gate: Gate, zone: ZoneInfo) -> None:
        """See the tenant's files, with naive times in `zone`."""
        self._store = store
        self._journal = journal
        self._gate = gate
        self._zone = zone

    def list(self, prefix: str = "") -> list[dict[str, Any]]:
        """List `{key, size, last_modified}`, sorted by key; `last_modified` is naive, in the schedule's zone."""
        self._gate("files.list", "files.read")
        return [self._entry(key) for key in self._store if key.startswith(prefix)]

    def get(self, key: str) -> dict[str, Any] | None:
        """Describe one file, or None."""
        self._gate("files.get", "files.read")
        file = self._store.stat(key)
        return None if file is None else {**self._entry(key), "content_type": file.content_type}

    def upload(self, key: str, data: bytes | str, content_type: str = _BINARY) -> bool:
        """Store a file; False, and a fault, for data that is neither bytes nor text."""
        self._gate("files.upload", "files.write")
        if not isinstance(data, (bytes, bytearray, str)) or not isinstance(key, str) or not key:
            what = f"key {key!r}" if not isinstance(key, str) or not key else f"data of type {type(data).__name__}"
            advice = "upload bytes or text: json.dumps(…) makes text of an object"
            self._journal.fault("file-type", "ctx.files.upload", f"cannot store {what} as {key!r}", advice)
            return False
        raw = data.encode() if isinstance(data, str) else bytes(data)
        moment = clock.now(self._zone).timestamp()
        self._store.put(key, StoredFile(data=raw, content_type=content_type, modified=moment))
        self._journal.file("uploaded", key, len(raw))
        return True

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        self._gate("files.delete", "files.write")
        file = self._store.stat(key)
        if file is None:
            return False
        self._journal.file("deleted", key, len(file.data))
        return self._store.delete(key)

    def get_presigned_url(self, key: str, operation: str = "get_object", expires_in: int = 3600) -> str:
        """Return a link of the usual form; nothing answers it."""
        self._gate("files.get_presigned_url", "files.read")
        signature = sha256(f"{operation} {key} {expires_in}".encode()).hexdigest()[:16]
        query = urlencode({"operation": operation, "expires": expires_in, "signature": signature})
        return f"https://files.example/{quote(key)}?{query}"

    def _entry(self, key: str) -> dict[str, Any]:
        file = self._store.stat(key)
        if file is None:  # pragma: no cover  the caller took the key from the store
            raise KeyError(key)
        modified = file.modified if file.modified is not None else clock.now(self._zone).timestamp()
        shown = datetime.fromtimestamp(modified, self._zone).replace(tzinfo=None).isoformat()
        return {"key": key, "size": len(file.data), "last_modified": shown}
