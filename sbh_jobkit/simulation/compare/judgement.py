"""What a disturbance did in the end: effects that never happened or happened twice, though the job said success.

A job that reported the trouble is right, and so is one that caught up later. What breaks is a run that met the trouble,
said success, and whose effects are missing for good, or a due instant that was merged into a later run that did not do
its work.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sbh_jobkit.run.run import Outcome
from sbh_jobkit.simulation.compare.matching import EffectChange, match

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.compare.identity import Identities

_DATE = re.compile(r"\d{4}-?\d\d-?\d\d")
_NUMBERS = re.compile(r"\d+")
_UNSTARTED = frozenset({Outcome.COALESCED, Outcome.MISSED})
_FULL = "storage full"
_DOWN = ("outage of ", "errors of ")
_VERBS = {
    "lost": " never happened",
    "doubled": " happened again",
    "added": " happened",
    "changed": " has another content",
    "smaller": " has less in it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Effects of one kind that a disturbance has lost, doubled or put on a wrong day."""

    job: str
    word: str
    """`lost`, `doubled`, `wrong day`; of another tenant also `added`, `changed` and `wrong tenant`."""
    what: str
    """Such as `POST https://mail.example.com/messages`; numbers that differ are `#`."""
    count: int
    first: Effect
    why: str
    """What the runs met, and how they ended."""
    command: str = ""
    """The command that repeats it."""

    @property
    def line(self) -> str:
        """Job, effect and number in one line."""
        number = f", {self.count:,} times" if self.count > 1 else ""
        verb = _VERBS.get(self.word, "")
        return f"{self.job}: {self.what}{verb}{number}; {self.why}"

    @property
    def signature(self) -> tuple[str, str, str]:
        """What equal findings of several scenarios share."""
        return self.job, self.word, _NUMBERS.sub("#", self.what)


def judge(plain: Sequence[Run], disturbed: Sequence[Run], identities: Identities) -> list[Finding]:
    """Return what is lost or doubled after a disturbance, and is no job's report."""
    runs = {(run.job, run.fire_time.timestamp()): run for run in disturbed}
    last = {run.job: run.fire_time.timestamp() for run in disturbed if run.outcome.started}

    def blame(change: EffectChange) -> str | None:
        run = runs.get(_instant(change))
        if run is not None and run.outcome in _UNSTARTED:
            if last.get(run.job, 0) <= run.fire_time.timestamp():
                return None  # the range ends before another run could make up for it
            # what nothing identifies, such as a report of how things are, is replaced by that of the next run
            named = change.effect.kind == "file" or identities.key(change.effect).identity
            return f"the run was {run.outcome.value}, and no later run made up for it" if named else None
        if run is not None and not run.injected_faults and change.word == "lost" and _is_late(run):
            named = change.effect.kind == "file" or identities.key(change.effect).identity
            return "the run started late, and said success" if named and run.outcome is Outcome.OK else None
        return _blame(change, run)

    changes = [*_changes(plain, disturbed, identities), *_smaller_files(plain, disturbed)]
    return list(findings(changes, blame))


def findings(
    changes: Iterable[EffectChange], blame: Callable[[EffectChange], str | None], *, least: int = 1
) -> Iterator[Finding]:
    """Group changes for which `blame` has a reason; doubled ones count from `least` on."""
    groups: defaultdict[tuple[str, str, str, str], list[EffectChange]] = defaultdict(list)
    for change in changes:
        why = blame(change)
        if why is not None:
            groups[change.effect.job, change.word, _NUMBERS.sub("#", name_of(change.effect)), why].append(change)
    for (job, word, alike, why), members in groups.items():
        if word == "doubled" and len(members) < least:
            continue
        names = {name_of(change.effect) for change in members}
        what = names.pop() if len(names) == 1 else alike
        first = members[0].after if word in {"changed", "smaller"} and members[0].after else members[0].effect
        yield Finding(job=job, word=word, what=what, count=len(members), first=first, why=why)


def name_of(effect: Effect) -> str:
    """Return an effect's kind and name in words."""
    return effect.name if effect.kind == "http" else f"{effect.kind} {effect.name}"


def lasting(plain: Iterable[Effect], disturbed: Iterable[Effect], identities: Identities) -> Iterator[EffectChange]:
    """Yield what is lost or doubled for good; empty files and counters in the names of files do not count."""
    changes = list(match(list(plain), list(disturbed), identities))
    added = {(change.effect.job, _counter(change.effect)) for change in changes if change.word == "added"}
    for change in changes:
        if change.word not in {"lost", "doubled"}:
            continue
        counter = _counter(change.effect)
        renamed = change.effect.kind == "file" and counter != change.effect.name
        if change.effect.kind == "file" and not change.effect.size and change.effect.name.startswith("uploaded "):
            continue  # an empty file is a mark: what it is for shows in the effects that it guards
        if change.word == "doubled" and identities.may_repeat(change.effect):
            continue
        if not (renamed and (change.effect.job, counter) in added):
            yield change


def _smaller_files(plain: Sequence[Run], disturbed: Sequence[Run]) -> Iterator[EffectChange]:
    """Yield each file that in the end has less in it, because a run met an outage when it wrote it."""
    usual, last = ({e.name: e for run in runs for e in run.effects if _is_upload(e)} for runs in (plain, disturbed))
    met = {
        (run.job, run.fire_time.timestamp())
        for run in disturbed
        if run.injected_faults and all(fault.startswith(_DOWN) for fault in run.injected_faults)
    }
    for name, effect in last.items():
        before = usual.get(name)
        if before is not None and effect.size < before.size and (effect.job, effect.fire_time.timestamp()) in met:
            yield EffectChange(word="smaller", before=before, after=effect)


def _is_upload(effect: Effect) -> bool:
    return effect.kind == "file" and effect.name.startswith("uploaded ")


def _is_late(run: Run) -> bool:
    return run.started_at is not None and run.started_at > run.fire_time


def _changes(plain: Sequence[Run], disturbed: Sequence[Run], identities: Identities) -> Iterator[EffectChange]:
    return lasting(
        (effect for run in plain for effect in run.effects),
        (effect for run in disturbed for effect in run.effects),
        identities,
    )


def _counter(effect: Effect) -> str:
    """Return a name without its numbers, but with its dates."""
    dates = iter(_DATE.findall(effect.name))
    plain = _NUMBERS.sub("#", _DATE.sub("‹date›", effect.name))
    return re.sub("‹date›", lambda _: next(dates), plain)


def _instant(change: EffectChange) -> tuple[str, float]:
    effect = change.after if change.word == "smaller" and change.after else change.effect
    return effect.job, effect.fire_time.timestamp()


def _blame(change: EffectChange, run: Run | None) -> str | None:
    """Return why a change is nobody's report: what its run met, and that it said success; None for any other."""
    if run is None or run.outcome is not Outcome.OK or not run.injected_faults:
        return None
    if change.word == "doubled" and any(fault.startswith(_FULL) for fault in run.injected_faults):
        return None  # a mark that cannot be written cannot be met
    return f"the run met {met_faults(run)}, and said success"


def met_faults(run: Run) -> str:
    """Return which injected faults a run met, without what each did to it."""
    return " and ".join(sorted({re.sub(r" \([^)]*\)$", "", fault) for fault in run.injected_faults}))
