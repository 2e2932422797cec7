"""Run, simulate and test SBH App Scripts before they are deployed.

Names load when they are first used, so that importing the kit costs next to nothing. It does one thing at once: from
then on `from src.ext.sdk import …` works without a host checkout.
"""

from __future__ import annotations

import importlib

from sbh_jobkit import display
from sbh_jobkit.plugin import importer
from sbh_jobkit.version import __version__

TYPE_CHECKING = False  # as in typing, which would cost more than all of this
if TYPE_CHECKING:
    from typing import Any

    from sbh_jobkit.errors import Interrupted, JobkitError, ManifestError, PermissionDenied, PluginError, ScheduleError
    from sbh_jobkit.extensions.hookspecs import hookimpl
    from sbh_jobkit.fakes.context import FakeContext
    from sbh_jobkit.fakes.diff import Difference, diff
    from sbh_jobkit.fakes.faults.kinds import (
        Crash,
        Errors,
        Latency,
        Outage,
        RateLimit,
        SchedulerCrash,
        SchedulerDown,
        Slow,
        StorageFull,
    )
    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.script import every
    from sbh_jobkit.fakes.snapshot import Snapshot
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.plugin.job import Job
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.effects import Effect
    from sbh_jobkit.run.run import Event, Fault, Fire, HttpCall, Outcome, Run
    from sbh_jobkit.run.usage import Usage
    from sbh_jobkit.schedule.policy import Policy
    from sbh_jobkit.schedule.preview import Preview
    from sbh_jobkit.schedule.schedule import Schedule
    from sbh_jobkit.simulation.budget import Budget
    from sbh_jobkit.simulation.compare.comparison import Comparison
    from sbh_jobkit.simulation.fleet.fleet import Fleet
    from sbh_jobkit.simulation.fleet.installation import Installation
    from sbh_jobkit.simulation.fleet.result import FleetSimulation
    from sbh_jobkit.simulation.once import run_job
    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.simulator import Simulator, simulate

__all__ = [
    "Budget",
    "Comparison",
    "Crash",
    "Difference",
    "Effect",
    "Errors",
    "Event",
    "FakeContext",
    "Fault",
    "FaultPlan",
    "Fire",
    "Fleet",
    "FleetSimulation",
    "HttpCall",
    "Installation",
    "Interrupted",
    "Job",
    "JobkitError",
    "Latency",
    "ManifestError",
    "Outage",
    "Outcome",
    "PermissionDenied",
    "Plugin",
    "PluginError",
    "Policy",
    "Preview",
    "RateLimit",
    "Run",
    "Schedule",
    "ScheduleError",
    "SchedulerCrash",
    "SchedulerDown",
    "Simulation",
    "Simulator",
    "Slow",
    "Snapshot",
    "StorageFull",
    "Usage",
    "World",
    "__version__",
    "diff",
    "every",
    "hookimpl",
    "run_job",
    "simulate",
]

_MODULES = {
    "errors": ("Interrupted", "JobkitError", "ManifestError", "PermissionDenied", "PluginError", "ScheduleError"),
    "extensions.hookspecs": ("hookimpl",),
    "fakes.context": ("FakeContext",),
    "fakes.diff": ("Difference", "diff"),
    "fakes.faults.kinds": (
        "Crash",
        "Errors",
        "Latency",
        "Outage",
        "RateLimit",
        "SchedulerCrash",
        "SchedulerDown",
        "Slow",
        "StorageFull",
    ),
    "fakes.faults.plan": ("FaultPlan",),
    "fakes.script": ("every",),
    "fakes.snapshot": ("Snapshot",),
    "fakes.world": ("World",),
    "plugin.job": ("Job",),
    "plugin.plugin": ("Plugin",),
    "run.effects": ("Effect",),
    "run.run": ("Event", "Fault", "Fire", "HttpCall", "Outcome", "Run"),
    "run.usage": ("Usage",),
    "schedule.policy": ("Policy",),
    "schedule.preview": ("Preview",),
    "schedule.schedule": ("Schedule",),
    "simulation.budget": ("Budget",),
    "simulation.compare.comparison": ("Comparison",),
    "simulation.fleet.fleet": ("Fleet",),
    "simulation.fleet.installation": ("Installation",),
    "simulation.fleet.result": ("FleetSimulation",),
    "simulation.result": ("Simulation",),
    "simulation.once": ("run_job",),
    "simulation.simulator": ("Simulator", "simulate"),
}
_HOMES = {name: f"{__name__}.{module}" for module, names in _MODULES.items() for name in names}

importer.install()

display.find_views_by(lambda kind: importlib.import_module(f"{__name__}.report.notebook.mime").view_of(kind))


def __getattr__(name: str) -> Any:
    """Load a name's module when it is first asked for."""
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def load_ipython_extension(shell: Any) -> None:
    """Add the magics: what `%load_ext sbh_jobkit` calls."""
    importlib.import_module(f"{__name__}.notebook.extension").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Leave nothing of them: what `%unload_ext sbh_jobkit` calls."""
    importlib.import_module(f"{__name__}.notebook.extension").unload(shell)


def __dir__() -> list[str]:
    """List what can be imported."""
    return sorted(__all__)
