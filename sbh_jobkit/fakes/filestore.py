"""The tenant's object storage, in memory: what an author reads and writes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from immutables import Map

from sbh_jobkit import clock
from sbh_jobkit.context.backends import FileInfo
from sbh_jobkit.context.files import BINARY, key_problem
from sbh_jobkit.errors import Members, WorldError, did_you_mean
from sbh_jobkit.fakes.faults import latency as _latency
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.times import Duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from zoneinfo import ZoneInfo

    from sbh_jobkit.fakes.faults.latency import Latency

_TYPES = {".json": "application/json", ".txt": "text/plain", ".csv": "text/csv", ".html": "text/html"}


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """One file: its bytes, its content type, and when it was modified."""

    data: bytes
    content_type: str
    modified: float | str | datetime | Duration | None
    """In epoch seconds; before the world begins, the time or age that was given, or None for a new file."""

    def epoch(self, begin: datetime) -> float:
        """Return when the file was modified, in epoch seconds, if the world begins at `begin`."""
        match self.modified:
            case float():
                return self.modified
            case None:
                return begin.timestamp()
            case Duration(days, seconds, months):
                return times.add(begin, Duration(-days, -seconds, -months)).timestamp()
            case given:
                return times.instant(given, begin.tzinfo or UTC).timestamp()

    @property
    def undated(self) -> bool:
        """Whether its time is still unknown, because the world has not begun."""
        return not isinstance(self.modified, float)

    def dated(self, begin: datetime) -> StoredFile:
        """Return the file with its time in epoch seconds, if the world begins at `begin`."""
        return replace(self, modified=self.epoch(begin)) if self.undated else self


@dataclass(frozen=True, slots=True)
class FilesState:
    """The files and the latency of a snapshot."""

    files: Map[str, StoredFile]
    latency: float


class FileStore(Members):
    """`world.files`: read and write files of any age."""

    _called = "world.files"
    _synonyms: ClassVar[Mapping[str, str]] = {"upload": "write", "download": "read"}

    def __init__(self, zone: Callable[[], ZoneInfo]) -> None:
        """Start empty; `zone()` returns the zone of naive times."""
        self._files: Map[str, StoredFile] = Map()
        self._sorted: list[str] | None = None
        self._infos: dict[str, FileInfo] = {}
        self._kept: FilesState | None = None
        self._zone = zone
        self.latency = 0

    @property
    def latency(self) -> float:
        """The virtual time of each call by a job, in seconds; set a number, or text such as "20ms"."""
        return self._latency

    @latency.setter
    def latency(self, latency: Latency) -> None:
        self._latency = _latency.read(latency, "world.files.latency")

    def __contains__(self, key: object) -> bool:
        """Whether the file exists."""
        return key in self._files

    def __iter__(self) -> Iterator[str]:
        """Iterate over the keys, sorted; changes during the iteration do not matter."""
        return iter(self.list_keys(""))

    def list_keys(self, prefix: str) -> list[str]:
        """Return the sorted keys that begin with a prefix, by binary search."""
        if self._sorted is None:
            self._sorted = sorted(self._files)
        length = len(prefix)
        end = bisect_right(self._sorted, prefix, key=lambda key: key[:length])
        return self._sorted[bisect_left(self._sorted, prefix) : end]

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self._files)

    def __repr__(self) -> str:
        """Show the number of files."""
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
        """Write a file; `modified` (ISO text or datetime) or `age` (such as "40d") set its time, the default is now."""
        if (problem := key_problem(key)) is not None:
            raise WorldError(problem)
        if not isinstance(data, (bytes, str)):
            msg = f"file {key!r} must be bytes or text, got a value of type {type(data).__name__}"
            raise WorldError(msg)
        try:
            raw = data.encode() if isinstance(data, str) else data
        except UnicodeEncodeError as error:
            msg = f"file {key!r} is text that UTF-8 cannot write: {error}"
            raise WorldError(msg) from error
        guessed = content_type or _TYPES.get(key[key.rfind(".") :], BINARY)
        file = StoredFile(data=raw, content_type=guessed, modified=self._check_time(modified, age))
        self.put(key, file.dated(clock.now(self._zone())) if clock.is_virtual() else file)

    def _check_time(
        self, modified: str | datetime | None, age: str | timedelta | None
    ) -> str | datetime | Duration | None:
        if modified is not None and age is not None:
            msg = "give a file's modified time or its age, not both"
            raise WorldError(msg)
        if modified is not None:
            times.instant(modified, self._zone())  # raises here, at the author's line, not when the world begins
        return modified if age is None else times.duration(age, zero=True)

    def begin(self, at: datetime) -> None:
        """Set the times of files that were written before the world began, or since: naive times, ages, new files."""
        self._files = self._files.update({key: file.dated(at) for key, file in self._files.items() if file.undated})
        self._infos.clear()

    def stat(self, key: str) -> StoredFile | None:
        """Return the stored file, or None."""
        return self._files.get(key)

    def describe(self, key: str) -> FileInfo | None:
        """Return a file's key, size, content type and time, or None; jobs list the same files again and again."""
        info = self._infos.get(key)
        if info is None and (file := self._files.get(key)) is not None:
            info = FileInfo(key, len(file.data), file.content_type, file.epoch(clock.now(UTC)))
            if not file.undated:
                self._infos[key] = info
        return info

    def describe_all(self, prefix: str) -> list[FileInfo]:
        """Return what `describe` does of all files whose keys begin with a prefix, sorted by key."""
        known = self._infos
        return [info for key in self.list_keys(prefix) if (info := known.get(key) or self.describe(key)) is not None]

    def put(self, key: str, file: StoredFile) -> None:
        """Store a file, unchanged."""
        self._infos.pop(key, None)
        if key not in self._files and self._sorted is not None:
            insort(self._sorted, key)
        self._files = self._files.set(key, file)

    def read(self, key: str) -> bytes:
        """Return a file's bytes; raises WorldError, with the nearest key, if there is no such file."""
        if key not in self._files:
            msg = f"there is no file {key!r}{did_you_mean(key, self._files)}"
            raise WorldError(msg)
        return self._files[key].data

    def read_text(self, key: str) -> str:
        """Return a file's text, decoded as UTF-8."""
        return self.read(key).decode()

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""
        if key not in self._files:
            return False
        self._files = self._files.delete(key)
        self._infos.pop(key, None)
        if self._sorted is not None:
            del self._sorted[bisect_left(self._sorted, key)]
        return True

    def snapshot(self) -> FilesState:
        """Return the files as they are now."""
        kept = self._kept
        if kept is None or kept.files is not self._files or kept.latency != self._latency:
            kept = self._kept = FilesState(self._files, self._latency)
        return kept

    def restore(self, state: FilesState) -> None:
        """Set the files of a snapshot."""
        if state.files is not self._files:
            self._files, self._sorted = state.files, None
            self._infos.clear()
        self._latency = state.latency

    def tree(self) -> str:
        """Return one line per file: key, size in bytes, modified time in the zone in force."""
        zone = self._zone()
        width = max(map(len, self._files), default=0)
        return "\n".join(
            f"{key:<{width}}  {len(self._files[key].data):>9,}  {_format_modified(self._files[key], zone)}"
            for key in self
        )


def _format_modified(file: StoredFile, zone: ZoneInfo) -> str:
    match file.modified:
        case None:
            return "when the world begins"
        case Duration():
            return f"{times.format_duration(file.modified)} before the world begins"
        case float():
            written = datetime.fromtimestamp(file.modified, zone)
        case given:
            written = times.instant(given, zone)
    return written.isoformat(sep=" ", timespec="seconds")
