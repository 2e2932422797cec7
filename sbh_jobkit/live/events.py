"""Where the events of a real tenant go: to the log, to a callback, and to a webhook, signed.

Each event is logged and given to the callback when it is published. The webhook gets the events of a run when the run
has ended, in order, so that a slow receiver never holds a job up; a POST that fails is sent again, after 1, 2, 4, …
seconds. What is sent is what the run keeps: a secret's value in a payload is replaced by its name.
"""

from __future__ import annotations

import hmac
import json
import logging
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sbh_jobkit import clock
from sbh_jobkit.errors import format_error
from sbh_jobkit.live.http import LiveHttp
from sbh_jobkit.live.settings import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.live.settings import EventSettings
    from sbh_jobkit.run.run import Event

_LOG = logging.getLogger("sbh_jobkit.events")
_LONGEST_WAIT = 30.0
_TOO_MANY = 429


class LiveEvents:
    """Publishes the events of one tenant."""

    __slots__ = ("_http", "_secrets", "_settings", "_store", "_tenant", "_wait", "_waiting")

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
        self._secrets = secrets
        self._store = store
        self._wait = wait
        self._waiting: list[Event] = []
        self._http: LiveHttp | None = None
        if settings.webhook is not None:
            self._http = LiveHttp(HttpSettings(allow=(urlsplit(settings.webhook).hostname or "",)), transport)

    def publish(self, event: Event) -> None:
        """Log an event, give it to the callback, and keep it for the webhook."""
        if self._settings.log:
            _LOG.info("%s: event %s %s", self._tenant, event.type, json.dumps(event.payload))
        if self._store is not None:
            self._store(event)
        if self._settings.webhook is not None:
            self._waiting.append(event)

    def deliver(self) -> list[str]:
        """Send what waits to the webhook; return a sentence for each event that could not be delivered."""
        waiting, self._waiting = self._waiting, []
        failed = [f"event {event.type!r} was not delivered: {why}" for event in waiting if (why := self._send(event))]
        for line in failed:
            _LOG.error("%s: %s", self._tenant, line)
        return failed

    def close(self) -> None:
        """Close the connections."""
        if self._http is not None:
            self._http.close()

    def _send(self, event: Event) -> str | None:
        """Send one event, and again where it failed; return why it could not be delivered."""
        body, why = self._body(event), None
        for attempt in range(self._settings.retries + 1):
            if attempt:
                self._wait(min(2.0 ** (attempt - 1), _LONGEST_WAIT))
            final, why = self._post(body)
            if final:
                break
        return why

    def _post(self, body: bytes) -> tuple[bool, str | None]:
        """Return whether the matter is settled, and why the event was not taken."""
        assert self._http is not None  # noqa: S101  there is one where there is a webhook
        try:
            headers = {"Content-Type": "application/json", **self._signature(body)}
            request = self._http.build("POST", f"{self._settings.webhook}", data=body, headers=headers)
            status = self._http.send(request).status
        except KeyError as missing:
            return True, f"the secret {missing.args[0]!r}, which signs it, is not set"
        except Exception as error:  # noqa: BLE001  a receiver may fail in any way, and the run has ended already
            return False, format_error(error)
        if status < 300:  # noqa: PLR2004  as HTTP has it
            return True, None
        return status < 500 and status != _TOO_MANY, f"the webhook answered {status}"  # noqa: PLR2004  as HTTP has it

    def _body(self, event: Event) -> bytes:
        sent: dict[str, Any] = {"tenant": self._tenant, "type": event.type, "payload": event.payload}
        return json.dumps({**sent, "at": event.at.isoformat()}).encode()

    def _signature(self, body: bytes) -> dict[str, str]:
        if self._settings.secret is None:
            return {}
        key = self._secrets[self._settings.secret].encode()
        return {"X-Sbh-Signature": f"sha256={hmac.new(key, body, sha256).hexdigest()}"}
