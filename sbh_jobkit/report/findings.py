"""The findings of a check as text, JSON, and annotations on a code host; SARIF is in a module of its own."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from sbh_jobkit.check.finding import LEVELS
from sbh_jobkit.errors import one_line
from sbh_jobkit.report.text import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sbh_jobkit.check.checked import Checked
    from sbh_jobkit.check.finding import Finding

_GITHUB = {"error": "error", "warning": "warning", "note": "notice"}
_WIDEST, _BEFORE = 160, 40
"""The most characters of a line that are shown, and how many of them before a place that is further right."""
Styled = tuple[str, str]
"""A piece of text, and its style in a terminal."""


def text(checked: Sequence[Checked], target: str) -> str:
    """Write each finding with its line of source, what is wrong there, and what to do."""
    return "".join(piece for piece, _ in styled(checked, target)).removesuffix("\n")


def concise(checked: Sequence[Checked], target: str) -> str:
    """Write each finding in one line that an editor can follow."""
    lines = [_head(each, found) for each in checked for found in each.findings]
    return "\n".join([*lines, *ends(checked, target)])


def styled(checked: Sequence[Checked], target: str) -> Iterator[Styled]:
    """Yield the text in pieces, each with its style; every line ends in one."""
    colours = {"error": "bold red", "warning": "bold yellow", "note": "bold blue"}
    for each in checked:
        for found in each.findings:
            yield f"{_where(each, found)}: ", "bold"
            yield f"{found.level}[{found.rule}]", colours[found.level]
            yield f" {found.message}\n", ""
            if (excerpt := _excerpt(each, found)) is not None:
                line, carets = excerpt
                yield f"  {line}\n", ""
                yield f"  {carets}\n", colours[found.level]
            if found.advice:
                yield f"  try: {found.advice}\n", ""
    for line in ends(checked, target):
        yield f"{line}\n", ""


def _excerpt(checked: Checked, found: Finding) -> tuple[str, str] | None:
    """Return the line of source without its indentation, and carets below what is wrong."""
    whole = checked.line(found)
    left_out = max(found.column - _BEFORE, 0) if found.column > _WIDEST else 0
    line = whole[left_out : left_out + _WIDEST + _BEFORE].replace("\t", " ").rstrip()
    if not found.end_line or not line:
        return None
    indent = len(line) - len(line.lstrip())
    start = max(found.column - 1 - left_out, indent)
    end = found.end_column - 1 - left_out if found.end_line == found.line else len(line)
    shown = line[indent : indent + _WIDEST]
    width = max(min(end, indent + len(shown)) - start, 1)
    return shown, f"{' ' * (start - indent)}{'^' * width}"


def ends(checked: Sequence[Checked], target: str) -> Iterator[str]:
    """Yield a line for each plugin, and one for all of them: how many findings, and what was not looked at."""
    on = " on today's host" if target == "host" else ""
    for each in checked:
        path = one_line(each.path)
        yield f"{path}: {_counts(each.findings) or 'no problems found'}{on}"
        if each.not_checked:
            yield f"{path}: not looked at: {each.not_checked}"
    if len(checked) > 1:
        found = [found for each in checked for found in each.findings]
        yield f"{len(checked)} plugins: {_counts(found) or 'no problems found'}{on}"


def _counts(findings: Iterable[Finding]) -> str:
    """Write `2 errors, 1 warning; 1 fixable with --fix`; empty if there are no findings."""
    found = [*findings]
    levels = Counter(each.level for each in found)
    parts = ", ".join(count(levels[level], level) for level in LEVELS if levels[level])
    fixable = sum(bool(each.edits) for each in found)
    return f"{parts}{f'; {fixable} fixable with --fix' if fixable else ''}"


def statistics(checked: Sequence[Checked]) -> list[str]:
    """Return a line for each rule, with the number of its findings, the most frequent one first."""
    numbers = Counter(found.rule for each in checked for found in each.findings)
    width = max((len(f"{number}") for number in numbers.values()), default=0)
    return [f"{number:{width}}  {rule}" for rule, number in numbers.most_common()]


def as_json(checked: Sequence[Checked], target: str) -> str:
    """Return the findings as JSON: of one plugin as an object, of several as a list of them."""
    rows = [_row(each) for each in checked]
    value = {"target": target, "ok": all(row["ok"] for row in rows)}
    value = {**value, **rows[0]} if len(rows) == 1 else {**value, "plugins": rows}
    return json.dumps(value, ensure_ascii=False, indent=1)


def _row(checked: Checked) -> dict[str, Any]:
    findings = [{**asdict(found), "file": checked.path_of(found.file)} for found in checked.findings]
    return {
        "plugin": checked.path,
        "ok": checked.ok,
        "findings": findings,
        "not_checked": checked.not_checked or None,
    }


def github(checked: Sequence[Checked], target: str) -> str:
    """Return workflow commands, with which GitHub shows each finding at its line of a pull request."""
    del target
    return "\n".join(_annotation(each, found) for each in checked for found in each.findings)


def _annotation(checked: Checked, found: Finding) -> str:
    place = {"file": _property(checked.path_of(found.file)), "line": found.line, "col": found.column}
    if found.end_line:
        place |= {"endLine": found.end_line, "endColumn": found.end_column}
    properties = ",".join(f"{name}={value}" for name, value in {**place, "title": found.rule}.items())
    return f"::{_GITHUB[found.level]} {properties}::{_data(found.sentence)}"


def sarif(checked: Sequence[Checked], target: str) -> str:
    """Write a log in SARIF; its module is loaded for it alone."""
    from sbh_jobkit.report import sarif as module

    return module.sarif(checked, target)


FORMATS: dict[str, Callable[[Sequence[Checked], str], str]] = {
    "text": text,
    "concise": concise,
    "json": as_json,
    "sarif": sarif,
    "github": github,
}
"""The values of `--format`."""


def _where(checked: Checked, found: Finding) -> str:
    return f"{one_line(checked.path_of(found.file))}:{found.line}:{found.column}"


def _head(checked: Checked, found: Finding) -> str:
    return f"{_where(checked, found)}: {found.level}[{found.rule}] {' '.join(found.message.split())}"


def _data(value: str) -> str:
    return _replaced(value, {"%": "%25", "\r": "%0D", "\n": "%0A"}.items())


def _property(value: str) -> str:
    return _replaced(_data(value), {":": "%3A", ",": "%2C"}.items())


def _replaced(value: str, pairs: Iterable[tuple[str, str]]) -> str:
    for old, new in pairs:
        value = value.replace(old, new)
    return value
