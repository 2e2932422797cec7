"""A dry run: a job reads what is real, and what it would write is shown and not done.

What the job is answered is what a run without surprises would answer, so that it goes on: a request other than GET and
HEAD gets status 200 with `{}` as JSON; an uploaded file is listed, a deleted one is gone, and a secret has its new
value, for later jobs of the same tenant object too; an event is taken; a call of an extension's service returns None.
What would be refused still is: hosts that are not allowed, keys that the storage cannot have, secrets that cannot be
written. A language model is asked, because asking changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from sbh_jobkit import clock
from sbh_jobkit.context.backends import FileInfo, HttpAnswer
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.ports import LiveService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import httpx2

    from sbh_jobkit.live.files import LiveFiles
    from sbh_jobkit.live.http import LiveHttp
    from sbh_jobkit.live.s3 import S3Files
    from sbh_jobkit.live.secrets import LiveSecrets
    from sbh_jobkit.ports import Access
    from sbh_jobkit.run.run import Event

    Show = Callable[["Write"], object]

_READS = {"GET", "HEAD"}
_MOST_SHOWN = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """What a dry run did not do."""

    member: str
    """What the job called, such as `ctx.files.upload`."""
    what: str
    """What would have been written, without the values of secrets."""
    content: str = ""
    """The rest of it, which can be long."""

    def redacted(self, redact: Callable[[str], str]) -> Write:
        """Return it without the values of secrets, and short: first the one, because half a value is not found."""
        texts = (redact(self.what), _shortened(redact(self.content)))
        return Write(member=self.member, what=" ".join(filter(None, texts)))

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{self.member} {self.what}"


class DryHttp:
    """Sends GET and HEAD; everything else gets an empty answer."""

    __slots__ = ("_http", "_show")

    def __init__(self, http: LiveHttp, show: Show) -> None:
        """Read by the real one."""
        self._http = http
        self._show = show

    def build(self, method: str, url: str, **given: Any) -> httpx2.Request:
        """Return a request, as the real one makes it."""
        return self._http.build(method, url, **given)

    def send(self, request: httpx2.Request) -> HttpAnswer:
        """Return the answer to a read, or `{}`; raises NotServedError for a host that is not allowed."""
        if request.method in _READS:
            return self._http.send(request)
        self._http.check(request, request)
        body = request.read().decode("utf-8", "replace")
        self._show(Write(member=f"ctx.http.{request.method.lower()}", what=f"{request.url}", content=body))
        return HttpAnswer(200, {"Content-Type": "application/json"}, b"{}")

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class DryFiles:
    """The stored files, and beside them those that a job would have stored or deleted."""

    __slots__ = ("_changed", "_files", "_show")

    def __init__(self, files: LiveFiles | S3Files, show: Show) -> None:
        """Read the real ones."""
        self._files = files
        self._show = show
        self._changed: dict[str, FileInfo | None] = {}

    def list(self, prefix: str) -> list[FileInfo]:
        """Return the files whose keys begin with a prefix, sorted by key."""
        found: dict[str, FileInfo | None] = {info.key: info for info in self._files.list(prefix)}
        found |= {key: info for key, info in self._changed.items() if key.startswith(prefix)}
        return [info for _, info in sorted(found.items()) if info is not None]

    def stat(self, key: str) -> FileInfo | None:
        """Return one file's facts, or None."""
        return self._changed[key] if key in self._changed else self._files.stat(key)

    def put(self, key: str, data: bytes, content_type: str) -> bool:
        """Show an upload; raises ValueError for what the storage cannot have."""
        self._files.check(key, content_type)
        self._show(Write(member="ctx.files.upload", what=f"{key!r}, {len(data)} bytes of {content_type}"))
        self._changed[key] = FileInfo(key, len(data), content_type, clock.now(UTC).timestamp())
        return True

    def delete(self, key: str) -> bool:
        """Show a deletion; True if the file exists."""
        if self.stat(key) is None:
            return False
        self._show(Write(member="ctx.files.delete", what=f"{key!r}"))
        self._changed[key] = None
        return True

    def presign(self, key: str, operation: str, expires_in: int) -> str:
        """Return a real link."""
        return self._files.presign(key, operation, expires_in)


class DrySecrets(MutableMapping[str, str]):
    """The secrets, and beside them those that a job would have set or deleted."""

    __slots__ = ("_changed", "_secrets", "_show")

    def __init__(self, secrets: LiveSecrets, show: Show) -> None:
        """Read the real ones."""
        self._secrets = secrets
        self._show = show
        self._changed: dict[str, str | None] = {}

    def __repr__(self) -> str:
        """Show nothing of them."""
        return repr(self._secrets)

    def __getitem__(self, name: str) -> str:
        """Return the new value, or the real one."""
        value = self._changed[name] if name in self._changed else self._secrets[name]
        if value is None:
            raise KeyError(name)
        return value

    def __setitem__(self, name: str, value: str) -> None:
        """Show that a secret is set, by its name alone; raises SettingsError where it cannot be written."""
        self._secrets.source_for(name)
        self._secrets.remember(name, value)
        self._show(Write(member="ctx.secrets.set", what=f"{name!r}"))
        self._changed[name] = value

    def __delitem__(self, name: str) -> None:
        """Show that a secret is deleted; raises SettingsError where it cannot be."""
        if name not in self:
            raise KeyError(name)
        self._secrets.sources_of(name)
        self._show(Write(member="ctx.secrets.delete", what=f"{name!r}"))
        self._changed[name] = None

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        names = dict.fromkeys([*self._secrets, *self._changed])
        return iter([name for name in names if self._changed.get(name, "") is not None])

    def __len__(self) -> int:
        """Count them."""
        return len(list(iter(self)))

    @property
    def seen(self) -> Mapping[str, str]:
        """The names by value of all secrets that were read or set."""
        return self._secrets.seen

    def remember(self, name: str, value: str) -> None:
        """Add a secret to those that are seen."""
        self._secrets.remember(name, value)

    def read_all(self) -> None:
        """Read every secret, so that `seen` has them all."""
        self._secrets.read_all()


class DryEvents:
    """Takes events, and delivers none."""

    __slots__ = ("_show",)

    def __init__(self, show: Show) -> None:
        """Show each."""
        self._show = show

    def publish(self, event: Event) -> None:
        """Show an event."""
        payload = json.dumps(event.payload, ensure_ascii=False)
        self._show(Write(member="ctx.emit", what=f"{event.type!r}", content=payload))

    def deliver(self) -> list[str]:
        """Deliver nothing."""
        return []

    def close(self) -> None:
        """Do nothing: no connection is open."""


class DryExtensions(Extensions[LiveService]):
    """Offers the services of extensions by name; a call of one is shown."""

    __slots__ = ("_show",)

    def __init__(self, *given: Any, show: Show, **named: Any) -> None:
        """Ask as the real ones do."""
        super().__init__(*given, **named)
        self._show = show

    def open(self, name: str, access: Access) -> Any:
        """Return what shows each call of `ctx.<name>`."""
        del access
        self.owner(name)
        return _DryService(f"ctx.{name}", self._show)


class _DryService:
    """Whatever a job calls of it returns None."""

    __slots__ = ("_called", "_show")

    def __init__(self, called: str, show: Show) -> None:
        self._called = called
        self._show = show

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Return a function that shows how it is called; names that Python itself asks for do not exist."""
        if name.startswith("_"):
            raise AttributeError(name)
        called, show = f"{self._called}.{name}", self._show

        def call(*given: Any, **named: Any) -> None:
            arguments = [*map(repr, given), *(f"{key}={value!r}" for key, value in named.items())]
            show(Write(member=called, what="", content=f"({', '.join(arguments)})"))

        return call


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}… ({len(text)} characters)"
