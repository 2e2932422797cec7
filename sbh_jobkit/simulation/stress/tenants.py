"""A second tenant in the process of the first: it must be given what it is given alone.

On a platform, the plugin's modules may serve one tenant after another, so what a job keeps in a variable for one tenant
reaches the next one. Nobody's simulation of one tenant shows that.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sbh_jobkit.fakes.world import TENANT
from sbh_jobkit.run.run import jsonable
from sbh_jobkit.simulation.compare.judgement import Finding, findings, name_of
from sbh_jobkit.simulation.compare.matching import match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.compare.identity import Identities
    from sbh_jobkit.simulation.stress.scenario import Load, Scenario

_OTHER = "globex"
_SAME = "tenants: both tenants have the same; let setup use world.tenant_id"
_KEPT = (
    "tenants: the jobs of cells are not imported again, so what their variables keep is found only where it names a "
    "tenant; export the plugin to find the rest"
)


def other_tenant(tenant: str) -> str:
    """Return the name of the second tenant beside this one."""
    return _OTHER if tenant != _OTHER else TENANT


def tenant_findings(
    load: Load,
    used: tuple[Plugin, World],
    world: World,
    plain: Scenario,
    usual: Sequence[Run],
    *,
    identities: Identities,
    path: str | None,
) -> tuple[list[Finding], list[str]]:
    """Return what a second tenant gets of the first, and notes on what hides it.

    `used` is the plugin that the first tenant's simulation has run, with a world of the second; `world` is another one
    of the second, in which the plugin is imported again.
    """
    plugin, first = load()
    alone = [effect for run in plain.runs(lambda: (plugin, world)) for effect in run.effects]
    after = [effect for run in plain.runs(lambda: used) for effect in run.effects]
    own, other = world.tenant_id, first.tenant_id
    why = f"only if tenant {other!r} ran before {own!r} in the same process: a variable keeps what is another tenant's"
    changes = (each for each in match(alone, after, identities) if each.word not in {"late", "early"})
    found = [*_named(alone, other, own), *findings(changes, lambda _: why)]
    command = f"{plain.command(path)} --stress tenants"
    same = Counter(map(_text, alone)) == Counter(_text(effect) for run in usual for effect in run.effects)
    notes = [_SAME] if alone and same else []
    notes += [_KEPT] if any(job.function is plugin.jobs[job.name].function for job in used[0].jobs.values()) else []
    return [replace(each, command=command) for each in found], notes


def _named(effects: Iterable[Effect], other: str, own: str) -> Iterator[Finding]:
    """Yield effects in which the id of another tenant stands, as a value or as a part of a path."""
    seen: defaultdict[tuple[str, str], list[Effect]] = defaultdict(list)
    for effect in effects:
        if other in _values(effect):
            seen[effect.job, name_of(effect)].append(effect)
    for (job, name), named in seen.items():
        yield Finding(
            job=job,
            word="wrong tenant",
            what=f"{name} names tenant {other!r}",
            count=len(named),
            first=named[0],
            why=f"the run is one of tenant {own!r}",
        )


def _values(effect: Effect) -> set[str]:
    """Return the texts in an effect's content, and the parts of its path."""
    content = effect.content
    if effect.kind == "http":
        try:
            content = json.loads(content or "null")
        except ValueError:
            content = None
    found, waiting = set(re.split(r"[/ ?=&]", effect.name)), [jsonable(content)]
    while waiting:
        value: Any = waiting.pop()
        if isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
        elif isinstance(value, str):
            found.add(value)
    return found


def _text(effect: Effect) -> str:
    return json.dumps([effect.job, effect.kind, effect.name, jsonable(effect.content)], sort_keys=True)
