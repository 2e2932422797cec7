"""What notebooks show of each value: complete, harmless, the same each time, on white and on black."""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from sbh_jobkit import FaultPlan, Plugin, Preview, Run, Schedule, SchedulerDown, Simulation, World, run_job, simulate
from sbh_jobkit.report.notebook.calendar import SHADES
from sbh_jobkit.report.notebook.mime import view_of
from sbh_jobkit.report.notebook.svg import INKS
from sbh_jobkit.report.verdicts import COLOURS
from sbh_jobkit.run.run import Outcome

LOADING = re.compile(r"<(script|link|style|iframe|object|svg)|https?://|url\(|@import")
VALUE = "n0t-a-real-key"


def fetch(ctx):
    """Ask for everything there is."""
    print(f"<b>fetching</b> {ctx.secrets.get('KEY')}")  # noqa: T201  a job's log
    ctx.http.get("https://api.example/<items>", headers={"Authorization": ctx.secrets.get("KEY")})
    ctx.files.upload("a&b.txt", "abc")
    ctx.emit("fetched", {"note": "<i>"})
    ctx.llm.run("how was it?")
    ctx.secrets.get("OTHER")
    return {"status": "success"}


def crash(ctx):
    """Fail."""
    raise KeyError(ctx.tenant_id)


def plugin():
    """Return a plugin of two jobs."""
    from src.ext.sdk import job

    names = {"fetch": job("fetch", "0 6 * * *")(fetch), "crash": job("crash <em>", "0 */8 * * *")(crash)}
    return Plugin.load(names, manifest={"slug": "cards", "name": "Cards & co", "secrets": ["KEY"]})


def world():
    """Return a world with text that HTML would take for its own, and secrets in places where they do not belong."""
    made = World()
    made.secrets["KEY"] = VALUE
    made.db.insert("<users>", [{"name": f"<b>{VALUE}</b>", "age": None}, *({"name": "Ada", "n": n} for n in range(40))])
    made.files.write(f"{VALUE}/a.txt", "abc")
    made.files.write("later.txt", "abc", modified="2026-01-01T02:00")
    made.http.get("https://api.example/<items>").respond(json=[])
    made.llm.reply("Well.")
    return made


def values():
    """Return a value of each kind, by its name."""
    loaded, tenant = plugin(), world()
    plan = FaultPlan(SchedulerDown("2026-01-01T23:00", "2026-01-02T10:00"))
    month = simulate(loaded, world(), duration="5d", faults=plan)
    everyone = {name: job.schedule for name, job in loaded.jobs.items()}
    paris = Schedule("30 2 * * *", "Europe/Paris")
    return {
        "plugin": loaded,
        "plugin without jobs": Plugin.load({}),
        "schedule": Schedule("*/15 9-17 * * 1-5", "Europe/Paris"),
        "schedule with both days": Schedule("0 0 */2 * 1"),
        "preview": Preview.from_schedule(Schedule("0 6 * * *"), start="2026-01-01", duration="30d", others=everyone),
        "preview of a year": Preview.from_schedule(paris, start="2026-01-01", duration="370d"),
        "preview of a gap": Preview.from_schedule(paris, start="2026-03-28", duration="2d", job="nightly <b>"),
        "preview of nothing": Preview.from_schedule(Schedule("0 9 29 2 *"), start="2026-01-01"),
        "run": run_job(loaded.jobs["fetch"], tenant, at="2026-01-01T06:00"),
        "crash": run_job(loaded.jobs["crash <em>"], tenant, at="2026-01-01T06:00"),
        "simulation": month,
        "simulation of nothing": simulate(Plugin.load({}), World(), duration="1d"),
        "world": tenant,
        "empty world": World(),
        "snapshot": month.runs[0].before,
    }


VALUES = values()


class Pictures(HTMLParser):
    """Finds the pictures of a page."""

    def __init__(self, page):
        """Read it."""
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_startendtag(self, tag, attributes):
        """Keep what is a picture."""
        if tag == "img":
            self.found.append(dict(attributes))

    handle_starttag = handle_startendtag


def html(value):
    """Return what a notebook shows."""
    return value._repr_mimebundle_()["text/html"]


@pytest.mark.parametrize("name", VALUES)
def test_nothing_is_loaded_and_nothing_leaks(name):
    """No script, no style sheet, no address to load from; texts are escaped, and secrets are named."""
    page = html(VALUES[name])
    texts = re.sub(r"<code>[^<]*</code>|<li>.*?</li>", "", page)
    assert LOADING.search(texts) is None
    assert VALUE not in page
    assert not re.search(r"<(b|i|em|users|items)>", page)


@pytest.mark.parametrize("name", VALUES)
def test_pictures_stand_alone(name):
    """Each is well-formed SVG of its own, loads nothing, and has a text that describes it."""
    for picture in Pictures(html(VALUES[name])).found:
        kind, data = picture["src"].split(",")
        drawn = b64decode(data).decode()
        assert (kind, ET.fromstring(drawn).tag) == (  # noqa: S314  our own picture
            "data:image/svg+xml;base64",
            "{http://www.w3.org/2000/svg}svg",
        )
        assert "http" not in drawn.replace("http://www.w3.org/2000/svg", "")
        assert VALUE not in drawn
        assert len(picture["alt"]) > 20


def test_every_value_that_has_one_has_a_picture():
    """Simulations, schedules and previews."""
    having = {name for name, value in VALUES.items() if Pictures(html(value)).found}
    assert having == {name for name in VALUES if name.split()[0] in {"schedule", "preview", "simulation"}} - {
        "simulation of nothing"
    }


@pytest.mark.parametrize("name", VALUES)
def test_the_bytes_are_the_same_each_time(name):
    """Of the same value, and of another that was made alike."""
    assert VALUES[name]._repr_mimebundle_() == values()[name]._repr_mimebundle_()


@pytest.mark.parametrize("name", VALUES)
def test_the_text_is_for_a_terminal(name):
    """More than the one line of a repr, and without secrets."""
    value = VALUES[name]
    text = value._repr_mimebundle_()["text/plain"]
    assert text == view_of(type(value)).text(value)
    assert VALUE not in text
    assert "<" not in text.partition("\n")[0].replace("<em>", "").replace("<b>", "")


def luminance(colour):
    """Return how light a colour is, as WCAG 2 measures it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    """Return the contrast of two colours."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("page", ["#ffffff", "#111111"])
@pytest.mark.parametrize("colour", sorted({*INKS.values(), *COLOURS.values()} - {INKS["grid"]}))
def test_colours_stand_out_on_white_and_on_black(colour, page):
    """An output does not know which of the two it is on."""
    assert contrast(colour, page) >= 3.5


@pytest.mark.parametrize("shade", SHADES)
def test_white_stands_on_every_shade(shade):
    """Of the days of a calendar."""
    assert contrast(shade, "#ffffff") >= 4.5


class Broken:
    """A value that raises when it is shown."""

    def __repr__(self):
        """Break."""
        raise RuntimeError


def test_a_broken_value_does_not_break_the_cell():
    """A run that somebody made by hand may hold anything."""
    run = VALUES["run"]
    broken = Run(
        tenant="acme",
        plugin="p",
        job="j",
        fire_time=run.fire_time,
        started_at=run.fire_time,
        duration=timedelta(0),
        outcome=Outcome.OK,
        value=Broken(),
    )
    assert broken._repr_mimebundle_() == {"text/plain": "<Run: cannot be shown: its contents raised RuntimeError>"}


def test_a_run_tells_all_of_it():
    """Outcome, value, output, events, HTTP calls, prompts, files, and faults with advice."""
    page = html(VALUES["run"])
    for shown in (
        "faulty",
        "{&quot;status&quot;: &quot;success&quot;}",
        "&lt;b&gt;fetching&lt;/b&gt; ‹secret:KEY›",
        "HTTP calls: 1",
        "GET https://api.example/%3Citems%3E</code> → 200",
        "Emitted: 1",
        "LLM calls: 1",
        "<strong>files</strong>: 1 added",
        "<strong>secret-missing</strong>",
        "To fix: <code>world.secrets[&quot;OTHER&quot;] = &quot;…&quot;</code>",
    ):
        assert shown in page, shown
    assert "Files: 1" not in page


def test_a_run_without_moments_tells_its_files():
    """A run of an engine has no snapshots."""
    run = VALUES["run"]
    alone = Run(
        **{name: getattr(run, name) for name in run.__slots__ if name not in {"before", "after", "_clean", "_changes"}}
    )
    assert "Files: 1" in html(alone)


def test_what_is_long_is_folded():
    """Twenty changes, a long traceback, many calls: they wait for a click."""

    def talk(ctx):
        for number in range(30):
            print(number)  # noqa: T201  a job's log
            ctx.emit("said", number)

    from src.ext.sdk import job

    talking = Plugin.load({"talk": job("talk")(talk)}).jobs["talk"]
    page = html(run_job(talking, World(), at="2026-01-01"))
    assert re.findall(r"<details( open)?[^>]*><summary>(Output|Emitted: 30)<", page) == [
        ("", "Output"),
        ("", "Emitted: 30"),
    ]
    assert "<li>and 10 more</li>" in page


def test_a_simulation_tells_each_kind_of_failure_once():
    """With how many there were, and the reasons of what was not started folded away."""
    page = html(VALUES["simulation"])
    shown = [re.sub("<[^>]+>", "", summary).strip() for summary in re.findall("<summary>(.*?)</summary>", page)]
    assert "19 of 20 runs failed" in page
    first, late = (each for each in shown if each.startswith("crashed"))
    assert first.endswith("UTC KeyError: &#x27;acme&#x27; and 12 more like it, the last on Mon 2026-01-05 16:00")
    assert late.endswith("the scheduler was down 2026-01-01 23:00–2026-01-02 10:00; KeyError: &#x27;acme&#x27;")
    assert "1 run of <code>crash &lt;em&gt;</code> coalesced" in page
    assert "coalesced into 08:00: the scheduler was down" in page


def test_a_preview_marks_the_days_on_which_clocks_change():
    """With a frame in the picture, in words below it, and beside the fire time."""
    page = html(VALUES["preview of a gap"])
    assert "02:30 does not exist on 2026-03-29 in Europe/Paris: fired at 03:00" in page
    assert "Clocks go forward on Sun 2026-03-29, from +01:00 to +02:00: a gap." in page
    assert "clocks change on 2026-03-29, a gap" in page
    year = html(VALUES["preview of a year"])
    assert "clocks change on 2026-03-29, a gap; clocks change on 2026-10-25, a fold" in year
    (drawn,) = [b64decode(each["src"].partition(",")[2]).decode() for each in Pictures(page).found]
    assert '<rect class="gap"' in drawn
    assert "29, gap" in drawn


def test_a_preview_names_what_is_due_then_too():
    """The jobs of the plugin that share its minutes, the most frequent first."""
    preview = VALUES["preview"]
    assert [(each.job, each.times) for each in preview.collisions] == [("fetch", 30)]
    assert (
        "Due in the same minute:\n  fetch: every time, first Thu 2026-01-01 06:00"
        in (preview._repr_mimebundle_()["text/plain"])
    )


def test_a_preview_of_nothing_says_when_it_is_next():
    """An empty table would explain nothing."""
    shown = "not due until Thu 2026-01-08 00:00; next: Tue 2028-02-29 09:00 UTC, in 789d 9h"
    assert shown in html(VALUES["preview of nothing"])
    assert shown in VALUES["preview of nothing"]._repr_mimebundle_()["text/plain"]


def test_types_of_values_are_shown_by_what_they_are():
    """A subclass is shown as what it is one of."""

    class Mine(World):
        pass

    assert view_of(Mine) is view_of(World)
    assert view_of(Simulation).__name__ == "sbh_jobkit.report.notebook.simulation"


def test_what_a_run_changed_is_compared_once(monkeypatch):
    """Showing a run again compares no snapshots again; a run without snapshots has nothing to compare."""
    run = run_job(plugin().jobs["fetch"], world(), at="2026-01-01T06:00")
    assert run.changes.files[0].name == "a&b.txt"
    first = html(run)
    monkeypatch.setattr("sbh_jobkit.fakes.diff.diff", None)
    assert html(run) == first
    assert run.portable().changes is None
