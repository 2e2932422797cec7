"""Where the events of a real tenant go: to the log, to a callback, and to a webhook, signed.

Each event is logged and given to the callback when it is published. The webhook gets the events of a run when the run
has ended, in order, so that a slow receiver never holds a job up; a POST that fails is sent again, after 1, 2, 4, …
seconds. What is sent is what the run keeps: a secret's value in a payload is replaced by its name.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from sbh_jobkit import clock
from sbh_jobkit.live.webhook import Webhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.live.settings import EventSettings
    from sbh_jobkit.run.run import Event

_LOG = logging.getLogger("sbh_jobkit.events")


class LiveEvents:
    """Publishes the events of one tenant."""

    __slots__ = ("_hook", "_settings", "_store", "_tenant", "_waiting")

    def __init__(
        self,
        settings: EventSettings,
        tenant: str,
        secrets: Mapping[str, str],
        *,
        store: Callable[[Event], object] | None = None,
        transport: Any = None,
        wait: Callable[[float], object] = clock.sleep,
    ) -> None:
        """Publish as the settings say; `store` is called with each event, and `wait` between two attempts.

        `transport` is as for LiveHttp.
        """
        self._settings = settings
        self._tenant = tenant
        self._store = store
        self._waiting: list[Event] = []
        self._hook: Webhook | None = None
        if settings.webhook is not None:
            self._hook = Webhook(
                settings.webhook,
                secrets,
                secret=settings.secret,
                retries=settings.retries,
                transport=transport,
                wait=wait,
            )

    def publish(self, event: Event) -> None:
        """Log an event, give it to the callback, and keep it for the webhook."""
        if self._settings.log:
            _LOG.info("%s: event %s %s", self._tenant, event.type, json.dumps(event.payload))
        if self._store is not None:
            self._store(event)
        if self._hook is not None:
            self._waiting.append(event)

    def deliver(self) -> list[str]:
        """Send what waits to the webhook; return a sentence for each event that could not be delivered."""
        waiting, self._waiting = self._waiting, []
        if self._hook is None:
            return []
        sent = [(event, self._hook.send(self._body(event))) for event in waiting]
        failed = [f"event {event.type!r} was not delivered: {why}" for event, why in sent if why is not None]
        for line in failed:
            _LOG.error("%s: %s", self._tenant, line)
        return failed

    def close(self) -> None:
        """Close the connections."""
        if self._hook is not None:
            self._hook.close()

    def _body(self, event: Event) -> bytes:
        sent: dict[str, Any] = {"tenant": self._tenant, "type": event.type, "payload": event.payload}
        return json.dumps({**sent, "at": event.at.isoformat()}).encode()
