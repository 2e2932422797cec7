"""Stress: a plugin on difficult days, when clocks change, runs overlap, an API or the scheduler is down.

A simulation without stress finds what fails anyway. Each failure that needs stress is made as small as possible, so
that one command repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sbh_jobkit.display import Shown
from sbh_jobkit.errors import FaultPlanError, JobkitError, did_you_mean
from sbh_jobkit.run.tally import failure_signature
from sbh_jobkit.simulation.compare.identity import Identities
from sbh_jobkit.simulation.compare.judgement import Finding, judge
from sbh_jobkit.simulation.stress.crash import crash_findings
from sbh_jobkit.simulation.stress.days import day_findings
from sbh_jobkit.simulation.stress.kinds import ALL, KINDS
from sbh_jobkit.simulation.stress.order import order_findings
from sbh_jobkit.simulation.stress.remark import Remark, remarks, shrink_remark
from sbh_jobkit.simulation.stress.shrink import Broken, shrink
from sbh_jobkit.simulation.stress.shrink_finding import shrink_finding
from sbh_jobkit.simulation.stress.tenants import tenant_findings
from sbh_jobkit.simulation.stress.trials import trials
from sbh_jobkit.simulation.stress.usual import Usual
from sbh_jobkit.simulation.verdict import is_failure

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario
    from sbh_jobkit.simulation.stress.trials import Trial

    Progress = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stress(Shown):
    """The result."""

    broken: tuple[Broken, ...]
    """What fails only under stress, each in the smallest scenario found."""
    anyway: tuple[Run, ...]
    """What fails without stress, too: the first run of each group."""
    scenarios: tuple[str, ...]
    """The names of the scenarios that were simulated, such as `outage` or `2026-03-29`."""
    findings: tuple[Finding, ...] = ()
    """Effects that are lost or doubled for good, though the jobs said success."""
    remarks: tuple[Remark, ...] = ()
    """What jobs returned that says failure in words that the platform takes for success."""
    notes: tuple[str, ...] = ()
    """Which kinds of stress have nothing to work on, and why."""
    untried: tuple[str, ...] = ()
    """Which kinds of stress could not be tried, and why: whether the plugin bears them is not known."""
    kinds: tuple[str, ...] = ()
    """What was asked for, such as `dst` and `outage`."""
    name: str = ""
    """The plugin's."""
    path: str | None = None
    """Its path in commands that repeat a finding; None for commands of a notebook."""

    def __repr__(self) -> str:
        """Return the numbers in one line."""
        numbers = f"{len(self.broken)} failures under stress, {len(self.findings)} kinds of effects lost or doubled"
        return f"<Stress of {self.name}: {numbers}, {len(self.anyway)} failures without it>"

    @property
    def tried(self) -> int:
        """How many scenarios were simulated."""
        return len(self.scenarios)

    @property
    def ok(self) -> bool:
        """Whether everything was tried, and nothing failed, with and without stress."""
        return not (self.broken or self.anyway or self.findings or self.remarks or self.untried)


def read(text: str) -> tuple[str, ...]:
    """Read kinds of stress, such as `dst,outage`; `all` is every kind."""
    kinds = tuple(kind.strip() for kind in text.split(","))
    if ALL in kinds:
        kinds = (*KINDS, *(kind for kind in kinds if kind != ALL and kind not in KINDS))
    for kind in kinds:
        if kind not in KINDS:
            hint = did_you_mean(kind, KINDS) or f"; use one of {', '.join(KINDS)} or {ALL}"
            msg = f"unknown kind of stress {kind!r}{hint}"
            raise FaultPlanError(msg)
    return kinds


def run_stress(
    load: Load,
    plain: Scenario,
    kinds: Collection[str],
    *,
    path: str | None = "PLUGIN",
    progress: Progress = lambda _: None,
    other_world: Callable[[], World] | None = None,
) -> Stress:
    """Simulate a plugin without stress and with each kind; `progress` is called with the name of each scenario.

    `path` is the plugin's path in the commands that repeat a finding; `other_world()` is that of a second tenant.
    """
    progress("a plain range")
    loaded = load()
    usual = list(plain.runs(lambda: loaded))
    tried, notes = trials(plain, kinds, Usual(usual))
    search = _Search(load, plain, usual, loaded[1], path=path, progress=progress)
    search.identities.check(effect for run in usual for effect in run.effects)
    for trial in tried.values():
        search.look_at(trial)
    names, untried = [*tried], []
    if "crash" in kinds:
        crashes, number = crash_findings(load, plain, search.identities, path, progress)
        search.add(crashes)
        names += [f"crash ({number} kills)"] if number else []
        notes += [] if number else ["crash: no run does anything between two calls of ctx"]
    if "tenants" in kinds and other_world is not None:
        progress("another tenant in the same process")
        used = loaded[0], other_world()
        others, more = tenant_findings(load, used, other_world(), plain, usual, identities=search.identities, path=path)
        search.add(others)
        names.append("tenants")
        notes += more
    if "order" in kinds:
        progress("other processes, where sets have another order")
        try:
            others, more = order_findings(plain, search.identities, path)
        except JobkitError as error:
            untried.append(f"order: {error}")
        else:
            search.add(others)
            names += [] if more else ["order"]
            notes += more
    return Stress(
        broken=tuple(search.smallest()),
        anyway=tuple(search.anyway.values()),
        scenarios=tuple(names),
        findings=tuple(search.found.values()),
        remarks=tuple(search.said.values()),
        notes=tuple(notes),
        untried=tuple(untried),
        kinds=tuple(kinds),
        name=loaded[0].manifest.name,
        path=path,
    )


class _Search:
    """What the trials have shown so far; equal failures and findings of several trials count once."""

    def __init__(
        self, load: Load, plain: Scenario, usual: list[Run], world: World, *, path: str | None, progress: Progress
    ) -> None:
        self._load, self._plain, self._path, self._progress, self._usual = load, plain, path, progress, usual
        self._allowed = world.allowed
        self._broken: dict[tuple[str, ...], tuple[Scenario, Run]] = {}
        self.identities = Identities.from_world(world)  # it has begun, so `setup` has given its rules
        self.anyway = _firsts(run for run in usual if is_failure(run))
        self.found: dict[tuple[str, str, str], Finding] = {}
        self.said: dict[tuple[str, ...], Remark] = {}

    def look_at(self, trial: Trial) -> None:
        """Simulate a trial, and keep what is new in it."""
        scenario = trial.scenario
        self._progress(f"{scenario.start:%Y-%m-%d} to {scenario.end:%Y-%m-%d}, faults: {len(scenario.plan.faults)}")
        runs = list(scenario.runs(self._load))
        for signature, run in _firsts(run for run in runs if is_failure(run)).items():
            if signature not in self.anyway:
                self._broken.setdefault(signature, (scenario, run))
        for remark in remarks(runs, self._allowed):
            if remark.signature not in self.said:
                case = shrink_remark(self._load, scenario, remark, self._plain.plan.faults)
                self.said[remark.signature] = replace(remark, command=case.command(self._path))
        if trial.judged and trial.day is not None:
            found = day_findings(runs, trial.day, trial.happens)
            self.add(replace(each, command=scenario.command(self._path)) for each in found)
        elif trial.judged:
            self.add(self._smaller(scenario, judge(self._usual_of(scenario), runs, self.identities)))

    def _usual_of(self, scenario: Scenario) -> list[Run]:
        """Return the runs without stress; those of a scenario with other jobs are simulated again, without the rest."""
        same = scenario.jobs == self._plain.jobs
        return self._usual if same else list(replace(self._plain, jobs=scenario.jobs).runs(self._load))

    def add(self, found: Iterable[Finding]) -> None:
        """Keep the findings that are new."""
        for each in found:
            self.found.setdefault(each.signature, each)

    def smallest(self) -> Iterator[Broken]:
        """Yield each failure in the smallest scenario found."""
        for scenario, run in self._broken.values():
            self._progress(f"making the failure of {run.job} smaller")
            yield shrink(self._load, scenario, run)

    def _smaller(self, scenario: Scenario, found: Iterable[Finding]) -> Iterator[Finding]:
        """Yield the findings that are new, with the command of the smallest scenario found for each."""
        cases: dict[tuple[str, str, str], Scenario] = {}
        for finding in found:
            if finding.signature in self.found:
                continue
            if finding.signature not in cases:
                self._progress(f"making what {finding.job} lost or doubled smaller")
                case, others = shrink_finding(self._load, scenario, finding, self._plain, self.identities)
                cases |= {each.signature: case for each in others}
            case = cases.get(finding.signature, scenario)
            yield replace(finding, command=case.command(self._path))


def _firsts(runs: Iterable[Run]) -> dict[tuple[str, ...], Run]:
    firsts: dict[tuple[str, ...], Run] = {}
    for run in runs:
        firsts.setdefault(failure_signature(run, cause_only=True), run)
    return firsts
