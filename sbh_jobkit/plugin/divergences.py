"""The differences between today's SBH host and the platform's guide, from the data file beside this module.

Each difference has an id that never changes: faults, `allow`, tests and the manual use it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CONCERNS = {
    "job": "a job while it runs",
    "route": "a route or a hook",
    "load": "loading a plugin",
    "manifest": "plugin.json",
    "platform": "the platform around it",
}
"""What a divergence concerns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """One difference between the guide and today's host."""

    id: str
    concerns: str
    """One of CONCERNS."""
    guide: str
    """What the guide promises; the kit does the same, unless the target is the host."""
    host: str
    """What today's host does."""
    advice: str
    """What an author can do about it."""


@cache
def table() -> Mapping[str, Divergence]:
    """Return every divergence by its id, sorted by number."""
    rows = json.loads(files(__package__).joinpath("divergences.json").read_text(encoding="utf-8"))
    return MappingProxyType({row["id"]: Divergence(**row) for row in rows})


def ids_for(concerned: str) -> list[str]:
    """Return the ids of the divergences for one of CONCERNS."""
    return [id_ for id_, divergence in table().items() if divergence.concerns == concerned]
