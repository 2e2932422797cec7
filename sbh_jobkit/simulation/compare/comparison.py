"""The comparison of two simulations, as `diff(simulation, simulation)` returns it."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import WorldError
from sbh_jobkit.run.run import jsonable
from sbh_jobkit.simulation.compare.identity import Identities, without_times
from sbh_jobkit.simulation.compare.matching import WORDS, EffectChange, match

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.run.run import Run

_NUMBERS = re.compile(r"\d+")


class Simulated(Protocol):
    """What is compared: a Simulation."""

    @property
    def runs(self) -> Sequence[Run]:
        """All its runs."""

    @property
    def effects(self) -> Sequence[Effect]:
        """What they did."""

    @property
    def due(self) -> Sequence[Any]:
        """Its jobs with their schedules."""

    @property
    def world(self) -> Any:
        """The tenant, with what it says of its effects."""

    @property
    def start(self) -> datetime:
        """The beginning of its range."""

    @property
    def end(self) -> datetime:
        """The end of its range."""

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its range."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunChange:
    """A due instant that ended in another way, or returned something else; one of the two may be None."""

    before: Run | None
    after: Run | None

    @property
    def run(self) -> Run:
        """The run before, or the one that is there only now."""
        found = self.before or self.after
        assert found is not None  # noqa: S101  one of the two is there
        return found

    @property
    def text(self) -> str:
        """What changed, such as `ok → failed`."""
        if self.before is None or self.after is None:
            return "not due any more" if self.after is None else "not due before"
        if self.before.verdict != self.after.verdict:
            return f"{self.before.verdict.replace('_', ' ')} → {self.after.verdict.replace('_', ' ')}"
        return "another value returned"


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Changes that are alike: the first of them, and how many there are."""

    job: str
    word: str
    what: str
    """Such as `event ticket.triaged`; numbers that differ within the group are `#`."""
    first: EffectChange | RunChange
    count: int
    last: datetime


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Comparison(Shown):
    """What the second simulation did differently: false if nothing."""

    before: Simulated = field(repr=False)
    after: Simulated = field(repr=False)
    effects: tuple[EffectChange, ...]
    runs: tuple[RunChange, ...]

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.effects or self.runs)

    def __repr__(self) -> str:
        """Return the numbers in one line."""
        return f"<Comparison: {self.summary}>"

    @property
    def summary(self) -> str:
        """The numbers, such as `16 effects lost, 2 runs changed`; `no difference` if nothing differs."""
        parts = [f"{number:,} effect{'' if number == 1 else 's'} {word}" for word, number in self.counts.items()]
        number = len(self.runs)
        parts += [f"{number:,} run{'' if number == 1 else 's'} changed"] if number else []
        return ", ".join(parts) or "no difference"

    @property
    def counts(self) -> dict[str, int]:
        """How many effects were lost, doubled, added or changed, or came late or early."""
        words = [change.word for change in self.effects]
        return {word: words.count(word) for word in WORDS if word in words}

    @property
    def groups(self) -> list[Group]:
        """The changes in groups of like ones: effects by what became of them, then runs."""
        ordered = sorted(self.effects, key=lambda change: WORDS.index(change.word))
        effects = ((change.effect.job, change.word, _what(change), change) for change in ordered)
        runs = ((change.run.job, "run", change.text, change) for change in self.runs)
        return [*_grouped(effects), *_grouped(runs)]

    def without(self, ignoring: Collection[str]) -> Comparison:
        """Return the comparison without some effects: names, kinds, words or jobs, also with `*`."""
        from fnmatch import fnmatchcase

        def ignored(*names: str) -> bool:
            return any(fnmatchcase(name, pattern) for name in names for pattern in ignoring)

        kept = (change for change in self.effects if not ignored(change.word, *_names_of(change)))
        runs = (change for change in self.runs if not ignored("run", change.run.job, change.text))
        return Comparison(before=self.before, after=self.after, effects=tuple(kept), runs=tuple(runs))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "different": bool(self),
            "counts": self.counts,
            "groups": [
                {"job": group.job, "change": group.word, "what": group.what, "count": group.count}
                for group in self.groups
            ],
            "effects": [
                {
                    "change": change.word,
                    "before": change.before.to_dict() if change.before else None,
                    "after": change.after.to_dict() if change.after else None,
                }
                for change in self.effects
            ],
            "runs": [
                {
                    "job": change.run.job,
                    "fire_time": change.run.fire_time.isoformat(),
                    "change": change.text,
                    "before": jsonable(change.before.value) if change.before else None,
                    "after": jsonable(change.after.value) if change.after else None,
                }
                for change in self.runs
            ],
        }


def compare(before: Simulated, after: Simulated) -> Comparison:
    """Compare two simulations; raises WorldError if they have no job in common."""
    jobs = [{due.job.name for due in each.due} for each in (before, after)]
    if not jobs[0] & jobs[1]:
        named = " and ".join(", ".join(sorted(names)) or "no job" for names in jobs)
        msg = f"nothing can be compared: the two simulations have no job in common ({named})"
        raise WorldError(msg)
    identities = Identities({**before.world.identities, **after.world.identities})
    old, new = before.effects, after.effects
    identities.check([*old, *new])
    return Comparison(
        before=before,
        after=after,
        effects=tuple(match(old, new, identities)),
        runs=tuple(_run_changes(before.runs, after.runs)),
    )


def _run_changes(before: Iterable[Run], after: Iterable[Run]) -> Iterator[RunChange]:
    old, new = ({(run.job, run.fire_time.timestamp(), run.attempt): run for run in runs} for runs in (before, after))
    for key in sorted({*old, *new}, key=lambda key: (key[1], key[0])):
        one, other = old.get(key), new.get(key)
        if one is None or other is None or one.verdict != other.verdict or _value(one) != _value(other):
            yield RunChange(before=one, after=other)


def _value(run: Run) -> str:
    return json.dumps(without_times(jsonable(run.value)), sort_keys=True, ensure_ascii=False)


def _what(change: EffectChange) -> str:
    effect = change.effect
    return f"{effect.kind} {effect.name}" if effect.kind != "http" else effect.name


def _names_of(change: EffectChange) -> tuple[str, ...]:
    effect = change.effect
    plain = effect.name.partition(" ")[2] or effect.name
    return effect.kind, effect.name, plain, effect.job


def _grouped(changes: Iterable[tuple[str, str, str, Any]]) -> Iterator[Group]:
    found: defaultdict[tuple[str, str, str], list[tuple[str, Any]]] = defaultdict(list)
    for job, word, what, change in changes:
        found[job, word, _NUMBERS.sub("#", what)].append((what, change))
    for (job, word, alike), members in found.items():
        what = members[0][0] if len({name for name, _ in members}) == 1 else alike
        last = getattr(members[-1][1], "effect", None) or members[-1][1].run
        yield Group(job=job, word=word, what=what, first=members[0][1], count=len(members), last=last.fire_time)
