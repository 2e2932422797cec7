"""Read a plugin's files without running them: the manifest, and every module that the entry imports."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check.finding import Finding
from sbh_jobkit.errors import ManifestError, PluginError
from sbh_jobkit.plugin import manifest as _manifest
from sbh_jobkit.plugin.manifest import FILE, Manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_JSON_ERROR = re.compile(r"line (\d+) column \d+ is not valid JSON: ")


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
    findings: list[Finding] = field(default_factory=list)
    """The problems that were found while reading the files."""

    def line(self, path: str) -> int:
        """Return the line of the manifest for a path such as `$.jobs[1].schedule`, or of its nearest parent."""
        return _line(self.text, path)


def read_source(folder: Path, entry: str | None = None) -> Source:
    """Read a plugin's folder; `entry` replaces the entry of the manifest."""
    found = Source(folder=folder, entry=entry or "main.py")
    if (folder / FILE).is_file():
        found = _with_manifest(folder, entry)
    if not (folder / found.entry).is_file():
        line = found.line("$.entry")
        message = f"$.entry: there is no file {found.entry!r}"
        found.findings.append(Finding(file=FILE, line=line, rule="manifest", message=message))
        return found
    waiting = {found.entry.removesuffix(".py").replace("/", "."): found.entry}
    while waiting:
        name, file = waiting.popitem()
        tree = _tree(folder, file, found.findings)
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
    for problem in problems:
        at = _JSON_ERROR.match(problem)
        line = int(at[1]) if at else found.line(problem.partition(": ")[0])
        found.findings.append(Finding(file=FILE, line=line, rule="manifest", message=problem))
    return found


def _tree(folder: Path, file: str, findings: list[Finding]) -> ast.Module:
    try:
        return ast.parse((folder / file).read_bytes(), file)
    except SyntaxError as error:
        findings.append(Finding(file=file, line=error.lineno or 1, rule="syntax", message=error.msg))
    except ValueError as error:  # a NUL byte, in Python 3.11
        findings.append(Finding(file=file, line=1, rule="syntax", message=str(error)))
    except OSError as error:
        findings.append(Finding(file=file, line=1, rule="syntax", message=f"cannot be read: {error.strerror}"))
    return ast.Module(body=[], type_ignores=[])


def _siblings(folder: Path, importer: str, importing: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Yield the name and file of each module of the folder that a module imports."""
    parts = [*importer.split("."), *(["__init__"] if importing.endswith("__init__.py") else [])]
    for node in ast.walk(tree):
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


def _line(text: str, path: str) -> int:
    """Return the line of a JSON path. The JSON is parsed as Python, whose syntax tree has line numbers."""
    try:
        node: ast.expr = ast.parse(f"({text})", mode="eval").body
    except (SyntaxError, ValueError, RecursionError):
        return 1
    line = node.lineno
    for step in path.removeprefix("$").replace("[", ".").replace("]", "").split(".")[1:]:
        if isinstance(node, ast.Dict):
            keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
            if step not in keys:
                return line
            index = keys.index(step)
            line, node = (node.keys[index] or node).lineno, node.values[index]
        elif isinstance(node, ast.List) and step.isdecimal() and int(step) < len(node.elts):
            node = node.elts[int(step)]
            line = node.lineno
        else:
            return line
    return line
