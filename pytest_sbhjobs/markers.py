"""The markers of a test: what its world holds, when it begins, and what may go wrong in it.

Each is checked when its test is collected, and a wrong one is told with the line on which it stands.
"""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from sbh_jobkit import World

LINES = (
    "sbh_plugin(path): the plugin under test; a relative path begins at the test's folder",
    "sbh_secrets(**values): secrets of the test's world",
    "sbh_tables(**rows): tables of the test's world, each with just these rows",
    "sbh_files(**content): files of the test's world; **{'temp/a.txt': '…'} for any key",
    "sbh_at(iso): when the test's world begins, and where sbh_clock stands",
    "sbh_permissions(*names): what the jobs of the test may do, over the manifest",
    "sbh_target(name): whom the test's world follows, 'guide' or 'host'",
    "sbh_allow(*fault_kinds): faults that do not fail the test's runs",
)
NAMES = tuple(line.partition("(")[0] for line in LINES)
TARGETS = ("guide", "host")


def check(item: pytest.Item, collector: pytest.Collector) -> None:
    """Refuse a marker of ours with wrong arguments; raises CollectError with its file and line."""
    for mark in item.iter_markers():
        if not mark.name.startswith("sbh_"):
            continue
        fault = _fault(mark, item.path.parent)
        if fault is not None:
            place = f"{_shown(item)}:{_line(item, mark.name)}"
            message = f"{place}: @pytest.mark.{mark.name}: {fault}"
            raise collector.CollectError(message)


def plugin_path(item: pytest.Item) -> Path | None:
    """Return the plugin that the nearest `sbh_plugin` names."""
    mark = item.get_closest_marker("sbh_plugin")
    return item.path.parent / _checked(item, mark).args[0] if mark else None


def beginning(item: pytest.Item) -> str:
    """Return when the test's world begins."""
    from sbh_jobkit.schedule.times import START

    mark = item.get_closest_marker("sbh_at")
    return str(_checked(item, mark).args[0]) if mark else START


def target(item: pytest.Item) -> str | None:
    """Return whom the test's world follows, if a marker says so."""
    mark = item.get_closest_marker("sbh_target")
    return str(_checked(item, mark).args[0]) if mark else None


def allowed(item: pytest.Item) -> frozenset[str]:
    """Return the kinds of fault that all `sbh_allow` name."""
    return frozenset(kind for mark in _marks(item, "sbh_allow") for kind in mark.args)


def furnish(item: pytest.Item, world: World) -> None:
    """Put into a world what the markers say; one that is nearer to the test wins."""
    for mark in _marks(item, "sbh_secrets"):
        world.secrets.update(mark.kwargs)
    tables = {table: rows for mark in _marks(item, "sbh_tables") for table, rows in mark.kwargs.items()}
    for table, rows in tables.items():
        if table in world.db:
            world.db.delete(table)
        world.db.insert(table, rows)
    for mark in _marks(item, "sbh_files"):
        for key, content in mark.kwargs.items():
            world.files.write(key, content)
    for mark in _marks(item, "sbh_permissions"):
        world.permissions = frozenset(mark.args)
    world.allow = {*world.allow, *allowed(item)}


def _marks(item: pytest.Item, name: str) -> Iterator[pytest.Mark]:
    """Yield the markers of a name, the nearest to the test last."""
    return (_checked(item, mark) for mark in reversed(list(item.iter_markers(name))))


def _checked(item: pytest.Item, mark: pytest.Mark) -> pytest.Mark:
    """Return the marker, checked again: a hook or a fixture may have added it after the collection."""
    fault = _fault(mark, item.path.parent)
    if fault is not None:
        pytest.fail(f"pytest.mark.{mark.name}: {fault}", pytrace=False)
    return mark


def _fault(mark: pytest.Mark, folder: Path) -> str | None:
    """Say what is wrong with a marker, or return None."""
    from sbh_jobkit.errors import JobkitError

    if mark.name not in NAMES:
        return _unknown("marker", [mark.name], NAMES)
    usage = next(line.partition(":")[0] for line in LINES if line.startswith(f"{mark.name}("))
    keywords, many = "**" in usage, "*" in usage
    if keywords and (mark.args or not mark.kwargs):
        return f"it takes keywords only, {usage}; got {_call(mark)}"
    if not keywords and (mark.kwargs or not mark.args or (len(mark.args) > 1 and not many)):
        return f"it is written {usage}; got {_call(mark)}"
    try:
        _try_values(mark)
    except JobkitError as error:
        return str(error)
    return _wrong_names(mark, folder)


def _wrong_names(mark: pytest.Mark, folder: Path) -> str | None:
    from sbh_jobkit import World
    from sbh_jobkit.plugin.manifest import PERMISSIONS
    from sbh_jobkit.run.recorder import known_kinds

    if mark.name == "sbh_plugin":
        path = mark.args[0]
        if isinstance(path, (str, Path)) and (folder / path).exists():
            return None
        return f"no plugin at {path!r}; a relative path begins at the test's folder, {folder}"
    if mark.name == "sbh_permissions":
        return _unknown("permission", mark.args, PERMISSIONS)
    if mark.name == "sbh_target":
        return _unknown("target", mark.args, TARGETS)
    if mark.name == "sbh_allow" and not set(mark.args) <= set(known := known_kinds()):
        return _unknown("kind of fault", mark.args, [*known, *World().extensions.fault_kinds])
    return None


def _try_values(mark: pytest.Mark) -> None:
    """Raise what the kit says of values that it cannot take."""
    from sbh_jobkit import World
    from sbh_jobkit.schedule import times

    world = World()
    if mark.name == "sbh_at":
        times.instant(mark.args[0], world.zone)
    elif mark.name == "sbh_secrets":
        world.secrets.update(mark.kwargs)
    elif mark.name == "sbh_tables":
        for table, rows in mark.kwargs.items():
            world.db.insert(table, rows)
    elif mark.name == "sbh_files":
        for key, content in mark.kwargs.items():
            world.files.write(key, content)


def _unknown(what: str, names: Iterable[Any], known: Collection[str]) -> str | None:
    from sbh_jobkit.errors import did_you_mean

    for name in names:
        if not isinstance(name, str) or name not in known:
            hint = did_you_mean(str(name), known)
            return f"unknown {what} {name!r}{hint}\nknown are: {', '.join(sorted(known))}"
    return None


def _call(mark: pytest.Mark) -> str:
    """Show what was given, but for the values of keywords: they may be secrets."""
    return f"({', '.join([*map(repr, mark.args), *(f'{name}=…' for name in mark.kwargs)])})"


def _shown(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _line(item: pytest.Item, name: str) -> int:
    """Find the line of a marker: above the test, else the nearest before it, at its class or in its module."""
    first = (item.reportinfo()[1] or 0) + 1
    try:
        last = first + len(inspect.getsourcelines(item.obj)[0])  # type: ignore[attr-defined]
        tree = ast.parse(item.path.read_text(encoding="utf-8"))
    except (AttributeError, OSError, TypeError, SyntaxError, UnicodeDecodeError):  # no function of a file of its own
        return first
    lines = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == name}
    own = [line for line in lines if first <= line < last]
    return min(own) if own else max((line for line in lines if line < first), default=first)
