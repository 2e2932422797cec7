"""Runs that are killed between two calls of `ctx`: what is lost or doubled when the next run goes on from there.

Not every call of a month is tried: of each job, one kill between each pair of places in the code from which
neighbouring calls come, in the first run that has the pair and does something. So a loop over 200 items needs as many
kills as one over two. No job is killed at more than 12 places, all in its first 200 runs, and each kill is followed
for four days, or for three runs of a job that runs less often; a kill that loses something is tried once more, a call
earlier. A kill leaves one effect undone or one mark unwritten, which no job can avoid: the same effect once more is
fine, several are not. An effect that is lost is a finding if the call before the kill is what loses it: killed before
that call, the job would have done it later.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from sbh_jobkit.fakes.faults.kinds import Crash
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.simulation.compare.judgement import Finding, findings, lasting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.compare.identity import Identities
    from sbh_jobkit.simulation.compare.matching import EffectChange
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario

    Calls = tuple[Run, Sequence[tuple[str, str]]]

_MARKS = frozenset({"files.upload", "secrets.set"})
_DEEDS = frozenset({"emit", "http.post", "http.put", "http.delete"})
_MOST_KILLS = 12
"""How many places a job is killed at."""
_MOST_RUNS = 200
"""Among how many runs of a job places are looked for."""
_AFTER = timedelta(days=4)
"""How long the job goes on after a kill at least: over a weekend."""
_FEWEST = 3
"""How many runs follow a kill at least."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill: the run, the number of the call, and what was called before and then."""

    job: str
    fire: datetime
    call: int
    before: str
    then: str


def kills(calls: Sequence[Calls]) -> list[Kill]:
    """Choose the kills for the calls of each run, which are members with their places in the code."""
    seen: defaultdict[str, set[tuple[tuple[str, str], tuple[str, str]]]] = defaultdict(set)
    found = []
    for run, made in calls:
        if not run.effects:
            continue
        for number, (one, other) in enumerate(pairwise(made), start=2):
            known = seen[run.job]
            risky = one[0] in _MARKS | _DEEDS or other[0] in _MARKS | _DEEDS
            if risky and (one, other) not in known and len(known) < _MOST_KILLS:
                known.add((one, other))
                found.append(Kill(run.job, run.fire_time, number, one[0], other[0]))
    return found


def crash_findings(
    load: Load, plain: Scenario, identities: Identities, path: str | None, progress: Callable[[str], object]
) -> tuple[list[Finding], int]:
    """Kill each job at its calls in turn; return what that broke, and how many kills were tried."""
    broken: dict[tuple[str, str, str], Finding] = {}
    tried = 0
    jobs = plain.jobs or tuple(load()[0].jobs)
    for job in jobs:
        alone = replace(plain, jobs=(job,))
        calls = list(_first_runs(alone.calls(load)))
        usual = [run for run, _ in calls]
        for kill in kills(calls[:_MOST_RUNS]):
            tried += 1
            progress(f"{kill.job} killed at ctx.{kill.then} on {kill.fire:%Y-%m-%d %H:%M}")
            for finding in _after(load, alone, kill, usual, identities=identities, path=path):
                broken.setdefault(finding.signature, finding)
    return list(broken.values()), tried


def _first_runs(calls: Iterator[Calls]) -> Iterator[Calls]:
    """Yield the runs in which places are looked for, and those that follow a kill in the last of them."""
    until = None
    for number, (run, made) in enumerate(calls, start=1):
        if number == _MOST_RUNS:
            until = run.fire_time.timestamp() + _AFTER.total_seconds()
        yield run, made
        if until is not None and run.fire_time.timestamp() > until and number >= _MOST_RUNS + _FEWEST:
            return


def _after(
    load: Load, alone: Scenario, kill: Kill, usual: Sequence[Run], *, identities: Identities, path: str | None
) -> Iterator[Finding]:
    crash = Crash(kill.job, at=kill.fire, call=kill.call)
    later = [run.fire_time for run in usual if run.fire_time.timestamp() > kill.fire.timestamp()]
    if not later:
        return
    end = max(kill.fire.astimezone(UTC) + _AFTER, later[:_FEWEST][-1].astimezone(UTC)) + timedelta(minutes=1)
    end = min(end, alone.end.astimezone(UTC))
    ranged = replace(alone, end=end.astimezone(alone.zone))
    before = [effect for run in usual if run.fire_time.timestamp() < end.timestamp() for effect in run.effects]

    def killed_at(call: int) -> tuple[Scenario, list[EffectChange]]:
        plan = FaultPlan(*alone.plan.faults, replace(crash, call=call), seed=alone.plan.seed)
        killed = replace(ranged, plan=plan)
        after = (effect for run in killed.runs(load) for effect in run.effects)
        return killed, list(lasting(before, after, identities))

    killed, changes = killed_at(kill.call)
    why = f"killed between ctx.{kill.before} and ctx.{kill.then} on {kill.fire:%Y-%m-%d %H:%M}"
    lost = {id(change.before) for change in changes if _is_own_deed(change, kill)}
    if lost:
        lost -= {id(change.before) for change in killed_at(kill.call - 1)[1]}

    def blame(change: EffectChange) -> str | None:
        if id(change.before) in lost:
            return f"{why}, after it was marked as done"
        if change.word == "doubled":
            return f"{why}, and nothing marks it as done"
        return None

    for finding in findings(changes, blame, least=2):
        yield replace(finding, command=killed.command(path))


def _is_own_deed(change: EffectChange, kill: Kill) -> bool:
    """Whether a change is an event or a request that was next in the killed run, and that no later run made up for."""
    own = change.effect.fire_time.timestamp() == kill.fire.timestamp()
    return kill.then in _DEEDS and change.word == "lost" and change.effect.kind in {"event", "http"} and own
