"""A webhook: an address that gets JSON by POST, signed, and again after 1, 2, 4, … seconds where that failed."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sbh_jobkit import clock
from sbh_jobkit.errors import format_error
from sbh_jobkit.live.http import LiveHttp
from sbh_jobkit.live.settings import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LONGEST_WAIT = 30.0
_TOO_MANY = 429


class Webhook:
    """Sends to one address; redirects to other hosts are not followed."""

    __slots__ = ("_address", "_http", "_retries", "_secret", "_secrets", "_wait")

    def __init__(
        self,
        address: str,
        secrets: Mapping[str, str],
        *,
        secret: str | None = None,
        retries: int = 3,
        transport: Any = None,
        wait: Callable[[float], object] = clock.sleep,
    ) -> None:
        """Sign with the secret of that name, and send again so often.

        `wait` is called between two attempts, and ends them where it returns true; `transport` is as for LiveHttp.
        """
        self._address = address
        self._secrets = secrets
        self._secret = secret
        self._retries = retries
        self._wait = wait
        self._http = LiveHttp(HttpSettings(allow=(urlsplit(address).hostname or "",)), transport)

    def send(self, body: bytes) -> str | None:
        """Send a body, and again where that failed; return why it could not be delivered, and None if it was."""
        why = None
        for attempt in range(self._retries + 1):
            if attempt and self._wait(min(2.0 ** (attempt - 1), _LONGEST_WAIT)):
                break
            is_settled, why = self._post(body)
            if is_settled:
                break
        return why

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, body: bytes) -> tuple[bool, str | None]:
        """Return whether the matter is settled, and why the body was not taken."""
        try:
            headers = {"Content-Type": "application/json", **self._signature(body)}
            status = self._http.send(self._http.build("POST", self._address, data=body, headers=headers)).status
        except KeyError as missing:
            return True, f"the secret {missing.args[0]!r}, which signs it, is not set"
        except Exception as error:  # noqa: BLE001  a receiver may fail in any way, and the run or the alert stands
            return False, format_error(error)
        if status < 300:  # noqa: PLR2004  as HTTP has it
            return True, None
        return status < 500 and status != _TOO_MANY, f"the webhook answered {status}"  # noqa: PLR2004  as HTTP has it

    def _signature(self, body: bytes) -> dict[str, str]:
        if self._secret is None:
            return {}
        key = self._secrets[self._secret].encode()
        return {"X-Sbh-Signature": f"sha256={hmac.new(key, body, sha256).hexdigest()}"}
