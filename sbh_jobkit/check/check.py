"""Whether a plugin would do on its platform: what is wrong with it, all at once, each with its place and advice.

Its files are read first. Where nothing there forbids it the plugin is imported, too, which shows what only Python sees.
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
from sbh_jobkit.plugin.manifest import FILE
from sbh_jobkit.plugin.places import authors_terms
from sbh_jobkit.plugin.plugin import Plugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sbh_jobkit.check.source import Source

TARGETS = ("guide", "host")
_PLACE = re.compile(r"([\w./-]+\.py):(\d+)")


def check(path: str | Path, *, target: str = "guide") -> list[Finding]:
    """Return what is wrong with a plugin: a directory, its `plugin.json` or `main.py`, or a zip.

    `target="host"` adds what today's host would do otherwise. Raises PluginError for what is no plugin at all.
    """
    if target not in TARGETS:
        hint = did_you_mean(f"{target}", TARGETS) or f"; known are {', '.join(TARGETS)}"
        msg = f"unknown target {target!r}{hint}"
        raise JobkitError(msg)
    try:
        with _folder(Path(path)) as (folder, entry):
            found = [*_findings(source.read(folder, entry), target)]
    except _ArchiveError as error:
        text = authors_terms(str(error), Path(path).parent.absolute())
        return [Finding(file="", line=1, rule="archive", message=text)]
    return sorted(set(found))


class _ArchiveError(PluginError):
    """A zip that is none, or that holds what it must not."""


@contextmanager
def _folder(path: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield the folder of a plugin, and its entry where the path names that."""
    if path.suffix.lower() == ".zip" and path.is_file():
        with TemporaryDirectory(prefix="sbh-check-") as folder:
            try:
                archive.unpack(path, Path(folder))
            except PluginError as error:
                raise _ArchiveError(str(error)) from error
            yield Path(folder), None
        return
    if not path.exists():
        msg = f"no such path: {str(path)!r}; give a plugin's directory, its plugin.json, main.py or zip"
        raise PluginError(msg)
    if path.is_dir() and not (path / FILE).is_file():
        msg = f"{path} has no {FILE}; a plugin is a directory with {FILE} and main.py"
        raise PluginError(msg)
    if path.is_file() and path.name != FILE and path.suffix != ".py":
        msg = f"{path} is not a plugin; give a directory, a plugin.json, a .py file or a .zip"
        raise PluginError(msg)
    yield path if path.is_dir() else path.parent, path.name if path.suffix == ".py" else None


def _findings(plugin: Source, target: str) -> Iterator[Finding]:
    found = [*plugin.findings, *code.findings(plugin)]
    found += _imported(plugin, found)
    if target == "host":
        yield from host.findings(plugin)
    for finding in found:
        id_ = host.ON_HOST.get(finding.rule) if target == "host" else None
        yield replace(finding, rule=id_) if id_ else finding


def _imported(plugin: Source, known: list[Finding]) -> Iterator[Finding]:
    """Import the plugin, and yield what that shows and is not known by then."""
    if any(finding.rule in {"manifest", "syntax"} for finding in known):
        return
    folder = plugin.folder
    try:
        remarks = Plugin.load(folder / FILE if plugin.text else folder / plugin.entry).remarks
    except PluginError as error:
        text = authors_terms(str(error), folder.absolute()).removeprefix(f"{folder}/")
        places = [(file, int(line)) for file, line in _PLACE.findall(text)]
        if not {*places} & {(finding.file, finding.line) for finding in known}:
            file, line = places[0] if places else (plugin.entry, 1)
            yield Finding(file=file, line=line, rule="load", message=text.removeprefix(f"{file}:{line}: "))
        return
    for remark in remarks:
        place = remark.place or "$"
        file, _, number = place.partition(":")
        if place.startswith("$"):
            file, number = FILE, f"{plugin.line(place)}"
        yield Finding(file=file, line=int(number), rule=remark.rule, message=remark.text)
