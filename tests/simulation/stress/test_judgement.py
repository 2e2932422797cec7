"""Disturbances judged by effects: each planted mistake is found by its kind of stress, and a careful plugin by none."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
from datetime import date, timedelta
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, World, every, simulate
from sbh_jobkit.cli.main import FAILED, OK, main
from sbh_jobkit.fakes.faults.parse import parse
from sbh_jobkit.fakes.faults.plan import FaultPlan
from sbh_jobkit.fakes.script import WorldScript
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.stress.days import day_findings
from sbh_jobkit.simulation.stress.scenario import Scenario
from sbh_jobkit.simulation.stress.stress import run_stress

PLANTED = Path(__file__).parents[2] / "data" / "planted"
SPEC = importlib.util.spec_from_file_location("planted_bugs", PLANTED / "bugs.py")
BUGS = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BUGS)
TEXT = (PLANTED / "library" / "main.py").read_text()


def stressed(kinds, *bugs, end="2026-01-09", jobs=(), early=False):
    """Return what stress finds in the library with some mistakes; `early` exports soon after midnight."""
    text = BUGS.plant(TEXT, *bugs)

    def load():
        plugin = Plugin.load(PLANTED / "library")
        if bugs and not early:
            plugin = plugin.edited(text)
        elif early:
            names = {}
            exec(compile(text.replace("30 2 * * *", "30 0 * * *"), "main.py", "exec"), names)  # noqa: S102  a namespace
            plugin = Plugin.load(names)
        return plugin, World.for_folder(PLANTED / "library")

    zone = times.zone("Europe/Madrid")
    start, finish = (times.instant(at, zone) for at in ("2026-01-01", end))
    plain = Scenario(start=start, end=finish, zone=zone, plan=FaultPlan(), jobs=jobs)
    return run_stress(load, plain, kinds)


def test_a_kill_after_the_mark_loses_the_letter():
    """The finding says between which calls, and the command repeats it."""
    (found,) = stressed(("crash",), "mark before the letter", jobs=("remind_readers",)).findings
    assert found.line == (
        "remind_readers: POST https://post.example.com/letters never happened; "
        "killed between ctx.files.upload and ctx.http.post on 2026-01-01 08:00, after it was marked as done"
    )
    assert found.first.content == '{"to":"r0@example.com","loan":"L0","text":"Please bring it back."}'
    assert "--fault 'crash job=remind_readers at=2026-01-01T08:00+01:00 call=" in found.command


def test_a_kill_without_any_mark_doubles_everything():
    """Several effects again are a finding; one is what no job can avoid."""
    found = stressed(("crash",), "no mark", jobs=("remind_readers",))
    assert found.findings == ()  # each run sends everything again anyway, so a kill changes nothing
    careful = stressed(("crash",), jobs=("remind_readers",))
    assert careful.ok
    assert careful.scenarios[0].startswith("crash (")


SWALLOWED = {
    "a page of HTML": (
        (
            'answer = ctx.http.get("https://a.example/items")\n    if answer["status_code"] == 200:\n'
            '        return [item["id"] for item in (answer["json"] or [])]'
        ),
        "HTML instead of the answer of a.example",
    ),
    "an answer in words": (
        (
            'answer = ctx.llm.run("list them")\n    if answer.get("error"):\n        return None\n    try:\n'
            '        return json.loads(answer["text"])\n    except ValueError:\n        return []'
        ),
        "words instead of the JSON of llm",
    ),
}
READER = """
import json
from datetime import date, timedelta
from src.ext.sdk import job

def read(ctx):
    {body}

@job("pass_on", schedule="0 * * * *")
def pass_on(ctx):
    numbers = read(ctx)
    if numbers is None:
        return {{"status": "error", "error": "no answer"}}
    for number in numbers:
        ctx.emit("passed.on", {{"id": number, "day": str(date.today())}})
    return {{"status": "success"}}
"""


@pytest.mark.parametrize(("body", "met"), SWALLOWED.values(), ids=SWALLOWED)
def test_a_wrong_answer_that_is_taken_for_an_empty_one(tmp_path, capsys, body, met):
    """Only the missing effects show it, in a small case that its command repeats; who raises has reported it."""
    (tmp_path / "plugin.json").write_text(
        '{"slug": "r", "name": "R", "permissions": ["outbound_http", "emit_webhook"]}'
    )
    manifest = (tmp_path / "plugin.json").read_text().replace('"outbound', '"llm.use", "outbound')
    (tmp_path / "plugin.json").write_text(manifest)
    (tmp_path / "main.py").write_text(READER.format(body=body))
    (tmp_path / "world.py").write_text(
        'def setup(world):\n    world.http.get("https://a.example/items").respond(json=[{"id": 1}, {"id": 2}])\n'
        '    world.llm.reply("[1, 2]")\n'
    )
    start, end = (times.instant(at, times.zone("UTC")) for at in ("2026-01-01", "2026-01-04"))
    plain = Scenario(start=start, end=end, zone=times.zone("UTC"), plan=FaultPlan())

    def found(swap=lambda text: text):
        def load():
            text = swap((tmp_path / "main.py").read_text())
            return Plugin.load(tmp_path).edited(text), World.for_folder(tmp_path)

        return run_stress(load, plain, ("outage",))

    swallowed = found()
    (lost,) = (each for each in swallowed.findings if met in each.line)
    assert re.search("--for (120|72|48|24)h --tz UTC --job pass_on --fault '[^']*'$", lost.command)
    words = shlex.split(lost.command.replace("PLUGIN", str(tmp_path)))
    assert main([*words[1:], "--json"]) == FAILED
    (again,) = json.loads(capsys.readouterr().out)["lost"]
    assert again.startswith("pass_on: event passed.on never happened")
    window = parse(words[-1]).window(times.zone("UTC"))
    assert window.end - window.start < 3 * 3600
    assert "outage with wrong answers" in swallowed.scenarios
    loud = found(lambda text: text.replace(" or []", "").replace("return []", "raise"))
    assert ([each.line for each in loud.findings if met in each.line], loud.broken) == ([], ())


WEEKLY = """
from datetime import date, timedelta
from src.ext.sdk import job

@job("weekly", schedule="0 6 * * *")
def weekly(ctx):
    mark = f"done/{date.today():%G-%V}"
    if ctx.files.list(mark):
        return
    for number in (1, 2, 3):
        ctx.emit("report.line", {"id": number, "week": f"{date.today():%V}"})
    ctx.files.upload(mark, b"x")
"""


@pytest.mark.parametrize(("allowed", "lines"), [([], 1), (["report.*"], 0)], ids=["not allowed", "allowed"])
def test_what_may_be_sent_again_is_not_doubled_by_a_kill(tmp_path, allowed, lines):
    """The rules count that `setup` of the world gives, not only those from before it begins."""
    manifest = '{"slug": "w", "name": "W", "permissions": ["files.read", "files.write", "emit_webhook"]}'
    (tmp_path / "plugin.json").write_text(manifest)
    (tmp_path / "main.py").write_text(WEEKLY)
    (tmp_path / "world.py").write_text(f"def setup(world):\n    world.repeatable_events = {allowed}\n")

    def load():
        return Plugin.load(tmp_path), World.for_folder(tmp_path)

    start, end = (times.instant(at, times.zone("UTC")) for at in ("2026-01-05", "2026-01-12"))
    plain = Scenario(start=start, end=end, zone=times.zone("UTC"), plan=FaultPlan())
    found = [each.line for each in run_stress(load, plain, ("crash",)).findings]
    line = (
        "weekly: event report.line happened again, 3 times; killed between ctx.emit and ctx.files.upload on "
        "2026-01-05 06:00, and nothing marks it as done"
    )
    assert found == lines * [line]


def test_a_day_of_86400_seconds_writes_yesterdays_file_twice():
    """Against the days beside the day on which clocks change."""
    (found,) = stressed(("dst",), "day of 86,400 s", jobs=("export_loans",), early=True).findings
    assert found.line == (
        "export_loans: loans/2026-03-28.csv is written twice, loans/2026-03-29.csv never; on 2026-03-30, about which "
        "the clocks change, the date in its name is not as far from the run as usual"
    )


def test_a_swallowed_429_is_a_success_that_lost_letters():
    """The job said success, and the letters never come."""
    found = stressed(("rate_limit",), "a 429 ends the paging", "no waiting", jobs=("remind_readers",)).findings
    assert "remind_readers: POST https://post.example.com/letters never happened" in found[0].line
    assert found[0].line.endswith("the run met rate limit of catalogue.example.com, and said success")


@pytest.mark.parametrize("kind", ["dst", "outage", "late", "storage", "rate_limit", "overlap", "crash"])
def test_a_careful_plugin_is_right_under_every_stress(kind):
    """It reports what it meets, waits where it should, and catches up later."""
    found = stressed((kind,), end="2026-01-06")
    assert [each.line for each in found.findings] == []
    assert [each.run for each in found.broken] == []


def test_a_daily_effect_that_a_clock_change_takes_away():
    """A job that waits for an hour that does not exist on that day."""

    @job("at_two", schedule="0 * * * *")
    def at_two(ctx):
        from datetime import datetime

        if datetime.now().hour == 2:  # noqa: DTZ005, TID251  as jobs do
            ctx.emit("daily", {})

    plugin = Plugin.load({"at_two": at_two})

    def around(start):
        return simulate(plugin, World(), start=start, duration="7d", tz="Europe/Madrid").runs

    (spring,) = day_findings(around("2026-03-26"), date(2026, 3, 29))
    (autumn,) = day_findings(around("2026-10-22"), date(2026, 10, 25))
    why = "it happens once on the days beside {}, on which the clocks change"
    assert spring.line == f"at_two: event daily never happened; {why.format('2026-03-29')}"
    assert autumn.line == f"at_two: event daily happened again; {why.format('2026-10-25')}"
    assert list(day_findings(around("2026-05-01"), date(2026, 5, 4))) == []


@pytest.mark.parametrize(("hours", "found"), [(24, 1), (48, 0)], ids=["one day", "two days"])
def test_a_daily_job_that_comes_late_leaves_out_what_came_before(hours, found):
    """It looks at the last 24 hours, counted from when it starts; one that looks further back meets its marks."""

    @job("greet", schedule="0 8 * * *")
    def greet(ctx):
        from datetime import datetime

        since = datetime.now() - timedelta(hours=hours)  # noqa: DTZ005, TID251  as jobs do
        for user in ctx.db.query("users", {"at": {"$gte": since.isoformat()}}, limit=1000):
            if not ctx.files.get(f"greeted/{user['id']}"):
                ctx.emit("greeted", {"id": user["id"]})
                ctx.files.upload(f"greeted/{user['id']}", "")

    @job("watch", schedule="0 * * * *")
    def watch(ctx):
        ctx.db.count("users")

    def join(world, now):
        world.db.insert("users", {"at": now.isoformat()})

    def world():
        world = World()
        world.db.create("users")
        world.script = WorldScript.from_names({"join": every("0 * * * *")(join)})
        return world

    zone = times.zone("UTC")
    start, end = (times.instant(at, zone) for at in ("2026-01-01", "2026-01-09"))
    plain = Scenario(start=start, end=end, zone=zone, plan=FaultPlan())
    stress = run_stress(lambda: (Plugin.load({"greet": greet, "watch": watch}), world()), plain, ("late",))
    why = [each.why for each in stress.findings]
    assert why == ["the run started late, and said success"] * found


def test_nothing_is_said_of_runs_that_no_later_one_could_make_up_for(monkeypatch, capsys):
    """While the scheduler is down until after the end of the range, nobody knows what the next run does."""
    monkeypatch.chdir(PLANTED / "library")
    down = "scheduler_down start=2026-01-03T12:00+01:00 end=2026-01-0{}T12:00+01:00"
    words = ["simulate", ".", "--for", "4d", "--job", "export_loans", "--json", "--fault"]
    assert main([*words, down.format(6)]) == FAILED  # a run is missing, which says enough
    assert json.loads(capsys.readouterr().out)["lost"] == []
    words[3] = "5d"
    assert main([*words, down.format(5)]) == FAILED
    (lost,) = json.loads(capsys.readouterr().out)["lost"]
    assert "2026-01-03.csv never happened; the run was coalesced" in lost


@pytest.mark.parametrize(("hours", "found"), [((19,), 1), ((7, 19), 0), (range(24), 0)], ids=["one", "two", "all"])
def test_a_job_that_looks_for_its_hour_comes_too_late(hours, found):
    """Down from half an hour before the one hour at which a job acts each day, later runs find the hour over."""

    @job("nudge", schedule="0 * * * *")
    def nudge(ctx):
        from datetime import datetime

        at = datetime.now()  # noqa: DTZ005, TID251  as jobs do
        if at.hour in hours:
            ctx.emit("nudged", {"day": f"{at:%F}", "hour": at.hour})

    zone = times.zone("Asia/Kolkata")
    start, end = (times.instant(at, zone) for at in ("2026-01-01", "2026-01-06"))
    plain = Scenario(start=start, end=end, zone=zone, plan=FaultPlan())
    stress = run_stress(lambda: (Plugin.load({"nudge": nudge}), World()), plain, ("late",))
    lost = [each.line for each in stress.findings if each.first.content.get("hour") == 19]
    line = "nudge: event nudged never happened, 2 times; the run was coalesced, and no later run made up for it"
    assert lost == [line] * found


EXPORT = """\
from datetime import date, timedelta
from src.ext.sdk import job

@job("export", schedule="0 2 * * *")
def export(ctx):
    ctx.files.upload(f"export/{date.today() - timedelta(days=1)}.csv", "x")
    if not ctx.http.get("https://a.example/ping")["status_code"]:
        return {"status": "success", "note": "no answer"}
"""
WORLD = "def setup(world):\n    world.http.get('https://a.example/ping').respond(200)\n"
DOWN = "scheduler_down start=2026-01-02T01:00 end=2026-01-05T01:00"
LOST = """\
  export: file uploaded export/#-#-#.csv never happened, 2 times; the run was
    coalesced, and no later run made up for it
"""
MET = """\
injected faults, and what came of them:
  outage of a.example: 1 request in 1 run, none failed

"""


@pytest.fixture
def export(tmp_path, monkeypatch):
    """Stand in the folder of a plugin that exports by day."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    for name, text in {"main.py": EXPORT, "world.py": WORLD, "plugin.json": '{"slug": "p", "name": "P"}'}.items():
        (tmp_path / name).write_text(text)


@pytest.mark.usefixtures("export")
def test_simulate_ends_with_what_each_fault_hit(capsys):
    """What is missing because of merged runs is named, and fails; a fault that cost nothing does not."""
    assert main(["simulate", ".", "--for", "6d", "--fault", DOWN]) == FAILED
    out = capsys.readouterr().out
    assert LOST in out
    assert "01-03.csv never happened; the run started late, and said success" in " ".join(out.split())
    assert out.endswith("all as expected, but 2 coalesced and 1 late and 2 kinds of effects lost or doubled\n")
    fault = "outage of=a.example start=2026-01-02T01:00 end=2026-01-02T03:00"
    assert main(["simulate", ".", "--for", "3d", "--fault", fault]) == OK
    assert MET in capsys.readouterr().out
