"""What an extension can do: pluggy's hooks, each the name of a function to write under `@hookimpl`.

An extension is a module, or an object with methods, that has at least one of these. It is there in every world
once its package is installed with an entry point in the group `sbh_jobkit`, or in one world by
`World(extensions=[…])`. As ever with pluggy, a function takes those of the arguments that it needs, and where it
raises, the world stops and says whose mistake it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.ports import LiveService, Service
    from sbh_jobkit.run.run import Run

hookspec = HookspecMarker("sbh_jobkit")
hookimpl = HookimplMarker("sbh_jobkit")


@hookspec
def sbh_services(world: Any) -> Mapping[str, Service] | None:
    """Offer services by name: `{"email": EmailService()}` is `world.email` to an author and `ctx.email` to a job.

    Called once for each world, when it begins or one of them is first used, so make new ones each time; `world` (of
    a `PluginContext` made by hand, its tenant) may still be empty. What others offer is not there yet. Each extension
    is asked alone, so a wrapper sees what its own extension offers; the same holds for `sbh_fault_kinds`.
    """


@hookspec
def sbh_live_services(tenant_id: str) -> Mapping[str, LiveService] | None:
    """Offer the real services beside those for worlds: `{"email": SmtpService(…)}` is `ctx.email` to a job.

    Called once for each real tenant, by its name. A live service has only `open`: it keeps no snapshots.
    """


@hookspec
def sbh_configure_world(world: Any, plugin: Plugin | None) -> None:
    """Set a world up when it begins, in virtual time and before `setup` of its `world.py`, which has the last word.

    A world made by hand may be filled already: add what is missing, such as `world.secrets.setdefault(…)`. `plugin`
    is what runs there; None where the world began without one.
    """


@hookspec
def sbh_fault_kinds() -> Mapping[str, str] | None:
    """Declare kinds of fault and what they mean, for services to report and for `World(allow=[…])` to name."""


@hookspec
def sbh_run(run: Run) -> None:
    """See a run that has ended, of `run_job` and of simulations, skipped ones among them; virtual time is still on."""
