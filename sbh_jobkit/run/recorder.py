"""What one run did and what went wrong in it, recorded while it happens."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from sbh_jobkit.plugin import divergences
from sbh_jobkit.plugin.places import call_place
from sbh_jobkit.run import sent
from sbh_jobkit.run.notes import FailedAnswer, Note, drops_result, wrong_answer_in
from sbh_jobkit.run.outcome import json_problem
from sbh_jobkit.run.run import Event, Fault, FileChange, HttpCall, LlmCall, make_event
from sbh_jobkit.run.spellings import SHORTEST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path
    from types import FrameType

    from sbh_jobkit.run.redaction import Redactor

Entry = Event | Fault | FileChange | HttpCall | LlmCall
_LEAKED = "leave it out: a secret belongs in the headers or the body of a request, and nowhere else"

_CALL_HOOK = "test the hook by calling it with a context and a payload"
_AS_JSON = "return text, numbers, lists and dicts; write times with .isoformat()"


class Recorder:
    """The record of one run; it never holds the value of a secret."""

    __slots__ = (
        *("_learned", "_own", "_redactor", "_sink", "_unredacted", "allowed", "events", "faults", "files"),
        *("http_calls", "llm_calls", "notes", "root", "rows_read", "secrets_set", "watched"),
    )

    def __init__(
        self,
        redactor: Callable[[], Redactor],
        root: Path | None = None,
        allowed: Collection[str] = (),
        sink: Callable[[Entry], object] | None = None,
        own_secrets: set[str] | None = None,
    ) -> None:
        """Start empty.

        `root` is the plugin's folder, to say where in it something happened; `allowed` are kinds of fault that fail
        no run; `sink` is called with each entry as it happens, so that also a run that is killed leaves them;
        `own_secrets` are the names of secrets that only jobs have set, such as a position, which may be in a URL.
        """
        self._redactor = redactor
        self._sink = sink
        self._own = own_secrets if own_secrets is not None else set()
        self._learned: Callable[[str, str], object] | None = None
        self._unredacted = False
        self.root = root
        self.allowed = allowed
        self.events: list[Event] = []
        self.http_calls: list[HttpCall] = []
        self.llm_calls: list[LlmCall] = []
        self.files: list[FileChange] = []
        self.rows_read = 0
        self.secrets_set: list[str] = []
        self.notes: list[Note] = []
        """What was seen in the run that is probably not meant, and which searches found something."""
        self.watched: list[tuple[Note, FailedAnswer]] = []
        """Answers to requests and prompts that failed, each with the note that counts if the job does not look."""
        self.faults: list[Fault] = []

    def found(self, what: str, where: object) -> None:
        """Note that a search found something."""
        self.notes.append(Note("found", (what, where)))

    def note(self, kind: str, subject: object) -> None:
        """Note something that is probably not meant, with the plugin's line that did it."""
        self.notes.append(Note(kind, subject, call_place(sys._getframe(1), self.root)))  # noqa: SLF001  who called us

    def _note_wrong(self, subject: str, content: str | bytes) -> None:
        """Note that an injected wrong answer is in what the job sends or stores."""
        if (kind := wrong_answer_in(content)) is not None:
            self.note("answer-kept", (kind, subject))

    def watch(self, subject: str, answer: Mapping[str, Any]) -> FailedAnswer:
        """Return an answer that failed in a form that knows whether the job looks at it."""
        place = call_place(sys._getframe(1), self.root)  # noqa: SLF001  who called us
        answered = FailedAnswer(answer)
        self.watched.append((Note("answer-ignored", subject, place), answered))
        return answered

    def refused(self, subject: str) -> None:
        """Note that a call returned False, if the line of the plugin throws the result away."""
        frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  the caller of the member that calls us
        if drops_result(frame):
            self.notes.append(Note("answer-ignored", subject, call_place(frame, self.root)))

    def all_notes(self) -> tuple[Note, ...]:
        """Return the notes of the ended run, with those about failed answers that it did not look at."""
        if not self.watched:
            return tuple(self.notes)
        return (*self.notes, *(note for note, answer in self.watched if not answer.looked))

    def listen(self, sink: Callable[[Entry], object], learned: Callable[[str, str], object]) -> None:
        """Call `sink` with each entry from now on, and `learned` with name and value of each secret that is set."""
        self._sink = sink
        self._learned = learned

    def secret(self, name: str, value: str, *, new: bool) -> None:
        """Hand on a secret that the run sets, so that its value is redacted wherever output is kept.

        `new` says that no secret of that name was there: then it is the job's own.
        """
        self.secrets_set.append(name)
        if new and name not in self._redactor().given.values():  # else somebody has given it, and it was deleted
            self._own.add(name)
        self._unredacted = bool(self.events or self.http_calls or self.llm_calls or self.files or self.faults)
        if self._learned is not None:
            self._learned(name, value)

    def finish(self, place: str | None) -> None:
        """Redact, in what was recorded before, the secrets that the run has set since; each is a leak of `place`."""
        if not self._unredacted:
            return
        self._unredacted, redactor = False, self._redactor()
        sent_before = [
            *(
                ("ctx.emit", f"the event {each.type!r}", f"{each.type}\n{json.dumps(each.payload)}")
                for each in self.events
            ),
            *(("ctx.llm.run", "a prompt to the language model", each.prompt) for each in self.llm_calls),
            *(("ctx.files.upload", "the key of an uploaded file", each.key) for each in self.files),
        ]
        for member, where, text in sent_before:
            self._find_secrets(member, f"{where}, sent before it was set", text, placed=False, place=place)
        entry: Any
        for entry in (*self.events, *self.http_calls, *self.llm_calls, *self.files, *self.faults):
            for name in entry.__slots__:
                value = getattr(entry, name)
                if (
                    isinstance(value, str) or name == "payload"
                ):  # the tenant's logs hold the same entry: it changes, too
                    object.__setattr__(entry, name, redactor.value(value))

    def event(self, type_: str, payload: Any, text: str, at: datetime) -> Event:
        """Record an event; `text` is what to look for secrets in, such as its payload as JSON."""
        redactor = self._redactor()
        shown, concerned = redactor.text(type_), redactor.concerns(text)
        if concerned:
            payload = redactor.value(payload)
        if concerned or shown != type_:
            self._find_secrets("ctx.emit", f"the event {type_!r}", f"{type_}\n{text}")
        if (kind := wrong_answer_in(text)) is not None:
            self.note("answer-kept", (kind, f"the event {shown!r}"))
        event = make_event(type=shown, payload=payload, at=at)
        self._keep(self.events, event)
        return event

    def http_call(
        self,
        method: str,
        url: str,
        status: int,
        at: datetime,
        *,
        matched: bool,
        seconds: float,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> HttpCall:
        """Record a request; `headers` are those that the job gave."""
        redactor = self._redactor()
        shown = redactor.text(url)
        if shown != url:
            self._find_secrets(
                f"ctx.http.{method.lower()}", f"the URL of a {method} request", redactor.after_base(url), but=self._own
            )
        text, mark = sent.shown_body(body, redactor.text) if body else ("", "")
        self._note_wrong(f"what {method} {shown} sent", body)
        call = HttpCall(
            method=method,
            url=shown,
            status=status,
            matched=matched,
            at=at,
            seconds=seconds,
            headers=sent.shown_headers(headers, redactor.text) if headers else sent.NO_HEADERS,
            body=text,
            digest=mark,
        )
        self._keep(self.http_calls, call)
        return call

    def llm_call(self, prompt: str, model: str, text: str, tokens: int, at: datetime) -> LlmCall:
        """Record a prompt and its answer."""
        redact = self._redactor().text
        shown = redact(prompt)
        if shown != prompt:
            self._find_secrets("ctx.llm.run", "a prompt to the language model", prompt)
        call = LlmCall(prompt=shown, model=redact(model), text=redact(text), tokens=tokens, at=at)
        self._keep(self.llm_calls, call)
        return call

    def upload(self, key: str, data: bytes, content_type: str = "") -> None:
        """Record an upload."""
        redactor = self._redactor()
        shown = redactor.text(key)
        self._note_wrong(f"the file {shown!r}", data)
        self._keep(self.files, FileChange(action="uploaded", key=shown, size=len(data), digest=sent.digest(data)))
        if shown != key:
            self._find_secrets("ctx.files.upload", "the key of an uploaded file", key)
        if len(redactor):
            for text in sent.texts(data):
                self._find_secrets("ctx.files.upload", f"the uploaded file {key!r}", text)
            self._find_secrets("ctx.files.upload", f"the content type of the uploaded file {key!r}", content_type)

    def deletion(self, key: str, size: int) -> None:
        """Record a deletion."""
        self._keep(self.files, FileChange(action="deleted", key=self._redactor().text(key), size=size))

    def redacted(self, text: str) -> str:
        """Return a text with names in place of secrets' values."""
        return self._redactor().text(text)

    def shown(self, member: str, what: str, text: str) -> str:
        """Return a text of an extension with names in place of secrets' values; a secret in it is a fault."""
        shown = self._redactor().text(text)
        if shown != text:
            self._find_secrets(member, what, text)
        return shown

    def returned(self, value: Any, place: str | None) -> None:
        """Look at what the job returned, which the platform sends on as JSON; `place` is the job's line."""
        if (problem := json_problem(value)) is not None:
            message = f"what the job returned is not JSON: {problem}"
            self.fault("value-not-json", "return", message, _AS_JSON, place=place, placed=False)

    def unheard(self, event_type: str, hook: str) -> None:
        """Note, once for each, that an event was not delivered to a hook of the plugin; that fails no run."""
        message = f"the event {event_type!r} is heard by {hook}, which a simulation does not call"
        if not any(fault.message == message for fault in self.faults):
            note = Fault(
                kind="hook-not-called", member="ctx.emit", message=message, place=None, advice=_CALL_HOOK, allowed=True
            )
            self._keep(self.faults, note)

    def printed(self, text: str) -> None:
        """Look for secrets in what the job is printing, at the line that does it."""
        if len(text) >= SHORTEST:
            self._find_secrets("print", "what the job printed", text)

    def logged(self, line: str) -> None:
        """Look for secrets in what the job is logging, at the line that does it."""
        self._find_secrets("logging", "what the job logged", line)

    def output(self, out: str, err: str, logs: Iterable[str], place: str | None = None) -> None:
        """Look for secrets in all that an ended run has printed and logged.

        Where the line that did it is not known, `place` is named, the line of the job.
        """
        for text in (out, err):
            self._find_secrets("print", "what the job printed", text, placed=False, place=place)
        self._find_secrets("logging", "what the job logged", "\n".join(logs), placed=False, place=place)

    def leaked(self, member: str, where: str, names: Collection[str], place: str | None) -> None:
        """Record secrets, by their names, that were found in something, at a line of the plugin."""
        redactor = self._redactor()
        for name in sorted(names):
            message = redactor.text(f"secret {name!r} is in {where}")
            if not any(fault.message == message for fault in self.faults):
                self.fault("secret-leaked", member, message, _LEAKED, place=place, placed=False)

    def _find_secrets(
        self,
        member: str,
        where: str,
        text: str,
        *,
        placed: bool = True,
        place: str | None = None,
        but: Collection[str] = (),
    ) -> None:
        """Record each secret in a text as a fault, once for each place; `but` names those that may be there."""
        names = self._redactor().names(text).difference(but) if text else ()
        if names:
            at = call_place(sys._getframe(1), self.root) if placed else place  # noqa: SLF001  who called us
            self.leaked(member, where, names, at)

    def divergence(self, id_: str, member: str, message: str, place: str | None = None) -> None:
        """Record that today's host differs from the guide, once for each line of the plugin."""
        where = place or call_place(sys._getframe(1), self.root)  # noqa: SLF001  who called us
        if not any(fault.kind == id_ and fault.place == where for fault in self.faults):
            self.fault(id_, member, message, divergences.table()[id_].advice, place=where)

    def fault(
        self,
        kind: str,
        member: str,
        message: str,
        advice: str | None = None,
        *,
        placed: bool = True,
        place: str | None = None,
    ) -> None:
        """Record that something went wrong, with the plugin's line that did it if that is known."""
        redact = self._redactor().text
        if place is None and placed:
            place = call_place(sys._getframe(1), self.root)  # noqa: SLF001  who called us
        fault = Fault(
            kind=kind,
            member=member,
            message=redact(message),
            place=place,
            advice=redact(advice) if advice else None,
            allowed=kind in self.allowed,
        )
        self._keep(self.faults, fault)

    def _keep(self, entries: list[Any], entry: Entry) -> None:
        entries.append(entry)
        if self._sink is not None:
            self._sink(entry)
