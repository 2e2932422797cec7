"""The magics: each parses its line, calls the library and returns the result, so that a cell can assign it.

A user's mistake is raised as an exception, shown as its message without a traceback. IPython's own UsageError is only
printed, so tools that test notebooks would take the cell for a success.
"""

from __future__ import annotations

import re
import shlex
from functools import wraps
from typing import TYPE_CHECKING, Any, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments

from sbh_jobkit.errors import JobkitError, MagicError, did_you_mean
from sbh_jobkit.notebook.cells import CellHistory
from sbh_jobkit.notebook.options import LENGTHS, TARGET, TO, TZ, WORLD, judging, under_conditions
from sbh_jobkit.notebook.progress import Interrupts, watched
from sbh_jobkit.notebook.session import Session, debugger_at_error, without_traceback
from sbh_jobkit.report.option_names import option_hint
from sbh_jobkit.schedule.times import START, zone

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable

    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.notebook.check import Findings
    from sbh_jobkit.notebook.dashboard import Dashboard
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.project.export import Export
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.schedule.preview import Preview
    from sbh_jobkit.simulation.compare.comparison import Comparison
    from sbh_jobkit.simulation.conditions import Conditions
    from sbh_jobkit.simulation.result import Simulation
    from sbh_jobkit.simulation.stress.stress import Stress

    _Magic = TypeVar("_Magic", bound=Callable[..., Any])


def _short_errors(magic: _Magic) -> _Magic:
    """Show a user's mistake, or an interrupt, by its message alone."""

    @wraps(magic)
    def call(self: Magics, line: str) -> Any:
        try:
            return magic(self, line)
        except (JobkitError, KeyboardInterrupt) as error:
            raise without_traceback(error) from None

    return call  # type: ignore[return-value]  # the wrapper has the same signature


def options_of(magic: Any) -> list[str]:
    """Return the names of a magic's options."""
    return re.findall(r"--[a-z-]+", magic.parser.format_usage())


@magics_class
class JobMagics(Magics):
    """The magics of `%load_ext sbh_jobkit`."""

    def __init__(self, shell: Any) -> None:
        """Create the magics of one notebook."""
        super().__init__(shell)
        self.shell: Any = shell
        self.session = Session(shell.user_ns)
        self.cells = CellHistory(shell)
        self.dashboards: list[Dashboard] = []
        """All dashboards made, closed by `%unload_ext`."""

    @line_magic
    @_short_errors
    @magic_arguments()
    @argument("path", metavar="PATH", help="plugin directory, plugin.json, main.py or zip")
    def load_plugin(self, line: str) -> Plugin:
        """Load a plugin for the other magics; a job that a cell defines replaces the plugin's job of the same name."""
        return self.session.load(self._read("load_plugin", line).path)

    @line_magic
    @_short_errors
    @magic_arguments()
    @argument("job", metavar="NAME", help="the job's name")
    @argument("--at", metavar="ISO", help="the virtual time (default: now)")
    @argument("--tz", **TZ)
    @argument("--world", **WORLD)
    @argument("--target", **TARGET)
    @argument("--on", metavar="URL", help="a server that runs it for real and now, such as http://127.0.0.1:8765")
    @argument("--tenant", metavar="NAME", help="with --on: the tenant (default: acme)")
    @argument("--token-file", metavar="FILE", help="with --on: a file with the token (default: SBH_JOBKIT_TOKEN)")
    def run_job(self, line: str) -> Run:
        """Run a job once at a virtual time, in a copy of the world; returns a Run."""
        from sbh_jobkit.simulation.once import run_job

        given = self._read("run_job", line)
        if given.on is not None:
            return self._run_on(given)
        job, world = self.session.plugin.jobs[given.job], self._world(given)
        with debugger_at_error(self.shell):
            return run_job(job, world, at=given.at, tz=given.tz)

    @line_magic
    @_short_errors
    @magic_arguments()
    @argument("what", metavar="EXPR|NAME", nargs="+", help="a cron expression, with or without quotes, or a job's name")
    @argument("--from", dest="start", metavar="ISO", help="start of the range (default: now)")
    @argument("--for", dest="duration", metavar="DURATION", help=f"{LENGTHS} (default: 7d)")
    @argument("--to", **TO)
    @argument("--tz", **TZ)
    def cron_preview(self, line: str) -> Preview:
        """Show when a schedule is due, and which other jobs are due then; returns a Preview. Nothing runs."""
        from sbh_jobkit import clock
        from sbh_jobkit.schedule import times
        from sbh_jobkit.schedule.preview import Preview
        from sbh_jobkit.schedule.schedule import Schedule

        given = self._read("cron_preview", line)
        what, plugin = " ".join(given.what), self.session.plugin_or_empty
        asked = times.zone(given.tz) if given.tz is not None else None
        job = None
        if what.startswith("@") or " " in what:
            schedule: Schedule | None = Schedule(what, asked or plugin.manifest.timezone or "UTC")
        elif what in plugin.jobs:
            job, schedule = what, plugin.jobs[what].schedule_in(asked)
        else:
            hint = did_you_mean(what, plugin.jobs)
            msg = f"{what!r} is not the name of a job, and not cron (five fields, such as 0 9 * * 1){hint}"
            raise MagicError(msg)
        if schedule is None:
            msg = f"job {what!r} is manual only (no schedule); run it with %run_job {shlex.quote(what)}"
            raise MagicError(msg)
        start = given.start or clock.now(schedule.tz).replace(microsecond=0)
        others = {name: each.schedule_in(asked) for name, each in plugin.jobs.items()}
        return Preview.from_schedule(
            schedule, start=start, end=given.end, duration=given.duration, job=job, others=others
        )

    @line_magic
    @_short_errors
    @magic_arguments()
    @argument("duration", metavar="DURATION", nargs="?", help=f"{LENGTHS} (default: 30d)")
    @argument("--from", dest="start", metavar="ISO", default=START, help=f"start of the range (default: {START})")
    @argument("--to", **TO)
    @argument("--job", action="append", metavar="NAME", help="only this job; may be repeated")
    @judging
    @under_conditions
    def simulate(self, line: str) -> Simulation | Comparison | Stress:
        """Simulate all jobs over a range of dates in virtual time, in a copy of the world; returns a Simulation."""
        from sbh_jobkit.simulation.conditions import Conditions, check_together
        from sbh_jobkit.simulation.simulator import Simulator
        from sbh_jobkit.simulation.versions import is_disturbed, undisturbed, with_lost

        given = self._read("simulate", line)
        conditions = Conditions.from_options(vars(given))
        check_together(vars(given))
        if given.stress is not None:
            return self._stressed(conditions, given)
        if given.against is not None:
            return self._compared(conditions, given)
        simulator = Simulator.under(conditions, self.session.plugin, self._world(given))
        with watched(self.shell, simulator.count()) as show:
            result = simulator.simulate(show)
        if is_disturbed(result):
            plain = undisturbed(result, self.session.plugin_again(), self._world(given))
            with watched(self.shell, plain.count()) as show:
                result = with_lost(result, plain.simulate(show).runs)
        return result

    @line_magic
    @_short_errors
    @magic_arguments()
    @argument(
        "path", metavar="PATH", nargs="?", help="a plugin to load (default: the loaded plugin and the jobs of cells)"
    )
    @argument("--from", dest="start", metavar="ISO", default=START, help=f"start of the range (default: {START})")
    @argument("--for", dest="duration", metavar="DURATION", help=f"{LENGTHS} (default: 30d)")
    @argument("--to", **TO)
    @under_conditions
    def job_dashboard(self, line: str) -> Dashboard:
        """Show widgets to run and simulate jobs, look at each run and repeat it with edits; returns a Dashboard."""
        from sbh_jobkit.notebook.dashboard import Dashboard
        from sbh_jobkit.simulation.conditions import Conditions

        given = self._read("job_dashboard", line)
        if given.path is not None:
            self.session.load(given.path)
        conditions = Conditions.from_options(vars(given))
        self._world(given)  # raises the errors of world.py now, not at the first click
        dashboard = Dashboard(
            lambda: self.session.plugin,
            lambda: self._world(given),
            start=given.start,
            duration=given.duration,
            end=given.end,
            tz=given.tz,
            policy=conditions.policy,
            faults=conditions.plan,
        )
        self.dashboards.append(dashboard)
        return dashboard

    @line_magic
    @_short_errors
    @magic_arguments()
    @argument("path", metavar="PATH", nargs="?", help="a plugin (default: the jobs of cells, or the loaded plugin)")
    @argument(
        "--target",
        metavar="guide|host",
        default="guide",
        help="check the rules of the guide (default), or also those of today's host",
    )
    def check_plugin(self, line: str) -> Findings:
        """Check a plugin before it is deployed; returns a list of findings, empty if there are no problems."""
        from sbh_jobkit.notebook.check import Findings, check_cells

        given = self._read("check_plugin", line)
        if given.path is not None:
            return Findings.from_check(given.path, given.target)
        if not self.session.cells_have_plugin:
            return Findings.from_check(self.session.loaded_source, given.target)
        return check_cells(self.cells.previous(), self.shell.user_ns, given.target, self.session.loaded)

    @line_magic
    @_short_errors
    @magic_arguments()
    @argument("folder", metavar="DIR", help="the folder to write to")
    @argument("--force", action="store_true", help="also overwrite files that you have changed or written yourself")
    def export_plugin(self, line: str) -> Export:
        """Write a plugin from the notebook's cells: main.py, plugin.json, world.py, first tests and a zip."""
        from sbh_jobkit.project.export import export_plugin

        given = self._read("export_plugin", line)
        cells, names = self.cells.previous(), self.shell.user_ns
        return export_plugin(cells, names, given.folder, force=given.force, loaded=self.session.loaded)

    def _compared(self, conditions: Conditions, given: Namespace) -> Comparison:
        from sbh_jobkit.plugin.plugin import Plugin
        from sbh_jobkit.project.at_commit import plugin_at
        from sbh_jobkit.simulation.versions import compare_versions

        plugin = self.session.plugin
        with plugin_at(given.against, str(plugin.root or ".")) as other:
            return compare_versions(conditions, Plugin.load(other), plugin, lambda: self._world(given))

    def _stressed(self, conditions: Conditions, given: Namespace) -> Stress:
        from sbh_jobkit.report.rerun import shared_words
        from sbh_jobkit.simulation.simulator import Simulator
        from sbh_jobkit.simulation.stress.scenario import Scenario
        from sbh_jobkit.simulation.stress.stress import read, run_stress
        from sbh_jobkit.simulation.stress.tenants import other_tenant

        def load() -> tuple[Plugin, World]:
            return self.session.plugin_again(), self._world(given)

        def other_world() -> World:
            return self._world(given, other_tenant(world.tenant_id))

        kinds = read(given.stress)
        given.seed = given.seed if given.seed is not None else conditions.plan.seed or None
        plugin, world = load()
        plain = Scenario.from_simulator(Simulator.under(conditions, plugin, world), words=shared_words(given))
        with Interrupts() as interrupts:

            def show(_: object) -> None:
                interrupts.raise_if_asked()

            return run_stress(load, plain, kinds, path=None, progress=show, other_world=other_world)

    def _run_on(self, given: Namespace) -> Run:
        """Run a job on a server."""
        from sbh_jobkit.project.remote import Remote, find_token

        for name in ("at", "tz", "world", "target"):
            if getattr(given, name) is not None:
                msg = f"--{name} belongs to a simulation; leave it out with --on"
                raise MagicError(msg)
        job = self.session.plugin.jobs[given.job]
        tz = job.schedule.tz if job.schedule is not None else zone(job.manifest.timezone or "UTC")
        server = Remote(given.on, token=find_token(given.token_file), tenant=given.tenant or "acme")
        return server.run(self.session.plugin.slug, job.name, tz)

    def _world(self, given: Namespace, tenant: str | None = None) -> World:
        from sbh_jobkit.simulation.conditions import Conditions

        conditions = Conditions(target=given.target, seed=getattr(given, "seed", None))
        return conditions.apply_to(self.session.world(given.world, tenant))

    def _read(self, name: str, line: str) -> Namespace:
        """Parse a magic's line as a shell would; raises MagicError for a wrong argument."""
        magic = getattr(self, name)
        try:
            magic.parser.allow_abbrev = False
            given, rest = magic.parser.parse_known_args(shlex.split(line))
        except (UsageError, ValueError) as error:
            msg = f"%{name}: {error}; see %{name}?"
            raise MagicError(msg) from None
        if rest:
            unknown = rest[0].partition("=")[0]
            hint = option_hint(unknown, options_of(magic)) or f"; see %{name}?"
            msg = f"%{name} has no argument {unknown!r}{hint}"
            raise MagicError(msg)
        return given  # type: ignore[no-any-return]  # argparse has no type for the result
