"""The HTTP calls of many runs, as a sequence and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

from sbh_jobkit.run.frames import frame

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sbh_jobkit.run.run import HttpCall, Run

_OF_CALL = ("at", "method", "url", "status", "matched", "seconds")


class HttpLog(Sequence["HttpCall"]):
    """Every HTTP call of some runs, in order."""

    def __init__(self, runs: Iterable[Run]) -> None:
        """Collect the calls."""
        self._calls = [(run, call) for run in runs for call in run.http_calls]

    def __repr__(self) -> str:
        """Count the calls, and those that no route answered."""
        lost = sum(not call.matched for call in self)
        return f"<HttpLog: {len(self)} calls{f', {lost} without a route' if lost else ''}>"

    def __len__(self) -> int:
        """Count the calls."""
        return len(self._calls)

    @overload
    def __getitem__(self, index: int) -> HttpCall: ...
    @overload
    def __getitem__(self, index: slice) -> list[HttpCall]: ...
    def __getitem__(self, index: int | slice) -> HttpCall | list[HttpCall]:
        """Return one call, or the calls of a slice."""
        if isinstance(index, slice):
            return [call for _, call in self._calls[index]]
        return self._calls[index][1]

    def to_frame(self) -> Any:
        """Return the calls as a pandas DataFrame, a row a call, with the job and the fire time of its run."""
        rows = [
            {"job": run.job, "fire_time": run.fire_time, **{name: getattr(call, name) for name in _OF_CALL}}
            for run, call in self._calls
        ]
        return frame(rows, columns=["job", "fire_time", *_OF_CALL])
