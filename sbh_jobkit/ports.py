"""What a PluginContext offers a job, as protocols that every implementation (fake, live) fulfils."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from zoneinfo import ZoneInfo

Row = dict[str, Any]
MEMBERS = frozenset(
    {
        *("tenant_id", "user_id", "role", "request", "secrets", "http", "llm", "files", "db"),
        *("emit", "check_memory_usage"),
    }
)
"""The names of all members of a context; extensions add others."""


@runtime_checkable
class Secrets(Protocol):
    """The tenant's secrets, as an administrator set them."""

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return the secret, or the default."""

    def set(self, key: str, value: str) -> bool:
        """Store a secret."""

    def delete(self, key: str) -> bool:
        """Remove a secret; True if it existed."""

    def list(self) -> dict[str, str]:
        """Return the values of all secrets by name."""

    def has(self, key: str) -> bool:
        """Whether the secret is set."""


@runtime_checkable
class Http(Protocol):
    """Outbound HTTP; never raises, an answer that never came has `status_code` 0 and `error`."""

    def get(self, url: str, params: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Row:
        """Fetch."""

    def post(self, url: str, data: Any = None, json: Any = None, headers: Mapping[str, str] | None = None) -> Row:
        """Send."""

    def put(self, url: str, data: Any = None, json: Any = None, headers: Mapping[str, str] | None = None) -> Row:
        """Replace."""

    def delete(self, url: str, headers: Mapping[str, str] | None = None) -> Row:
        """Remove."""


@runtime_checkable
class Files(Protocol):
    """The tenant's object storage."""

    def list(self, prefix: str = "") -> list[Row]:
        """List `{key, size, last_modified}`, sorted by key."""

    def get(self, key: str) -> Row | None:
        """Describe one file, or None."""

    def upload(self, key: str, data: bytes | str, content_type: str = "application/octet-stream") -> bool:
        """Store a file."""

    def delete(self, key: str) -> bool:
        """Remove a file; True if it existed."""

    def get_presigned_url(self, key: str, operation: str = "get_object", expires_in: int = 3600) -> str | None:
        """Return a link that works for `expires_in` seconds; None for one that cannot be made."""


@runtime_checkable
class Database(Protocol):
    """The tenant's tables, read-only to a job."""

    def query(
        self, table: str, filters: Mapping[str, Any] | None = None, limit: int = 100, offset: int = 0
    ) -> list[Row]:
        """Return matching rows in insertion order."""

    def get_by_id(self, table: str, id: Any) -> Row | None:  # noqa: A002  the contract's parameter name
        """Return one row, or None."""

    def count(self, table: str, filters: Mapping[str, Any] | None = None) -> int:
        """Count matching rows."""


@runtime_checkable
class Llm(Protocol):
    """The tenant's language model."""

    def run(self, prompt: str, model: str | None = None, temperature: float = 0.7, max_tokens: int = 1000) -> Row:
        """Return `{text, usage, model}`."""


@runtime_checkable
class Context(Protocol):
    """What a job is called with."""

    tenant_id: str
    user_id: str | None
    role: str | None

    @property
    def secrets(self) -> Secrets:
        """The tenant's secrets."""

    @property
    def http(self) -> Http:
        """Outbound HTTP."""

    @property
    def llm(self) -> Llm:
        """The language model."""

    @property
    def files(self) -> Files:
        """Object storage."""

    @property
    def db(self) -> Database:
        """The tables."""

    def emit(self, event_type: str, payload: Mapping[str, Any]) -> None:
        """Publish an event; never raises."""

    def check_memory_usage(self) -> bool:
        """Return False when the memory limit is near or passed."""


class Access(Protocol):
    """What a service of an extension may use of one run.

    A `member` is what the job called of the service: `"send"` is shown as `ctx.email.send`.
    """

    @property
    def zone(self) -> ZoneInfo:
        """The zone of the run's naive times."""

    def now(self) -> datetime:
        """Return what time it is to the job, with its offset."""

    def require(self, member: str, permission: str) -> None:
        """Raise PermissionDenied, and record a fault, unless the manifest lists the permission."""

    def need(self, member: str, permission: str) -> None:
        """Old name of `require`."""

    def fault(self, kind: str, member: str, message: str, advice: str | None = None) -> None:
        """Record that something went wrong; the kind is one of the kit's or of `sbh_fault_kinds`."""

    def shown(self, member: str, what: str, text: str) -> str:
        """Return a text with names in place of secrets' values, each of which is a fault.

        `what` says where the secret was, such as "the subject of an email".
        """


@runtime_checkable
class LiveService(Protocol):
    """What an extension adds to a real tenant: opened for one run, it is `ctx.<name>` to a job."""

    def open(self, access: Access) -> Any:
        """Return what `ctx.<name>` is for one run; called when the job first uses it."""


@runtime_checkable
class Service(LiveService, Protocol):
    """What an extension adds to a fake tenant: `world.<name>` to its author, and opened for one run, `ctx.<name>`.

    It keeps the state; what it opens keeps none, and is dropped after the run.
    """

    def snapshot(self) -> Any:
        """Return the state as a value that never changes, at little cost; equal to another where nothing changed."""

    def restore(self, state: Any) -> None:
        """Go back to the state that `snapshot` returned."""
