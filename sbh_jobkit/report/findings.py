"""The findings of a check as text, JSON, SARIF, and as annotations on a code host."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import PurePath
from typing import TYPE_CHECKING

from sbh_jobkit.check.finding import RULES
from sbh_jobkit.plugin import divergences
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sbh_jobkit.check.finding import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def text(findings: Sequence[Finding], path: str, target: str) -> str:
    """Write each finding in a line that an editor can follow, with advice below it."""
    lines = []
    for found in findings:
        lines.append(f"{_file(path, found)}:{found.line}: {found.message} [{found.rule}]")
        if found.advice:
            lines.append(f"  try: {found.advice}")
    on = " on today's host" if target == "host" else ""
    count = len(findings)
    lines.append(f"{path}: {f'{count} finding' if count else 'no problems found'}{'s' if count > 1 else ''}{on}")
    return "\n".join(lines)


def as_json(findings: Sequence[Finding], path: str, target: str) -> str:
    """Return the findings as JSON."""
    rows = [{**asdict(found), "file": _file(path, found)} for found in findings]
    value = {"plugin": path, "target": target, "ok": not findings, "findings": rows}
    return json.dumps(value, ensure_ascii=False, indent=1)


def sarif(findings: Sequence[Finding], path: str, target: str) -> str:
    """Return a SARIF 2.1.0 log, which code hosts and editors read."""
    del target
    rules = sorted({found.rule for found in findings})
    driver = {
        "name": "sbh-jobkit",
        "version": __version__,
        "rules": [{"id": rule, "shortDescription": {"text": _about(rule)}} for rule in rules],
    }
    results = [
        {
            "ruleId": found.rule,
            "ruleIndex": rules.index(found.rule),
            "level": "error",
            "message": {"text": _whole(found)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": _file(path, found)},
                        "region": {"startLine": found.line},
                    }
                }
            ],
        }
        for found in findings
    ]
    runs = [{"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}]
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": runs}, ensure_ascii=False, indent=1)


def github(findings: Sequence[Finding], path: str, target: str) -> str:
    """Return workflow commands, with which GitHub shows each finding at its line of a pull request."""
    del target
    return "\n".join(
        f"::error file={_property(_file(path, found))},line={found.line},title={found.rule}::{_data(_whole(found))}"
        for found in findings
    )


FORMATS: dict[str, Callable[[Sequence[Finding], str, str], str]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "github": github,
}
"""The values of `--format`."""


def _file(path: str, found: Finding) -> str:
    """Return the path of a file relative to the directory where the command was typed."""
    typed = PurePath(path)
    folder = typed.parent if typed.suffix in {".py", ".json"} else typed
    return (folder / found.file).as_posix()


def _whole(found: Finding) -> str:
    return f"{found.message}; {found.advice}" if found.advice else found.message


def _about(rule: str) -> str:
    return RULES.get(rule) or divergences.table()[rule].host


def _data(value: str) -> str:
    return _replaced(value, {"%": "%25", "\r": "%0D", "\n": "%0A"}.items())


def _property(value: str) -> str:
    return _replaced(_data(value), {":": "%3A", ",": "%2C"}.items())


def _replaced(value: str, pairs: Iterable[tuple[str, str]]) -> str:
    for old, new in pairs:
        value = value.replace(old, new)
    return value
