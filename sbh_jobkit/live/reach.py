"""What the settings of a tenant would use, and whether each service can be reached: for `serve --check`.

Nothing is written and no event is sent. Each service is reached once: the database is asked for its tables, a storage
for a list, a source of secrets for its names, a model's service for its models, and a webhook gets a connection alone.
"""

from __future__ import annotations

import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sbh_jobkit.context.backends import ServiceError
from sbh_jobkit.errors import JobkitError, format_error
from sbh_jobkit.live.http import LiveHttp
from sbh_jobkit.live.keys import without_password
from sbh_jobkit.live.secrets import open_source
from sbh_jobkit.live.settings import HttpSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sbh_jobkit.live.session import LiveTenant

_SECONDS = 10.0
_DENIED = {401, 403}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """One service of a tenant."""

    name: str
    """Its key in the settings."""
    what: str
    """What would be used, without anything that is secret."""
    found: str = ""
    """What reaching it showed, such as `5 tables`; empty where nothing is reached."""
    why: str | None = None
    """Why it cannot be used; None where it can."""

    @property
    def ok(self) -> bool:
        """Whether a job can use it, or it is not set."""
        return self.why is None

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.name}: {self.what}: {self.why or self.found or 'not reached, only listed'}"


def reach(tenant: LiveTenant) -> list[Reached]:
    """Reach each service of a tenant once."""
    found = [_files(tenant), *_secrets(tenant), _llm(tenant), _events(tenant), _http(tenant)]
    return [_database(tenant), *found]


def _database(tenant: LiveTenant) -> Reached:
    url = tenant.settings.db
    if url is None:
        return Reached(name="db", what="none", found="ctx.db is an error")

    def ask() -> str:
        return _count(tenant.database.tables(), "table")

    return _try(tenant, "db", without_password(url), ask)


def _files(tenant: LiveTenant) -> Reached:
    url = tenant.settings.files
    if url is None:
        return Reached(name="files", what="none", found="ctx.files is an error")
    return _try(tenant, "files", url, lambda: tenant.open_files().reach())


def _secrets(tenant: LiveTenant) -> Iterator[Reached]:
    if not tenant.settings.secrets:
        yield Reached(name="secrets", what="none", found="no job finds one")
    for source in tenant.settings.secrets:

        def ask(source: str = source) -> str:
            opened = open_source(source, tenant.settings.folder, tenant.environment)
            return _count(list(opened.names()), "secret")

        yield _try(tenant, "secrets", source, ask)


def _llm(tenant: LiveTenant) -> Reached:
    settings = tenant.settings.llm
    if settings is None:
        return Reached(name="llm", what="none", found="ctx.llm.run answers with an error")

    def ask() -> str:
        headers = (
            {} if settings.key is None else {"Authorization": f"Bearer {_secret(tenant, settings.key, '[llm] key')}"}
        )
        allowed = HttpSettings(allow=(urlsplit(settings.url).hostname or "",), timeout=min(settings.timeout, _SECONDS))
        http = LiveHttp(allowed, tenant.transport)
        try:
            status = http.send(http.build("GET", f"{settings.url.rstrip('/')}/models", headers=headers)).status
        finally:
            http.close()
        if status in _DENIED:
            msg = f"it answered {status}; see the secret that key of [llm] names"
            raise ServiceError(msg)
        return f"answered {status}"  # also 404: not every service lists its models

    return _try(tenant, "llm", f"{settings.model} at {_address(settings.url, path=True)}", ask)


def _events(tenant: LiveTenant) -> Reached:
    settings = tenant.settings.events
    if settings.webhook is None:
        return Reached(name="events", what="the log" if settings.log else "none", found="no webhook")
    url = settings.webhook

    def ask() -> str:
        if settings.secret is not None:
            _secret(tenant, settings.secret, "[events] secret")
        _connect(url)
        return "connected, nothing sent"

    return _try(tenant, "events", _address(url), ask)


def _http(tenant: LiveTenant) -> Reached:
    allowed = tenant.settings.http.allow
    return Reached(name="http", what=", ".join(allowed) or "no host is allowed")


def _try(tenant: LiveTenant, name: str, what: str, ask: Callable[[], str]) -> Reached:
    try:
        return Reached(name=name, what=what, found=ask())
    except (JobkitError, ServiceError) as error:
        why = str(error)
    except Exception as error:  # noqa: BLE001  a driver may fail in any way, and the line says how
        why = format_error(error)
    with suppress(JobkitError):  # a source of secrets that cannot be read is a line of its own
        why = tenant.redactor().text(why)
    return Reached(name=name, what=what, why=" ".join(why.split()))


def _secret(tenant: LiveTenant, name: str, key: str) -> str:
    if (value := tenant.secrets.get(name)) is None:
        msg = f"the secret {name!r}, which {key} in tenant.toml names, is not set"
        raise ServiceError(msg)
    return value


def _connect(url: str) -> None:
    parts = urlsplit(url)
    host = parts.hostname or ""
    with socket.create_connection((host, parts.port or _PORTS[parts.scheme]), _SECONDS) as opened:
        if parts.scheme == "https":
            ssl.create_default_context().wrap_socket(opened, server_hostname=host).close()


def _address(url: str, *, path: bool = False) -> str:
    """Return an address without user, query and, as webhooks have secrets in their paths, mostly without path."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{host}{parts.path if path else ''}"


def _count(names: list[str], what: str) -> str:
    return f"{len(names)} {what}{'' if len(names) == 1 else 's'}"
