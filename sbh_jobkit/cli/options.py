"""The plugin that a command was given, its simulator, and the command that repeats one of its runs."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from sbh_jobkit.errors import JobkitError
from sbh_jobkit.fakes.faults import plan as faultplan
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.fakes.world import TENANT, World
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.report.rerun import command
from sbh_jobkit.schedule import policy, times
from sbh_jobkit.simulation.fleet.fleet import Fleet
from sbh_jobkit.simulation.simulator import Simulator

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime
    from pathlib import Path

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.schedule.policy import Policy


def load(path: str) -> Plugin:
    """Load a plugin, and warn on standard error of what is surely not meant."""
    plugin = Plugin.load(path)
    for warning in plugin.warnings:
        tell(f"warning: {warning}")
    return plugin


def need_jobs(plugin: Plugin) -> None:
    """Refuse a plugin without a job."""
    if not plugin.jobs:
        entry = plugin.manifest.entry
        msg = f"{entry} defines no @job; a job of another module counts once {entry} imports it by name"
        raise JobkitError(msg)


def tell(text: str) -> None:
    """Tell a person something on standard error, where it is in no machine's way."""
    print(f"sbh-jobkit: {text}", file=sys.stderr)


def tenant(plugin: Plugin, options: Namespace) -> World:
    """Return the plugin's world at the tenant, with the seed and the target that were asked for."""
    world = World.of(plugin.root, options.tenant or TENANT, options.seed or 0)
    if options.target is not None:
        world.target = options.target
    return world


def policies(options: Namespace) -> dict[str, Policy]:
    """Return what becomes of due instants, by job."""
    return policy.parse(options.policy or ())


def faults(options: Namespace) -> FaultPlan:
    """Return what goes wrong: the plan's file, the single faults after it, and the seed over the file's."""
    plan = FaultPlan.load(options.faults) if options.faults else FaultPlan()
    more = [faultplan.parse(line) for line in options.fault or ()]
    return FaultPlan(*plan.faults, *more, seed=plan.seed if options.seed is None else options.seed)


def simulator(options: Namespace, **more: Any) -> Simulator:
    """Return the simulator that the options describe."""
    plugin = load(options.path)
    return Simulator(
        plugin,
        tenant(plugin, options),
        start=options.start or times.START,
        tz=options.tz,
        policy=policies(options),
        faults=faults(options),
        time_limit=options.time_limit,
        **more,
    )


def settings(options: Namespace) -> tuple[str, ...]:
    """Return the words of a command that make it meet the same tenant and the same rules."""
    words = [word for line in options.policy or () for word in ("--policy", line)]
    words += ["--target", options.target] if options.target else []
    words += ["--seed", str(options.seed)] if options.seed is not None else []
    return tuple(words)


def rerun(options: Namespace, start: datetime, run: Run, path: str | None = None) -> str:
    """Return the one command that repeats a run in the world of its time; `path` is its plugin's, of several."""
    words = ["--tenant", run.tenant] if run.tenant != TENANT else []
    words += ["--tz", options.tz] if options.tz else []
    words += ["--time-limit", f"{options.time_limit:g}"] if options.time_limit is not None else []
    words += ["--faults", options.faults] if options.faults else []
    words += [word for line in options.fault or () for word in ("--fault", line)]
    return command(path or options.path, start, run, *words, *settings(options))


def fleet(options: Namespace) -> Fleet:
    """Return the plugins and the tenants that the options name."""
    tenants: str | int | list[str] = options.tenants if options.tenants is not None else TENANT
    if isinstance(tenants, str):
        tenants = int(tenants) if tenants.isdecimal() else [name.strip() for name in tenants.split(",")]
    return Fleet(
        options.paths,
        tenants,
        start=options.start or times.START,
        duration=options.duration,
        tz=options.tz,
        jobs=options.job,
        policy=policies(options),
        faults=faults(options),
        time_limit=options.time_limit,
        seed=options.seed or 0,
        target=options.target,
    )


def write(path: Path, text: str) -> None:
    """Write a report where it was asked for."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        msg = f"cannot write the report to {str(path)!r}: {error.strerror}"
        raise JobkitError(msg) from error


def print_json(value: Any) -> None:
    """Print a value for machines."""
    json.dump(value, sys.stdout, ensure_ascii=False, indent=1)
    print()
