"""The changes of a world between two snapshots: rows, files, names of secrets, events, services of extensions."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.persistent_list import ListSnapshot
from sbh_jobkit.fakes.snapshot import Snapshot
from sbh_jobkit.run.run import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sbh_jobkit.fakes.filestore import StoredFile
    from sbh_jobkit.fakes.tables import Row
    from sbh_jobkit.run.redaction import Redactor
    from sbh_jobkit.run.run import Event

    class _World(Protocol):
        def snapshot(self) -> Snapshot: ...

    _Found_co = TypeVar("_Found_co", covariant=True)

    class _Simulated(Protocol[_Found_co]):
        def compared_with(self, after: Any) -> _Found_co: ...

    _Comparable = Snapshot | _World
    _Redactors = tuple[Redactor, Redactor]

_MOST = 20
"""The most changes of one table that a text lists."""
_NONE: ListSnapshot[Row] = ListSnapshot([], 0)
_SIGNS = {"added": "+", "changed": "~", "removed": "-"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row, file, secret, event or service that was added, changed or removed."""

    action: str
    """`added`, `changed` or `removed`."""
    name: str
    """A row's id, a file's key, a secret's name."""
    details: tuple[str, ...] = ()
    """The fields or properties that were added or changed; secrets' values are redacted."""

    def __str__(self) -> str:
        """Return one line, such as `~ id 7: name "Ada" → "Grace"`."""
        return f"{_SIGNS[self.action]} {self.name}{': ' if self.details else ''}{'; '.join(self.details)}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Difference(Shown):
    """The changes that `diff` found: false if there are none, text when printed, a table in a notebook."""

    tables: dict[str, tuple[Change, ...]]
    files: tuple[Change, ...]
    secrets: tuple[Change, ...]
    events: tuple[Event, ...]
    """Events that were emitted between the snapshots."""
    services: tuple[Change, ...] = ()
    """Services of extensions whose state changed."""

    def __bool__(self) -> bool:
        """Whether anything changed."""
        return bool(self.tables or self.files or self.secrets or self.events or self.services)

    def __repr__(self) -> str:
        """Return the lines, or "no difference"."""
        return "\n".join(self.lines()) or "no difference"

    def sections(self) -> Iterator[tuple[str, tuple[Change, ...]]]:
        """Yield a heading and its changes: each table, then files, secrets, events, services."""
        for table, changes in self.tables.items():
            yield f"table {table}", changes
        if self.files:
            yield "files", self.files
        if self.secrets:
            yield "secrets", self.secrets
        if self.events:
            yield "events", tuple(map(_emitted_change, self.events))
        if self.services:
            yield "services", self.services

    def lines(self) -> Iterator[str]:
        """Yield the changes as lines of text, at most twenty per heading."""
        for name, changes in self.sections():
            yield f"{name}: {format_counts(changes)}"
            yield from (f"  {change}" for change in changes[:_MOST])
            if len(changes) > _MOST:
                yield f"  and {len(changes) - _MOST:,} more"


def format_counts(changes: Iterable[Change]) -> str:
    """Return the number of changes by action, such as `2 added, 1 removed`."""
    actions = [change.action for change in changes]
    return ", ".join(f"{actions.count(action):,} {action}" for action in _SIGNS if action in actions)


@overload
def diff(before: _Comparable, after: _Comparable, *, rewritten: bool = True) -> Difference: ...
@overload
def diff(before: _Simulated[_Found_co], after: _Simulated[_Found_co]) -> _Found_co: ...
def diff(before: Any, after: Any, *, rewritten: bool = True) -> Any:
    """Compare two worlds or snapshots, where parts that they share are skipped, or two simulations.

    `rewritten=False` leaves out files that were written again with the same content.
    """
    if hasattr(before, "compared_with"):
        return before.compared_with(after)
    old, new = _snapshot(before), _snapshot(after)
    redactors = old.origin.redactor(), new.origin.redactor()
    tables = {name: _rows(name, old, new, redactors) for name in dict.fromkeys([*old.tables.rows, *new.tables.rows])}
    return Difference(
        tables={name: changes for name, changes in tables.items() if changes},
        files=tuple(_files(old, new, redactors, rewritten=rewritten)),
        secrets=tuple(_secrets(old.secrets.values, new.secrets.values)),
        events=tuple(new.events.difference(old.events)[0]),
        services=tuple(_services(old.services, new.services)),
    )


def _snapshot(world: _Comparable) -> Snapshot:
    found = world if isinstance(world, Snapshot) else getattr(world, "snapshot", lambda: None)()
    if not isinstance(found, Snapshot):
        msg = f"diff compares two worlds or snapshots, got {world!r}"
        raise WorldError(msg)
    return found


def _rows(table: str, old: Snapshot, new: Snapshot, redactors: _Redactors) -> tuple[Change, ...]:
    before, after = old.tables.rows.get(table, _NONE).difference(new.tables.rows.get(table, _NONE))
    gone, changes = dict(_by_name(before)), []
    for name, row in _by_name(after):
        if name not in gone:
            changes.append(Change(action="added", name=name, details=tuple(_fields(row, redactors[1]))))
        elif details := tuple(_changed_fields(gone.pop(name), row, redactors)):
            changes.append(Change(action="changed", name=name, details=details))
    for name, row in gone.items():
        changes.append(Change(action="removed", name=name, details=tuple(_fields(row, redactors[0]))))
    return tuple(changes)


def _by_name(rows: list[Row]) -> Iterator[tuple[str, Row]]:
    """Yield each row with its id as a name; rows that share an id also get a number."""
    seen: defaultdict[str, int] = defaultdict(int)
    for row in rows:
        name = f"id {_to_json(row.get('id'))}"
        seen[name] += 1
        yield (name if seen[name] == 1 else f"{name} (number {seen[name]})"), row


def _fields(row: Row, redactor: Redactor) -> Iterator[str]:
    for name, value in redactor.value(row).items():
        if name != "id":
            yield f"{name} {_to_json(value)}"


def _changed_fields(old: Row, new: Row, redactors: _Redactors) -> Iterator[str]:
    before, after = redactors[0].value(old), redactors[1].value(new)
    for name in dict.fromkeys([*before, *after]):
        if name not in after:
            yield f"{name} {_to_json(before[name])} → nothing"
        elif name not in before:
            yield f"{name} nothing → {_to_json(after[name])}"
        elif old[name] != new[name] or type(old[name]) is not type(new[name]):
            yield f"{name} {_to_json(before[name])} → {_to_json(after[name])}"


def _files(old: Snapshot, new: Snapshot, redactors: _Redactors, *, rewritten: bool) -> Iterator[Change]:
    was, now = old.files.files, new.files.files
    if was is now:
        return
    for key in sorted({*was, *now}):
        before, after = was.get(key), now.get(key)
        if before is after:
            continue
        name = redactors[1].text(redactors[0].text(key))
        if before is None or after is None:
            file = after or before
            action = "removed" if after is None else "added"
            yield Change(action=action, name=name, details=(f"{len(file.data):,} bytes, {file.content_type}",))  # type: ignore[union-attr]  # one of the two is there
        elif details := tuple(_changed_properties(before, after, rewritten=rewritten)):
            yield Change(action="changed", name=name, details=details)


def _changed_properties(before: StoredFile, after: StoredFile, *, rewritten: bool) -> Iterator[str]:
    if before.data != after.data:
        sizes = len(before.data), len(after.data)
        yield f"{sizes[0]:,} → {sizes[1]:,} bytes" if sizes[0] != sizes[1] else f"{sizes[0]:,} bytes, other content"
    if before.content_type != after.content_type:
        yield f"{before.content_type} → {after.content_type}"
    if rewritten and before.data == after.data and before.modified != after.modified:
        yield "written again, same content"


def _secrets(old: dict[str, str], new: dict[str, str]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        if name not in old:
            yield Change(action="added", name=name)
        elif name not in new:
            yield Change(action="removed", name=name)
        elif old[name] != new[name]:
            yield Change(action="changed", name=name, details=("its value",))


def _services(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(old.keys() & new.keys()):
        if old[name] != new[name]:
            yield Change(action="changed", name=name, details=("its state",))


def _emitted_change(event: Event) -> Change:
    return Change(action="added", name=event.type, details=(_to_json(event.payload),))


def _to_json(value: Any) -> str:
    return json.dumps(jsonable(value), ensure_ascii=False)
