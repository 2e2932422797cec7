"""The findings of a check as a SARIF 2.1.0 log, which code hosts and editors read."""

from __future__ import annotations

import json
import os
from collections import Counter
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sbh_jobkit.check import rulebook
from sbh_jobkit.check.baseline import fingerprint
from sbh_jobkit.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sbh_jobkit.check.checked import Checked
    from sbh_jobkit.check.finding import Edit, Finding
    from sbh_jobkit.check.rulebook import Rule

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ROOT = "%SRCROOT%"
_FINGERPRINT = "sbhFinding/v1"


def sarif(checked: Sequence[Checked], target: str) -> str:
    """Return the log; places are relative to the directory where the command was typed, as code hosts want them."""
    del target
    rules, manual = [*rulebook.rules().values()], address_of_manual(_project_urls())
    driver = {
        "name": "sbh-jobkit",
        "version": __version__,
        "semanticVersion": __version__,
        "informationUri": page(manual, "check"),
        "rules": [_rule(rule, manual) for rule in rules],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [*_results(checked, [rule.id for rule in rules])],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=1)


def address_of_manual(urls: Iterable[str]) -> str | None:
    """Return where the manual is read, from `Project-URL` lines such as `Documentation, https://…`; None if nowhere."""
    pairs = [url.partition(", ") for url in urls]
    return next((url.rstrip("/") for label, _, url in pairs if label.lower() == "documentation"), None)


def _project_urls() -> list[str]:
    try:
        return metadata("sbh-jobkit").get_all("Project-URL") or []
    except PackageNotFoundError:  # a checkout that is on the path, and not installed
        return []


def page(manual: str | None, name: str, rule: str = "") -> str:
    """Return the address of a page of the manual; without one on the web, a package URL, which names the file."""
    if manual is not None:
        return f"{manual}/{name}.html{f'#{rule.lower()}' if rule else ''}"
    return f"pkg:generic/sbh-jobkit@{__version__}{f'?rule={rule.lower()}' if rule else ''}#docs/{name}.md"


def _rule(rule: Rule, manual: str | None) -> dict[str, Any]:
    text = f"{rule.what}\n\n{rule.why}\n\nTo fix it: {rule.fix}"
    examples = [("Bad", rule.bad), ("Good", rule.good)]
    code = "".join(f"\n\n{name}:\n\n```python\n{each.strip()}\n```" for name, each in examples if each)
    return {
        "id": rule.id,
        "name": "".join(part.capitalize() for part in rule.id.split("-")),
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why}"},
        "help": {"text": text, "markdown": f"{text}{code}"},
        "helpUri": page(manual, "rules", rule.id),
        "defaultConfiguration": {"level": rule.levels[0]},
        "properties": {"tags": [rule.kind]},
    }


def _results(checked: Sequence[Checked], rules: list[str]) -> Iterator[dict[str, Any]]:
    seen: Counter[str] = Counter()
    for each in checked:
        for found in each.findings:
            result = {
                "ruleId": found.rule,
                "ruleIndex": rules.index(found.rule),
                "level": found.level,
                "message": {"text": found.sentence},
                "locations": [{"physicalLocation": _location(each, found)}],
                "partialFingerprints": {_FINGERPRINT: fingerprint(each, found, seen)},
            }
            yield {**result, "fixes": [_fix(each, found)]} if found.edits else result


def _location(checked: Checked, found: Finding) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": found.line, "startColumn": found.column}
    if found.end_line:
        region |= {"endLine": found.end_line, "endColumn": found.end_column}
    if line := checked.line(found):
        region["snippet"] = {"text": line}
    return {"artifactLocation": _artifact(checked, found.file), "region": region}


def _artifact(checked: Checked, file: str) -> dict[str, str]:
    """Return the address of a file: relative if it is below the working directory, else whole."""
    path = Path(os.path.normpath(Path.cwd() / checked.path_of(file)))
    if path.is_relative_to(Path.cwd()):
        return {"uri": quote(path.relative_to(Path.cwd()).as_posix()), "uriBaseId": _ROOT}
    return {"uri": path.as_uri()}


def _fix(checked: Checked, found: Finding) -> dict[str, Any]:
    by_file: dict[str, list[Edit]] = {}
    for edit in found.edits:
        by_file.setdefault(edit.file, []).append(edit)
    changes = [
        {"artifactLocation": _artifact(checked, file), "replacements": [_replacement(edit) for edit in edits]}
        for file, edits in by_file.items()
    ]
    return {"description": {"text": found.advice or found.message}, "artifactChanges": changes}


def _replacement(edit: Edit) -> dict[str, Any]:
    region = {
        "startLine": edit.line,
        "startColumn": edit.column,
        "endLine": edit.end_line,
        "endColumn": edit.end_column,
    }
    return {"deletedRegion": region, "insertedContent": {"text": edit.text}}
