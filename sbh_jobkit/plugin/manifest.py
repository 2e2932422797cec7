"""A plugin's `plugin.json`: parsed and validated, all faults at once, each with its JSON path."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError, ManifestError, did_you_mean
from sbh_jobkit.schedule import cron, times

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = "plugin.json"
PERMISSIONS = frozenset(
    {
        "db.read",
        "db.write",
        "files.read",
        "files.write",
        "emit_webhook",
        "send_email",
        "outbound_http",
        "llm.use",
    }
)
_REQUIRED = ("slug", "name")
_NEAR = 0.8
"""An unknown key may be somebody's own, such as `min_version`; a misspelt one is nearer than that."""
_SLUG = re.compile(r"[A-Za-z0-9_-]+")
_ENTRY = re.compile(r"(?:[\w-]+/)*[\w-]+(?:\.[\w-]+)*\.py", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestJob:
    """One entry of the manifest's `jobs`."""

    name: str
    schedule: str | None = None
    description: str = ""
    timezone: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a plugin says of itself."""

    slug: str
    name: str
    version: str = "0.0.0"
    entry: str = "main.py"
    description: str = ""
    author: str = ""
    repo_url: str = ""
    permissions: frozenset[str] = PERMISSIONS
    """A manifest without the key gets all of them."""
    routes: tuple[Any, ...] = ()
    events: tuple[Any, ...] = ()
    jobs: tuple[ManifestJob, ...] | None = None
    """None where the manifest does not list jobs."""
    secrets: tuple[str, ...] = ()
    timezone: str | None = None


def read(text: str | bytes, where: str = FILE) -> Manifest:
    """Read a manifest's text; raises ManifestError with every fault, or with line and column of broken JSON."""
    twice: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        fault = f"line {error.lineno} column {error.colno} is not JSON: {error.msg}"
        raise ManifestError(where, [fault]) from None
    except UnicodeDecodeError as error:
        raise ManifestError(where, [f"byte {error.start} is not UTF-8; save the file as UTF-8"]) from None
    except ValueError:  # Python reads no number of more than 4300 digits
        raise ManifestError(where, ["it has a number of too many digits"]) from None
    except RecursionError:
        raise ManifestError(where, ["it is nested too deeply to be a manifest"]) from None
    return parse(data, where, [f"the key {name!r} stands twice in one object" for name in twice])


def parse(data: Any, where: str = FILE, earlier: list[str] | None = None) -> Manifest:
    """Validate a manifest's data; raises ManifestError with every fault, those found `earlier` first."""
    faults = list(earlier or ())
    if not isinstance(data, Mapping):
        raise ManifestError(where, [*faults, f"$: a manifest is an object, got {_kind(data)}"])
    values = dict(_values(data, faults))
    if faults:
        raise ManifestError(where, faults)
    return Manifest(**values)


def _values(data: Mapping[str, Any], faults: list[str]) -> Iterator[tuple[str, Any]]:
    faults.extend(f"$.{key}: missing; every manifest has slug and name" for key in _REQUIRED if key not in data)
    faults.extend(_misspelt(data))
    for key in ("slug", "name", "version", "entry", "description", "author", "repo_url", "timezone"):
        if key in data:
            yield key, _text(data[key], f"$.{key}", faults, empty=key in {"description", "author", "repo_url"})
    slug, entry = data.get("slug"), data.get("entry")
    if isinstance(slug, str) and slug.strip() and not _SLUG.fullmatch(slug):
        faults.append(f"$.slug: {slug!r} may have letters, digits, '-' and '_' only")
    if isinstance(entry, str) and entry.strip() and not _ENTRY.fullmatch(entry):
        faults.append(f"$.entry: {entry!r} is not a Python file inside the plugin, such as 'main.py'")
    _check(times.zone, data.get("timezone"), "$.timezone", faults)
    for key in ("routes", "events", "secrets", "permissions"):
        if key in data and not isinstance(data[key], list):
            faults.append(f"$.{key}: must be a list, got {_kind(data[key])}")
        elif key in data:
            yield key, frozenset(map(str, data[key])) if key == "permissions" else tuple(data[key])
    _check_names(data, faults)
    if "jobs" in data:
        yield "jobs", tuple(_jobs(data["jobs"], faults))


def _misspelt(data: Mapping[str, Any]) -> Iterator[str]:
    known = {key.name for key in fields(Manifest)}
    for key in data:
        if isinstance(key, str) and key not in known:
            hint = did_you_mean(key, known.difference(data), nearness=_NEAR)
            if hint:
                yield f"$.{key}: unknown key{hint}"


def _check_names(data: Mapping[str, Any], faults: list[str]) -> None:
    for key in ("secrets", "permissions"):
        names = data.get(key)
        for index, name in enumerate(names if isinstance(names, list) else ()):
            path = f"$.{key}[{index}]"
            if not _text(name, path, faults) or key == "secrets" or name in PERMISSIONS:
                continue
            hint = did_you_mean(name, PERMISSIONS) or f"; known are {', '.join(sorted(PERMISSIONS))}"
            faults.append(f"{path}: unknown permission {name!r}{hint}")


def _jobs(entries: Any, faults: list[str]) -> Iterator[ManifestJob]:
    if not isinstance(entries, list):
        faults.append(f"$.jobs: must be a list, got {_kind(entries)}")
        return
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        path = f"$.jobs[{index}]"
        if not isinstance(entry, Mapping):
            faults.append(f"{path}: must be an object with name and schedule, got {_kind(entry)}")
            continue
        if "name" not in entry:
            faults.append(f"{path}.name: missing; a job has a name")
        texts = {
            key: _text(entry[key], f"{path}.{key}", faults, empty=key == "description")
            for key in ("name", "schedule", "description", "timezone")
            if key in entry
        }
        _check(cron.parse, texts.get("schedule"), f"{path}.schedule", faults)
        _check(times.zone, texts.get("timezone"), f"{path}.timezone", faults)
        name = texts.get("name")
        if name and name in seen:
            faults.append(f"{path}.name: {name!r} is already the name of $.jobs[{seen[name]}]")
        elif name:
            seen[name] = index
            yield ManifestJob(**{key: text for key, text in texts.items() if text is not None})


def _text(value: Any, path: str, faults: list[str], *, empty: bool = False) -> str | None:
    if not isinstance(value, str):
        faults.append(f"{path}: must be text, got {_kind(value)}")
        return None
    if not value.strip() and not empty:
        faults.append(f"{path}: must not be empty")
        return None
    return value


def _check(read_it: Any, value: Any, path: str, faults: list[str]) -> None:
    if isinstance(value, str) and value.strip():
        try:
            read_it(value)
        except JobkitError as error:
            faults.append(f"{path}: {error}")


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (Mapping, list)):
        return "a list" if isinstance(value, list) else "an object"
    kind = "text" if isinstance(value, str) else "a number" if isinstance(value, (int, float)) else type(value).__name__
    return f"{kind} ({value!r})"
