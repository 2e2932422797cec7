"""A file with the findings that are known already, so that a check tells only what is new."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sbh_jobkit.check.checked import Checked
    from sbh_jobkit.check.finding import Finding


def fingerprint(checked: Checked, found: Finding, seen: Counter[str]) -> str:
    """Return a text that stays the same when other lines of the file are added, moved or removed.

    `seen` counts the findings so far, so that two of the same rule on equal lines differ.
    """
    line = " ".join(checked.line(found).split())
    parts = json.dumps([checked.path_of(found.file), found.rule, found.message if not line else "", line])
    seen[parts] += 1
    return f"{hashlib.sha256(parts.encode()).hexdigest()[:32]}:{seen[parts]}"


def only_new(checked: Sequence[Checked], file: Path) -> list[Checked]:
    """Return what was found without what the file knows; a file that is not there is written with all of it.

    Raises JobkitError for a file that cannot be read or written, or that is not a baseline.
    """
    seen: Counter[str] = Counter()
    prints = [[(each, fingerprint(plugin, each, seen)) for each in plugin.findings] for plugin in checked]
    if not file.exists():
        _write(file, {mark: f"{each.rule}: {each.file}" for found in prints for each, mark in found})
        return [replace(plugin, findings=()) for plugin in checked]
    known = _read(file)
    return [
        replace(plugin, findings=tuple(each for each, mark in found if mark not in known))
        for plugin, found in zip(checked, prints, strict=True)
    ]


def _read(file: Path) -> dict[str, Any]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        known = data["findings"]
    except OSError as error:
        msg = f"the baseline {str(file)!r} cannot be read: {error.strerror}"
        raise JobkitError(msg) from error
    except (ValueError, KeyError, TypeError):
        known = None
    if not isinstance(known, dict):
        msg = f"{str(file)!r} is not a baseline; remove it, and check --baseline writes it again"
        raise JobkitError(msg)
    return known


def _write(file: Path, known: dict[str, str]) -> None:
    try:
        file.write_text(json.dumps({"findings": known}, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"the baseline {str(file)!r} cannot be written: {error.strerror}"
        raise JobkitError(msg) from error
