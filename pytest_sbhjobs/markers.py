"""The markers of a test: the content and the start of its world, and which faults are allowed.

They are checked when the test is collected; the error of a wrong one names its file and line.
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
    "sbh_plugin(path): the plugin under test; a relative path starts at the test's folder",
    "sbh_secrets(**values): secrets of the test's world",
    "sbh_tables(**rows): tables of the test's world, with exactly these rows",
    "sbh_files(**content): files of the test's world; write **{'temp/a.txt': '…'} for other keys",
    "sbh_at(iso): the virtual time when the test's world and sbh_clock start",
    "sbh_permissions(*names): permissions of the test's jobs, instead of the manifest's",
    "sbh_target(name): what the test's world behaves like: 'guide', or 'host' for today's host",
    "sbh_allow(*fault_kinds): kinds of fault that do not fail a run or the test",
)
NAMES = tuple(line.partition("(")[0] for line in LINES)
TARGETS = ("guide", "host")


def check(item: pytest.Item, collector: pytest.Collector) -> None:
    """Check the arguments of our markers; raises CollectError with file and line."""
    for mark in item.iter_markers():
        if not mark.name.startswith("sbh_"):
            continue
        problem = _problem(mark, item.path.parent)
        if problem is not None:
            place = f"{_file(item)}:{_line(item, mark.name)}"
            message = f"{place}: @pytest.mark.{mark.name}: {problem}"
            raise collector.CollectError(message)


def plugin_path(item: pytest.Item) -> Path | None:
    """Return the path of the nearest `sbh_plugin`."""
    mark = item.get_closest_marker("sbh_plugin")
    return item.path.parent / _checked(item, mark).args[0] if mark else None


def start(item: pytest.Item) -> str:
    """Return the time when the test's world starts."""
    from sbh_jobkit.schedule.times import START

    mark = item.get_closest_marker("sbh_at")
    return str(_checked(item, mark).args[0]) if mark else START


def target(item: pytest.Item) -> str | None:
    """Return the target of the nearest `sbh_target`."""
    mark = item.get_closest_marker("sbh_target")
    return str(_checked(item, mark).args[0]) if mark else None


def allowed(item: pytest.Item) -> frozenset[str]:
    """Return the kinds of fault of all `sbh_allow`."""
    return frozenset(kind for mark in _marks(item, "sbh_allow") for kind in mark.args)


def apply(item: pytest.Item, world: World) -> None:
    """Write the content of the markers into a world; a marker nearer to the test wins."""
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
    problem = _problem(mark, item.path.parent)
    if problem is not None:
        pytest.fail(f"pytest.mark.{mark.name}: {problem}", pytrace=False)
    return mark


def _problem(mark: pytest.Mark, folder: Path) -> str | None:
    """Return what is wrong with a marker, or None."""
    from sbh_jobkit.errors import JobkitError

    if mark.name not in NAMES:
        return _unknown("marker", [mark.name], NAMES)
    usage = next(line.partition(":")[0] for line in LINES if line.startswith(f"{mark.name}("))
    keywords, many = "**" in usage, "*" in usage
    if keywords and (mark.args or not mark.kwargs):
        return f"only keyword arguments: {usage}; got {_arguments(mark)}"
    if not keywords and (mark.kwargs or not mark.args or (len(mark.args) > 1 and not many)):
        return f"write {usage}; got {_arguments(mark)}"
    try:
        _try_values(mark)
    except JobkitError as error:
        return str(error)
    return _wrong_names(mark, folder)


def _wrong_names(mark: pytest.Mark, folder: Path) -> str | None:
    from sbh_jobkit import World
    from sbh_jobkit.plugin.manifest import PERMISSIONS
    from sbh_jobkit.run.kinds import known_kinds

    if mark.name == "sbh_plugin":
        path = mark.args[0]
        if isinstance(path, (str, Path)) and (folder / path).exists():
            return None
        return f"no plugin at {path!r}; a relative path starts at the test's folder, {folder}"
    if mark.name == "sbh_permissions":
        return _unknown("permission", mark.args, PERMISSIONS)
    if mark.name == "sbh_target":
        return _unknown("target", mark.args, TARGETS)
    if mark.name == "sbh_allow" and not set(mark.args) <= set(known := known_kinds()):
        return _unknown("kind of fault", mark.args, [*known, *World().extensions.fault_kinds])
    return None


def _try_values(mark: pytest.Mark) -> None:
    """Raise the kit's own error for values that it does not accept."""
    from sbh_jobkit import World
    from sbh_jobkit.schedule import times

    world = World()
    if mark.name == "sbh_at":
        times.instant_in_range(mark.args[0], world.zone)
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
            return f"unknown {what} {name!r}{hint}\nknown: {', '.join(sorted(known))}"
    return None


def _arguments(mark: pytest.Mark) -> str:
    """Show the arguments, but not the values of keywords: they may be secrets."""
    return f"({', '.join([*map(repr, mark.args), *(f'{name}=…' for name in mark.kwargs)])})"


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def _line(item: pytest.Item, name: str) -> int:
    """Return the line of a marker: above the test, else the nearest line before it, for its class or module."""
    first = (item.reportinfo()[1] or 0) + 1
    try:
        last = first + len(inspect.getsourcelines(item.obj)[0])  # type: ignore[attr-defined]
        tree = ast.parse(item.path.read_text(encoding="utf-8"))
    except (
        AttributeError,
        OSError,
        TypeError,
        SyntaxError,
        UnicodeDecodeError,
    ):  # the test is no function in a Python file
        return first
    lines = {node.lineno for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr == name}
    own = [line for line in lines if first <= line < last]
    return min(own) if own else max((line for line in lines if line < first), default=first)
