"""A request that met no route, and the routes that came nearest: what an author wrote, and which part differs."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from respx.patterns import Lookup

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx
    from respx import Route
    from respx.patterns import Pattern

_MOST = 3
"""As many routes are named at most."""
_PARTS = {
    "cookies": "the cookies differ",
    "data": "the form differs",
    "files": "the files differ",
    "headers": "the headers differ",
    "json": "the JSON differs",
    "params": "the parameters differ",
    "url": "the URL differs",
}


def nearest(request: httpx.Request, routes: Iterable[Route]) -> str:
    """Name the routes nearest to a request, as the end of a sentence."""
    candidates = [(_differing(route.pattern, request), _address(route.pattern), route) for route in routes]
    if not candidates:
        return "; the world has none"
    fewest = min(len(parts) for parts, _, _ in candidates)
    near = {_named(route.pattern, parts): address for parts, address, route in candidates if len(parts) == fewest}
    shown = _closest(_path(request), near)
    return f"; the nearest {'is' if len(shown) == 1 else 'are'} {', '.join(shown)}"


def _differing(pattern: Pattern, request: httpx.Request) -> set[str]:
    return {part.key for part in pattern if not part.match(request)}


def _closest(path: str, named: dict[str, str]) -> list[str]:
    """Return the names whose addresses resemble the path, the most similar first; all where none does."""
    alike = get_close_matches(path, named.values(), n=_MOST)
    names = [name for address in dict.fromkeys(alike) for name in named if named[name] == address]
    return (names or list(named))[:_MOST]


def _path(request: httpx.Request) -> str:
    return request.url.raw_path.decode()


def _named(pattern: Pattern, differing: set[str]) -> str:
    """Write a route as `GET https://api.example.com/users`, with what differs where that is one part."""
    name = f"{_text(pattern, 'method') or 'any request to'} {_origin(pattern)}{_address(pattern)}"
    name += "any URL" if name.endswith(" ") else ""
    if len(differing) != 1:
        return name
    (part,) = differing
    return f"{name} ({_PARTS.get(part, f'the {part} differs')})"


def _origin(pattern: Pattern) -> str:
    scheme, host, port = (_text(pattern, key) for key in ("scheme", "host", "port"))
    return f"{scheme + '://' if scheme and host else ''}{host}{':' + port if port else ''}"


def _address(pattern: Pattern) -> str:
    query = _text(pattern, "params")
    return f"{_text(pattern, 'url')}{_text(pattern, 'path')}{'?' + query if query else ''}"


def _text(pattern: Pattern, key: str) -> str:
    """Write what a route asks of one part of a request; nothing where it does not ask."""
    return "|".join(_written(part) for part in pattern if part.key == key)


def _written(part: Pattern) -> str:
    value: Any = part.value
    if part.lookup is Lookup.REGEX:
        return str(value.pattern)
    if part.lookup is Lookup.IN:
        return "|".join(map(str, value))
    return f"{value}…" if part.lookup is Lookup.STARTS_WITH else str(value)
