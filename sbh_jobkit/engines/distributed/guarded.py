"""The engine of an extension, whose failures are named and end nothing: what it does all the time is begun again."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from sqlalchemy.exc import SQLAlchemyError

from sbh_jobkit.errors import ExtensionError
from sbh_jobkit.extensions.manager import raised

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from threading import Event

    from sqlalchemy.engine import Connection

    from sbh_jobkit.engines.engine import Due, Engine

_LOG = logging.getLogger("sbh_jobkit.engine")
_PAUSE = 1.0
"""Seconds until an engine that failed, or ended too early, is asked again."""
_LONG = 60.0
"""Seconds after which an engine that fails again as before is reported again."""


class GuardedEngine:
    """An `Engine` that calls another one."""

    def __init__(self, called: str, engine: Engine) -> None:
        """Take an engine, and what it is called in messages."""
        self._called = called
        self._engine = engine

    def offer(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Offer rows; raises ExtensionError, so that none of the transaction is kept, and all of it is tried again."""
        with self._named("offer", self._engine.offer):
            self._engine.offer(connection, rows)

    def withdraw(self, connection: Connection, rows: Sequence[Due]) -> None:
        """Withdraw rows; raises ExtensionError."""
        with self._named("withdraw", self._engine.withdraw):
            self._engine.withdraw(connection, rows)

    def work(self, start: Callable[[], object], *, slots: int, stop: Event) -> None:
        """Work until `stop`."""
        self._repeat("work", self._engine.work, partial(self._engine.work, start, slots=slots), stop)

    def tick(self, call: Callable[[], object], *, stop: Event) -> None:
        """Tick until `stop`."""
        self._repeat("tick", self._engine.tick, partial(self._engine.tick, call), stop)

    def _repeat(self, name: str, member: Callable[..., None], ask: Callable[..., None], stop: Event) -> None:
        said = ""
        while not stop.is_set():
            began = monotonic()
            try:
                with self._named(name, member):
                    ask(stop=stop)
            except (ExtensionError, SQLAlchemyError) as error:
                if f"{error}" != said or monotonic() > began + _LONG:  # a line a second would bury everything else
                    said = f"{error}"
                    _LOG.error("%s", said)
            stop.wait(_PAUSE)

    @contextmanager
    def _named(self, name: str, member: Callable[..., None]) -> Iterator[None]:
        """Name the extension in what is raised, unless it is about the database."""
        try:
            yield
        except SQLAlchemyError:
            raise
        except Exception as error:
            msg = f"{self._called}: {name}{raised(error, member)}"
            raise ExtensionError(msg) from error
