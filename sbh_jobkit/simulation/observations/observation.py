"""One observation, and how equal ones of many runs become one."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit.simulation.compare.comparison import Simulated

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime


INFORMATIVE = frozenset({"job-not-due", "not-simulated"})
"""Kinds that say what a simulation leaves out; they fail nothing under `--strict`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """Something that is probably not meant."""

    kind: str
    """The name that `allow` takes, such as `query-limit`."""
    job: str | None
    message: str
    advice: str
    place: str | None = None
    """The plugin's file:line."""
    count: int = 1
    """In how many runs."""
    first: datetime | None = None
    """The fire time of the first of them."""

    @property
    def line(self) -> str:
        """Place or job, message and kind in one line."""
        where = ": ".join(filter(None, (self.place, self.job)))
        return f"{f'{where}: ' if where else ''}{self.message} [{self.kind}]"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "first": self.first.isoformat() if self.first else None}


class Observed(Simulated, Protocol):
    """What is looked at: a simulation."""

    @property
    def plugin(self) -> Any:
        """The plugin."""

    @property
    def module_changes(self) -> Sequence[tuple[str, str]]:
        """The variables of the plugin that changed, and how."""


def merged(found: Iterable[Observation]) -> Iterator[Observation]:
    """Count observations that differ only in their run; the first one stays."""
    counts: dict[tuple[Any, ...], Observation] = {}
    for each in found:
        key = each.kind, each.job, each.place, each.message
        known = counts.get(key)
        counts[key] = each if known is None else replace(known, count=known.count + 1)
    yield from counts.values()
