"""A world, a snapshot of one, and what changed between two, as a notebook shows them; secret values are not shown."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from sbh_jobkit.fakes.diff import Difference
from sbh_jobkit.fakes.snapshot import Snapshot
from sbh_jobkit.report.template import macros, render
from sbh_jobkit.report.text import clip, compact, count, format_time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.fakes.filestore import StoredFile
    from sbh_jobkit.fakes.persistent_list import ListSnapshot
    from sbh_jobkit.fakes.world import World

_MOST_ROWS = 20
_MOST_COLUMNS = 12
_MOST_CELL = 60


def text(shown: Snapshot | World | Difference) -> str:
    """Count what a world holds, or list what changed, for a terminal."""
    if isinstance(shown, Difference):
        return repr(shown)
    snapshot = _snapshot_of(shown)
    rows = [(name, count(len(rows), "row")) for name, rows in snapshot.tables.rows.items()]
    rows += [(part["name"], part["text"]) for part in _others(snapshot)]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([_title(snapshot), *(f"  {name:<{width}}  {contents}" for name, contents in rows)])


def html(shown: Snapshot | World | Difference) -> str:
    """Return what a world holds, folded, or what changed, as HTML."""
    if isinstance(shown, Difference):
        written: str = macros("changes").difference(list(shown.sections()))
        return written
    snapshot = _snapshot_of(shown)
    return render(
        "snapshot_card",
        title=_title(snapshot),
        tables=[_table(name, rows, snapshot) for name, rows in snapshot.tables.rows.items()],
        others=list(_others(snapshot)),
    )


def _snapshot_of(shown: Snapshot | World) -> Snapshot:
    return shown if isinstance(shown, Snapshot) else shown.snapshot()


def _title(snapshot: Snapshot) -> str:
    when = f", {format_time(snapshot.taken)} {snapshot.taken:%Z}" if snapshot.taken else ""
    return f"World {snapshot.origin.tenant_id!r} ({snapshot.origin.zone}){when}"


def _table(name: str, rows: ListSnapshot[dict[str, Any]], snapshot: Snapshot) -> dict[str, Any]:
    redactor = snapshot.origin.redactor()
    shown = [redactor.value(row) for row in islice(rows, _MOST_ROWS)]
    columns = list(dict.fromkeys(name for row in shown for name in row))[:_MOST_COLUMNS]
    cells = [[_cell(row[column]) if column in row else "" for column in columns] for row in shown]
    return {"name": name, "size": len(rows), "columns": columns, "rows": cells}


def _cell(value: Any) -> str:
    written = value if isinstance(value, str) else "" if value is None else compact(value)
    return clip(written, _MOST_CELL).replace("\n", " ")


def _others(snapshot: Snapshot) -> Iterator[dict[str, Any]]:
    """Yield what is not a table: its name, what there is of it in a line, and its rows, if it has any."""
    files, routes, replies = snapshot.files.files, snapshot.http and snapshot.http.routes, snapshot.llm.replies
    if files:
        size = sum(len(file.data) for file in files.values())
        text = f"{count(len(files), 'file')}, {count(size, 'byte')}"
        yield {"name": "files", "text": text, "size": len(files), "rows": _files(snapshot)}
    if snapshot.secrets.values:
        yield {"name": "secrets", "text": ", ".join(sorted(snapshot.secrets.values))}
    if snapshot.http is not None and routes:
        yield {"name": "http", "text": f"{count(len(routes), 'route')}, {count(len(snapshot.http.log), 'call')}"}
    if replies:
        calls = count(len(snapshot.llm.calls), "call")
        yield {"name": "llm", "text": f"{count(len(replies), 'scripted answer')}, {calls}"}
    if events := list(snapshot.events):
        text = count(len(events), "event")
        yield {"name": "events", "text": text, "size": len(events), "rows": events[-_MOST_ROWS:]}


def _files(snapshot: Snapshot) -> list[tuple[str, int, str]]:
    files, redactor = snapshot.files.files, snapshot.origin.redactor()
    return [
        (redactor.text(key), len(files[key].data), _written(files[key], snapshot)) for key in sorted(files)[:_MOST_ROWS]
    ]


def _written(file: StoredFile, snapshot: Snapshot) -> str:
    if not isinstance(file.modified, float):
        return "before the world begins"
    return format_time(datetime.fromtimestamp(file.modified, snapshot.origin.zone))
