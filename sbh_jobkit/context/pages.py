"""Which pages of a list a run asks for by HTTP, where the answers say how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.run.recorder import Recorder

_PAGE = frozenset({"page", "p", "page_number", "pagenumber", "page_no"})
"""Parameters with the number of a page, in lower case."""
_PAGES = ("pages", "total_pages", "totalPages", "page_count", "pageCount", "num_pages", "last_page", "lastPage")
"""Fields of an answer with the number of pages."""


_PARTS = _PAGE | {
    *("cursor", "after", "before", "offset", "start", "starting_after", "since_id", "token", "page_token", "pagetoken"),
    *("next", "next_token", "marker", "continuation", "continuation_token", "skip", "from"),
}
"""Parameters with the place in a list, in lower case."""
_SIZES = frozenset({"limit", "per_page", "perpage", "page_size", "pagesize", "size", "count", "first", "max_results"})
_FEW = 10
"""A size below it is a number of items that is meant."""
_MORE = frozenset({"hasmore", "hasnext", "hasnextpage", "more", "istruncated", "truncated"})
_NEXT = frozenset({"next", "nextpage", "nextcursor", "nexturl", "nextpagetoken", "nexttoken", "continuationtoken"})
_WITHIN = frozenset({"meta", "pagination", "paging", "links", "pageinfo"})


def says_more(answer: Any, headers: Mapping[str, str]) -> bool:
    """Whether an answer says that it is not the last part of a list."""
    if any(name.lower() == "link" and 'rel="next"' in value for name, value in headers.items()):
        return True
    return isinstance(answer, dict) and any(_says_more(f"{name}", value) for name, value in answer.items())


def _says_more(name: str, value: Any) -> bool:
    plain = name.replace("_", "").lower()
    if plain in _MORE:
        return value is True
    if plain in _NEXT:
        return bool(value) and isinstance(value, (str, int, dict))
    return plain in _WITHIN and isinstance(value, dict) and any(_says_more(f"{n}", each) for n, each in value.items())


class PagesAsked:
    """Notes, for each list that a run pages through, the first and the last page asked for, and the number of pages."""

    __slots__ = ("_parts", "_recorder", "_seen")

    def __init__(self, recorder: Recorder) -> None:
        """Start without a list."""
        self._recorder = recorder
        self._seen: dict[str, tuple[int, int, int]] = {}
        self._parts: dict[str, tuple[str, ...]] = {}

    def asked(self, url: str, answer: Any, headers: Mapping[str, str]) -> None:
        """Take a request that was answered; `answer` is its JSON."""
        pages = next((answer[name] for name in _PAGES if name in answer), None) if isinstance(answer, dict) else None
        if not isinstance(pages, int) or isinstance(pages, bool):
            self._part(url, more=says_more(answer, headers))
            return
        address = urlsplit(url)
        params = parse_qsl(address.query)
        numbers = [value for name, value in params if name.lower() in _PAGE]
        if len(numbers) != 1 or not numbers[0].isdecimal():
            self._part(url, more=pages > 1 and not numbers)
            return
        self._part(url, more=int(numbers[0]) < pages)
        rest = urlencode([(name, value) for name, value in params if name.lower() not in _PAGE])
        listed, page = address._replace(query=rest).geturl(), int(numbers[0])
        first, last, _ = self._seen.get(listed, (page, page, pages))
        if listed in self._seen:
            notes = self._recorder.notes
            notes[:] = [each for each in notes if each.kind != "paged" or each.subject[0] != listed]
        self._seen[listed] = min(first, page), max(last, page), pages
        self._recorder.note("paged", (listed, *self._seen[listed]))

    def _part(self, url: str, *, more: bool) -> None:
        """Note which parts of a list were asked for, and whether the last of them says that there is more."""
        listed, _, query = url.partition("?")
        params = parse_qsl(query)
        sizes = [value for name, value in params if name.lower() in _SIZES and value.isdecimal()]
        if (not more and listed not in self._parts) or any(int(value) < _FEW for value in sizes):
            return
        part = urlencode([(name, value) for name, value in params if name.lower() in _PARTS])
        if listed in self._parts:
            notes = self._recorder.notes
            notes[:] = [each for each in notes if each.kind != "list-part" or each.subject[0] != listed]
        self._parts[listed] = tuple(dict.fromkeys((*self._parts.get(listed, ()), part)))
        self._recorder.note("list-part", (listed, more, self._parts[listed]))
