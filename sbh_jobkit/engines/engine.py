"""What an engine is: it brings rows that are due to workers, and decides nothing.

What becomes of a row is decided where it is claimed, with all rows of the store in view. So a row that is brought twice
or late starts once. A row that has not started is offered again after a while, but one that is brought before its time
is not waited for: an engine brings nothing early. What workers have left that died is the engine's to remove.

`pytest_sbhjobs.engines` has the tests of an engine; an extension offers one by the hook `sbh_engines`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from sqlalchemy.engine import Connection

LOCAL, DISTRIBUTED = "local", "distributed"
"""What the engines of the kit itself are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A row of the store that may start from an instant on."""

    tenant: str
    plugin: str
    job: str
    fire: float
    """In seconds since 1970, as `ready`."""
    attempt: int
    ready: float


class Engine(Protocol):
    """Brings rows to workers, which may be on any machine; each process opens its own."""

    def offer(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Bring each row to a worker, once its instant has come.

        `connection` is in the transaction that writes the rows. An engine that keeps what it is given in the same
        database does that there, so that both are committed or neither is. A row may be offered several times.
        """

    def withdraw(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Do not bring rows that have not been brought yet; one that cannot be found any more is left alone."""

    def work(self, start: Callable[[], object], *, slots: int, stop: Event) -> None:
        """Call `start` once for each row that is brought to this process, at most `slots` at a time, until `stop`.

        It returns when the run that it has started is over. Which row it starts is decided in the claim.
        """

    def tick(self, call: Callable[[], object], *, stop: Event) -> None:
        """Call a function every few seconds, in one of the processes that ask for it, until `stop` is set."""
