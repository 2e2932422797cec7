"""The lines of a plugin that no run of a simulation reached.

Only what a simulation could reach counts: functions that a job of it may call, and functions that nothing calls. Hooks,
routes and jobs that never ran, with what they alone use, are observations. Docstrings, blank lines and `else:` do not
count, and neither does what is outside of functions: it runs when the plugin is imported.
"""

from __future__ import annotations

import ast
import linecache
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import PluginError
from sbh_jobkit.machine.lines import LineWatch, is_cheap, nested
from sbh_jobkit.plugin.functions import PluginFunctions, lines_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from sbh_jobkit.machine.lines import Line
    from sbh_jobkit.plugin.functions import Function
    from sbh_jobkit.plugin.plugin import Plugin


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreachedLines:
    """The lines of a function that no run reached."""

    file: str
    """Such as `main.py`."""
    function: str
    """Such as `sync`, or `Client.fetch` for a method."""
    called: bool
    """Whether any line of the function was reached."""
    lines: frozenset[int]
    start: int
    """The line at which the function begins."""
    users: frozenset[str] | None = field(repr=False)
    """The jobs that may call the function; None for one that nothing names."""
    code: frozenset[int] = field(repr=False)
    """All lines of the function that have code."""
    text: Mapping[int, str] = field(repr=False)
    """The source of the lines by number, and of what is between them."""

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The first and the last line of each group of lines that no other code divides."""
        numbers = sorted(self.lines)
        divided = [
            place
            for place, (one, other) in enumerate(pairwise(numbers), start=1)
            if not self.code.isdisjoint(range(one + 1, other))
        ]
        return [(numbers[start], numbers[end - 1]) for start, end in pairwise([0, *divided, len(numbers)])]

    @property
    def place(self) -> str:
        """Such as `main.py:12-14, 20`."""
        shown = (f"{first}" if first == last else f"{first}-{last}" for first, last in self.ranges)
        return f"{self.file}:{', '.join(shown)}"

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        ranges = [
            {"first": first, "last": last, "source": [self.text[line] for line in range(first, last + 1)]}
            for first, last in self.ranges
        ]
        return {"file": self.file, "function": self.function, "called": self.called, "ranges": ranges}


@dataclass(slots=True, kw_only=True)
class LinesSeen:
    """What is left over of a plugin's lines: of one simulation, or of many that are merged."""

    files: set[str]
    """The files that were loaded."""
    rest: dict[tuple[str, int, str], UnreachedLines]
    """By file, line and name of the function; a function that was wholly reached is not there."""

    @classmethod
    def from_lines(cls, plugin: Plugin, reached: Collection[Line]) -> LinesSeen:
        """Compare what is there with what was reached."""
        functions = PluginFunctions(plugin)
        everything = functions.at_import.union(reached)
        statements = _Statements()
        rest = {}
        for each in functions.all:
            file = each.code.co_filename
            left = {line for line in each.lines if (file, line) not in everything}
            if left:
                found = _unreached(each, left, statements.of(file), functions.users(each))
                rest[found.file, found.start, found.function] = found
        return cls(files={each.file for each in functions.all}, rest=rest)

    def merge(self, other: LinesSeen) -> None:
        """Keep what the other one did not reach either."""
        rest = {key: each for key, each in self.rest.items() if key in other.rest or each.file not in other.files}
        for key, each in other.rest.items():
            if key in rest:
                both = rest[key].lines & each.lines
                rest[key] = replace(rest[key], lines=both, called=each.called or rest[key].called)
            elif each.file not in self.files:
                rest[key] = each
        self.rest = {key: each for key, each in rest.items() if each.lines}
        self.files |= other.files

    def after(self, jobs: Collection[str]) -> tuple[UnreachedLines, ...]:
        """Return what counts if these jobs ran, by file and line."""
        found = (each for each in self.rest.values() if each.users is None or not each.users.isdisjoint(jobs))
        return tuple(sorted(found, key=lambda each: (each.file, each.start)))


def watch_lines(plugin: Plugin, *, asked: bool) -> LineWatch | None:
    """Return what notes the lines that runs reach; None where that would be slow and nobody has asked for it."""
    return LineWatch(PluginFunctions(plugin).codes, plugin.root) if asked or is_cheap() else None


def lines_seen(plugin: Plugin, watch: LineWatch) -> LinesSeen:
    """Return what the runs under a watch left over; what an import of the plugin reaches is reached, too."""
    at_import = plugin.reached_at_import
    if at_import is None:
        again = LineWatch(PluginFunctions(plugin).codes, plugin.root)
        with suppress(PluginError), again, plugin.imported_again():  # some can be imported once only
            pass
        at_import = again.reached
    return LinesSeen.from_lines(plugin, watch.reached | at_import)


def _unreached(function: Function, left: set[int], file: _File, users: frozenset[str] | None) -> UnreachedLines:
    code = frozenset(line for each in nested(function.code) for line in lines_of(each))
    lines = frozenset(line for number in left for line in file.with_rest(number, code))
    return UnreachedLines(
        file=function.file,
        function=function.name,
        called=bool(function.lines - left),
        lines=lines,
        start=function.code.co_firstlineno,
        users=users,
        code=code,
        text={line: file.text(line) for line in range(min(lines), max(lines) + 1)},
    )


class _Statements:
    """The files of a plugin, each read once."""

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def of(self, file: str) -> _File:
        if file not in self._files:
            linecache.checkcache(file)
            self._files[file] = _File(linecache.getlines(file))
        return self._files[file]


class _File:
    """The text of a file, and where its statements end."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._last: dict[int, int] = {}
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:  # the magics of a cell
            return
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                self._last.update(dict.fromkeys(*_extent(node)))

    def text(self, line: int) -> str:
        return self._lines[line - 1].rstrip("\n") if line <= len(self._lines) else ""

    def with_rest(self, line: int, code: frozenset[int]) -> Iterator[int]:
        """Yield a line, and those after it that belong to the same statement and have no code of their own."""
        yield line
        for after in range(line + 1, self._last.get(line, line) + 1):
            if after in code:
                return
            if self.text(after).strip() and not self.text(after).lstrip().startswith("#"):
                yield after


def _extent(node: ast.stmt) -> tuple[range, int]:
    """Return the lines of a statement without the statements inside it, and the last of them."""
    inner = [each.lineno for each in ast.walk(node) if isinstance(each, ast.stmt) and each is not node]
    last = min(inner) - 1 if inner else node.end_lineno or node.lineno
    return range(node.lineno, last + 1), last
