"""Searches that found nothing in any run, though what they look for is there under a similar name."""

from __future__ import annotations

import re
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from sbh_jobkit.fakes import filter_hints
from sbh_jobkit.filters import parse
from sbh_jobkit.simulation.observations.observation import Observation, Observed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.run.notes import Note
    from sbh_jobkit.run.run import Run

_NUMBERS = re.compile(r"\d+")
_NEAR = 0.7
_MOST_ROWS = 1_000
"""How many rows of a table are looked at."""


def search_observations(simulation: Observed) -> Iterator[Observation]:
    """Yield each search that never found anything and is near to something that is there."""
    hits = {(run.job, _pattern(note.subject)) for run in simulation.runs for note in run.notes if note.kind == "found"}
    look = _Look(simulation)
    seen: dict[Any, Observation | None] = {}
    for run in simulation.runs:
        for note in run.notes:
            if note.kind in _RULES and (run.job, _pattern(_sought(note))) not in hits:
                key = run.job, note.place, _NUMBERS.sub("#", repr(note.subject))
                if key not in seen:
                    seen[key] = _RULES[note.kind](note, run, look)
                if (found := seen[key]) is not None:
                    yield found


class _Look:
    """What is there to be found."""

    def __init__(self, simulation: Observed) -> None:
        self._simulation = simulation
        self._tables: dict[str, list[Any]] = {}

    @cached_property
    def keys(self) -> list[str]:
        """The keys of all files that are there or were written, with # for numbers."""
        keys = {_NUMBERS.sub("#", key) for key in islice(self._simulation.world.files, 100_000)}
        keys |= {_NUMBERS.sub("#", file.key) for run in self._simulation.runs for file in run.files}
        return sorted(keys)

    def rows(self, table: str) -> list[Any]:
        """Return the first rows of a table."""
        if table not in self._tables:
            tables = self._simulation.world.db
            self._tables[table] = tables.select(table, None, end=_MOST_ROWS) if table in tables else []
        return self._tables[table]


def _sought(note: Note) -> Any:
    """Return what the note `found` of a successful search has as its subject."""
    if note.kind == "list-empty":
        return "files", note.subject[1]
    return "query", (note.subject[0], *note.subject[1])


def _pattern(subject: Any) -> Any:
    what, where = subject
    return what, _NUMBERS.sub("#", where) if isinstance(where, str) else where


def _files(note: Note, run: Run, look: _Look) -> Observation | None:
    (what, sought), keys = note.subject, look.keys
    wanted = _NUMBERS.sub("#", sought)
    if not wanted or any(key.startswith(wanted) for key in keys):
        return None
    depth = wanted.rstrip("/").count("/") + 1
    if what == "list":
        known = {"/".join(key.split("/")[:depth]) + ("/" if wanted.endswith("/") else "") for key in keys}
    else:
        known = {key for key in keys if key.count("/") == wanted.count("/")}
        wanted_end, known = wanted.rpartition("/")[2], {key for key in known if "/" in key}
        known = {key for key in known if key.rpartition("/")[2] == wanted_end}
    near = get_close_matches(wanted, sorted(known), n=1, cutoff=_NEAR) or [
        key for key in keys if key.rstrip("/").endswith(wanted.rstrip("/")) or key.startswith(wanted.lstrip("/"))
    ]
    if not near:
        return None
    message = f"no run found a file under {sought!r}; there are files under {near[0]!r}"
    return Observation(
        kind="list-empty",
        job=run.job,
        place=note.place,
        message=message,
        advice="write the key or prefix as it is written where the files are uploaded",
        first=run.fire_time,
    )


def _rows(note: Note, run: Run, look: _Look) -> Observation | None:
    table, filters = note.subject
    wrong = filter_hints.doubt(look.rows(table), parse(filters))
    if wrong is None:
        return None
    message, advice = wrong
    return Observation(
        kind="query-empty",
        job=run.job,
        place=note.place,
        message=f"no run found a row of {table!r}: {message}",
        advice=advice,
        first=run.fire_time,
    )


_RULES = {"list-empty": _files, "query-empty": _rows}
