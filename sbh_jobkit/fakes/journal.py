"""What one run did and what went wrong in it, written down while it happens."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from sbh_jobkit.modules import call_place
from sbh_jobkit.run import Event, Fault, FileChange, HttpCall, LlmCall

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from datetime import datetime
    from pathlib import Path

    from sbh_jobkit.redaction import Redactor

FAULTS = {
    "file-type": "a file's data was neither bytes nor text",
    "filter-invalid": "a database filter was not of the filter language",
    "http-unmatched": "an HTTP request met no route of the world",
    "network": "the job reached for the real network, and was refused",
    "payload-not-json": "an event's payload was not JSON",
    "permission-denied": "the manifest does not permit what was called",
    "real-file": "the job wrote a real file outside the temporary directory",
    "secret-missing": "a secret was asked for that is not set, without a default",
    "secret-type": "a secret's name or value was not text",
    "table-unknown": "a table was queried that the world does not have",
}
"""Every kind of fault, as `allow` takes it, and what it means."""


class Journal:
    """The record of one run; secrets' values never get into it."""

    __slots__ = ("_redactor", "allowed", "events", "faults", "files", "http_calls", "llm_calls", "root")

    def __init__(
        self, redactor: Callable[[], Redactor], root: Path | None = None, allowed: Collection[str] = ()
    ) -> None:
        """Start empty; `root` is the plugin's folder, to say where in it something happened."""
        self._redactor = redactor
        self.root = root
        self.allowed = allowed
        self.events: list[Event] = []
        self.http_calls: list[HttpCall] = []
        self.llm_calls: list[LlmCall] = []
        self.files: list[FileChange] = []
        self.faults: list[Fault] = []

    def event(self, type_: str, written: str, at: datetime) -> Event:
        """Write down what was emitted, its payload written as JSON."""
        redactor, payload = self._redactor(), json.loads(written)
        if redactor.concerns(written):
            payload = redactor.value(payload)
        event = Event(type=redactor.text(type_), payload=payload, at=at)
        self.events.append(event)
        return event

    def http_call(self, method: str, url: str, status: int, at: datetime, *, matched: bool, seconds: float) -> HttpCall:
        """Write down a request."""
        shown = self._redactor().text(url)
        call = HttpCall(method=method, url=shown, status=status, matched=matched, at=at, seconds=seconds)
        self.http_calls.append(call)
        return call

    def llm_call(self, prompt: str, model: str, text: str, tokens: int, at: datetime) -> LlmCall:
        """Write down a prompt and its answer."""
        redact = self._redactor().text
        call = LlmCall(prompt=redact(prompt), model=redact(model), text=redact(text), tokens=tokens, at=at)
        self.llm_calls.append(call)
        return call

    def pasteable(self, text: str) -> str:
        """Return Python that makes the text without showing a secret."""
        return self._redactor().pasteable(text)

    def file(self, action: str, key: str, size: int) -> None:
        """Write down that a file was uploaded or deleted."""
        self.files.append(FileChange(action=action, key=self._redactor().text(key), size=size))

    def fault(self, kind: str, member: str, message: str, advice: str | None = None) -> None:
        """Write down that something went wrong, with the plugin's line that did it."""
        redact = self._redactor().text
        self.faults.append(
            Fault(
                kind=kind,
                member=member,
                message=redact(message),
                place=call_place(sys._getframe(1), self.root),  # noqa: SLF001  where the plugin called us
                advice=redact(advice) if advice else None,
                allowed=kind in self.allowed,
            )
        )
