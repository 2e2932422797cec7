"""What the commands share that run jobs for real: tenants and plugins are loaded, and a screen shows what happens."""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from sbh_jobkit import clock
from sbh_jobkit.cli import streams
from sbh_jobkit.cli.screens import JsonLines, ScreenHandler, TerminalScreen
from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.served import FACTORY
from sbh_jobkit.errors import PluginError, SettingsError
from sbh_jobkit.extensions.manager import manager
from sbh_jobkit.extensions.registry import Extensions
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.report.terminal.serving import Serving
from sbh_jobkit.run.kinds import FAULTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sbh_jobkit.cli.screens import Screen
    from sbh_jobkit.cli.web import Web
    from sbh_jobkit.engines.describe import PluginDescription
    from sbh_jobkit.engines.served import ServedJob
    from sbh_jobkit.engines.store import Store
    from sbh_jobkit.ports import LiveService
    from sbh_jobkit.run.run import Run

TENANT_FILE = "tenant.toml"


def load_tenants(paths: Sequence[str] | None) -> list[Settings]:
    """Read the files that describe tenants, by default the one in this folder."""
    if not paths and not Path(TENANT_FILE).exists():
        msg = f"there is no {TENANT_FILE} here; name the file that describes the tenant with --tenant FILE,"
        msg += ' or write one: its only line that must be there is id = "acme"'
        raise SettingsError(msg)
    return [Settings.load(path) for path in paths or [TENANT_FILE]]


def describe_all(
    paths: Sequence[str], load: Callable[[str], PluginDescription] = describe, *, warns: bool = True
) -> list[PluginDescription]:
    """Load plugins; raises PluginError with the problems of all of them."""
    found, problems = [], []
    for path in paths:
        try:
            found.append(load(path))
        except PluginError as error:
            problems.append(f"{error}")
    if problems:
        raise PluginError("\n".join(problems))
    for plugin in found if warns else ():
        for warning in plugin.warnings:
            streams.message(f"warning: {warning}")
    return found


def modules() -> tuple[str, ...]:
    """Return what the starter loads for runs of real tenants."""
    ours = ("jobs", "keyring", "store", "vault")
    return FACTORY.partition(":")[0], *(f"sbh_jobkit.engines.{name}" for name in ours), "sbh_jobkit.live.preload"


def screen_for(*, with_tenant: bool, with_plugin: bool) -> Screen:
    """Return lines for a person on a terminal, or lines of JSON; a person sees names where there are several."""
    if sys.stdout.isatty():
        return TerminalScreen(with_tenant=with_tenant, with_plugin=with_plugin)
    return JsonLines()


@contextmanager
def logging_on(screen: Screen) -> Iterator[None]:
    """Show the scheduler's log on the screen, and what libraries warn of: it is a line of the same log."""
    logger, handler = logging.getLogger(), ScreenHandler(screen)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def notified(ends: Sequence[Callable[[Run], object]]) -> Callable[[Run], object]:
    """Return what is done at the end of each run: a person sees it, it is counted, and extensions see it."""
    extensions: Extensions[LiveService] = Extensions(manager(), None, FAULTS, tenant_id="")

    def ended(run: Run) -> None:
        for each in ends:
            each(run)
        extensions.notify(run)

    return ended


def serving_of(
    plugins: Sequence[PluginDescription],
    tenants: Sequence[Settings],
    store: Store,
    jobs: Sequence[ServedJob],
    web: Web,
) -> Serving:
    """Return what is served, as a screen shows it."""
    now = clock.now(UTC)

    def name(job: ServedJob) -> str:
        planned = job.planned
        parts = [planned.tenant] * (len(tenants) > 1) + [planned.plugin] * (len(plugins) > 1)
        return "/".join([*parts, planned.job])

    timed = [(job, job.planned.schedule) for job in jobs]
    due = [(schedule.next(now), name(job)) for job, schedule in timed if not isinstance(schedule, ManualOnly)]
    return Serving(
        plugins=[f"{plugin.slug} {plugin.version}: {plugin.path}" for plugin in plugins],
        tenants=[f"{tenant.id}: {tenant.path}" for tenant in tenants],
        store=store.shown,
        due=sorted(due),
        url=web.address.url,
        token=web.token,
    )
