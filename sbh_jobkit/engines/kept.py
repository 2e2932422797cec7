"""What is kept of a run: its output without the values of secrets, its value and its error, each up to a limit."""

from __future__ import annotations

import codecs
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sbh_jobkit.plugin.places import shown_path
from sbh_jobkit.run.capture import BoundedText
from sbh_jobkit.run.direct import PASSED
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.engines.messages import Message

_MOST_TRACE = 50_000
_MOST_VALUE = 1_000_000
"""Characters of JSON."""
_MOST_MESSAGE = 10_000
"""Characters of an error, and of a reason."""


def bounded(run: dict[str, Any]) -> dict[str, Any]:
    """Return a run, as plain values, that is not larger than a history and its readers can bear."""
    size = len(json.dumps(run["value"]))
    if size > _MOST_VALUE:
        run["value"] = f"not kept: the value has {size:,} characters of JSON, and {_MOST_VALUE:,} are kept at most"
    if (error := run["error"]) is not None:
        run["error"] = {**error, "message": _shortened(error["message"]), "traceback": _shortened(error["traceback"])}
    return {**run, "reason": _shortened(run["reason"])}


def _shortened(text: str | None) -> str | None:
    if text is None or len(text) <= _MOST_MESSAGE:
        return text
    return f"{text[:_MOST_MESSAGE]}… cut after {_MOST_MESSAGE:,} characters"


class KeptText:
    """What was written to one descriptor."""

    def __init__(self) -> None:
        """Start empty."""
        self._text = BoundedText()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> None:
        """Keep bytes as far as there is room."""
        if not self._text.is_full:
            self._text.write(self._decoder.decode(data))

    def take(self) -> str:
        """Return all of it; a character whose last bytes never came is marked."""
        if not self._text.is_full:
            self._text.write(self._decoder.decode(b"", final=True))
        return self._text.getvalue()


class KeptTrace:
    """Where in the plugin the time limit passed, or a signal ended the process."""

    def __init__(self) -> None:
        """Start empty."""
        self._data = b""

    def feed(self, data: bytes) -> None:
        """Keep what the sandbox, or Python's fault handler, wrote."""
        if len(self._data) < _MOST_TRACE:
            self._data += data

    def place(self, root: str) -> str | None:
        """Return the line of the plugin, such as `main.py:7`; the innermost, as the fault handler lists it first."""
        found = None
        for line in self._data.decode("utf-8", "replace").splitlines():
            if line.startswith(PASSED):
                return line.removeprefix(PASSED)
            file, quote, rest = line.removeprefix('  File "').partition('", line ')
            shown = shown_path(file, Path(root)) if quote and root and found is None else None
            if shown is not None:
                found = f"{shown}:{rest.partition(' ')[0]}"
        return found


class Redaction:
    """The secrets whose values output may hold: those of the tenant, and those that the run has set.

    The child reports them before the job's code runs. So output is redacted here, for runs that are killed as for
    those that end, and no secret leaves the supervisor. Those of a process's earlier runs are known, too: the plugin's
    modules may have kept them.
    """

    def __init__(self, known: Mapping[str, str]) -> None:
        """Know the secrets of earlier runs, names by values."""
        self.names: dict[str, str] = dict(known)
        self._allowed: list[str] = []

    def learn(self, message: Message) -> None:
        """Take the names of secrets by their values."""
        self.names |= message["names"]
        self._allowed = message.get("allowed", self._allowed)

    def apply(self, out: str, err: str) -> dict[str, Any]:
        """Return both texts redacted, and a fault for each secret that was in them."""
        redactor = Redactor(self.names)
        recorder = Recorder(lambda: redactor, allowed=self._allowed)
        recorder.output(out, err, ())
        faults = [asdict(fault) for fault in recorder.faults]
        return {"stdout": redactor.text(out), "stderr": redactor.text(err), "faults": faults}
