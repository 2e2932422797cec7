"""The dashboard itself: what its widgets ask for, done, and shown.

Clicks show what goes wrong in the dashboard; the methods of the same names raise it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, VBox, Widget

from sbh_jobkit.errors import Interrupted, JobkitError, MagicError
from sbh_jobkit.notebook.dashboard.controls import ALL, Controls
from sbh_jobkit.notebook.dashboard.editor import Editor
from sbh_jobkit.notebook.dashboard.problem import ErrorBanner
from sbh_jobkit.notebook.dashboard.rerun import again, source_of
from sbh_jobkit.notebook.dashboard.runview import RunView
from sbh_jobkit.notebook.dashboard.slider import Slider
from sbh_jobkit.notebook.dashboard.tasks import Work
from sbh_jobkit.notebook.dashboard.timeline import STILL, Timeline
from sbh_jobkit.report.html.simulation import headline
from sbh_jobkit.report.notebook import plugin as _plugin
from sbh_jobkit.report.notebook import run as _run
from sbh_jobkit.report.notebook import simulation as _simulation
from sbh_jobkit.report.notebook.elements import COLOURS, line, soft, word
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.simulator import DURATION, Simulator, run_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sbh_jobkit.fakes.faults.plan import FaultPlan
    from sbh_jobkit.fakes.world import World
    from sbh_jobkit.notebook.dashboard.rerun import Rerun
    from sbh_jobkit.plugin.plugin import Plugin
    from sbh_jobkit.run.run import Run
    from sbh_jobkit.schedule.policy import Policy
    from sbh_jobkit.simulation.result import Simulation

_VIEW = "application/vnd.jupyter.widget-view+json"


class Dashboard:
    """Widgets around a plugin, for a cell to end in; what their clicks came to stays in the saved notebook.

    `plugin` may be a function that returns one, asked anew at every click; so may `world`, of which all that is run
    gets a copy of its own.
    """

    def __init__(
        self,
        plugin: Plugin | Callable[[], Plugin],
        world: World | Callable[[], World] | None = None,
        *,
        start: str = times.START,
        duration: str = DURATION,
        tz: str | None = None,
        policy: Policy | Mapping[str, Policy] | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        """Build it; nothing runs yet. Raises what the plugin raises."""
        self._asked = plugin
        self._asked_world = world
        self._policy = policy
        self._faults = faults
        self._work = Work()
        self._closed = False
        self._stills: list[Any] = []
        self.simulation: Simulation | None = None
        """The latest, as far as it came."""
        self.runs: Sequence[Run] = ()
        """What there is to look at: the runs of the simulation, or the one that was asked for."""
        self.chosen: Run | None = None
        self.again: Rerun | None = None
        """What came of running the chosen run again."""
        self.controls = Controls(start, duration, tz)
        self.problem = ErrorBanner()
        self.verdict = HTML()
        self.scrubber = Slider(self._look)
        self.timeline = Timeline(self.scrubber.go)
        self.view = RunView()
        self.workbench = Editor(lambda: self._clicked(self.rerun))
        self.controls.run.on_click(lambda _: self._clicked(self.run))
        self.controls.simulate.on_click(lambda _: self._work.begin(self._told(self._slices())))
        self.controls.stop.on_click(lambda _: self.stop())
        self.widget = VBox(
            [
                self.controls.widget,
                self.problem.widget,
                self.verdict,
                self.timeline,
                self.scrubber.widget,
                self.view.widget,
                self.workbench.widget,
            ]
        )
        self.controls.offer(self.plugin.jobs)

    def __repr__(self) -> str:
        """Say what it is about, in a line."""
        return f"<Dashboard of {self.simulation or self.plugin!r}>"

    @property
    def plugin(self) -> Plugin:
        """The plugin as it is now."""
        return self._asked() if callable(self._asked) else self._asked

    def run(self) -> Run:
        """Run the chosen job once, at the first instant, and look at that."""
        plugin, name = self.plugin, self.controls.job_name
        self.controls.offer(plugin.jobs)
        if name is None:
            msg = f"choose one job to run; {ALL!r} can be simulated"
            raise MagicError(msg)
        run = run_job(
            plugin.jobs[name],
            self._world(plugin),
            at=self.controls.start.value,
            tz=self.controls.zone_name,
            faults=self._faults,
        )
        self._show(None, [run])
        return run

    def simulate(self) -> Simulation:
        """Run all that is due in the range, and look at the first run that needs it; returns when it is done."""
        return list(self._slices())[-1]

    def stop(self) -> None:
        """End the simulation that goes on; what was done until then stays."""
        self._work.stop()

    async def done(self) -> None:
        """Wait until what a click has begun is done."""
        await self._work.done()

    def choose(self, place: int) -> Run:
        """Look at one of the runs, by its place; raises MagicError where there is none."""
        if not 0 <= place < len(self.runs):
            msg = f"there is no run {place!r}: there are {len(self.runs):,}, from 0 on; simulate first"
            raise MagicError(msg)
        self.scrubber.go(place)
        return self.runs[place]

    def rerun(self, code: str | None = None, data: str | None = None) -> Rerun:
        """Run the run that is looked at again, in the world as it met it, with edited code and data."""
        if self.chosen is None:
            msg = "there is no run to run again; run or simulate first"
            raise MagicError(msg)
        bench = self.workbench
        bench.code.value = bench.code.value if code is None else code
        bench.data.value = bench.data.value if data is None else data
        self.again = again(
            self.chosen,
            self.plugin.jobs[self.chosen.job],
            code=bench.code.value,
            data=bench.data.value,
            tz=self.controls.zone_name,
            faults=self._faults,
        )
        bench.show(self.again)
        return self.again

    def close(self) -> None:
        """Take all its widgets away; a simulation that goes on ends."""
        self._closed = True
        self._work.stop()
        _close(self.widget)

    def _ipython_display_(self) -> None:
        """Show two outputs: what stays where widgets are dead, and the widgets, which hide it while they live."""
        from IPython.display import display

        self._stills.append(display(self._still_bundle(), raw=True, display_id=True))
        if not self._closed:
            display({_VIEW: self.widget._repr_mimebundle_()[_VIEW]}, raw=True)

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        """Return both as one, for who asks."""
        del include, exclude
        view = {} if self._closed else {_VIEW: self.widget._repr_mimebundle_()[_VIEW]}
        return view | self._still_bundle()

    def _still_bundle(self) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": f'<div class="{STILL}">{self._still()}</div>'}

    def _still(self) -> str:
        if self.simulation is None:
            return _plugin.html(self.plugin) if self.chosen is None else _run.html(self.chosen)
        looked_at = _run.html(self.chosen) if self.chosen is not None else ""
        return _simulation.html(self.simulation) + looked_at

    def _world(self, plugin: Plugin) -> World:
        from sbh_jobkit.fakes.world import World

        if self._asked_world is None:
            return World.of(plugin.root)
        if callable(self._asked_world):
            return self._asked_world()
        return self._asked_world.snapshot().world()  # type: ignore[no-any-return]  # a snapshot's world is a World

    def _clicked(self, act: Callable[[], object]) -> None:
        self._work.begin(self._told(act() for _ in range(1)))

    def _told(self, steps: Iterator[object]) -> Iterator[object]:
        with self.problem.told():
            yield from steps
        if self._stills and not self._closed:
            with suppress(JobkitError):  # it is told already
                bundle = self._still_bundle()
                for still in self._stills:
                    still.update(bundle, raw=True)

    def _slices(self) -> Iterator[Simulation]:
        """Simulate, slice by slice; however that ends, show what was done, and leave the buttons as they were."""
        done: Simulation | None = None
        self._busy(True)
        try:
            simulator = self._simulator()
            total = simulator.count()
            self.controls.progress(0, total)
            for done in self._work.slices(simulator):
                self.controls.progress(len(done.runs), total)
                yield done
        except Interrupted as stop:
            done = stop.so_far
            raise
        except JobkitError:
            if done is not None:  # its world could not go on
                done = replace(done, reached=done.runs[-1].fire_time)
            raise
        finally:
            if not self._closed:
                self._busy(False)
                if done is not None:
                    self._show(done, done.runs)
                self._offer()

    def _simulator(self) -> Simulator:
        plugin, controls = self.plugin, self.controls
        return Simulator(
            plugin,
            self._world(plugin),
            start=controls.start.value,
            duration=controls.duration.value,
            tz=controls.zone_name,
            jobs=None if controls.job_name is None else [controls.job_name],
            policy=self._policy,
            faults=self._faults,
        )

    def _busy(self, busy: bool) -> None:
        self.controls.busy(busy)
        self.workbench.rerun.disabled = busy

    def _offer(self) -> None:
        try:
            self.controls.offer(self.plugin.jobs)
        except JobkitError:
            return  # what is wrong with the plugin is told already

    def _show(self, simulation: Simulation | None, runs: Sequence[Run]) -> None:
        self.simulation, self.runs, self.chosen = simulation, runs, None
        self.timeline.show(simulation)
        self.scrubber.offer(runs)
        colour = "good" if all(run.ok for run in runs) else "bad"
        reached = simulation.reached if simulation is not None else None
        stopped = soft(f"stopped at {reached:%Y-%m-%d %H:%M %Z}, virtual time") if reached else ""
        self.verdict.value = line(word(headline(runs), COLOURS[colour]), stopped) if simulation is not None else ""
        if runs:
            self.scrubber.go(next((place for place, run in enumerate(runs) if not run.ok), 0))
        else:
            self.view.show(None)
            self.workbench.clear()

    def _look(self, place: int) -> None:
        with self.problem.told():
            if place >= len(self.runs):
                return
            run = self.chosen = self.runs[place]
            self.again = None
            self.scrubber.tell(place)
            self.timeline.point(place, run)
            self.view.show(run)
            job = self.plugin.jobs.get(run.job)
            self.workbench.offer(source_of(job) if job is not None else "")


def _close(widget: Widget) -> None:
    """Close a widget with all that it holds: its children, layouts and styles."""
    held = [getattr(widget, name) for name in widget.keys]
    widget.close()
    for value in held:
        for each in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(each, Widget):
                _close(each)
