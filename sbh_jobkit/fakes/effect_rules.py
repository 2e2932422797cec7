"""What a world says about the effects of jobs: which are the same, and which may happen again."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from sbh_jobkit.errors import WorldError
from sbh_jobkit.run.effects import read_identity

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

RULES = ("identities", "_repeatable")
"""The attributes that a snapshot of a world keeps."""


class EffectRules:
    """The rules of one world; without any, every event counts and fields are recognised by their names."""

    identities: Mapping[str, tuple[str, ...]] = {}
    """The fields that say which effect is the same as another, by the name of the effect; see `same_effect`."""
    _repeatable: tuple[str, ...] = ()

    def same_effect(self, name: str, *, by: str | Iterable[str]) -> None:
        """Say which fields identify an effect where simulations are compared: `same_effect("order.paid", by="id")`.

        `name` is an event's type, or the method and the URL of a request whose body is JSON.
        """
        event, fields = read_identity(name, by)
        self.identities = {**self.identities, event: fields}

    @property
    def repeatable_events(self) -> Collection[str]:
        """The types of events that may be sent again, such as reports; `report.*` names all that begin so."""
        return self._repeatable

    @repeatable_events.setter
    def repeatable_events(self, types: Collection[str]) -> None:
        given = (types,) if isinstance(types, str) else types
        listed = tuple(given) if isinstance(given, (list, tuple, set, frozenset)) else (given,)
        for each in listed:
            if not isinstance(each, str) or not each.strip():
                msg = f"repeatable_events takes types of events, such as ['report.*'], got {each!r}"
                raise WorldError(msg)
        self._repeatable = tuple(sorted(listed)) if isinstance(given, (set, frozenset)) else listed

    def may_repeat(self, event: str) -> bool:
        """Return whether an event of this type may be sent again."""
        return any(fnmatchcase(event, pattern) for pattern in self._repeatable)
