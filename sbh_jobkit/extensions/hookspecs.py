"""The hooks of extensions: an extension implements them under `@hookimpl`, by pluggy's rules.

An extension is a module, or an object with methods, that has at least one of these hooks. Every world has it if its
package is installed with an entry point in the group `sbh_jobkit`; one world has it by `World(extensions=[…])`. A hook
takes those of the arguments that it needs. An exception in a hook stops the world, and the error names the extension.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker, HookspecMarker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.ports import LiveService, Service
    from sbh_jobkit.run.run import Run

hookspec = HookspecMarker("sbh_jobkit")
hookimpl = HookimplMarker("sbh_jobkit")


@hookspec
def sbh_services(world: Any) -> Mapping[str, Service] | None:
    """Offer services by name: `{"email": EmailService()}` is `world.email` to an author and `ctx.email` to a job.

    Called once for each world, when it begins or when one of its services is first used: return new objects each
    time. `world` may still be empty, and has no services of other extensions yet. Each extension is asked alone, so a
    wrapper sees only its own extension; the same holds for `sbh_fault_kinds`.
    """


@hookspec
def sbh_live_services(tenant_id: str) -> Mapping[str, LiveService] | None:
    """Offer the real services beside those for worlds: `{"email": SmtpService(…)}` is `ctx.email` to a job.

    Called once for each real tenant, by its name. A live service has only `open`: it keeps no snapshots.
    """


@hookspec
def sbh_configure_world(world: Any, plugin: Plugin | None) -> None:
    """Set a world up when it begins, in virtual time and before `setup` of its `world.py`.

    A world that a test made may be filled already: add what is missing, for example by `world.secrets.setdefault(…)`.
    `plugin` is the plugin that runs there; None if the world began without one.
    """


@hookspec
def sbh_fault_kinds() -> Mapping[str, str] | None:
    """Declare kinds of fault and their meaning: services report them, and `World(allow=[…])` names them."""


@hookspec
def sbh_run(run: Run) -> None:
    """Look at a run that has ended, in virtual time; simulations also report runs that did not start."""


@hookspec
def sbh_engines() -> Mapping[str, Callable[[str], Any]] | None:
    """Offer engines by name: `{"rq": RqEngine}` is `serve --engine rq` and `worker --engine rq`.

    What a name stands for is called with the URL of the store, once in each process that uses it, and returns an
    `sbh_jobkit.engines.engine.Engine`. It makes what it needs itself, wherever it keeps that.
    """
