"""Which pages of a list a run asks for by HTTP, where the answers say how many there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

if TYPE_CHECKING:
    from sbh_jobkit.run.recorder import Recorder

_PAGE = frozenset({"page", "p", "page_number", "pagenumber", "page_no"})
"""Parameters with the number of a page, in lower case."""
_PAGES = ("pages", "total_pages", "totalPages", "page_count", "pageCount", "num_pages", "last_page", "lastPage")
"""Fields of an answer with the number of pages."""


class PagesAsked:
    """Notes, for each list that a run pages through, the first and the last page asked for, and the number of pages."""

    __slots__ = ("_recorder", "_seen")

    def __init__(self, recorder: Recorder) -> None:
        """Start without a list."""
        self._recorder = recorder
        self._seen: dict[str, tuple[int, int, int]] = {}

    def asked(self, url: str, answer: Any) -> None:
        """Take a request that was answered; `answer` is its JSON."""
        pages = next((answer[name] for name in _PAGES if name in answer), None) if isinstance(answer, dict) else None
        if not isinstance(pages, int) or isinstance(pages, bool):
            return
        address = urlsplit(url)
        params = parse_qsl(address.query)
        numbers = [value for name, value in params if name.lower() in _PAGE]
        if len(numbers) != 1 or not numbers[0].isdecimal():
            return
        rest = urlencode([(name, value) for name, value in params if name.lower() not in _PAGE])
        listed, page = address._replace(query=rest).geturl(), int(numbers[0])
        first, last, _ = self._seen.get(listed, (page, page, pages))
        if listed in self._seen:
            notes = self._recorder.notes
            notes[:] = [each for each in notes if each.kind != "paged" or each.subject[0] != listed]
        self._seen[listed] = min(first, page), max(last, page), pages
        self._recorder.note("paged", (listed, *self._seen[listed]))
