"""What a snapshot keeps of each run of a job: its verdict, each path of its value, and each kind of effect."""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise
from typing import TYPE_CHECKING, Any, Self

from pytest_sbhjobs.columns import MISSING, decode, encode
from sbh_jobkit.run.run import jsonable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date
    from zoneinfo import ZoneInfo

    from sbh_jobkit.run.run import Run

_NUMBERS = re.compile(r"\d{4}-\d\d-\d\d|\d+")
_FEW = 100
"""Up to so many effects of one kind are kept by name; of more, the number in each run and a digest for each day."""
_CONTENT = "content of "


@dataclass(frozen=True, slots=True, kw_only=True)
class Things:
    """The runs of one job, thing by thing; every column has one value for each run."""

    fires: Sequence[datetime]
    columns: Mapping[str, Sequence[Any]]
    contents: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Digests of names and contents of effects, one for each day that has some."""

    @classmethod
    def from_runs(cls, runs: Sequence[Run], *, values: bool) -> Self:
        """Take the runs of one job; `values=False` leaves out what is in values and effects."""
        rows: list[dict[str, Any]] = [dict(_of_run(run, values=values)) for run in runs]
        named = defaultdict[str, list[tuple[int, str, str]]](list)
        for number, run in enumerate(runs):
            for thing, name, content in _effects(run):
                named[thing].append((number, name, content))
        contents = {}
        counted = {"seconds"}
        for thing, members in named.items():
            parts = _varying([name for _, name, _ in members]) if len(members) <= _FEW else None
            if parts is None:
                counted.add(thing)
                parts = [""] * len(members)
            for number, mine in groupby(zip(members, parts, strict=True), lambda pair: pair[0][0]):
                shown = [part for _, part in mine]
                rows[number][thing] = len(shown) if thing in counted else ",".join(shown)
            if values and any(content for _, _, content in members):
                contents[thing] = _digests(runs, members)
        columns = dict.fromkeys(name for row in rows for name in row)
        return cls(
            fires=[run.fire_time for run in runs],
            columns={name: [row.get(name, 0 if name in counted else MISSING) for row in rows] for name in columns},
            contents=contents,
        )

    @classmethod
    def from_lines(cls, lines: Mapping[str, str], zone: ZoneInfo) -> Self:
        """Read what `lines` has written; raises ValueError for anything else."""
        given = dict(lines)
        first, *steps = given.pop("runs", "").split(" ", 1)
        fires = [datetime.fromisoformat(first).astimezone(zone)] if first else []
        for minutes in decode(steps[0]) if steps else ():
            fires.append((fires[-1].astimezone(UTC) + timedelta(minutes=minutes)).astimezone(zone))
        columns: dict[str, Sequence[Any]] = {}
        contents: dict[str, Sequence[str]] = {}
        for name, text in given.items():
            if name.startswith(_CONTENT):
                contents[name.removeprefix(_CONTENT)] = text.split(" ")
            else:
                columns[name] = _same_as(columns, text[2:]) if text.startswith("= ") else decode(text)
                if len(columns[name]) != len(fires):
                    msg = f"{name!r} has {len(columns[name])} values for {len(fires)} runs"
                    raise ValueError(msg)
        return cls(fires=fires, columns=columns, contents=contents)

    def lines(self) -> dict[str, str]:
        """Return a text for each thing; one that is equal to an earlier thing, or a multiple of it, only names it."""
        steps = [(after - before).total_seconds() / 60 for before, after in _pairs(self.fires)]
        began = self.fires[0].isoformat(timespec="minutes") if self.fires else ""
        found = {"runs": f"{began} {encode(steps)}".strip()}
        known: dict[tuple[Any, ...], tuple[str, float]] = {}
        for name, column in self.columns.items():
            text, (shape, size) = encode(column), _shape(column)
            same, other = known.setdefault(shape, (name, size))
            short = f"= {same}" if size == other else f"= {same} * {size / other:g}"
            exact = same != name and list(_same_as(self.columns, short[2:])) == list(column)
            found[name] = short if exact and len(short) < len(text) else text
        return found | {f"{_CONTENT}{name}": " ".join(digests) for name, digests in self.contents.items()}

    def by_fire(self) -> dict[datetime, dict[str, Any]]:
        """Return the things of each run by its fire time, in UTC."""
        names = list(self.columns)
        rows = (dict(zip(names, row, strict=True)) for row in zip(*self.columns.values(), strict=True))
        return {at.astimezone(UTC): row for at, row in zip(self.fires, rows, strict=True)}

    def contents_by_day(self, thing: str) -> dict[date, str]:
        """Return the digests of a kind of effect by day."""
        column = self.columns.get(thing, ())
        days = dict.fromkeys(
            at.date() for at, value in zip(self.fires, column, strict=False) if value is not MISSING and value
        )
        return dict(zip(days, self.contents.get(thing, ()), strict=False))


def _shape(column: Sequence[Any]) -> tuple[tuple[Any, ...], float]:
    """Return what columns share that are multiples of each other, and the size of this one."""
    numbers = all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in column)
    size = next(filter(None, column), 1) if numbers else 1
    return tuple(value / size if numbers else _hashable(value) for value in column), size


def _hashable(value: Any) -> Any:
    return value if value is MISSING else json.dumps(value)


def _same_as(columns: Mapping[str, Sequence[Any]], text: str) -> Sequence[Any]:
    if text in columns:
        return columns[text]
    name, _, times = text.rpartition(" * ")
    return [value * float(times) for value in columns[name]]


def _pairs(fires: Sequence[datetime]) -> Iterator[tuple[datetime, datetime]]:
    instants = [at.astimezone(UTC) for at in fires]
    return pairwise(instants)


def _of_run(run: Run, *, values: bool) -> Iterator[tuple[str, Any]]:
    yield "verdict", run.verdict
    if run.summary:
        yield "why", run.summary
    if run.duration:
        yield "seconds", run.duration.total_seconds()
    if values:
        yield from leaves(jsonable(run.value), "value")


def leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield each value inside of JSON objects with its path; lists stay whole."""
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from leaves(item, f"{path}.{name}")
    elif value is not None:
        yield path, value


def _effects(run: Run) -> Iterator[tuple[str, str, str]]:
    """Yield each effect and each request: its kind with # for numbers, its name, and a text of its content."""
    for event in run.events:
        yield f"event {_NUMBERS.sub('#', event.type)}", event.type, json.dumps(jsonable(event.payload), sort_keys=True)
    for call in run.http_calls:
        yield f"http {call.method} {_NUMBERS.sub('#', call.url)} {call.status}", call.url, call.digest
    for file in run.files:
        yield f"file {file.action} {_NUMBERS.sub('#', file.key)}", file.key, file.digest
    for name in run.secrets_set:
        yield f"secret {name}", name, ""


def _varying(names: Sequence[str]) -> list[str] | None:
    """Return the part of each name from the first number that is not the same in all to the last; None if all are."""
    numbers = [list(_NUMBERS.finditer(name)) for name in names]
    places = enumerate(zip(*numbers, strict=True))
    different = [which for which, found in places if len({each[0] for each in found}) > 1]
    if not different:
        return None
    first, last = different[0], different[-1]
    return [name[found[first].start() : found[last].end()] for name, found in zip(names, numbers, strict=True)]


def _digests(runs: Sequence[Run], members: Sequence[tuple[int, str, str]]) -> list[str]:
    days: defaultdict[date, Any] = defaultdict(hashlib.sha256)
    for number, name, content in members:
        days[runs[number].fire_time.date()].update(f"{name}\n{content}\n".encode())
    return [digest.hexdigest()[:4] for digest in days.values()]
