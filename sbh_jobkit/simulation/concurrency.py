"""How many runs start in the same minute, and which: the highest load that a platform has to carry."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Job = tuple[str, str]

_64_BITS = (1 << 64) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BusyMinute:
    """A minute in which many runs started, and the other minutes in which the same runs started."""

    minute: int
    """The first of these minutes, counted since 1970."""
    runs: int
    who: tuple[tuple[Job, int], ...]
    """Plugin and job, and the number of their runs, largest first."""
    minutes: int
    """How many minutes have the same runs, with the first."""
    last: int
    """The last of these minutes."""


class Concurrency:
    """Counts the runs that start in each minute."""

    def __init__(self, starts: Mapping[Job, Sequence[int]]) -> None:
        """Take the minutes since 1970 in which runs started, by plugin and job."""
        self._starts = {who: minutes for who, minutes in starts.items() if minutes}
        self.first = min(map(min, self._starts.values()), default=0)
        """The first minute in which a run started."""
        size = max(map(max, self._starts.values()), default=-1) - self.first + 1
        self.runs = array("Q", bytes(8 * max(0, size)))
        """How many runs started in each minute, from the first minute to the last."""
        self._same = array("Q", bytes(8 * max(0, size)))
        """A number for each minute; it is equal for two minutes in which the same runs started."""
        for number, minutes in enumerate(self._starts.values()):
            hashed = int.from_bytes(blake2b(b"%d" % number, digest_size=8).digest(), "big")
            for minute in minutes:
                index = minute - self.first
                self.runs[index] += 1
                self._same[index] = (self._same[index] + hashed) & _64_BITS

    @property
    def most(self) -> int:
        """How many runs started in the busiest minute; 0 if none started."""
        return max(self.runs, default=0)

    def peaks(self, most: int) -> list[BusyMinute]:
        """Return the `most` busiest minutes; minutes in which the same runs started count as one."""
        groups: dict[tuple[int, int], list[int]] = {}
        for place, kind in enumerate(zip(self.runs, self._same, strict=True)):
            if kind[0]:
                group = groups.setdefault(kind, [place, 0, place])
                group[1] += 1
                group[2] = place
        busiest = sorted(groups.items(), key=lambda item: (-item[0][0], item[1][0]))[:most]
        who = self._who({first for _, (first, _, _) in busiest})
        return [
            BusyMinute(
                minute=self.first + first,
                runs=runs,
                who=tuple(sorted(who[first].items(), key=lambda item: -item[1])),
                minutes=minutes,
                last=self.first + last,
            )
            for (runs, _), (first, minutes, last) in busiest
        ]

    def _who(self, places: set[int]) -> dict[int, dict[Job, int]]:
        found: dict[int, dict[Job, int]] = {place: {} for place in places}
        for who, minutes in self._starts.items():
            for minute in minutes:
                if (place := minute - self.first) in places:
                    found[place][who] = found[place].get(who, 0) + 1
        return found
