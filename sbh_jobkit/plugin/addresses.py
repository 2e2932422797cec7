"""What a plugin's names and paths must be, so that an address can have them.

A job is run at `/api/plugins/<slug>/jobs/<name>/run-now`, and a route answers below `/ext/<slug>`.
"""

from __future__ import annotations

import re
from unicodedata import category

LONGEST = 200
"""How many characters a slug or a job's name may have: as many as a column of the store has."""
_SHOWN = 20
_NOT_IN_NAMES = {"Cc", "Zl", "Zp"}
"""Control characters, and what separates lines and paragraphs."""
_PART = re.compile(r"\{([^{}<>]*)\}|<([^{}<>]*)>")
_BRACKET = re.compile(r"[{}<>]")


def explain_name(name: str) -> str:
    """Return what a job's name must be, if it cannot be one, else ""."""
    if any(category(letter) in _NOT_IN_NAMES for letter in name):
        return f"must be one line without control characters, got {name!r}"
    if "/" in name or "\\" in name or name in {".", ".."}:
        return f"is a part of addresses, so it must have no '/' and no '\\' and not be '.' or '..', got {name!r}"
    return explain_length(name)


def explain_length(name: str) -> str:
    """Return what the length of a slug or of a job's name must be, if it is too long, else ""."""
    if len(name) <= LONGEST:
        return ""
    return f"must have at most {LONGEST} characters, got {len(name):,}: '{name[:_SHOWN]}…'"


def path_parts(path: str) -> list[str]:
    """Return the names of the parts of a route's path, such as `id` of `/items/{id}` or `/items/<id>`."""
    return [_name(found) for found in _PART.finditer(path)]


def _name(part: re.Match[str]) -> str:
    return part[1] if part[2] is None else part[2]


def explain_path(path: str) -> str:
    """Return what a route's path must be, if the server cannot serve it, else ""."""
    names = path_parts(path)
    if _BRACKET.search(_PART.sub("", path)) or not all(name.isidentifier() for name in names):
        return f"must write each part as '{{name}}' or '<name>', with a name that Python allows, got {path!r}"
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        return f"must give each part a name of its own, but {twice!r} is there twice, got {path!r}"
    return ""


def path_pattern(path: str) -> re.Pattern[str]:
    """Return what matches the addresses of a route, with a group for each part of its path."""
    pieces, last = [], 0
    text = f"/{path.strip('/')}"
    for found in _PART.finditer(text):
        pieces += [re.escape(text[last : found.start()]), f"(?P<{_name(found)}>[^/]+)"]
        last = found.end()
    return re.compile("".join([*pieces, re.escape(text[last:])]))
