"""Parse and check `plugin.json`; all problems are reported at once, each with its JSON path."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError, ManifestError, did_you_mean, explain_encoding, half_pair, nearest
from sbh_jobkit.plugin.addresses import explain_length, explain_name
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
"""Only an unknown key that is this similar to a known one is a mistake; others, such as `min_version`, are allowed."""
_OTHER_NAMES = {"cron": "schedule", "crontab": "schedule", "cron_schedule": "schedule", "tz": "timezone"}
"""Keys of other schedulers, and the key that means the same here."""
_SLUG = re.compile(r"(?=[_-]*[A-Za-z0-9])[A-Za-z0-9_-]+")
_STEP = re.compile(r"[^$.\[\]]+")
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
    """The content of a plugin's `plugin.json`."""

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
    """None if the manifest has no key `jobs`."""
    secrets: tuple[str, ...] = ()
    timezone: str | None = None


def read(text: str | bytes, where: str = FILE) -> Manifest:
    """Parse the text of a manifest; raises ManifestError with every problem, or the line and column of invalid JSON."""
    duplicates: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = Counter(name for name, _ in pairs)
        duplicates.extend(sorted(name for name, times in names.items() if times > 1))
        return dict(pairs)

    try:
        data = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        problem = f"line {error.lineno} column {error.colno} is not valid JSON: {error.msg}"
        raise ManifestError(where, [problem]) from None
    except UnicodeDecodeError as error:
        raise ManifestError(where, [explain_encoding(error)]) from None
    except ValueError:  # Python parses numbers of at most 4300 digits
        raise ManifestError(where, ["a number has too many digits"]) from None
    except RecursionError:
        raise ManifestError(where, ["lists or objects are nested too deeply"]) from None
    return parse(data, where, [f"the key {name!r} occurs twice in one object; remove one" for name in duplicates])


def parse(data: Any, where: str = FILE, earlier: list[str] | None = None) -> Manifest:
    """Check the data of a manifest; raises ManifestError with every problem, those found `earlier` first."""
    problems = list(earlier or ())
    if not isinstance(data, Mapping):
        raise ManifestError(where, [*problems, f"$: the manifest must be an object, got {_kind(data)}"])
    values = dict(_values(data, problems))
    if problems:
        raise ManifestError(where, sorted(problems, key=lambda problem: _position(data, problem.partition(": ")[0])))
    return Manifest(**values)


def _position(data: Any, path: str) -> tuple[int, ...]:
    """Return where a JSON path such as `$.jobs[1].name` is in the file, for sorting; its nearest parent, if missing."""
    position: list[int] = []
    for step in _STEP.findall(path) if path.startswith("$") else ():
        if isinstance(data, Mapping) and step in data:
            position.append([*data].index(step))
            data = data[step]
        elif isinstance(data, list) and step.isdecimal() and int(step) < len(data):
            position.append(int(step))
            data = data[int(step)]
        else:
            break
    return tuple(position)


def _values(data: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    problems.extend(f"$.{key}: missing; slug and name are required" for key in _REQUIRED if key not in data)
    problems.extend(_misspelled(data, "$", {key.name for key in fields(Manifest)}))
    for key in ("slug", "name", "version", "entry", "description", "author", "repo_url", "timezone"):
        if key in data:
            yield key, _text(data[key], f"$.{key}", problems, empty=key in {"description", "author", "repo_url"})
    slug, entry = data.get("slug"), data.get("entry")
    if isinstance(slug, str) and slug.strip() and not _SLUG.fullmatch(slug):
        problems.append(f"$.slug: {slug!r} is not a slug; use only letters, digits, '-' and '_'{_at_least(slug)}")
    elif isinstance(slug, str) and (problem := explain_length(slug)):
        problems.append(f"$.slug: {problem}")
    if isinstance(entry, str) and entry.strip() and not _ENTRY.fullmatch(entry):
        problems.append(f"$.entry: {entry!r} is not a Python file inside the plugin, such as 'main.py'")
    _check(times.zone, data.get("timezone"), "$.timezone", problems)
    yield from _lists(data, problems)
    _check_names(data, problems)
    if "jobs" in data:
        yield "jobs", tuple(_jobs(data["jobs"], problems))


def _lists(data: Mapping[str, Any], problems: list[str]) -> Iterator[tuple[str, Any]]:
    for key in ("routes", "events", "secrets", "permissions"):
        value = data.get(key, [])
        if key == "routes" and isinstance(value, bool):
            continue  # the platform's own manifests say only whether there are any
        if not isinstance(value, list):
            which = "a list, true or false" if key == "routes" else "a list"
            problems.append(f"$.{key}: must be {which}, got {_kind(value)}")
        elif key in data:
            yield key, frozenset(map(str, value)) if key == "permissions" else tuple(value)


def _at_least(slug: str) -> str:
    return "" if any(sign.isalnum() for sign in slug) else ", and at least one letter or digit"


def _with_same_letters(key: str, choices: set[str]) -> str | None:
    """Return the choice that has the letters of a key in another order, or except for a plural's."""
    letters = sorted(key.casefold().removesuffix("s"))
    return next((choice for choice in sorted(choices) if sorted(choice.removesuffix("s")) == letters), None)


def _misspelled(data: Mapping[str, Any], path: str, known: set[str]) -> Iterator[str]:
    """Yield the keys of an object that are nearly, but not exactly, the ones that the platform reads."""
    absent = known.difference(data)
    for key in data:
        if isinstance(key, str) and key not in known:
            other = _OTHER_NAMES.get(key.casefold())
            meant = (
                other if other in absent else _with_same_letters(key, absent) or nearest(key, absent, nearness=_NEAR)
            )
            if meant is not None:
                yield f"{path}.{key}: unknown key; did you mean {meant!r}?"


def _check_names(data: Mapping[str, Any], problems: list[str]) -> None:
    for key in ("secrets", "permissions"):
        names = data.get(key)
        for index, name in enumerate(names if isinstance(names, list) else ()):
            path = f"$.{key}[{index}]"
            if not _text(name, path, problems) or key == "secrets" or name in PERMISSIONS:
                continue
            hint = did_you_mean(name, PERMISSIONS) or f"; use one of {', '.join(sorted(PERMISSIONS))}"
            problems.append(f"{path}: unknown permission {name!r}{hint}")


def _jobs(entries: Any, problems: list[str]) -> Iterator[ManifestJob]:
    if not isinstance(entries, list):
        problems.append(f"$.jobs: must be a list, got {_kind(entries)}")
        return
    seen: dict[str, int] = {}
    for index, entry in enumerate(entries):
        path = f"$.jobs[{index}]"
        if not isinstance(entry, Mapping):
            problems.append(f"{path}: must be an object with name and schedule, got {_kind(entry)}")
            continue
        if "name" not in entry:
            problems.append(f"{path}.name: missing; every job needs a name")
        problems.extend(_misspelled(entry, path, {key.name for key in fields(ManifestJob)}))
        texts = {
            key: _text(entry[key], f"{path}.{key}", problems, empty=key == "description")
            for key in ("name", "schedule", "description", "timezone")
            if key in entry
        }
        _check(cron.parse, texts.get("schedule"), f"{path}.schedule", problems)
        _check(times.zone, texts.get("timezone"), f"{path}.timezone", problems)
        name = texts.get("name")
        if name and (problem := explain_name(name)):
            problems.append(f"{path}.name: {problem}")
        elif name and name in seen:
            problems.append(f"{path}.name: {name!r} is already the name of $.jobs[{seen[name]}]; rename one")
        elif name:
            seen[name] = index
            yield ManifestJob(**{key: text for key, text in texts.items() if text is not None})


def _text(value: Any, path: str, problems: list[str], *, empty: bool = False) -> str | None:
    if not isinstance(value, str):
        problems.append(f"{path}: must be text, got {_kind(value)}")
        return None
    if not value.strip() and not empty:
        problems.append(f"{path}: must not be empty")
        return None
    if (half := half_pair(value)) is not None:
        problems.append(
            f"{path}: {half} is half of a surrogate pair, which is not a character; write both or remove it"
        )
        return None
    return value


def _check(parse_value: Any, value: Any, path: str, problems: list[str]) -> None:
    if isinstance(value, str) and value.strip():
        try:
            parse_value(value)
        except JobkitError as error:
            problems.append(f"{path}: {error}")


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, (Mapping, list)):
        return "a list" if isinstance(value, list) else "an object"
    kind = "text" if isinstance(value, str) else "a number" if isinstance(value, (int, float)) else type(value).__name__
    return f"{kind} ({value!r})"
