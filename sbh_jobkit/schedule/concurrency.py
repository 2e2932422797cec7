"""What runs of several jobs share, such as an API that takes two calls at a time, and how many may use it at once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from sbh_jobkit.errors import PolicyError

TENANT, PLUGIN = "tenant", "plugin"
"""Names that stand for all runs of the job's tenant, and of its plugin at this tenant."""
_FORM = "NAME:NUMBER, such as billing-api:2; tenant:NUMBER and plugin:NUMBER count all runs of the tenant or the plugin"
_LIMIT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,62}):([1-9][0-9]{0,5})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How many runs may use something at once."""

    name: str
    most: int

    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.name}:{self.most}"


def parse(text: str) -> tuple[Limit, ...]:
    """Parse limits such as "billing-api:2, tenant:8"; raises PolicyError."""
    if not isinstance(text, str):
        msg = f"concurrency must be a text like {_FORM}; got {text!r}"
        raise PolicyError(msg)
    return _parse(text)


@cache
def _parse(text: str) -> tuple[Limit, ...]:
    limits: dict[str, Limit] = {}
    for part in (part.strip() for part in text.split(",")) if text.strip() else ():
        found = _LIMIT.fullmatch(part)
        if found is None:
            msg = f"concurrency {part[:80]!r} is not {_FORM}"
            raise PolicyError(msg)
        name, most = found[1], int(found[2])
        if name in limits:
            msg = f"concurrency names {name!r} twice: {text!r}"
            raise PolicyError(msg)
        limits[name] = Limit(name=name, most=most)
    return tuple(limits.values())
