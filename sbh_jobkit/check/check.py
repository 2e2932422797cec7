"""Find the problems of plugins, all at once, each with its place and advice.

The files are read first. Then the plugin is imported in a process of its own, which shows more.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sbh_jobkit.check import source
from sbh_jobkit.check.checked import Checked
from sbh_jobkit.check.finding import LEVELS, Finding
from sbh_jobkit.check.flow.program import follow
from sbh_jobkit.check.ignores import find_ignores, kept, problems
from sbh_jobkit.check.importing import Importer
from sbh_jobkit.check.rules import (
    calls,
    database,
    endless,
    events,
    failure,
    host,
    host_calls,
    jobs,
    modules,
    names,
    permissions,
    results,
    schedules,
    secrets,
    signatures,
    state,
    time,
    unlooked,
    unreachable,
)
from sbh_jobkit.check.settings import Settings
from sbh_jobkit.check.subject import Subject
from sbh_jobkit.check.walk import forget
from sbh_jobkit.errors import PluginError
from sbh_jobkit.plugin import archive
from sbh_jobkit.plugin.folders import plugins_below
from sbh_jobkit.plugin.loader import no_such_path
from sbh_jobkit.plugin.manifest import FILE
from sbh_jobkit.plugin.places import authors_terms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sbh_jobkit.check.source import Source

_OF_FILES = (modules, jobs, permissions, names)
_OF_VALUES = (
    *(calls, results, unlooked, database, failure, time, secrets, state),
    *(endless, schedules, unreachable, signatures, events),
)
_NOT_TO_RUN = {"import", "dynamic-code"}
"""Rules whose findings are a reason not to import a plugin."""


@dataclass(slots=True, kw_only=True)
class _Plugin:
    """A plugin while it is checked."""

    path: str
    source: Source | None = None
    found: list[Finding] = field(default_factory=list)
    not_imported: str = ""
    """Why it is not imported; empty if it is."""


def check(path: str | Path, *, target: str = "guide", level: str = "warning", imports: bool = True) -> list[Finding]:
    """Return the problems of a plugin: a directory, its `plugin.json` or `main.py`, or a zip.

    `target="host"` adds where today's host differs, `level="note"` adds hints, and with `imports=False` nothing of the
    plugin is executed. Raises PluginError if the path is not a plugin.
    """
    (checked,) = check_all([path], Settings(target=target, level=level, imports=imports))
    return [*checked.findings]


def check_all(paths: Iterable[str | Path], settings: Settings) -> list[Checked]:
    """Return the problems of several plugins, in the order of the paths; a folder stands for the plugins below it.

    Raises PluginError for a path that is not a plugin.
    """
    with ExitStack() as stack:
        importer = stack.enter_context(Importer(settings.import_limit)) if settings.imports else None
        plugins = [
            _read(stack, Path(path), f"{path}", settings, importer) for given in paths for path in plugins_below(given)
        ]
        forget()
        if settings.target == "host":
            _same_entries(plugins)
        return [_result(plugin, settings, importer) for plugin in plugins]


def _same_entries(plugins: Sequence[_Plugin]) -> None:
    """Make a warning of D34 where several plugins of one check have entries of the same name."""
    for plugin in plugins:
        entry = plugin.source.entry if plugin.source is not None else ""
        others = [each.path for each in plugins if each is not plugin and each.source and each.source.entry == entry]
        if plugin.source is not None and others:
            shown = ", ".join(others[:2]) + (f" and {len(others) - 2} more" if others[2:] else "")
            plugin.found = [each for each in plugin.found if each.rule != "D34"]
            plugin.found.append(host.same_entry(plugin.source, shown))


def _read(stack: ExitStack, path: Path, typed: str, settings: Settings, importer: Importer | None) -> _Plugin:
    """Read a plugin's files, find what they show, and begin to import it."""
    plugin = _Plugin(path=typed)
    try:
        folder, entry = stack.enter_context(_folder(path))
    except _ArchiveError as error:
        text = authors_terms(str(error), path.parent.absolute())
        plugin.found.append(Finding(file="", line=1, rule="archive", message=text))
        return plugin
    plugin.source = source.read_source(folder, entry)
    plugin.found += _static(plugin.source, settings)
    plugin.not_imported = "it was not to be imported" if importer is None else _reason(plugin.source, plugin.found)
    if importer is not None and not plugin.not_imported:
        importer.start(plugin.source)
    return plugin


def _static(plugin: Source, settings: Settings) -> Iterator[Finding]:
    """Yield what the files show without being run."""
    found = [*plugin.findings, *(each for rules in _OF_FILES for each in rules.findings(plugin))]
    subject = Subject(source=plugin, trace=follow(plugin), settings=settings)
    found += [each for rules in _OF_VALUES for each in rules.findings(subject)]
    for finding in found:
        id_ = host.ON_HOST.get(finding.rule) if settings.target == "host" else None
        yield replace(finding, rule=id_) if id_ else finding
    if settings.target == "host":
        yield from host.findings(plugin)
        yield from host_calls.findings(subject)


def _reason(plugin: Source, found: Sequence[Finding]) -> str:
    """Return why a plugin cannot or must not be imported; empty if it can."""
    for finding in found:
        if finding.rule in _NOT_TO_RUN:
            return f"nothing is run after [{finding.rule}] (line {finding.line} of {finding.file})"
    for finding in plugin.findings:
        if finding.rule == "syntax":
            return f"{finding.file} is not valid Python"
    return "" if plugin.modules else f"there is no file {plugin.entry!r}"


def _result(plugin: _Plugin, settings: Settings, importer: Importer | None) -> Checked:
    """Add what the import shows, and keep what is to be reported."""
    found, not_checked = plugin.found, ""
    if plugin.source is not None and importer is not None and not plugin.not_imported:
        imported = importer.result(plugin.source)
        known = {(each.file, each.line) for each in found}
        found += () if imported.places & known else imported.findings
        if imported.failed:
            plugin.not_imported = "it cannot be imported"
    if plugin.not_imported:
        not_checked = f"which jobs it has and whether the manifest lists them: {plugin.not_imported}"
    ignores = find_ignores(plugin.source) if plugin.source is not None else []
    left = [*kept(_worst(found), ignores)]
    reported = [finding for finding in [*left, *problems(ignores)] if settings.reports(finding)]
    is_zip = plugin.path.lower().endswith(".zip")
    return Checked(
        path=plugin.path,
        findings=tuple(sorted(reported, key=_order)),
        not_checked=not_checked,
        texts=plugin.source.texts if plugin.source is not None else {},
        folder=None if is_zip or plugin.source is None else plugin.source.folder,
    )


def _worst(found: Iterable[Finding]) -> Iterable[Finding]:
    """Keep of equal findings the most serious one: one call can lead to a line with a test, another one without."""
    worst: dict[tuple[str, int, int, str, str], Finding] = {}
    for each in found:
        same = (each.file, each.line, each.column, each.rule, each.message)
        if same not in worst or LEVELS.index(each.level) < LEVELS.index(worst[same].level):
            worst[same] = each
    return worst.values()


def _order(found: Finding) -> tuple[str | int, ...]:
    """Sort by place and rule; problems of one line of the manifest stay in the order in which a simulation has them."""
    place = (found.file, found.line)
    return place if found.rule == "manifest" else (*place, found.column, found.rule, found.message)


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
