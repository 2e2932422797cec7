"""What a run did to the world outside of it: events, files, HTTP requests that write, secrets, services of extensions.

Effects are made of what the run keeps anyway, and only when somebody asks for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import WorldError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

READING = frozenset({"GET", "HEAD", "OPTIONS"})
"""HTTP methods that change nothing on the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that a run did."""

    kind: str
    """`event`, `file`, `http`, `secret` or `service`."""
    name: str
    """An event's type, `uploaded` or `deleted` and a file's key, a method and its URL, a secret's or service's name."""
    content: Any = None
    """An event's payload, the digest of a file, the body of a request; without the values of secrets."""
    size: int = 0
    """How many bytes an uploaded file has."""
    status: int = 0
    """The status of the answer to a request; 0 if there was none."""
    at: datetime
    """When it happened; for files, secrets and services, when the run began."""
    job: str
    fire_time: datetime

    @property
    def done(self) -> bool:
        """Whether it took place: a request that was refused or got no answer did not."""
        return self.kind != "http" or 0 < self.status < 400  # noqa: PLR2004  HTTP

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "content": self.content,
            "size": self.size,
            "status": self.status,
            "at": self.at.isoformat(),
            "job": self.job,
            "fire_time": self.fire_time.isoformat(),
        }


def effects_of(run: Any) -> Iterator[Effect]:
    """Yield the effects of a run: events, requests, files, secrets, services, each in their order."""
    began = run.started_at or run.fire_time
    mine: dict[str, Any] = {"job": run.job, "fire_time": run.fire_time}
    for event in run.events:
        yield Effect(kind="event", name=event.type, content=event.payload, at=event.at, **mine)
    for call in run.http_calls:
        if call.method not in READING:
            sent = call.body if len(call.body) < _CUT else f"{call.body} (digest {call.digest})"
            name = f"{call.method} {call.url}"
            yield Effect(kind="http", name=name, content=sent, status=call.status, at=call.at, **mine)
    for file in run.files:
        name = f"{file.action} {file.key}"
        yield Effect(kind="file", name=name, content=file.digest, size=file.size, at=began, **mine)
    for name in run.secrets_set:
        yield Effect(kind="secret", name=name, at=began, **mine)
    for name in _changed_services(run):
        yield Effect(kind="service", name=name, at=began, **mine)


def _changed_services(run: Any) -> Iterator[str]:
    before, after = (getattr(kept, "services", None) or {} for kept in (run.before, run.after))
    yield from (name for name in sorted(before.keys() & after.keys()) if before[name] != after[name])


_CUT = 4_000
"""The length from which a body is kept in part."""


def read_identity(event: object, by: object) -> tuple[str, tuple[str, ...]]:
    """Return the name and the fields of a rule; raises WorldError if one is missing."""
    fields = (by,) if isinstance(by, str) else tuple(by) if isinstance(by, (list, tuple)) else ()
    if not isinstance(event, str) or not event:
        msg = f"same_effect takes an event's type, or a method and a URL, got {event!r}"
        raise WorldError(msg)
    if not fields or not all(isinstance(field, str) and field.strip() for field in fields):
        msg = f"same_effect({event!r}, by={by!r}): name the fields that identify the effect, such as by='id'"
        raise WorldError(msg)
    return event, fields
