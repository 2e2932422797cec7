"""Explains a request that matches no route: the nearest routes, and which part differs."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from respx.patterns import Lookup

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx
    from respx import Route
    from respx.patterns import Pattern

    _Miss = tuple[list[Pattern], set[str]]

_MOST = 3
"""The most routes that are named."""
_PARTS = {
    "cookies": "the cookies differ",
    "data": "the form differs",
    "files": "the files differ",
    "headers": "the headers differ",
    "json": "the JSON differs",
    "params": "the parameters differ",
    "url": "the URL differs",
}


def route_name(route: Route) -> str:
    """Return a route as `GET https://api.example.com/users`."""
    return _describe(list(route.pattern), set())


def nearest(request: httpx.Request, routes: Iterable[Route]) -> str:
    """Return the routes nearest to a request, as the end of a sentence: `; the nearest is GET https://…`."""
    asked = [list(route.pattern) for route in routes]
    if not asked:
        return "; the world has no routes"
    differing = [{part.key for part in parts if not part.match(request)} for parts in asked]
    fewest = min(map(len, differing))
    near = [(parts, keys) for parts, keys in zip(asked, differing, strict=True) if len(keys) == fewest]
    if not fewest:
        return f"; the function of {_describe(near[0][0], set())} returned None, and has to return an httpx.Response"
    names = [_describe(parts, keys) for parts, keys in _most_similar(request.url.raw_path.decode(), near)]
    return f"; the nearest {'is' if len(names) == 1 else 'are'} {', '.join(names)}"


def _most_similar(path: str, near: list[_Miss]) -> list[_Miss]:
    """Return the routes with a similar path, the most similar first; without any, the first routes."""
    by_address: dict[str, list[_Miss]] = {}
    for parts, keys in near:
        by_address.setdefault(_address(parts), []).append((parts, keys))
    similar = get_close_matches(path, by_address, n=_MOST)
    return [miss for address in similar or by_address for miss in by_address[address]][:_MOST]


def _describe(parts: list[Pattern], differing: set[str]) -> str:
    """Return a route as `GET https://api.example.com/users`; if only one part differs, name it."""
    name = f"{_format_part(parts, 'method') or 'any request to'} {_origin(parts)}{_address(parts)}"
    name += "any URL" if name.endswith(" ") else ""
    if len(differing) != 1:
        return name
    (part,) = differing
    return f"{name} ({_PARTS.get(part, f'the {part} differs')})"


def _origin(parts: list[Pattern]) -> str:
    scheme, host, port = (_format_part(parts, key) for key in ("scheme", "host", "port"))
    return f"{scheme + '://' if scheme and host else ''}{host}{':' + port if port else ''}"


def _address(parts: list[Pattern]) -> str:
    query = _format_part(parts, "params")
    return f"{_format_part(parts, 'url')}{_format_part(parts, 'path')}{'?' + query if query else ''}"


def _format_part(parts: list[Pattern], key: str) -> str:
    """Return what a route requires of one part of a request, or ""."""
    return "|".join([_format_value(part) for part in parts if part.key == key])


def _format_value(part: Pattern) -> str:
    value: Any = part.value
    if part.lookup is Lookup.REGEX:
        return str(value.pattern)
    if part.lookup is Lookup.IN:
        return "|".join(map(str, value))
    return f"{value}…" if part.lookup is Lookup.STARTS_WITH else str(value)
