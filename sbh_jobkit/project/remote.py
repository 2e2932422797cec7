"""A server that runs jobs for real, asked over its REST API."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.run.record import read_run

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from sbh_jobkit.run.run import Run

VARIABLE = "SBH_JOBKIT_TOKEN"
_SECONDS = 660.0
"""How long an answer may take; a server answers a run that goes on after ten minutes."""


class RemoteError(JobkitError):
    """A server that cannot be reached, or that refuses what was asked."""


class Remote:
    """A server at an address, as a tenant with a token."""

    def __init__(self, url: str, *, token: str, tenant: str) -> None:
        """Ask nothing yet; raises RemoteError for what is not a web address."""
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
            msg = f"{url!r} is not the address of a server, such as http://127.0.0.1:8765"
            raise RemoteError(msg)
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "X-Tenant-Slug": tenant}

    def __repr__(self) -> str:
        """Name the address."""
        return f"<Remote {self._url}>"

    def run(self, plugin: str, job: str, tz: ZoneInfo) -> Run:
        """Run a job by hand, wait for it, and return the run with its times in `tz`; raises RemoteError."""
        address = f"/api/plugins/{quote(plugin, safe='')}/jobs/{quote(job, safe='')}"
        started = self._ask("POST", f"{address}/run-now")["data"]
        row = self._ask("GET", f"{address}/runs/{started['run_id']}")["data"]
        if row["state"] != "ended":
            msg = f"the run of {job!r} still goes on; look at {self._url}"
            raise RemoteError(msg)
        return read_run(row, tz)

    def _ask(self, method: str, address: str) -> dict[str, Any]:
        import httpx

        try:
            with httpx.Client(timeout=_SECONDS, headers=self._headers) as client:
                answer = client.request(method, self._url + address)
                body = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            msg = f"cannot reach {self._url}: {error or type(error).__name__}"
            raise RemoteError(msg) from error
        if not isinstance(body, dict) or "data" not in body or answer.is_server_error:
            why = body.get("error") if isinstance(body, dict) else None
            msg = f"{self._url} refuses: {why or f'status {answer.status_code}'}"
            raise RemoteError(msg)
        return body


def find_token(file: str | None) -> str:
    """Return the token in a file, else that of the environment; raises RemoteError where there is none."""
    if file is not None:
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except (OSError, ValueError) as error:
            msg = f"cannot read the token in {file!r}: {getattr(error, 'strerror', None) or error}"
            raise RemoteError(msg) from error
    found = os.environ.get(VARIABLE)
    if not found:
        msg = f"a server needs a token: set {VARIABLE}, or name a file with --token-file"
        raise RemoteError(msg)
    return found
