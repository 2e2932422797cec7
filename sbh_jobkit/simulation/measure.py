"""What one limit of a budget counts: a resource, of all jobs or of one, in the whole range or in each day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

from sbh_jobkit.errors import BudgetError, did_you_mean
from sbh_jobkit.run.usage import AMOUNTS, AT_HOST, BUSIEST, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

NAMES = (*AMOUNTS, BUSIEST)
DAILY = "@day"
_PARTS = re.compile(rf"(?:(?P<job>[^@]+):)?(?P<resource>[^@:]+(?:@.+?)??)(?P<daily>{DAILY})?")
_NO_USAGE = Usage()


class Used(NamedTuple):
    """How much was used, and in a limit by day the day on which it was most."""

    amount: int
    usage: Usage
    day: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What is counted; `Measure.read("triage:llm_tokens@day")` reads its name."""

    resource: str
    """One of NAMES, or `http_calls@HOST`."""
    job: str | None = None
    daily: bool = False

    @classmethod
    def read(cls, name: str) -> Self:
        """Read the name of a limit; raises BudgetError for one that is not known."""
        found = _PARTS.fullmatch(name) if isinstance(name, str) else None
        resource = found["resource"] if found else ""
        if found is None or not (resource in NAMES or resource.startswith(AT_HOST)):
            raise BudgetError(_explain_name(name, found["job"] if found else None))
        return cls(resource=resource, job=found["job"], daily=found["daily"] is not None)

    def used(self, usage: Usage) -> Used:
        """Return how much of it was used; for a limit by day, on the first of the days on which that was most."""
        if not self.daily:
            mine = self._of_job(usage)
            return Used(mine.amount(self.resource), mine)
        days = {day: self._of_job(each) for day, each in usage.days.items()}
        day = max(days, key=lambda each: days[each].amount(self.resource), default=None)
        return Used(0, _NO_USAGE) if day is None else Used(days[day].amount(self.resource), days[day], day)

    def days_above(self, days: Mapping[date, Usage], limit: int) -> int:
        """Return on how many days more than a limit was used."""
        return sum(self._of_job(each).amount(self.resource) > limit for each in days.values())

    def _of_job(self, usage: Usage) -> Usage:
        return usage if self.job is None else usage.jobs.get(self.job, _NO_USAGE)


def _explain_name(name: object, job: str | None) -> str:
    known = f"; use one of {', '.join(NAMES)}, or {AT_HOST}HOST for the calls to one host"
    ways = f", also with {DAILY} behind it or JOB: before it"
    before = f"{job}:" if job else ""
    choices = [f"{before}{each}{end}" for each in NAMES for end in ("", DAILY)]
    return f"unknown budget {name!r}{did_you_mean(f'{name}', choices) or f'{known}{ways}'}"
