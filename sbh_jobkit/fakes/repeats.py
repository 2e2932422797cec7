"""Ends a run that asks for the same thing again and again while no virtual time passes: it would never stop waiting."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from sbh_jobkit import clock
from sbh_jobkit.errors import TimeLimitExceeded

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

MOST = 2_000
"""So many equal calls at one virtual instant are a loop that waits."""
_SOME = 500
"""Up to this many calls at one instant nothing is compared, so that ordinary jobs pay nothing."""


class Repeats:
    """Counts the equal calls of one run at one virtual instant."""

    __slots__ = ("_at", "_calls", "_seen")

    def __init__(self) -> None:
        """Start with none."""
        self._at: datetime | None = None
        self._calls = 0
        self._seen: dict[str, int] = {}

    def check(self, call: Callable[[], str], advice: str) -> None:
        """Count a call, of which `call()` is the text; raises TimeLimitExceeded if it is one too many."""
        now = clock.now(UTC)
        if now != self._at:
            self._at, self._calls = now, 0
            self._seen.clear()
        self._calls += 1
        if self._calls <= _SOME:
            return
        text = call()
        self._seen[text] = self._seen.get(text, 0) + 1
        if self._seen[text] > MOST:
            shown = text.partition("\n")[0]
            msg = f"{shown} was asked {MOST:,} times while no virtual time passed; {advice}"
            raise TimeLimitExceeded(msg)
