"""What servers and their pages need of a scheduler, whether it runs jobs itself or lets workers do it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sbh_jobkit.engines.planner import Key
    from sbh_jobkit.engines.schema import State
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.live.settings import HistorySettings


class Process(Protocol):
    """What runs from a start to a stop."""

    @property
    def going(self) -> int:
        """How many runs would end with it."""

    @property
    def is_alive(self) -> bool:
        """Whether its threads go on."""

    @property
    def silence(self) -> float:
        """How many seconds ago it looked at the store."""

    def stop(self, grace: float) -> None:
        """Start nothing new, and let runs finish for `grace` seconds."""

    def hurry(self) -> None:
        """End a `stop` that waits."""


class Scheduler(Process, Protocol):
    """A process that plans jobs."""

    @property
    def jobs(self) -> Mapping[Key, ServedJob]:
        """What is served."""

    @property
    def blocked(self) -> str | None:
        """Why nothing is decided at present; None where all is well."""

    @property
    def is_full(self) -> bool:
        """Whether no slot is free."""

    def run_now(self, key: Key, who: str) -> float:
        """Let a job run by hand, and return the fire time of the run."""

    def cancel(self, key: Key, fire: float, who: str) -> State | None:
        """End a run; return the state in which it was, None for an unknown one."""

    def serve(
        self, tenant: str, plugin: str, jobs: Iterable[ServedJob], history: Mapping[Key, HistorySettings]
    ) -> None:
        """Serve these jobs of a plugin from now on, and none of it that was served before."""
