"""`ctx.files`."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

from sbh_jobkit.context.gate import OfOneRun
from sbh_jobkit.context.links import link_problem
from sbh_jobkit.errors import Members, half_pair
from sbh_jobkit.plugin.members import SYNONYMS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.context.backends import FileBackend
    from sbh_jobkit.context.gate import Gate
    from sbh_jobkit.run.recorder import Recorder

BINARY = "application/octet-stream"
_ENDS = frozenset({"", "/"})
"""The ends of prefixes that match whole folders."""
_NOT_UTF8 = "upload bytes; data.encode(errors='replace') writes '?' for characters that UTF-8 does not have"


@lru_cache(maxsize=1 << 16)
def _naive(epoch: float, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(epoch, zone).replace(tzinfo=None).isoformat()


class Files(OfOneRun, Members):
    """The tenant's object storage."""

    __slots__ = ("_backend", "_gate", "_recorder", "_zone")
    _called = "ctx.files"
    _synonyms: ClassVar[Mapping[str, str]] = SYNONYMS["files"]

    def __init__(self, backend: FileBackend, recorder: Recorder, gate: Gate, zone: ZoneInfo) -> None:
        """Read and write the backend's files; `last_modified` is naive, in `zone`."""
        self._backend = backend
        self._recorder = recorder
        self._gate = gate
        self._zone = zone

    def list(self, prefix: str = "") -> list[dict[str, Any]]:
        """List `{key, size, last_modified}`, sorted by key; `last_modified` is naive, in the schedule's zone."""
        self._gate("files.list", "files.read")
        if not self._is_text("list", "a prefix", prefix):
            return []
        time = self._time
        entries = [
            {"key": key, "size": size, "last_modified": time(modified)}
            for key, size, _, modified in self._backend.list(prefix)
        ]
        self._note("list", prefix, found=bool(entries))
        if prefix[-1:] not in _ENDS:
            self._note_folders(prefix, (f"{entry['key']}" for entry in entries))
        return entries

    def _note_folders(self, prefix: str, keys: Iterable[str]) -> None:
        """Note the folders that a prefix matches which is only the beginning of their names."""
        parts = (key[len(prefix) :].partition("/") for key in keys)
        folders = dict.fromkeys(f"{prefix}{name}/" for name, slash, _ in parts if slash)
        if len(folders) > 1:
            self._recorder.note("prefix-wide", (prefix, tuple(folders)))

    def _note(self, what: str, key: str, *, found: bool) -> None:
        if found:
            self._recorder.found("files", key)
        else:
            self._recorder.note("list-empty", (what, key))

    def get(self, key: str) -> dict[str, Any] | None:
        """Describe one file as `{key, size, content_type, last_modified}`, or return None."""
        self._gate("files.get", "files.read")
        info = self._backend.stat(key) if self._is_text("get", "a file's key", key) else None
        if isinstance(key, str):
            self._note("get", key, found=info is not None)
        if info is None:
            return None
        modified = self._time(info.modified)
        return {"key": info.key, "size": info.size, "last_modified": modified, "content_type": info.content_type}

    def _time(self, epoch: float) -> str:
        """Return when a file was changed, as the platform says it."""
        return _naive(epoch, self._zone)

    def upload(self, key: str, data: bytes | str, content_type: str = BINARY) -> bool:
        """Store a file; False, and a fault, for data that is neither bytes nor text, no key or no content type."""
        self._gate("files.upload", "files.write")
        if (problem := key_problem(key)) is not None:
            return self._refuse(problem)
        if not self._is_text("upload", f"the content type of {key!r}", content_type):
            return False
        if not isinstance(data, (bytes, bytearray, str)):
            advice = "upload bytes or text: json.dumps(…) makes text of an object"
            return self._refuse(f"cannot store data of type {type(data).__name__} as {key!r}", advice)
        try:
            raw = data.encode() if isinstance(data, str) else bytes(data)
        except UnicodeEncodeError as error:
            return self._refuse(f"cannot store text as {key!r}: {error}", _NOT_UTF8)
        if not self._backend.put(key, raw, content_type):
            self._recorder.refused(f"the file {key!r} was not stored")
            return False
        self._recorder.upload(key, raw, content_type)
        return True

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        self._gate("files.delete", "files.write")
        info = self._backend.stat(key) if self._is_text("delete", "a file's key", key) else None
        if info is None or not self._backend.delete(key):
            return False
        self._recorder.deletion(key, info.size)
        return True

    def get_presigned_url(self, key: str, operation: str = "get_object", expires_in: int = 3600) -> str | None:
        """Return a link to read the file (`put_object`: to store it), which works for `expires_in` seconds.

        None, and a fault, for an unknown operation, a time that no link can have, or a key that no file can have.
        """
        self._gate("files.get_presigned_url", "files.read")
        if (problem := key_problem(key)) is not None:
            self._recorder.fault("file-type", "ctx.files.get_presigned_url", problem)
            return None
        if (problem := link_problem(operation, expires_in)) is not None:
            self._recorder.fault("link-invalid", "ctx.files.get_presigned_url", problem)
            return None
        return self._backend.presign(key, operation, expires_in)

    def _refuse(self, message: str, advice: str | None = None) -> bool:
        self._recorder.fault("file-type", "ctx.files.upload", message, advice)
        return False

    def _is_text(self, member: str, what: str, given: object) -> bool:
        if isinstance(given, str):
            return True
        self._recorder.fault("file-type", f"ctx.files.{member}", f"{what} must be text, got {given!r}")
        return False


def key_problem(key: object) -> str | None:
    """Return what is wrong with a file's key, or None."""
    if not isinstance(key, str) or not key:
        return f"a file's key must be text that is not empty, got {key!r}"
    return None if half_pair(key) is None else f"a file's key must be text that UTF-8 can write, got {key!r}"
