"""Find the problems of a plugin, all at once, each with its place and advice.

The files are read first. If the manifest and the syntax are valid, the plugin is also imported, which shows more.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sbh_jobkit.check import code, host, source
from sbh_jobkit.check.finding import Finding
from sbh_jobkit.errors import JobkitError, PluginError, did_you_mean
from sbh_jobkit.plugin import archive
from sbh_jobkit.plugin.loader import no_such_path
from sbh_jobkit.plugin.manifest import FILE
from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.plugin.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.source import Source

TARGETS = ("guide", "host")
_PLACE = re.compile(r"([\w./-]+\.py):(\d+)")


def check(path: str | Path, *, target: str = "guide") -> list[Finding]:
    """Return the problems of a plugin: a directory, its `plugin.json` or `main.py`, or a zip.

    `target="host"` adds where today's host differs. Raises PluginError if the path is not a plugin.
    """
    if target not in TARGETS:
        hint = did_you_mean(f"{target}", TARGETS) or f"; use one of {', '.join(TARGETS)}"
        msg = f"unknown target {target!r}{hint}"
        raise JobkitError(msg)
    try:
        with _folder(Path(path)) as (folder, entry):
            found = [*_findings(source.read_source(folder, entry), target)]
    except _ArchiveError as error:
        text = authors_terms(str(error), Path(path).parent.absolute())
        return [Finding(file="", line=1, rule="archive", message=text)]
    return sorted(dict.fromkeys(found), key=_order)


def _order(found: Finding) -> tuple[str | int, ...]:
    """Sort by place and rule; problems of one line of the manifest stay in the order in which a simulation has them."""
    place = (found.file, found.line)
    return place if found.rule == "manifest" else (*place, found.rule, found.message)


class _ArchiveError(PluginError):
    """A zip that cannot be read, or with content that a plugin may not have."""


@contextmanager
def _folder(path: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the folder of a plugin, and its entry if the path names it."""
    if path.suffix.lower() == ".zip" and path.is_file():
        with TemporaryDirectory(prefix="sbh-check-") as folder:
            try:
                archive.unpack(path, Path(folder))
            except PluginError as error:
                raise _ArchiveError(str(error)) from error
            yield Path(folder), None
        return
    if not path.exists():
        raise PluginError(no_such_path(path))
    if path.is_dir() and not (path / FILE).is_file():
        msg = f"{path} has no {FILE}; a plugin is a directory with {FILE} and main.py"
        raise PluginError(msg)
    if path.is_file() and path.name != FILE and path.suffix != ".py":
        msg = f"{path} is not a plugin; give a directory, a plugin.json, a .py file or a .zip"
        raise PluginError(msg)
    yield path if path.is_dir() else path.parent, path.name if path.suffix == ".py" else None


def _findings(plugin: Source, target: str) -> Iterator[Finding]:
    found = [*plugin.findings, *code.findings(plugin)]
    found += _import_findings(plugin, found)
    if target == "host":
        yield from host.findings(plugin)
    for finding in found:
        id_ = host.ON_HOST.get(finding.rule) if target == "host" else None
        yield replace(finding, rule=id_) if id_ else finding


def _import_findings(plugin: Source, known: list[Finding]) -> Iterator[Finding]:
    """Import the plugin, and yield the problems that are not known yet."""
    if any(finding.rule in {"manifest", "syntax"} for finding in known):
        return
    folder = plugin.folder
    try:
        warnings = Plugin.load(folder / FILE if plugin.text else folder / plugin.entry).load_warnings
    except PluginError as error:
        text = authors_terms(str(error), folder.absolute()).removeprefix(f"{folder}/")
        places = [(file, int(line)) for file, line in _PLACE.findall(text)]
        if not {*places} & {(finding.file, finding.line) for finding in known}:
            file, line = places[0] if places else (plugin.entry, 1)
            yield Finding(file=file, line=line, rule="load", message=text.removeprefix(f"{file}:{line}: "))
        return
    for warning in warnings:
        place = warning.place or "$"
        file, _, number = place.partition(":")
        if place.startswith("$"):
            file, number = FILE, f"{plugin.line(place)}"
        yield Finding(file=file, line=int(number), rule=warning.rule, message=warning.text)
