"""A world at one moment, as a notebook shows it: tables, files, names of secrets, events; nothing that is secret."""

from __future__ import annotations

from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from sbh_jobkit.report.html.run_details import compact
from sbh_jobkit.report.notebook.elements import card, code, fold, line, soft, table
from sbh_jobkit.report.text import clip, count, moment, safe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.fakes.filestore import StoredFile
    from sbh_jobkit.fakes.persistent_list import Past
    from sbh_jobkit.fakes.snapshot import Snapshot

_MOST_ROWS = 20
_MOST_COLUMNS = 12
_MOST_CELL = 60


def text(snapshot: Snapshot) -> str:
    """Count what it held, for a terminal."""
    rows = [(name, count(len(rows), "row")) for name, rows in snapshot.tables.rows.items()]
    rows += [(name, told) for name, told, _ in _others(snapshot)]
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join([_title(snapshot), *(f"  {name:<{width}}  {told}" for name, told in rows)])


def html(snapshot: Snapshot) -> str:
    """Show what it held, folded."""
    parts = [line(f"<strong>{safe(_title(snapshot))}</strong>")]
    for name, rows in snapshot.tables.rows.items():
        parts.append(fold(f"table <strong>{safe(name)}</strong>: {count(len(rows), 'row')}", _rows(rows, snapshot)))
    parts += [
        fold(f"<strong>{safe(name)}</strong>: {safe(told)}", body) if body else line(soft(f"{name}:"), safe(told))
        for name, told, body in _others(snapshot)
    ]
    return card(*parts)


def _title(snapshot: Snapshot) -> str:
    when = f", {moment(snapshot.taken)} {snapshot.taken:%Z}" if snapshot.taken else ""
    return f"World {snapshot.origin.tenant_id!r} ({snapshot.origin.zone}){when}"


def _others(snapshot: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Yield what is no table: a name, what there is in a word, and all of it as HTML, where that is more."""
    files = snapshot.files.files
    if files:
        size = sum(len(file.data) for file in files.values())
        yield "files", f"{count(len(files), 'file')}, {count(size, 'byte')}", _files(snapshot)
    if snapshot.secrets.values:
        yield "secrets", ", ".join(sorted(snapshot.secrets.values)), ""
    if snapshot.http is not None and snapshot.http.routes:
        asked = count(len(snapshot.http.log), "call")
        yield "http", f"{count(len(snapshot.http.routes), 'route')}, {asked}", ""
    if snapshot.llm.replies:
        answers = count(len(snapshot.llm.replies), "scripted answer")
        yield "llm", f"{answers}, {count(len(snapshot.llm.calls), 'call')}", ""
    if len(snapshot.events):
        last = list(snapshot.events)[-_MOST_ROWS:]
        rows = [(safe(moment(event.at)), code(event.type), code(compact(event.payload))) for event in last]
        before = line(soft(f"the last {len(last)}:")) if len(last) < len(snapshot.events) else ""
        yield "events", count(len(snapshot.events), "event"), before + table((), rows)


def _rows(rows: Past[dict[str, Any]], snapshot: Snapshot) -> str:
    redactor = snapshot.origin.redactor()
    shown = [redactor.value(row) for row in islice(rows, _MOST_ROWS)]
    columns = list(dict.fromkeys(name for row in shown for name in row))[:_MOST_COLUMNS]
    cells = [[safe(_cell(row[name])) if name in row else "" for name in columns] for row in shown]
    left_out = len(rows) - len(shown)
    return table(columns, cells) + (f"<p>and {left_out:,} more</p>" if left_out else "")


def _cell(value: Any) -> str:
    written = value if isinstance(value, str) else "" if value is None else compact(value)
    return clip(written, _MOST_CELL).replace("\n", " ")


def _files(snapshot: Snapshot) -> str:
    files = snapshot.files.files
    keys, redactor = sorted(files), snapshot.origin.redactor()
    rows = [
        (code(redactor.text(key)), f"{len(files[key].data):,}", safe(_written(files[key], snapshot)))
        for key in keys[:_MOST_ROWS]
    ]
    left_out = len(keys) - len(rows)
    return table(("key", "bytes", "written"), rows, numbers={1}) + (f"<p>and {left_out:,} more</p>" if left_out else "")


def _written(file: StoredFile, snapshot: Snapshot) -> str:
    if not isinstance(file.modified, float):
        return "before the world begins"
    return moment(datetime.fromtimestamp(file.modified, snapshot.origin.zone))
