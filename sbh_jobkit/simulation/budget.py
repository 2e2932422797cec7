"""Limits on what the runs of a simulation may use: all of them together or those of one job, in total or each day."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.errors import BudgetError, did_you_mean
from sbh_jobkit.run.usage import BUSIEST
from sbh_jobkit.schedule.settings import split_setting
from sbh_jobkit.simulation.measure import Measure

if TYPE_CHECKING:
    from collections.abc import Collection

    from sbh_jobkit.run.usage import Usage

_FORM = "NAME=LIMIT, such as llm_tokens=200k"
_LIMIT = re.compile(r"([0-9]{1,15})(?:\.([0-9]+))?([kMG]?)")
_ZEROS = {"": 0, "k": 3, "M": 6, "G": 9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much runs may use: `Budget.read(["llm_tokens=200k"])`, or `Budget(limits={"llm_tokens": 200_000})`.

    `llm_tokens@day` limits each day, and `triage:llm_tokens@day` each day of the job `triage`.
    """

    limits: Mapping[str, int]

    def __post_init__(self) -> None:
        """Check the names and the limits; raises BudgetError."""
        if not isinstance(self.limits, Mapping):
            msg = f"a budget's limits are numbers by name, such as {{'llm_tokens': 200_000}}, got {self.limits!r}"
            raise BudgetError(msg)
        for name, limit in self.limits.items():
            Measure.read(name)
            if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
                msg = f"budget {name!r}: {limit!r} is not a limit; use a whole number from 0"
                raise BudgetError(msg)

    @classmethod
    def read(cls, texts: Iterable[str]) -> Budget:
        """Read limits such as `llm_tokens=200k` or `http_calls@api.example.com=500`; k is a thousand, then M and G."""
        limits: dict[str, int] = {}
        for text in [texts] if isinstance(texts, str) or not isinstance(texts, Iterable) else texts:
            # a name can hold a host of which a part is redacted, with another = in it
            name, amount = split_setting(text, BudgetError, "a budget", _FORM, at_last=True)
            name = name.strip()
            Measure.read(name)
            limit = _read_limit(name, amount.strip())
            if name in limits:
                msg = f"the budget {name!r} is given twice: {limits[name]:,} and {limit:,}"
                raise BudgetError(msg)
            limits[name] = limit
        return cls(limits=limits)

    def exceeded(self, usage: Usage) -> list[str]:
        """Return a message for each limit that was exceeded: how much was used, and which job used most."""
        messages = (_format(usage, name, limit) for name, limit in self.limits.items())
        return [message for message in messages if message is not None]

    def check_jobs(self, jobs: Collection[str]) -> None:
        """Raise BudgetError for a limit of a job that a plugin does not have."""
        for name in self.limits:
            job = Measure.read(name).job
            if job is not None and job not in jobs:
                known = f"; its jobs are {', '.join(jobs)}" if jobs else "; it has none"
                msg = f"budget {name!r}: the plugin has no job {job!r}{did_you_mean(job, jobs) or known}"
                raise BudgetError(msg)


def _read_limit(name: str, amount: str) -> int:
    found = _LIMIT.fullmatch(amount)
    whole, part, unit = found.groups("") if found else ("", "", "")
    if not whole or len(part) > _ZEROS[unit]:
        msg = (
            f"budget {name!r}: {amount!r} is not a limit; use a whole number, also with k, M or G, such as 200k or 1.5M"
        )
        raise BudgetError(msg)
    return int(whole + part.ljust(_ZEROS[unit], "0"))


def _format(usage: Usage, name: str, limit: int) -> str | None:
    """Return what is said of a limit; None if it was kept."""
    measure = Measure.read(name)
    used = measure.used(usage)
    if used.amount <= limit:
        return None
    allowed = f"the budget is {limit:,}{' a day' if measure.daily else ''}"
    number = measure.days_above(usage.days, limit) if measure.daily else 1
    more = f"; it was passed on {number:,} days" if number > 1 else ""
    minute = used.usage.busiest_minute
    if measure.resource == BUSIEST and minute is not None:
        return f"{name}: {used.amount:,} runs started in {minute.at:%Y-%m-%d %H:%M %Z}, {allowed}{more}"
    on = f" on {used.day}" if used.day else ""
    most = used.usage.most(measure.resource)
    by = f"; {most[0]} used most: {most[1]:,}" if most else ""
    return f"{name}: {used.amount:,} used{on}, {allowed}{by}{more}"
