"""`ctx.files` on today's host: listed keys carry a prefix, and times an offset (D4, D5, D44)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sbh_jobkit.context.files import Files
from sbh_jobkit.context.links import link_problem

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.context.gate import Gate
    from sbh_jobkit.fakes.files import FakeFiles
    from sbh_jobkit.fakes.filestore import FileStore
    from sbh_jobkit.run.recorder import Recorder

    Row = dict[str, Any]

MOST = 1_000
"""The most files of a listing."""


class HostFiles(Files):
    """The object storage, where every key that a job gives is put behind the tenant's prefix."""

    __slots__ = ("_prefix", "_services", "_store")

    def __init__(
        self, store: FileStore, services: FakeFiles, recorder: Recorder, gate: Gate, zone: ZoneInfo, *, tenant: str
    ) -> None:
        """Read and write the tenant's files; the keys of a listing begin with the prefix of `tenant`."""
        super().__init__(services, recorder, gate, zone)
        self._services = services
        self._store = store
        self._prefix = f"files/{tenant}/"

    def list(self, prefix: str = "") -> list[Row]:
        """List at most 1,000 files, with aware times (D4) and with the prefix in their keys (D5)."""
        found = super().list(prefix)
        for entry in found:
            entry["key"] = f"{self._prefix}{entry['key']}"
        if found:
            self._report_time("list", prefix)
            end = f", and only {MOST:,} of {len(found):,}" if len(found) > MOST else ""
            self._report("list", f"lists keys with the prefix {self._prefix!r}{end}: ctx.files.list({prefix!r})")
        return found[:MOST]

    def get(self, key: str) -> Row | None:
        """Describe one file, with an aware time (D4); None for a key as it is listed (D5)."""
        found = super().get(key)
        if found is not None:
            self._report_time("get", key)
        elif self._is_listed(key):
            self._report("get", f"does not find a file by its listed key: ctx.files.get({key!r}) returns None")
        return found

    def delete(self, key: str) -> bool:
        """Remove a file and return True; also for a key that is listed or absent, which removes nothing (D5)."""
        removed = super().delete(key)
        if removed or not isinstance(key, str):
            return removed
        does = "remove a file by its listed key" if self._is_listed(key) else "say that a file is absent"
        self._report("delete", f"does not {does}: ctx.files.delete({key!r}) returns True")
        return True

    def get_presigned_url(self, key: str, operation: str = "get_object", expires_in: int = 3600) -> str | None:
        """Return a link; for a key as it is listed, one to no file (D5); None for an unknown operation (D44)."""
        if isinstance(key, str) and link_problem(operation, expires_in) is not None:
            self._gate("files.get_presigned_url", "files.read")
            message = f"today's host returns None for {operation!r} and {expires_in!r}, and does not say why"
            self._recorder.divergence("D44", "ctx.files.get_presigned_url", message)
            return None
        if self._is_listed(key):
            called = f"ctx.files.get_presigned_url({key!r})"
            self._report("get_presigned_url", f"makes a link to no file of a listed key: {called}")
        return super().get_presigned_url(key, operation, expires_in)

    def _is_listed(self, key: object) -> bool:
        return isinstance(key, str) and key not in self._store and key.removeprefix(self._prefix) in self._store

    def _time(self, epoch: float) -> str:
        return datetime.fromtimestamp(epoch, UTC).isoformat()

    def _report_time(self, member: str, given: str) -> None:
        message = f"today's host returns last_modified with the offset +00:00: ctx.files.{member}({given!r})"
        self._recorder.divergence("D4", f"ctx.files.{member}", message)

    def _report(self, member: str, does: str) -> None:
        self._recorder.divergence("D5", f"ctx.files.{member}", f"today's host {does}")
