"""Limits on what all runs of a simulation may use together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.errors import BudgetError, did_you_mean
from sbh_jobkit.run.usage import AMOUNTS, AT_HOST, BUSIEST
from sbh_jobkit.schedule.settings import split_setting

if TYPE_CHECKING:
    from sbh_jobkit.run.usage import Usage

NAMES = (*AMOUNTS, BUSIEST)
_FORM = "NAME=LIMIT, such as llm_tokens=200k"
_LIMIT = re.compile(r"([0-9]{1,15})(?:\.([0-9]+))?([kMG]?)")
_ZEROS = {"": 0, "k": 3, "M": 6, "G": 9}


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much all runs may use: `Budget.read(["llm_tokens=200k"])`, or `Budget(limits={"llm_tokens": 200_000})`."""

    limits: Mapping[str, int]

    def __post_init__(self) -> None:
        """Check the names and the limits; raises BudgetError."""
        if not isinstance(self.limits, Mapping):
            msg = f"a budget's limits are numbers by name, such as {{'llm_tokens': 200_000}}, got {self.limits!r}"
            raise BudgetError(msg)
        for name, limit in self.limits.items():
            _check_name(name)
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
            _check_name(name)
            limit = _read_limit(name, amount.strip())
            if name in limits:
                msg = f"the budget {name!r} is given twice: {limits[name]:,} and {limit:,}"
                raise BudgetError(msg)
            limits[name] = limit
        return cls(limits=limits)

    def exceeded(self, usage: Usage) -> list[str]:
        """Return a message for each limit that was exceeded: how much was used, and which job used most."""
        return [_format(usage, name, limit) for name, limit in self.limits.items() if usage.amount(name) > limit]


def _read_limit(name: str, amount: str) -> int:
    found = _LIMIT.fullmatch(amount)
    whole, part, unit = found.groups("") if found else ("", "", "")
    if not whole or len(part) > _ZEROS[unit]:
        msg = (
            f"budget {name!r}: {amount!r} is not a limit; use a whole number, also with k, M or G, such as 200k or 1.5M"
        )
        raise BudgetError(msg)
    return int(whole + part.ljust(_ZEROS[unit], "0"))


def _check_name(name: str) -> None:
    if name in NAMES or (isinstance(name, str) and name.startswith(AT_HOST) and name != AT_HOST):
        return
    known = f"; use one of {', '.join(NAMES)}, or {AT_HOST}HOST for the calls to one host"
    msg = f"unknown budget {name!r}{did_you_mean(f'{name}', NAMES) or known}"
    raise BudgetError(msg)


def _format(usage: Usage, name: str, limit: int) -> str:
    used = f"{usage.amount(name):,}"
    if name == BUSIEST and usage.busiest_minute is not None:
        return f"{name}: {used} runs started in {usage.busiest_minute.at:%Y-%m-%d %H:%M %Z}, the budget is {limit:,}"
    most = usage.most(name)
    by = f"; {most[0]} used most: {most[1]:,}" if most else ""
    return f"{name}: {used} used, the budget is {limit:,}{by}"
