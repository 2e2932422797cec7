"""`ctx.email.send(…)` for jobs, `world.email.sent` for their tests: an extension of sbh-jobkit."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sbh_jobkit import hookimpl

if TYPE_CHECKING:
    from datetime import datetime

    from sbh_jobkit import Plugin, Run
    from sbh_jobkit.ports import Access

_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Email:
    """An email that a job sent, with ‹secret:NAME› in place of a secret's value."""

    sender: str
    to: str
    subject: str
    body: str
    at: datetime


class EmailService:
    """`world.email`: it keeps its state through all runs of a world."""

    def __init__(self) -> None:
        self.sender: str | None = None
        self.sent: list[Email] = []

    def __repr__(self) -> str:
        return f"<email: {len(self.sent)} sent>"

    def open(self, access: Access) -> EmailClient:
        return EmailClient(self, access)

    def snapshot(self) -> tuple[str | None, tuple[Email, ...]]:
        return self.sender, tuple(self.sent)

    def restore(self, state: tuple[str | None, tuple[Email, ...]]) -> None:
        self.sender, sent = state
        self.sent = list(sent)


class EmailClient:
    """`ctx.email`: one for each run, with access to that run."""

    def __init__(self, service: EmailService, access: Access) -> None:
        self._service = service
        self._access = access

    def send(self, to: str, subject: str, body: str) -> bool:
        """Send an email; an address that is not valid is a fault, and returns False."""
        self._access.require("send", "send_email")
        if not isinstance(to, str) or not _ADDRESS.fullmatch(to):
            advice = "give one address, such as ada@example.com"
            self._access.fault("email-invalid", "send", f"{to!r} is not an email address", advice)
            return False
        email = Email(
            sender=self._service.sender or "nobody@example.com",
            to=self._access.shown("send", "the address of an email", to),
            subject=self._access.shown("send", "the subject of an email", subject),
            body=self._access.shown("send", "the body of an email", body),
            at=self._access.now(),
        )
        self._service.sent.append(email)
        return True


@hookimpl
def sbh_services() -> dict[str, EmailService]:
    """Offer `ctx.email` and `world.email`; each world gets its own service."""
    return {"email": EmailService()}


@hookimpl
def sbh_fault_kinds() -> dict[str, str]:
    """Declare what `EmailClient.send` reports, and `World(allow=["email-invalid"])` allows."""
    return {"email-invalid": "an email address is not valid"}


@hookimpl
def sbh_configure_world(world: Any, plugin: Plugin | None) -> None:
    """Give a plugin's emails a sender, unless the author of the world has set one.

    `world` is `Any`, because type checkers do not know `world.email`.
    """
    if plugin is not None and world.email.sender is None:
        world.email.sender = f"{plugin.slug}@{world.tenant_id}.example"


@hookimpl
def sbh_run(run: Run) -> None:
    """Log the runs that need attention, as an on-call service would."""
    if not run.ok:
        logging.getLogger("sbh_email").warning("on call: %s", run)
