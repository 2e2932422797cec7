"""Import plugins in a process of its own, and return what the import shows; see `child`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

from sbh_jobkit.check import jsontext
from sbh_jobkit.check.decorators import jobs
from sbh_jobkit.check.finding import Edit, Finding, Span
from sbh_jobkit.check.walk import functions
from sbh_jobkit.plugin.manifest import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.source import Source

LIMIT = 5.0
"""How many seconds the import of a plugin may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What the import of a plugin showed."""

    findings: tuple[Finding, ...]
    failed: bool
    """Whether the plugin could not be imported, so that its jobs are not known."""
    places: frozenset[tuple[str, int]] = frozenset()
    """The files and lines that the problem of a failed import names."""


class Importer:
    """A process that imports plugins one after the other, while the check goes on reading files."""

    def __init__(self, limit: float = LIMIT) -> None:
        """Start the process."""
        self._limit = limit
        path = os.pathsep.join(each or "." for each in sys.path)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "sbh_jobkit.check.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": path},
            text=True,
        )
        self._answers: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def start(self, plugin: Source) -> None:
        """Begin to import a plugin."""
        request = {
            "folder": f"{plugin.folder.absolute()}",
            "entry": plugin.entry,
            "whole": plugin.manifest is not None and plugin.manifest.entry == plugin.entry,
            "bare": bool(plugin.text) and plugin.manifest is None,
            "limit": self._limit,
        }
        if self._process.stdin is not None:
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()

    def result(self, plugin: Source) -> Imported:
        """Return what the import of the plugin showed, in the order in which imports were begun."""
        answer: dict[str, Any] = json.loads(self._answers.get() or '{"stopped": "the import ended its process"}')
        return Imported(
            findings=tuple(_findings(plugin, answer)),
            failed="warnings" not in answer,
            places=frozenset((file, line) for file, line in answer.get("places", ())),
        )

    def _read(self) -> None:
        for line in self._process.stdout or ():
            self._answers.put(line)
        self._answers.put("")  # the process has ended


def _findings(plugin: Source, answer: dict[str, Any]) -> Iterator[Finding]:
    if "stopped" in answer:
        file, _, line = (answer.get("place") or f"{plugin.entry}:1").rpartition(":")
        advice = "a module only defines and imports; do the rest in a job"
        span = _line(plugin, file, int(line))._asdict()
        yield Finding(file=file, **span, rule="load", message=answer["stopped"], advice=advice)
    elif "problem" in answer:
        file, line = (answer["places"] or [(plugin.entry, 1)])[0]
        message = answer["problem"].removeprefix(f"{file}:{line}: ")
        yield Finding(file=file, **_line(plugin, file, line)._asdict(), rule="load", message=message)
    for rule, place, text in answer.get("warnings", ()):
        if place is None or place.startswith("$"):
            yield plugin.in_manifest(place or "$", rule, text, level="warning")
        else:
            file, _, line = place.rpartition(":")
            span = _line(plugin, file, int(line))._asdict()
            edits = _listed(plugin, file, int(line)) if rule == "job-unlisted" else ()
            yield Finding(file=file, **span, level="warning", rule=rule, message=text, edits=edits)


def _listed(plugin: Source, file: str, line: int) -> tuple[Edit, ...]:
    """Return the edit that adds the job of a decorator to the manifest's jobs."""
    trees = [tree for name, tree in plugin.modules.values() if name == file]
    for function in (function for tree in trees for function in functions(tree)):
        lines = {function.lineno, *(each.lineno for each in function.decorator_list)}
        for name, schedule in jobs(function) if line in lines else ():
            entry = {"name": name, "schedule": schedule} if schedule else {"name": name}
            return jsontext.with_item(plugin.text, "$.jobs", entry) if name else ()
    return ()


def _line(plugin: Source, file: str, line: int) -> Span:
    """Return the place of a whole line of code."""
    lines = plugin.texts.get(file, [])
    text = lines[line - 1] if file != FILE and 1 <= line <= len(lines) else ""
    if not text.strip():
        return Span(line)
    return Span(line, len(text) - len(text.lstrip()) + 1, line, len(text.rstrip()) + 1)
