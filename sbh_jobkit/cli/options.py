"""What the commands share: plugins and simulators made from options, and the rerun command."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sbh_jobkit.cli import streams
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.fakes.script import FILE as WORLD_FILE
from sbh_jobkit.fakes.world import TENANT
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.report.rerun import command, shared_words
from sbh_jobkit.simulation.simulator import Simulator

if TYPE_CHECKING:
    from argparse import Namespace
    from datetime import datetime

    from sbh_jobkit.run.run import Run
    from sbh_jobkit.simulation.conditions import Conditions
_MOST_TENANTS, _LONG = 100_000, 20


def load(path: str) -> Plugin:
    """Load a plugin, and print its warnings on standard error."""
    plugin = Plugin.load(path)
    for warning in plugin.warnings:
        streams.message(f"warning: {warning}")
    return plugin


def simulator(conditions: Conditions, path: str, tenant: str | None) -> Simulator:
    """Load a plugin and its world, and return the simulator of both."""
    plugin = load(path)
    return Simulator.under(conditions, plugin, conditions.world_of(plugin.root, tenant or TENANT))


def require_jobs(plugin: Plugin) -> None:
    """Raise JobkitError for a plugin that has no job."""
    if not plugin.jobs:
        entry = plugin.manifest.entry
        advice = f"a job of another module counts once {entry} imports it by name"
        if entry == WORLD_FILE:
            advice = "give the plugin's folder, or main.py"
        msg = f"{entry} defines no @job; {advice}"
        raise JobkitError(msg)


def tenant_names(text: str | None) -> int | list[str] | str:
    """Read `--tenants`: a number, or names with commas between them."""
    if text is None:
        return TENANT
    if not text.lstrip("+-").isdecimal():
        return [name.strip() for name in text.split(",")]
    number = int(text[:20])
    if not 0 < number <= _MOST_TENANTS:
        shown = text if len(text) < _LONG else f"{text[:_LONG]}…"
        msg = f"--tenants {shown} is not a number of tenants: use 1 to {_MOST_TENANTS:,}, or names: a,b,c"
        raise JobkitError(msg)
    return number


def rerun(options: Namespace, start: datetime, run: Run, path: str) -> str:
    """Return the command that repeats one run of a simulation of the plugin at `path`, in the world as it was then."""
    words = ["--tenant", run.tenant] if run.tenant != TENANT else []
    words += ["--tz", options.tz] if options.tz else []
    words += ["--time-limit", f"{options.time_limit:g}"] if options.time_limit is not None else []
    words += ["--faults", options.faults] if options.faults else []
    words += [word for line in options.fault or () for word in ("--fault", line)]
    return command(path, start, run, *words, *shared_words(options))
