"""Which effects are the same effect, by one rule.

Two effects of a job are the same if kind, name and identity are equal. A file's identity is its key. The identity of an
event or of a JSON body is the fields that `world.same_effect` names; without a rule, the fields that usually name
something, such as `id`, `user_id`, `to` or `date`; without these, there is none. The same effect is unchanged if also
the rest of its content is equal; times of day and durations in it do not count.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from sbh_jobkit.errors import WorldError, did_you_mean
from sbh_jobkit.run.run import jsonable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.run.effects import Effect

_NOUNS = (
    *("id", "uuid", "key", "slug", "ref", "sku", "number", "email", "mail", "recipient", "to", "user", "customer"),
    *("subject", "title", "name", "date", "day", "month", "week", "period", "url", "path", "file"),
)
_THINGS = (
    *("user", "customer", "client", "account", "contact", "member", "tenant", "order", "invoice", "ticket", "message"),
    *("item", "product", "project", "job", "task", "event", "session", "device", "document", "record", "file"),
)
_NAMING = re.compile(
    rf"(?i:(.*[_.-])?({'|'.join(_NOUNS)})|({'|'.join(_THINGS)})(id|key|name|email|number|ref))"
    rf"|.*[a-z0-9]({'|'.join(noun.title() for noun in _NOUNS)}|ID|UUID|URL|SKU)"
)
"""Fields that say which thing an effect is about: a noun as the last word, as in `user_id`, `userId` and `userid`.

The end of a longer word, as in `paid` and `monkey`, is none.
"""
_PASSING = re.compile(
    r"(?i:(.*[_-])?(at|on|time|timestamp|ts|now|since|until|duration|elapsed|took|seconds|secs|ms|millis|minutes|age"
    r"|datetime|uptime|runtime|request_id|trace_id|run_id|nonce|idempotency_key))|.*[a-z](At|Time|Ms|Seconds)"
)
"""Fields that say when it happened, and how long something took."""
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?|\b\d\d:\d\d(:\d\d(\.\d+)?)?\b")


class Key(NamedTuple):
    """What two effects share if they are the same effect."""

    job: str
    kind: str
    name: str
    identity: str
    """The naming fields as JSON; empty if nothing names it."""


class Identities:
    """The rule, with what a world says of its own events."""

    def __init__(
        self, rules: Mapping[str, tuple[str, ...]] | None = None, may_repeat: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Take the fields by the type of the event, or by method and URL of the request.

        `may_repeat` returns whether events of a type may be sent again.
        """
        self._rules = dict(rules or {})
        self._may_repeat = may_repeat

    @classmethod
    def from_world(cls, world: World) -> Self:
        """Take the rules of a world that has begun."""
        return cls(world.identities, world.may_repeat)

    def may_repeat(self, effect: Effect) -> bool:
        """Return whether the effect is an event that may be sent again."""
        return effect.kind == "event" and self._may_repeat(effect.name)

    def check(self, effects: Iterable[Effect]) -> None:
        """Raise WorldError for a rule whose effects have none of its fields."""
        fields: dict[str, set[str]] = {}
        for effect in effects:
            if effect.name in self._rules:
                fields.setdefault(effect.name, set()).update(_fields(effect) or ())
        for name, known in fields.items():
            for field in self._rules[name]:
                if field not in known:
                    hint = did_you_mean(field, known) or f"; they have {', '.join(sorted(known)) or 'no fields'}"
                    msg = f"same_effect({name!r}, by={field!r}): no such effect has a field {field!r}{hint}"
                    raise WorldError(msg)

    def key(self, effect: Effect) -> Key:
        """Return what the effect shares with the same effect in another simulation."""
        fields = _fields(effect)
        named = self._rules.get(effect.name)
        chosen = {} if fields is None else {name: value for name, value in fields.items() if _names(name, value, named)}
        identity = json.dumps(chosen, sort_keys=True, ensure_ascii=False) if chosen else ""
        return Key(effect.job, effect.kind, effect.name, identity)

    def content(self, effect: Effect) -> str:
        """Return the content as text, without times of day and durations."""
        fields = _fields(effect)
        value = effect.content if fields is None else fields
        return json.dumps(without_times(jsonable(value)), sort_keys=True, ensure_ascii=False)


def _fields(effect: Effect) -> Mapping[str, Any] | None:
    """Return the fields of an event's payload or of a JSON body; None for anything else."""
    if effect.kind == "event":
        return effect.content if isinstance(effect.content, Mapping) else None
    if effect.kind != "http" or not effect.content.startswith("{"):
        return None
    try:
        found = json.loads(effect.content)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _names(field: str, value: Any, named: tuple[str, ...] | None) -> bool:
    if named is not None:
        return field in named
    plain = isinstance(value, (str, int)) and not isinstance(value, bool)
    return plain and _NAMING.fullmatch(field) is not None and _PASSING.fullmatch(field) is None


def without_times(value: Any) -> Any:
    """Return plain JSON values without times of day, and without fields that say when or how long."""
    if isinstance(value, str):
        return _TIME.sub("‹time›", value)
    if isinstance(value, dict):
        return {name: without_times(item) for name, item in value.items() if not _PASSING.fullmatch(name)}
    return [without_times(item) for item in value] if isinstance(value, list) else value
