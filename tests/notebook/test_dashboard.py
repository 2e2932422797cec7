"""The dashboard without a kernel: without an event loop, callbacks of clicks run at once."""

from __future__ import annotations

import asyncio
import html
import re
import signal
from datetime import datetime
from pathlib import Path

import pytest
from ipywidgets.widgets.widget import _instances as registry

from sbh_jobkit import FaultPlan, Plugin, World, clock
from sbh_jobkit.cli.main import main
from sbh_jobkit.errors import Interrupted, JobkitError
from sbh_jobkit.fakes.faults.parse import parse
from sbh_jobkit.machine import guard
from sbh_jobkit.notebook.dashboard import Dashboard

MAIN = """
from datetime import datetime
from src.ext.sdk import job

@job("count", schedule="0 6 * * *")
def count(ctx):
    ctx.secrets.get("KEY")
    if datetime.now().day == 3:
        return {"status": "error", "error": f"it is the third, {ctx.secrets.get('KEY')}"}
    ctx.files.upload(f"counts/{datetime.now():%d}.txt", str(ctx.db.count("users")))
    ctx.emit("counted", {"users": ctx.db.count("users")})
    return {"status": "success", "users": ctx.db.count("users")}

@job("tidy", schedule="30 6 * * *")
def tidy(ctx):
    return {"status": "success"}
"""
WORLD = """
from sbh_jobkit import every

def setup(world):
    world.secrets["KEY"] = "k-very-secret-value"
    world.db.insert("users", [{"name": "Ada"}])

@every("0 0 * * *")
def joins(world, now):
    world.db.insert("users", {"name": f"{now:%d}"})
"""


@pytest.fixture
def folder(tmp_path):
    """Return a plugin's folder."""
    (tmp_path / "plugin.json").write_text('{"slug": "counter", "name": "Counter"}')
    (tmp_path / "main.py").write_text(MAIN)
    (tmp_path / "world.py").write_text(WORLD)
    return tmp_path


@pytest.fixture
def dashboard(folder):
    """Return a dashboard of five days."""
    made = Dashboard(Plugin.load(folder), duration="5d")
    yield made
    made.close()


def errors(dashboard):
    """Return the errors that the banners show."""
    return "".join(banner.widget.value for banner in dashboard.banners)


def clean():
    """Return whether the process sees the machine's time, and no socket guard is active."""
    return not clock.is_virtual() and guard._watching == [] and datetime.now().year > 2025  # noqa: DTZ005, SLF001, TID251


def every_text(dashboard):
    """Return the text of all widgets and of the static output."""
    state = [widget.get_state() for widget in registry.values()]
    return f"{state} {dashboard._repr_mimebundle_()}"


def test_simulate_shows_all_there_is(dashboard):
    """The summary, the timeline, and the first failing run with the worlds before and after it."""
    dashboard.controls.simulate.click()
    assert (errors(dashboard), len(dashboard.runs), dashboard.simulation.reached) == ("", 10, None)
    assert "1 of 10 runs failed" in dashboard.summary.value
    assert 'alt="10 runs of 2 jobs on a timeline"' in dashboard.timeline.image
    assert (dashboard.slider.position.value, dashboard.chosen) == (4, dashboard.runs[4])
    assert (dashboard.timeline.position, dashboard.timeline.label) == (4, "count, Sat 2026-01-03 06:00: failed")
    assert "it is the third" in dashboard.view.details.value
    assert "10 of 10 runs" in dashboard.controls.status.value
    assert [dashboard.controls.stop.disabled, dashboard.controls.simulate.disabled] == [True, False]
    assert (dashboard.controls.job.label, dashboard.controls.bar.layout.display) == ("all jobs", "none")
    assert clean()


def test_run_runs_the_chosen_job_once(dashboard):
    """At the time of From; one run has no timeline, but it has its worlds."""
    dashboard.controls.job.value = "count"
    dashboard.controls.start.value = "2026-01-02T06:00"
    dashboard.controls.run.click()
    (run,) = dashboard.runs
    assert (run.job, run.fire_time.isoformat(), run.value["users"]) == ("count", "2026-01-02T06:00:00+00:00", 1)
    assert (dashboard.simulation, dashboard.timeline.image, dashboard.timeline.cursor) == (None, "", [])
    dashboard.view.tabs.selected_index = 1
    assert "counts/02.txt" in dashboard.view.worlds[1].value


def test_job_range_and_zone_are_taken_from_the_fields(dashboard):
    """One job, other days, another zone."""
    controls = dashboard.controls
    controls.job.value, controls.start.value = "tidy", "2026-03-28"
    controls.duration.value, controls.zone.value = "2d", "Europe/Paris"
    controls.simulate.click()
    assert [(run.job, run.fire_time.isoformat()) for run in dashboard.runs] == [
        ("tidy", "2026-03-28T06:30:00+01:00"),
        ("tidy", "2026-03-29T06:30:00+02:00"),
    ]


def test_the_slider_chooses_runs(dashboard):
    """By its handle, step by step, and to the next failing run; never past the ends."""
    dashboard.simulate()
    seen, slider = [], dashboard.slider
    for act in (
        slider.next.click,
        slider.previous.click,
        slider.previous.click,
        lambda: setattr(slider.position, "value", 9),
        slider.next.click,
        slider.failing.click,
    ):
        act()
        seen.append((slider.position.value, dashboard.chosen is dashboard.runs[slider.position.value]))
    assert seen == [(5, True), (4, True), (3, True), (9, True), (9, True), (4, True)]
    assert "5 of 10" in slider.status.value


def test_a_click_on_the_timeline_chooses_the_nearest_mark_in_its_row(dashboard):
    """With the messages that its script sends; a click on the cursor chooses its run again."""
    dashboard.simulate()
    for position in (0, 7, 9):
        dashboard.choose(position)
        left, top, height = dashboard.timeline.cursor
        dashboard.choose(3)
        dashboard.timeline.on_input({"left": left + 0.01, "top": top + height / 2})
        assert dashboard.chosen is dashboard.runs[position]
    for step, position in ((-1, 8), (-1e9, 0), (1, 1), (1e9, 9), (1, 9)):
        dashboard.timeline.on_input({"step": step})
        assert dashboard.slider.position.value == position
    dashboard.timeline.on_input({"left": 0.0, "top": -1.0})
    assert dashboard.slider.position.value == 0


def test_tabs_show_the_worlds_around_the_run(dashboard):
    """Only the open tab is rendered."""
    dashboard.simulate()
    dashboard.choose(6)
    shown = []
    for tab in range(4):
        dashboard.view.tabs.selected_index = tab
        shown.append([("counts/04.txt" in page.value, bool(page.value)) for page in dashboard.view.worlds])
    nothing = (False, False)
    assert shown == [
        [(False, True), nothing, nothing, nothing],
        [nothing, (True, True), nothing, nothing],
        [nothing, nothing, (True, True), nothing],
        [nothing, nothing, nothing, (True, True)],
    ]


def test_effects_and_observations(dashboard):
    """Those of the chosen run have a tab; those of the whole simulation are folded below its summary."""
    dashboard.simulate()
    dashboard.choose(6)
    dashboard.view.tabs.selected_index = 3
    cells = re.findall("<td[^>]*>(.*?)</td>", dashboard.view.worlds[3].value)
    assert [html.unescape(re.sub("<[^>]*>", "", cell)).strip() for cell in cells] == [
        *("count", "event counted", "1", '{"users": 5}'),
        *("count", "file uploaded counts/04.txt", "1", "1 bytes"),
    ]
    folded = re.findall("<summary>(.*?)</summary>", dashboard.findings.value)
    assert folded == ["8 effects"]
    assert "<td" in dashboard.findings.value
    assert "uploaded counts/#.txt" in dashboard.findings.value
    dashboard.choose(7)
    assert "It did nothing to the world." in dashboard.view.worlds[3].value
    dashboard.controls.job.value = "count"
    dashboard.run()
    assert dashboard.findings.value == ""


REPORTING = """
from src.ext.sdk import job

@job("count", schedule="0 6 * * *")
def count(ctx):
    answer = ctx.http.get("https://a.example/x")
    if answer["status_code"] == 503:
        return {"status": "error", "error": "no answer"}
    if answer["status_code"] == 200:
        ctx.emit("counted", {"day": answer["headers"]["date"]})
    return {"status": "success"}
"""
ANSWERING = """
def setup(world):
    world.http.get("https://a.example/x").respond(200, headers={"date": "x"})
"""
FAULTS = [
    (["errors of=a.example rate=1 status=503 end=2026-01-02"], "5 runs, 1 of them failed because of injected faults"),
    (
        ["errors of=a.example rate=1 status=500 end=2026-01-02"],
        "5 runs, all as expected, but 1 kind of effects lost or doubled",
    ),
    (
        [
            "errors of=a.example rate=1 status=500 end=2026-01-02",
            "errors of=a.example rate=1 status=503 start=2026-01-04",
        ],
        "5 runs, 2 of them failed because of injected faults, 1 kind of effects lost or doubled",
    ),
]


@pytest.mark.parametrize(("faults", "sentence"), FAULTS, ids=["reported", "lost", "both"])
def test_one_sentence_on_every_screen(folder, capsys, faults, sentence):
    """A failing run that reports an injected fault is counted alike by terminal, report, card and dashboard."""
    (folder / "main.py").write_text(REPORTING)
    (folder / "world.py").write_text(ANSWERING)
    options = [word for line in faults for word in ("--fault", line)]
    main(["simulate", str(folder), "--for", "5d", *options, "--html", str(folder / "report.html")])
    made = Dashboard(Plugin.load(folder), duration="5d", faults=FaultPlan(*map(parse, faults)))
    made.controls.simulate.click()
    assert sentence in capsys.readouterr().out.splitlines()
    for page in (
        (folder / "report.html").read_text(),
        made.summary.value,
        made.simulation._repr_mimebundle_()["text/html"],
        made.simulation._repr_mimebundle_()["text/plain"],
    ):
        assert sentence in page
    assert ("never happened" in made.findings.value) == ("lost" in sentence)
    made.close()


def test_rerun_with_edited_code_and_data(dashboard, folder):
    """In the world before the run, at its time; the plugin's files and the simulation do not change."""
    dashboard.simulate()
    before = list(dashboard.runs)
    assert dashboard.editor.code.value == MAIN
    dashboard.editor.code.value = MAIN.replace("day == 3", "day == 30")
    dashboard.editor.data.value = "world.db.insert('users', {'name': f'{now:%d}', 'at': datetime.now()})"
    dashboard.editor.rerun.click()
    again = dashboard.again
    assert (errors(dashboard), again.run.value) == ("", {"status": "success", "users": 5})
    assert again.run.fire_time == dashboard.chosen.fire_time
    assert [name for name, _ in again.difference.sections()] == ["table users", "files", "events"]
    assert "Compared with the world after the first run" in dashboard.editor.result.value
    assert ((folder / "main.py").read_text(), list(dashboard.runs)) == (MAIN, before)
    dashboard.editor.reset.click()
    dashboard.editor.rerun.click()
    assert (dashboard.again.run, bool(dashboard.again.difference)) == (dashboard.chosen, False)
    assert clean()


def test_an_edit_stays_from_run_to_run_of_the_same_code(dashboard):
    """So that it can be tried on another day."""
    dashboard.simulate()
    dashboard.editor.code.value = MAIN.replace('"users": ctx', '"people": ctx')
    dashboard.choose(2)
    assert dashboard.rerun().run.value == {"status": "success", "people": 3}


def test_a_failing_line_of_edited_code_is_named(dashboard):
    """By a name that differs from the file's."""
    dashboard.simulate()
    again = dashboard.rerun(code=MAIN.replace("ctx.secrets.get", "ctx.secret.get"), data="")
    assert (again.run.outcome, again.run.error.place) == ("crashed", "main.py (edited):7")
    assert 'ctx.secret.get("KEY")' in again.run.error.traceback


def typed(name, value):
    """Return a function that types a text and clicks Simulate."""

    def act(dashboard):
        getattr(dashboard.controls, name).value = value
        dashboard.controls.simulate.click()

    return act


def rerun(code=None, data=""):
    """Return a function that types an edit and clicks Run again."""

    def act(dashboard):
        dashboard.simulate()
        dashboard.editor.code.value = MAIN if code is None else code
        dashboard.editor.data.value = data
        dashboard.editor.rerun.click()

    return act


WRONG = [
    (typed("zone", "Europe/Pariss"), "unknown time zone &#x27;Europe/Pariss&#x27;; did you mean"),
    (typed("start", "yesterday"), "&#x27;yesterday&#x27; is not a time; use ISO 8601"),
    (typed("duration", "soon"), "&#x27;soon&#x27; is not a duration"),
    (typed("duration", ""), "&#x27;&#x27; is not a duration"),
    (typed("end", "2026-01-03"), "give an end or a duration, not both"),
    (typed("start", "0001-01-01"), "is outside the years 1000 to 9998"),
    (
        lambda dashboard: dashboard.controls.run.click(),
        "choose one job to run; &#x27;all jobs&#x27; is for Simulate only",
    ),
    (lambda dashboard: dashboard.editor.rerun.click(), "there is no run to run again; run or simulate first"),
    (rerun(code="def f(:"), "main.py (edited):1: SyntaxError: "),
    (rerun(code="\nimport nowhere_to_be_found"), "main.py (edited):2: ModuleNotFoundError: No module named"),
    (rerun(code="x = 1"), "the plugin has no job &#x27;count&#x27;; it has none"),
    (rerun(data="now\n)"), "the data, line 2: SyntaxError: unmatched &#x27;)&#x27;"),
    (rerun(data="now\nworld.db.inzert(1)"), "the data, line 2: AttributeError: "),
    (rerun(data="raise SystemExit(2)"), "the data, line 1: SystemExit: 2"),
    (rerun(data="raise ValueError(world.secrets['KEY'])"), "the data, line 1: ValueError: "),
]


@pytest.mark.parametrize(("act", "sentence"), WRONG)
def test_errors_are_shown_in_the_dashboard(dashboard, act, sentence):
    """As an alert that the next click removes; the buttons and the process are usable again."""
    act(dashboard)
    assert sentence in errors(dashboard)
    assert 'role="alert"' in errors(dashboard)
    assert "Traceback" not in errors(dashboard)
    assert "very-secret" not in errors(dashboard)
    assert [dashboard.controls.stop.disabled, dashboard.controls.simulate.disabled] == [True, False]
    assert clean()
    dashboard.controls.zone.value, dashboard.controls.start.value = "", "2026-01-01"
    dashboard.controls.duration.value, dashboard.controls.end.value = "1d", ""
    dashboard.controls.simulate.click()
    assert (errors(dashboard), len(dashboard.runs)) == ("", 2)


@pytest.mark.parametrize(("duration", "end", "days"), [("", "2026-01-03", 2), ("1mo", "", 31), ("1y", " ", 365)])
def test_a_range_is_a_length_or_an_end(dashboard, duration, end, days):
    """As on the command line."""
    dashboard.controls.duration.value, dashboard.controls.end.value = duration, end
    simulation = dashboard.simulate()
    assert (simulation.end - simulation.start).days == days


def break_plugin(dashboard):
    """Move the slider after the plugin has become unusable."""
    dashboard.simulate()
    dashboard._get_plugin = lambda: Plugin.load("nowhere")  # noqa: SLF001  as a cell that defines a wrong job
    dashboard.slider.next.click()


@pytest.mark.parametrize(
    ("act", "shown"),
    [(typed("zone", "nowhere"), [1, 0, 0]), (break_plugin, [0, 1, 0]), (rerun(code="x = 1"), [0, 0, 1])],
)
def test_an_error_is_shown_beside_the_button(dashboard, act, shown):
    """Below the controls, below the slider or below Run again, so that it is on the screen."""
    act(dashboard)
    assert [bool(banner.widget.value) for banner in dashboard.banners] == [bool(each) for each in shown]


def test_a_world_that_fails_on_the_third_day_keeps_the_runs_done(folder):
    """The error names the line of world.py."""
    (folder / "world.py").write_text(WORLD + "    if now.day == 3: raise ValueError('no')\n")
    dashboard = Dashboard(Plugin.load(folder), duration="5d")
    dashboard.controls.simulate.click()
    assert "world.py failed: world.py:11: ValueError: no" in errors(dashboard)
    assert (len(dashboard.runs), dashboard.controls.simulate.disabled) == (4, False)
    assert clean()
    dashboard.close()


def test_a_bug_in_the_kit_shows_a_folded_traceback(dashboard):
    """A browser would drop it."""
    dashboard.simulate()
    dashboard._get_plugin = lambda: 1 / 0  # noqa: SLF001  there is no other way to make it fail
    dashboard.controls.simulate.click()
    assert "ZeroDivisionError: division by zero; this is a bug in sbh-jobkit" in errors(dashboard)
    assert "<summary>Traceback</summary>" in errors(dashboard)
    assert dashboard.controls.simulate.disabled is False


def test_methods_raise_the_errors_that_clicks_show(dashboard):
    """For cells and scripts."""
    dashboard.controls.start.value = "yesterday"
    with pytest.raises(JobkitError, match="'yesterday' is not a time"):
        dashboard.simulate()
    with pytest.raises(JobkitError, match="no run 3: there are 0 runs, numbered from 0; simulate first"):
        dashboard.choose(3)


def test_stop_keeps_the_runs_done(folder):
    """In an event loop, as in a kernel: the loop handles the click between two slices."""

    async def use():
        dashboard = Dashboard(Plugin.load(folder), duration="2000d")
        dashboard.controls.simulate.click()
        dashboard.controls.simulate.click()  # ignored while the first one runs
        states = []
        while not dashboard.controls.bar.value:  # noqa: ASYNC110  as a kernel
            await asyncio.sleep(0)
        states.append((clean(), dashboard.controls.simulate.disabled, dashboard.editor.rerun.disabled))
        dashboard.controls.stop.click()
        await dashboard.done()
        states.append((clean(), dashboard.controls.simulate.disabled, dashboard.editor.rerun.disabled))
        return dashboard, states

    dashboard, states = asyncio.run(use())
    assert states == [(True, True, True), (True, False, False)]
    assert 0 < len(dashboard.runs) == len(dashboard.simulation.runs) < 4000
    assert "stopped at" in dashboard.summary.value
    assert (dashboard.chosen is dashboard.runs[dashboard.slider.position.value], errors(dashboard)) == (True, "")
    assert f"of {4000:,} runs" in dashboard.controls.status.value
    dashboard.rerun(data="world.db.insert('users', {})")
    dashboard.close()


@pytest.mark.parametrize("listening", [False, True])
def test_an_interrupt_between_two_slices(folder, listening):
    """It ends the simulation where nobody else listens, as in a kernel without a running cell, and is theirs else."""
    heard = []
    handler = (lambda *_: heard.append("heard")) if listening else signal.SIG_IGN

    async def use():
        dashboard = Dashboard(Plugin.load(folder), duration="2000d")
        dashboard.controls.simulate.click()
        while not dashboard.controls.bar.value:  # noqa: ASYNC110  as a kernel
            await asyncio.sleep(0)
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        if listening:
            dashboard.controls.stop.click()
        await dashboard.done()
        return dashboard, signal.getsignal(signal.SIGINT)

    with asyncio.Runner() as runner:
        runner.get_loop()  # without its own handler of the signal, which it sets where Python's stands
        before = signal.signal(signal.SIGINT, handler)
        try:
            dashboard, after = runner.run(use())
        finally:
            signal.signal(signal.SIGINT, before)
    assert (after, heard) == (handler, ["heard", "heard"] if listening else [])
    assert ("interrupted after" in errors(dashboard)) is not listening
    assert 0 < len(dashboard.runs) < 4000
    dashboard.close()


def test_the_buttons_are_enabled_when_a_click_counts_again(folder):
    """Not before: a click on an enabled button would be ignored while the task before it ends."""

    async def use():
        dashboard = Dashboard(Plugin.load(folder), duration="5d")
        at_update = []
        dashboard.static.update = lambda: at_update.append(dashboard.controls.simulate.disabled)
        dashboard.controls.simulate.click()
        while dashboard.controls.simulate.disabled or not at_update:  # noqa: ASYNC110  as a browser
            await asyncio.sleep(0)
        dashboard.controls.duration.value = "2d"
        dashboard.controls.simulate.click()
        await dashboard.done()
        dashboard.close()
        return at_update, len(dashboard.runs)

    assert asyncio.run(use()) == ([True, True], 4)


def test_an_interrupt_keeps_the_runs_done(folder):
    """The run that goes on is finished first; after it the buttons, the clock and the sockets are usable."""
    line = "    ctx.emit("
    (folder / "main.py").write_text(
        MAIN.replace(
            line,
            "    import os, subprocess\n"
            "    if datetime.now().day == 4: subprocess.run(['kill', '-INT', str(os.getpid())])\n"
            f"{line}",
        )
    )
    interrupted = Dashboard(Plugin.load(folder), duration="5d")
    interrupted.controls.simulate.click()
    assert (len(interrupted.runs), clean(), interrupted.controls.simulate.disabled) == (7, True, False)
    assert "interrupted after 7 of 10 runs, at 2026-01-04 06:00 UTC virtual time" in errors(interrupted)
    assert "7 of 10 runs" in interrupted.controls.status.value
    with pytest.raises(Interrupted):
        interrupted.simulate()
    interrupted.close()


def test_closing_while_it_simulates_ends_it(folder):
    """No closed widget is written to."""
    before = set(registry)

    async def use():
        dashboard = Dashboard(Plugin.load(folder), duration="2000d")
        dashboard.controls.simulate.click()
        while not dashboard.controls.bar.value:  # noqa: ASYNC110  as a kernel
            await asyncio.sleep(0)
        dashboard.close()
        await dashboard.done()
        return dashboard

    dashboard = asyncio.run(use())
    assert (dashboard.simulation, errors(dashboard), set(registry) - before, clean()) == (None, "", set(), True)


def test_closing_removes_all_widgets(folder):
    """Layouts and styles, too; another dashboard keeps its own and works."""
    before = set(registry)
    one, other = (Dashboard(Plugin.load(folder), duration="2d") for _ in range(2))
    one.controls.simulate.click()
    assert (len(one.runs), len(other.runs)) == (4, 0)
    one.close()
    one.close()
    assert set(registry) - before
    other.controls.simulate.click()
    assert (len(other.runs), set(one._repr_mimebundle_())) == (4, {"text/plain", "text/html"})
    other.close()
    assert set(registry) - before == set()


def test_without_widgets_the_static_output_shows(dashboard):
    """First the plugin, later the simulation."""
    at_first = dashboard._repr_mimebundle_()
    assert set(at_first) == {"application/vnd.jupyter.widget-view+json", "text/plain", "text/html"}
    assert (at_first["text/plain"], "<td" in at_first["text/html"]) == (
        "<Dashboard of <Plugin counter 0.0.0: 2 jobs>>",
        True,
    )
    dashboard.controls.simulate.click()
    later = dashboard._repr_mimebundle_()
    assert later["text/plain"] == "<Dashboard of <Simulation of counter: 10 runs (1 failed, 9 ok)>>"
    assert '<img alt="10 runs of 2 jobs on a timeline" src="data:image/svg+xml;base64,' in later["text/html"]
    assert "<script" not in later["text/html"]


def test_secrets_never_show(dashboard):
    """Not in a widget and not in the static output."""
    dashboard.controls.simulate.click()
    for tab in range(4):
        dashboard.view.tabs.selected_index = tab
        assert "very-secret" not in every_text(dashboard)
    dashboard.rerun()
    assert "very-secret" not in every_text(dashboard)


def test_a_world_that_is_given_is_copied(folder):
    """So a second simulation gives the same result."""
    world = World()
    world.db.insert("users", [{}, {}])
    dashboard = Dashboard(Plugin.load(folder / "main.py"), world, duration="1d")
    values = [dashboard.simulate().runs[0].value for _ in range(2)]
    assert (values, len(world.db["users"])) == ([{"status": "success", "users": 2}] * 2, 2)
    dashboard.close()


def test_nothing_due_is_errors(dashboard):
    """A range without due runs shows no run."""
    dashboard.simulate()
    dashboard.controls.duration.value = "1h"
    dashboard.controls.simulate.click()
    assert (list(dashboard.runs), dashboard.chosen, dashboard.view.details.value) == ([], None, "")
    assert "No run was due" in dashboard.summary.value


def test_an_example_works(tmp_path):
    """A plugin of the repository."""
    del tmp_path
    dashboard = Dashboard(Plugin.load(Path(__file__).parents[2] / "examples" / "hello"))
    assert len(dashboard.simulate().runs) == 30
    dashboard.close()
