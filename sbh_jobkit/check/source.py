"""Read a plugin's files without running them: the manifest, and every module that the entry imports."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check import jsontext, syntax
from sbh_jobkit.check.finding import Edit, Finding, Span
from sbh_jobkit.check.walk import nodes
from sbh_jobkit.errors import ManifestError, PluginError
from sbh_jobkit.plugin import manifest as _manifest
from sbh_jobkit.plugin.manifest import FILE, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_JSON_ERROR = re.compile(r"line (\d+) column (\d+) is not valid JSON: ")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
Node = ast.expr | ast.stmt | ast.alias | ast.arg | ast.keyword | ast.ExceptHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """The content of a plugin's files."""

    folder: Path
    entry: str
    text: str = ""
    """The text of the manifest; empty if there is none."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """The data of the manifest, even if it has problems."""
    manifest: Manifest | None = None
    """None if there is no manifest, or one with problems."""
    modules: dict[str, tuple[str, ast.Module]] = field(default_factory=dict)
    """The file and syntax tree of each module, by its import name; the entry comes first."""
    texts: dict[str, list[str]] = field(default_factory=dict)
    """The lines of each file that was read."""
    damaged: set[str] = field(default_factory=set)
    """The files whose syntax tree lacks what could not be parsed."""
    findings: list[Finding] = field(default_factory=list)
    """The problems that were found while reading the files."""

    def line(self, path: str) -> int:
        """Return the line of the manifest for a path such as `$.jobs[1].schedule`, or of its nearest parent."""
        return jsontext.span(self.text, path).line

    def found(self, file: str, node: Node, rule: str, message: str, **more: Any) -> Finding:
        """Return a finding at a node of a module; the place of a function is its name."""
        return Finding(file=file, **self.span(file, node)._asdict(), rule=rule, message=message, **more)

    def edit(self, file: str, node: Node, text: str) -> Edit:
        """Return the edit that replaces a node of a module."""
        place = node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset
        return self.edit_at(file, place, text)

    def edit_at(self, file: str, place: tuple[int, int, int, int], text: str) -> Edit:
        """Return the edit that replaces a place of a module: lines, and columns in bytes, as nodes have them."""
        return Edit(file=file, **self._in_characters(file, place)._asdict(), text=text)

    def span(self, file: str, node: Node) -> Span:
        """Return the place of a node of a module."""
        return self._in_characters(file, _place(node))

    def _in_characters(self, file: str, place: tuple[int, int, int, int]) -> Span:
        line, column, end_line, end_column = place
        return Span(
            line,
            self._characters(file, line, column) + 1,
            end_line,
            self._characters(file, end_line, end_column) + 1,
        )

    def in_manifest(self, path: str, rule: str, message: str, **more: Any) -> Finding:
        """Return a finding at a JSON path of the manifest."""
        return Finding(file=FILE, **jsontext.span(self.text, path)._asdict(), rule=rule, message=message, **more)

    def _characters(self, file: str, line: int, column: int) -> int:
        """Return a column in characters for one in bytes, as Python counts."""
        lines = self.texts.get(file, [])
        if not 1 <= line <= len(lines) or not _NOT_ASCII.search(lines[line - 1]):
            return column
        return len(lines[line - 1].encode()[:column].decode(errors="replace"))


def _place(node: Node) -> tuple[int, int, int, int]:
    """Return where the start and the end of a node are, of a compound statement its first word, in bytes."""
    line, column = node.lineno, node.col_offset
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        column += len("async def " if isinstance(node, ast.AsyncFunctionDef) else "def ")
        return line, column, line, column + len(node.name.encode())
    if isinstance(node, (ast.If, ast.While, ast.For, ast.Try, ast.With)):
        return line, column, line, column + len(type(node).__name__)
    if isinstance(node, ast.ExceptHandler):
        return line, column, line, (node.type.end_col_offset if node.type else None) or column + len("except")
    return line, column, node.end_lineno or line, node.end_col_offset or column


def read_source(folder: Path, entry: str | None = None) -> Source:
    """Read a plugin's folder; `entry` replaces the entry of the manifest."""
    found = Source(folder=folder, entry=entry or "main.py")
    if (folder / FILE).is_file():
        found = _with_manifest(folder, entry)
    if not (folder / found.entry).is_file():
        message = f"$.entry: there is no file {found.entry!r}"
        found.findings.append(found.in_manifest("$.entry", "manifest", message))
        return found
    waiting = {found.entry.removesuffix(".py").replace("/", "."): found.entry}
    while waiting:
        name, file = waiting.popitem()
        tree = _tree(found, file)
        found.modules[name] = file, tree
        waiting |= {name: file for name, file in _siblings(folder, name, file, tree) if name not in found.modules}
    return found


def _with_manifest(folder: Path, entry: str | None) -> Source:
    try:
        raw = (folder / FILE).read_bytes()
    except OSError as error:
        msg = f"{folder / FILE} cannot be read: {error.strerror}"
        raise PluginError(msg) from error
    text = raw.decode(errors="replace")
    try:
        parsed = _manifest.read(raw)
        problems: tuple[str, ...] = ()
    except ManifestError as error:
        parsed, problems = None, error.problems
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        data = {}
    data = data if isinstance(data, Mapping) else {}
    named = data.get("entry")
    own = parsed.entry if parsed else named if isinstance(named, str) and named.endswith(".py") else "main.py"
    found = Source(folder=folder, entry=entry or own, text=text, data=data, manifest=parsed)
    found.texts[FILE] = syntax.lines_of(text)
    for problem in problems:
        at = _JSON_ERROR.match(problem)
        path = problem.partition(": ")[0]
        finding = found.in_manifest(path, "manifest", problem)
        if at:
            finding = Finding(file=FILE, line=int(at[1]), column=int(at[2]), rule="manifest", message=problem)
        found.findings.append(finding)
    return found


def _tree(source: Source, file: str) -> ast.Module:
    try:
        parsed = syntax.parse((source.folder / file).read_bytes(), file)
    except OSError as error:
        problem = syntax.Problem(line=1, column=1, message=f"cannot be read: {error.strerror}")
        parsed = syntax.Parsed(tree=ast.Module(body=[], type_ignores=[]), problems=(problem,), damaged=True)
    source.texts[file] = syntax.lines_of(parsed.text)
    if parsed.damaged:
        source.damaged.add(file)
    source.findings.extend(
        Finding(file=file, line=each.line, column=each.column, rule="syntax", message=each.message)
        for each in parsed.problems
    )
    return parsed.tree


def _siblings(folder: Path, importer: str, importing: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the name and file of each module of the folder that a module imports."""
    parts = [*importer.split("."), *(["__init__"] if importing.endswith("__init__.py") else [])]
    for node in nodes(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            package = parts[: -node.level] if node.level else []
            module = ".".join([*package, *filter(None, [node.module])])
            names = [module, *(f"{module}.{alias.name}".lstrip(".") for alias in node.names)]
        for name in names:
            path = name.replace(".", "/")
            for file in (f"{path}.py", f"{path}/__init__.py"):
                if name and (folder / file).is_file():
                    yield name, file
