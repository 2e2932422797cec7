"""The dashboard: connects its parts, and does what their buttons ask for.

A click shows an error in the dashboard; the method of the same name raises it.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, VBox, Widget

from sbh_jobkit.errors import Interrupted, JobkitError, MagicError
from sbh_jobkit.notebook.dashboard.controls import ALL, Controls
from sbh_jobkit.notebook.dashboard.editor import Editor
from sbh_jobkit.notebook.dashboard.rerun import rerun, source_of
from sbh_jobkit.notebook.dashboard.runview import RunView
from sbh_jobkit.notebook.dashboard.slider import Slider
from sbh_jobkit.notebook.dashboard.static_output import StaticOutput, render
from sbh_jobkit.notebook.dashboard.tasks import TaskRunner
from sbh_jobkit.notebook.dashboard.timeline import Timeline
from sbh_jobkit.notebook.progress import interrupt_message
from sbh_jobkit.report.headline import simulation_headline
from sbh_jobkit.report.notebook.elements import coloured, line, muted
from sbh_jobkit.report.notebook.simulation import findings
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.conditions import DURATION, Conditions
from sbh_jobkit.simulation.once import run_job
from sbh_jobkit.simulation.simulator import Simulator
from sbh_jobkit.simulation.versions import is_disturbed, undisturbed, with_lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.notebook.dashboard.banner import ErrorBanner
    from sbh_jobkit.notebook.dashboard.rerun import Rerun
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.schedule.policy import Policy
    from sbh_jobkit.simulation.result import Simulation

_VIEW = "application/vnd.jupyter.widget-view+json"


class Dashboard:
    """Widgets to run and simulate the jobs of a plugin; a saved notebook keeps the latest result as static HTML.

    `plugin` and `world` may be functions, called at each click. Each run or simulation gets its own copy of the world.
    """

    def __init__(
        self,
        plugin: Plugin | Callable[[], Plugin],
        world: World | Callable[[], World] | None = None,
        *,
        start: str = times.START,
        duration: str | None = None,
        end: str | None = None,
        tz: str | None = None,
        policy: Policy | Mapping[str, Policy] | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """Build the widgets; nothing runs yet. Raises the error of a wrong argument or of a broken plugin."""
        self._get_plugin = plugin
        self._get_world = world
        self._conditions = Conditions(start=start, end=end, duration=duration, tz=tz, policy=policy, faults=faults)
        self._tasks = TaskRunner()
        self._closed = False
        self.simulation: Simulation | None = None
        """The latest simulation; an incomplete one if it was stopped."""
        self.runs: Sequence[Run] = ()
        """The runs to choose from: those of the simulation, or the one of Run."""
        self.chosen: Run | None = None
        self.again: Rerun | None = None
        """The result of Run again."""
        self.controls = Controls(start, duration or ("" if end else DURATION), end or "", tz)
        self.summary = HTML()
        self.findings = HTML()
        self.slider = Slider(self._show_run)
        self.timeline = Timeline(self.slider.choose)
        self.view = RunView()
        self.editor = Editor(lambda: self._click(self.rerun, self.editor.banner))
        self.banners = (self.controls.banner, self.view.banner, self.editor.banner)
        self.static = StaticOutput(lambda: (repr(self), render(self.plugin, self.simulation, self.chosen)))
        self.controls.run.on_click(lambda _: self._click(self.run, self.controls.banner))
        self.controls.simulate.on_click(lambda _: self._start(self._simulate_in_slices(), self.controls.banner))
        self.controls.stop.on_click(lambda _: self.stop())
        self.widget = VBox(
            [
                self.controls.widget,
                self.summary,
                self.findings,
                self.timeline,
                self.slider.widget,
                self.view.widget,
                self.editor.widget,
            ]
        )
        self.widget.add_class("sbh-dashboard")
        self.controls.set_jobs(self.plugin.jobs)

    def __repr__(self) -> str:
        """Show the simulation, or the plugin before there is one."""
        return f"<Dashboard of {self.simulation or self.plugin!r}>"

    @property
    def plugin(self) -> Plugin:
        """The plugin as it is now."""
        return self._get_plugin() if callable(self._get_plugin) else self._get_plugin

    @property
    def workbench(self) -> Editor:
        """Old name of editor."""
        return self.editor

    def run(self) -> Run:
        """Run the chosen job once, at the time of From, and show it."""
        plugin, name = self.plugin, self.controls.job_name
        self.controls.set_jobs(plugin.jobs)
        if name is None:
            msg = f"choose one job to run; {ALL!r} is for Simulate only"
            raise MagicError(msg)
        run = run_job(
            plugin.jobs[name],
            self._world(plugin),
            at=self.controls.start.value,
            tz=self.controls.zone_name,
            faults=self._conditions.faults,
        )
        self._show(None, [run])
        return run

    def simulate(self) -> Simulation:
        """Run everything due in the range, and show the first failing run; returns when all is done."""
        try:
            return list(self._simulate_in_slices())[-1]
        finally:
            self._set_busy(False)

    def stop(self) -> None:
        """Stop the simulation that runs; the runs done so far stay."""
        self._tasks.stop()

    async def done(self) -> None:
        """Wait until the work of the latest click is done."""
        await self._tasks.wait()

    def choose(self, position: int) -> Run:
        """Show a run by its position in `runs`; raises MagicError if there is none."""
        if not 0 <= position < len(self.runs):
            msg = f"no run {position!r}: there are {len(self.runs):,} runs, numbered from 0; simulate first"
            raise MagicError(msg)
        self.slider.choose(position)
        return self.runs[position]

    def rerun(self, code: str | None = None, data: str | None = None) -> Rerun:
        """Repeat the chosen run in the world before it, with edited code and data."""
        if self.chosen is None:
            msg = "there is no run to run again; run or simulate first"
            raise MagicError(msg)
        editor = self.editor
        editor.code.value = editor.code.value if code is None else code
        editor.data.value = editor.data.value if data is None else data
        self.again = rerun(
            self.chosen,
            self.plugin.jobs[self.chosen.job],
            code=editor.code.value,
            data=editor.data.value,
            tz=self.controls.zone_name,
            faults=self._conditions.faults,
        )
        editor.show_result(self.again)
        return self.again

    def close(self) -> None:
        """Remove all widgets, and stop a simulation that runs."""
        self._closed = True
        self._tasks.stop()
        _close(self.widget)

    def _ipython_display_(self) -> None:
        """Add two outputs to the cell: static HTML, and the widgets, which hide it where they work."""
        from IPython.display import display

        self.static.display()
        if not self._closed:
            display({_VIEW: self.widget._repr_mimebundle_()[_VIEW]}, raw=True)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return both outputs as one, for tools that do not call `_ipython_display_`."""
        del include, exclude
        view = {} if self._closed else {_VIEW: self.widget._repr_mimebundle_()[_VIEW]}
        return view | self.static.bundle()

    def _world(self, plugin: Plugin) -> World:
        from sbh_jobkit.fakes.world import World

        if self._get_world is None:
            return World.for_folder(plugin.root)
        if callable(self._get_world):
            return self._get_world()
        return self._get_world.snapshot().world()  # type: ignore[no-any-return]  # a snapshot's world is a World

    def _click(self, method: Callable[[], object], banner: ErrorBanner) -> None:
        self._start((method() for _ in range(1)), banner)

    def _start(self, steps: Iterator[object], banner: ErrorBanner) -> None:
        self._tasks.start(self._report_errors(steps, banner))

    def _report_errors(self, steps: Iterator[object], banner: ErrorBanner) -> Iterator[object]:
        try:
            with self._errors_in(banner):
                yield from steps
            if not self._closed:
                with suppress(JobkitError):  # a broken plugin; the banner shows its error
                    self.static.update()
        finally:
            self._set_busy(False)  # last, because a click is ignored as long as this task runs

    @contextmanager
    def _errors_in(self, banner: ErrorBanner) -> Iterator[None]:
        """Remove old errors, and show a new one in the banner."""
        for each in self.banners:
            each.clear()
        with banner.catch_errors():
            yield

    def _simulate_in_slices(self) -> Iterator[Simulation]:
        """Disable the buttons and yield the simulation so far after each slice; at any end show the runs done."""
        so_far: Simulation | None = None
        self._set_busy(True)
        try:
            simulator = self._simulator()
            total = simulator.count()
            self.controls.show_progress(0, total)
            for so_far in self._tasks.slices(simulator):
                self.controls.show_progress(len(so_far.runs), total)
                yield so_far
            if so_far is not None and not so_far.interrupted and is_disturbed(so_far):
                for plain in self._undisturbed(so_far):
                    so_far = with_lost(so_far, plain.runs) if not plain.interrupted else so_far
                    yield so_far
        except Interrupted as stop:
            so_far = stop.so_far
            self.controls.show_progress(len(so_far.runs), total)
            stop.args = (interrupt_message(len(so_far.runs), total, stop.at),)
            raise
        except JobkitError:
            if so_far is not None:  # its world.py failed on a later day
                so_far = replace(so_far, reached=so_far.runs[-1].fire_time)
            raise
        finally:
            if not self._closed:
                if so_far is not None:
                    self._show(so_far, so_far.runs)
                with suppress(JobkitError):  # a broken plugin; the error is already on its way to the banner
                    self.controls.set_jobs(self.plugin.jobs)

    def _undisturbed(self, simulation: Simulation) -> Iterator[Simulation]:
        """Yield the same simulation without injected faults, so far after each slice; raises no interrupt."""
        plugin = self.plugin
        with suppress(Interrupted):
            yield from self._tasks.slices(undisturbed(simulation, plugin, self._world(plugin)))

    def _simulator(self) -> Simulator:
        plugin, controls = self.plugin, self.controls
        end = controls.end.value.strip() or None
        conditions = replace(
            self._conditions,
            start=controls.start.value,
            duration=controls.duration.value if controls.duration.value.strip() or end is None else None,
            end=end,
            tz=controls.zone_name,
            jobs=None if controls.job_name is None else [controls.job_name],
        )
        return Simulator.under(conditions, plugin, self._world(plugin))

    def _set_busy(self, busy: bool) -> None:
        if not self._closed:
            self.controls.set_busy(busy)
            self.editor.rerun.disabled = busy

    def _show(self, simulation: Simulation | None, runs: Sequence[Run]) -> None:
        self.simulation, self.runs, self.chosen = simulation, runs, None
        self.timeline.show(simulation)
        self.slider.set_runs(runs)
        reached = simulation.reached if simulation is not None else None
        stopped = muted(f"stopped at {reached:%Y-%m-%d %H:%M %Z} virtual time") if reached else ""
        self.summary.value = self.findings.value = ""
        if simulation is not None:
            colour = "good" if simulation.verdict.ok else "bad"
            self.summary.value = line(coloured(simulation_headline(simulation), colour), stopped)
            self.findings.value = findings(simulation)
        if runs:
            self.slider.choose(next((position for position, run in enumerate(runs) if not run.ok), 0))
        else:
            self.view.show(None)
            self.editor.hide()

    def _show_run(self, position: int) -> None:
        with self._errors_in(self.view.banner):
            if position >= len(self.runs):
                return
            run = self.chosen = self.runs[position]
            self.again = None
            self.slider.show_position(position)
            self.timeline.move_cursor(position, run)
            self.view.show(run)
            job = self.plugin.jobs.get(run.job)
            self.editor.show(source_of(job) if job is not None else "")


def _close(widget: Widget) -> None:
    """Close a widget and its children, layouts and styles."""
    held = [getattr(widget, name) for name in widget.keys]
    widget.close()
    for value in held:
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(each, Widget):
                _close(each)
