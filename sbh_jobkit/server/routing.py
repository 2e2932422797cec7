"""Addresses whose parts have no slash in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Match, Route

if TYPE_CHECKING:
    from starlette.types import Scope


class PlainRoute(Route):
    """A route that no address with an encoded slash matches.

    Starlette matches what is decoded, so `jobs/ok%2Fruns` would be the runs of `ok`, and not the job `ok/runs`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match as other routes do, except for `%2F`."""
        if b"%2f" in scope.get("raw_path", b"").lower():
            return Match.NONE, {}
        return super().matches(scope)
