"""Pairs the effects of two simulations: equal ones first, then those that changed or came at another time."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.simulation.compare.identity import Identities, Key

WORDS = ("lost", "doubled", "added", "changed", "late", "early")
"""What can become of an effect, in the order in which it is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectChange:
    """One effect that two simulations do not share."""

    word: str
    """One of WORDS."""
    before: Effect | None
    """None for one that was added or doubled."""
    after: Effect | None
    """None for one that was lost."""

    @property
    def effect(self) -> Effect:
        """The effect before, or the one that came instead."""
        found = self.before or self.after
        assert found is not None  # noqa: S101  one of the two is there
        return found


@dataclass(slots=True)
class _Item:
    effect: Effect
    key: Key
    content: str
    fire: float


def match(before: Sequence[Effect], after: Sequence[Effect], identities: Identities) -> Iterator[EffectChange]:
    """Yield each effect that differs, in the order of fire times.

    Equal effects of runs that were due at the same time are pairs first; then the same effects at other times, and
    last those of which only the content differs. A file that a later run writes anyway is late, not lost.
    """
    left, right = _without_equal(before, after)
    old, new = _items(left, identities), _items(right, identities)
    changes: list[tuple[float, EffectChange]] = []
    for rule in _RULES:
        for one, other in _pairs(old, new, rule):
            word = _word(one, other)
            if word is not None:
                changes.append((one.fire, EffectChange(word=word, before=one.effect, after=other.effect)))
    written = {(each.job, each.kind, each.name): each.fire_time.timestamp() for each in after if each.kind in _STATE}
    seen = {identities.key(effect) for effect in before if effect.done} if new else set()
    for item in old:
        word = "late" if written.get(item.key[:3], -inf) > item.fire else "lost"
        changes.append((item.fire, EffectChange(word=word, before=item.effect, after=None)))
    for item in new:
        word = "doubled" if item.key in seen and item.key.identity and item.key.kind not in _STATE else "added"
        changes.append((item.fire, EffectChange(word=word, before=None, after=item.effect)))
    changes.sort(key=lambda found: found[0])
    return (change for _, change in changes)


_STATE = frozenset({"file", "secret", "service"})
"""Kinds of effect of which only the last counts: the same file written again replaces the one before."""
_RULES: tuple[Callable[[_Item], Any], ...] = (
    lambda item: (item.key, item.content, item.fire),
    lambda item: (item.key, item.content),
    lambda item: (item.key, item.fire),
    lambda item: item.key if item.key.identity or item.key.kind in _STATE else None,
)


def _without_equal(before: Sequence[Effect], after: Sequence[Effect]) -> tuple[list[Effect], list[Effect]]:
    """Leave out what both did in the same run: quickly, because most effects of two versions are equal."""
    waiting: defaultdict[str, deque[Effect]] = defaultdict(deque)
    for effect in after:
        waiting[repr(effect)].append(effect)
    left, taken = [], set()
    for effect in before:
        same = waiting.get(repr(effect))
        if same:
            taken.add(id(same.popleft()))
        else:
            left.append(effect)
    return left, [effect for effect in after if id(effect) not in taken]


def _items(effects: Iterable[Effect], identities: Identities) -> list[_Item]:
    return [
        _Item(effect, identities.key(effect), identities.content(effect), effect.fire_time.timestamp())
        for effect in effects
        if effect.done
    ]


def _pairs(old: list[_Item], new: list[_Item], rule: Callable[[_Item], Any]) -> list[tuple[_Item, _Item]]:
    """Take the items for which a rule gives the same value out of both lists."""
    waiting: defaultdict[Any, deque[_Item]] = defaultdict(deque)
    for item in new:
        waiting[rule(item)].append(item)
    waiting.pop(None, None)
    found, rest = [], []
    for item in old:
        others = waiting.get(rule(item))
        if others:
            found.append((item, others.popleft()))
        else:
            rest.append(item)
    taken = {id(other) for _, other in found}
    old[:] = rest
    new[:] = [item for item in new if id(item) not in taken]
    return found


def _word(one: _Item, other: _Item) -> str | None:
    if one.content != other.content:
        return "changed"
    if one.fire == other.fire:
        return None
    return "late" if other.fire > one.fire else "early"
