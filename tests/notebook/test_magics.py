"""The magics, in a shell without a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sbh_jobkit import Preview, Run, Simulation
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.plugin.job import defined_at

EXAMPLES = Path(__file__).parents[2] / "examples"
FETCH = """
from src.ext.sdk import job

@job("fetch", schedule="0 6 * * *")
def fetch(ctx):
    print(ctx.db.count("users"))
    ctx.files.upload("seen.txt", "yes")
    return {"status": "success", "seen": ctx.files.get("seen.txt")["size"], "users": ctx.db.count("users")}
"""
WORLD = """
from sbh_jobkit import World
world = World()
world.db.insert("users", [{"name": "Ada"}, {"name": "Grace"}])
"""
LIFE = """
from sbh_jobkit import every

def setup(world):
    world.db.insert("users", {"name": "Ada"})

@every("0 0 * * *")
def somebody_joins(world, now):
    world.db.insert("users", {"name": f"{now:%d}"})
"""
MISUSE = [
    ("%run_job fetsch", "UnknownJobError: the plugin has no job 'fetsch'; did you mean 'fetch'?"),
    ("%run_job", "MagicError: %run_job: the following arguments are required: NAME; see %run_job?"),
    ("%run_job 'fetch", "MagicError: %run_job: No closing quotation; see %run_job?"),
    (
        "%run_job fetch --at",
        "MagicError: %run_job: argument --at: expected one argument; see %run_job?",
    ),
    (
        "%run_job fetch --at yesterday",
        "TimeFormatError: 'yesterday' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'",
    ),
    ("%run_job fetch --in 2026-01-01", "MagicError: %run_job has no argument '--in'; see %run_job?"),
    ("%run_job fetch --zt=UTC", "MagicError: %run_job has no argument '--zt'; did you mean '--tz'?"),
    ("%run_job fetch again", "MagicError: %run_job has no argument 'again'; see %run_job?"),
    (
        "%run_job fetch --tz Europe/Pariss",
        "TimeFormatError: unknown time zone 'Europe/Pariss'; did you mean 'Europe/Paris'?",
    ),
    ("%run_job fetch --target hots", "WorldError: unknown target 'hots'; did you mean 'host'?"),
    (
        "%cron_preview",
        "MagicError: %cron_preview: the following arguments are required: EXPR|NAME; see %cron_preview?",
    ),
    ("%cron_preview 61 * * * *", "ScheduleError: schedule '61 * * * *' is not cron: minute 61 is outside 0-59"),
    ('%cron_preview "0 9 * *"', "ScheduleError: schedule '0 9 * *' is not cron: "),
    ("%cron_preview @weekely", "ScheduleError: schedule '@weekely' is not cron: "),
    ("%cron_preview 0 0 31 2 *", "ScheduleError: schedule '0 0 31 2 *' "),
    (
        "%cron_preview fetsch",
        "MagicError: 'fetsch' is not the name of a job, and not cron (five fields, such as 0 9 * * 1); did you mean 'f",
    ),
    (
        "%cron_preview by_hand",
        "MagicError: job 'by_hand' is manual only (no schedule); run it with %run_job by_hand",
    ),
    ("%cron_preview fetch --for soon", "TimeFormatError: 'soon' is not a duration; "),
    (
        "%cron_preview * * * * * --for 800d",
        "TimeFormatError: '* * * * *' is due more than 600,000 times in 800d; use a shorter duration",
    ),
    ("%simulate soon", "TimeFormatError: 'soon' is not a duration; "),
    ("%simulate 1d --job fetsch", "UnknownJobError: the plugin has no job 'fetsch'; did you mean 'fetch'?"),
    ("%simulate 1d --seed many", "MagicError: %simulate: argument --seed: invalid int value: 'many'; "),
    ("%simulate 1d --fault 'outtage of=db'", "FaultPlanError: unknown fault 'outtage'; did you mean 'outage'?"),
    ("%simulate 1d --stress dts", "FaultPlanError: unknown kind of stress 'dts'; did you mean 'dst'?"),
    ("%simulate 1d --budget emit=3", "BudgetError: "),
    (
        "%simulate 1d --stress dst --twice",
        "JobkitError: --stress cannot be combined with --budget, --twice or --unreached",
    ),
    (
        "%simulate 1d --against main --budget emits=3",
        "JobkitError: --against cannot be combined with --budget, --twice, --unreached or --stress",
    ),
    ("%simulate 1d --unreachd", "MagicError: %simulate has no argument '--unreachd'; did you mean '--unreached'?"),
    ("%simulate 1d --html x", "MagicError: %simulate has no argument '--html'; see %simulate?"),
    ("%simulate 1d --world nowhere.py", "WorldError: no such file: "),
    ("%load_plugin nowhere", "PluginError: no such path: 'nowhere'; "),
    ("%load_plugin", "MagicError: %load_plugin: the following arguments are required: PATH; "),
]


@pytest.mark.parametrize(("line", "message"), MISUSE, ids=[line for line, _ in MISUSE])
def test_misuse_is_raised_and_shown_in_one_line(notebook, line, message):
    """As an exception, so that no tool takes the cell for a success; only its message is shown."""
    notebook.run(FETCH)
    notebook.run("@job('by_hand')\ndef by_hand(ctx): return 1")
    with pytest.raises(JobkitError) as caught:
        notebook.run(line)
    assert f"{type(caught.value).__name__}: {caught.value}".startswith(message)
    assert notebook.shown(line).strip() == f"{type(caught.value).__name__}: {caught.value}"


def test_a_run_can_be_assigned_and_is_a_run(notebook):
    """`--at` takes a time with and without quotes, after `=` or a space."""
    notebook.run(FETCH)
    notebook.run(WORLD)
    runs = [
        notebook.run(f"run = %run_job fetch {at}\nrun")
        for at in ('--at="2026-01-01 02:00"', "--at '2026-01-01 02:00'", "--at 2026-01-01T02:00Z")
    ]
    assert {type(run) for run in runs} == {Run}
    assert [(run.fire_time.isoformat(), run.value) for run in runs] == [
        ("2026-01-01T02:00:00+00:00", {"status": "success", "seen": 3, "users": 2})
    ] * 3


def test_a_cell_that_runs_again_gives_the_same_result(notebook):
    """Jobs run in a copy of the notebook's world, so the next cell sees no changes of theirs."""
    notebook.run(FETCH)
    notebook.run(WORLD)
    first, second = (notebook.run("%run_job fetch --at 2026-01-01") for _ in range(2))
    assert first == second
    assert list(first.after.world().files) == ["seen.txt"]
    assert list(notebook.shell.user_ns["world"].files) == []
    assert notebook.run("%simulate 2d").runs == notebook.run("%simulate 2d").runs


def test_a_cell_that_runs_again_replaces_its_job(notebook):
    """Also if IPython still holds the old function among its results."""
    notebook.run(FETCH + "\nfetch")
    notebook.run(FETCH.replace("0 6", "0 7").replace('return {"status"', 'return {"new": 1, "status"') + "\nfetch")
    assert notebook.run("%cron_preview fetch --from 2026-01-01").fires[0].hour == 7
    notebook.run("del fetch")
    assert "the following" not in notebook.shown("%run_job fetch")


def test_a_broken_schedule_is_reported_at_once(notebook):
    """The cell itself fails, with its number and line in the message."""
    assert notebook.shown(FETCH.replace("0 6", "61 6")).strip() == (
        "PluginError: fetch (In[2]:3): schedule '61 6 * * *' is not cron: minute 61 is outside 0-59"
    )


def test_without_any_job_the_error_says_how_to_define_one(notebook):
    """Both for running and for simulating."""
    message = (
        "PluginError: there is no job yet: define one in a cell with @job('name', schedule='…'), "
        "or use %load_plugin PATH"
    )
    assert [notebook.shown(line).strip() for line in ("%run_job fetch", "%simulate")] == [message, message]


def test_errors_name_the_cell(notebook):
    """A fault and a traceback name In[…], not a temporary file."""
    notebook.run(FETCH)
    run = notebook.run("%run_job fetch --at 2026-01-01")
    assert [fault.place for fault in run.faults] == ["In[2]:5"]
    assert run.error.place == "In[2]:5"
    assert 'File "In[2]", line 5, in fetch' in run.error.traceback


def test_a_job_that_imported_sleep_sleeps_in_virtual_time(notebook):
    """As a job of a plugin's file does."""
    notebook.run("from time import sleep")
    notebook.run("from src.ext.sdk import job\n@job('nap')\ndef nap(ctx): sleep(20)")
    assert notebook.run("%run_job nap --at 2026-01-01").duration.total_seconds() == 20


def test_cells_describe_the_world_and_its_changes(notebook):
    """`setup` and `@every` work in cells as in `world.py`."""
    notebook.run(FETCH)
    notebook.run(LIFE)
    month = notebook.run("%simulate 3d")
    assert [run.value["users"] for run in month.runs] == [2, 3, 4]


def test_every_in_cells_changes_the_world_of_the_notebook(notebook):
    """A variable `world` is the start; `@every` functions change it."""
    notebook.run(FETCH)
    notebook.run(WORLD)
    notebook.run(LIFE.replace("def setup", "def unused"))
    assert [run.value["users"] for run in notebook.run("%simulate 2d").runs] == [3, 4]


def test_a_world_file_wins_over_all_others(notebook, tmp_path):
    """`--world FILE`."""
    (tmp_path / "other world.py").write_text("def setup(world):\n    world.db.insert('users', [{}, {}, {}, {}])\n")
    notebook.run(FETCH)
    notebook.run(WORLD)
    run = notebook.run(f"%run_job fetch --at 2026-01-01 --world '{tmp_path}/other world.py'")
    assert run.value["users"] == 4


def test_a_plugin_is_loaded_with_its_world(notebook):
    """And simulated as by the command line."""
    plugin = notebook.run(f"%load_plugin {EXAMPLES / 'hello'}")
    month = notebook.run("%simulate")
    assert (plugin.slug, type(month), len(month.runs), month.ok) == ("hello", Simulation, 30, True)
    assert sum(run.value["welcomed"] for run in month.runs) == 21


def test_a_cell_replaces_a_job_of_the_plugin(notebook):
    """The plugin and its manifest stay the same."""
    notebook.run(f"%load_plugin {EXAMPLES / 'hub_ops'}")
    notebook.run(
        "from src.ext.sdk import job\n@job('weekly_digest', schedule='0 10 * * 2')\ndef digest(ctx):\n"
        "    return {'emails': ctx.db.count('users')}"
    )
    tuesday = notebook.run("%cron_preview weekly_digest --from 2026-01-01")
    assert [at.isoformat() for at in tuesday.fires] == ["2026-01-06T10:00:00+00:00"]
    assert [(each.job, each.times) for each in tuesday.collisions] == [("sync_runners", 1), ("watch_queue", 1)]
    run = notebook.run("%run_job weekly_digest --at 2026-01-06T10:00")
    assert (run.plugin, run.value) == ("hub-ops", {"emails": 120})
    assert len(notebook.run("%simulate 1d").due) == 9


def test_a_plugins_own_function_in_the_notebook_stays_the_plugins(notebook):
    """Importing it does not make it a job of a cell."""
    plugin = notebook.run(f"%load_plugin {EXAMPLES / 'hello'}")
    notebook.shell.user_ns["welcome"] = plugin.jobs["welcome"].function
    run = notebook.run("%run_job welcome --at 2026-01-02")
    assert (run.plugin, notebook.run("%load_plugin " + str(EXAMPLES / "hello")).jobs["welcome"].place) == (
        "hello",
        "main.py:6",
    )


@pytest.mark.parametrize("spelled", ["0 9 * * 1", '"0 9 * * 1"', "'0 9 * * 1' --tz UTC", "--tz=UTC 0 9 * * MON"])
def test_an_expression_needs_no_quotes(notebook, spelled):
    """Options may come before or after it."""
    found = notebook.run(f"%cron_preview {spelled} --from 2026-01-01")
    assert type(found) is Preview
    assert [at.isoformat() for at in found.fires] == ["2026-01-05T09:00:00+00:00"]


def test_a_preview_starts_now(notebook):
    """Without `--from`."""
    from sbh_jobkit.clock import VirtualClock
    from sbh_jobkit.schedule.times import instant, zone

    with VirtualClock(instant("2026-05-04T10:00:30", zone("UTC")), zone("UTC")):
        assert notebook.run("%cron_preview @daily --for 1d").start.isoformat() == "2026-05-04T10:00:30+00:00"


def test_simulate_takes_the_options_of_the_command_line(notebook):
    """Start, zone, jobs, target, seed, faults and policies."""
    notebook.run(f"%load_plugin {EXAMPLES / 'hub_ops'}")
    found = notebook.run(
        "%simulate 2h --from 2026-03-01T08:00 --tz Europe/Paris --job sync_runners --job watch_queue --target host "
        "--seed 3 --fault 'scheduler_down start=2026-03-01T08:10 end=2026-03-01T09:10' --policy catch_up=none"
    )
    assert (found.start.isoformat(), found.world.target) == ("2026-03-01T08:00:00+01:00", "host")
    assert [(run.job, f"{run.fire_time:%H:%M}", run.outcome) for run in found.runs if not run.outcome.started] == [
        ("sync_runners", "08:30", "missed"),
        ("sync_runners", "09:00", "missed"),
        ("watch_queue", "09:00", "missed"),
    ]


@pytest.mark.parametrize("name", ["load_plugin", "run_job", "cron_preview", "simulate", "job_dashboard"])
def test_help_is_the_docstring(notebook, name):
    """`%run_job?` shows usage and options."""
    text = notebook.shell.find_line_magic(name).__doc__
    assert f"%{name} " in text
    assert "positional arguments:" in text


def test_unloading_leaves_nothing(plain):
    """No magic, no completion, no check of jobs and no names for cells."""

    def state():
        shell = plain.shell
        return (
            sorted(shell.magics_manager.magics["line"]),
            sorted(shell.magics_manager.registry),
            len(shell.configurables),
            list(shell.Completer.custom_matchers),
        )

    names = set(plain.shell.user_ns)
    plain.run("%load_ext sbh_jobkit")
    plain.run("%unload_ext sbh_jobkit")
    before = state()
    plain.run("%load_ext sbh_jobkit")
    assert state() != before
    plain.run("%reload_ext sbh_jobkit")
    plain.run("%unload_ext sbh_jobkit")
    assert state() == before
    assert set(plain.shell.user_ns) - names <= {"_i", "_ii", "_iii", *(f"_i{number}" for number in range(9))}
    assert "not found" in plain.shown("%run_job fetch")
    broken = plain.run("from src.ext.sdk import job\n@job('broken', schedule='61 * * * *')\ndef f(ctx): return 1\nf")
    assert not defined_at(broken, None).startswith("In[")


MAILS = """
from src.ext.sdk import job

@job("mails", schedule="0 6 * * *")
def mails(ctx):
    for user in ctx.db.query("users"):
        ctx.http.post("https://mail.example/send", json={"to": user["name"]})
    ctx.emit("mails.sent", {})
    if ctx.secrets.has("DONE"):
        return {"status": "skipped"}
    return {"status": "success"}
"""
POST = """
world.http.post("https://mail.example/send").respond(201)
world.http.get("https://mail.example/status").respond(200)
"""
OUTAGE = "--fault 'outage of=mail.example start=2026-01-01T05:00 end=2026-01-01T07:00'"
JUDGED = [
    ("", "3 runs, all as expected", True),
    ("--strict", "3 runs, all as expected, but 1 observation", False),
    ("--budget http_calls=5", "3 runs, all as expected, but over budget", False),
    ("--budget http_calls@day=2 --budget emits=3", "3 runs, all as expected", True),
    ("--twice", "3 runs, all as expected, but 1 job not idempotent", False),
    (OUTAGE, "3 runs, all as expected, but 1 kind of effects lost or doubled", False),
    (
        f"--twice --budget emits=1 {OUTAGE}",
        "3 runs, all as expected, but over budget and 1 job not idempotent and 1 kind of effects lost or doubled",
        False,
    ),
]


@pytest.mark.parametrize(("options", "line", "ok"), JUDGED, ids=[options or "none" for options, *_ in JUDGED])
def test_a_simulation_is_judged_as_on_the_command_line(notebook, options, line, ok):
    """With the same options and the same last line."""
    notebook.run(MAILS)
    notebook.run(WORLD + POST)
    simulation = notebook.run(f"%simulate 3d {options}")
    assert isinstance(simulation, Simulation)
    assert simulation._repr_mimebundle_()["text/plain"].endswith(line)
    assert simulation.verdict.ok is ok


def test_what_the_options_ask_for_is_shown(notebook):
    """The budget that is exceeded, what second runs did, what is lost, and the lines that no run reached."""
    notebook.run(MAILS)
    notebook.run(WORLD + POST)
    simulation = notebook.run(f"%simulate 3d --twice --unreached --budget emits=1 {OUTAGE}")
    shown = simulation._repr_mimebundle_()
    text = " ".join(shown["text/plain"].split())
    for part in (
        "over budget: emits: 3 used, the budget is 1; mails used most: 3",
        "3 of 3 runs of mails, the first on Thu 2026-01-01 06:00 UTC events: 1 added",
        "mails: POST https://mail.example/send never happened, 2 times; the run met outage of mail.example, and said",
        '1 line of In[2] was never reached: In[2]:9 mails 9 return {"status": "skipped"}',
    ):
        assert part in text
    headings = re.findall("<summary>(.*?)</summary>", shown["text/html"])
    assert headings == ["over budget", "injected faults", "second runs", "lines never reached", "2 observations"]


def test_stress(notebook):
    """The result says what fails only under stress, and repeats it with a line of a notebook."""
    notebook.run(MAILS)
    notebook.run(WORLD + POST)
    found = notebook.run("%simulate 3d --stress outage --seed 4")
    shown = found._repr_mimebundle_()
    command = "repeat it with: %simulate 48h --from 2026-01-02T00:00Z --tz UTC --job mails --seed 4 --fault 'outage "
    assert not found.ok
    assert shown["text/plain"].startswith("Notebook under stress: outage\n")
    assert command in shown["text/plain"]
    assert "1 kind of effects lost or doubled and 1 observation, in " in shown["text/html"]
    line = next(line for line in shown["text/plain"].splitlines() if "%simulate" in line).partition(": ")[2]
    assert not notebook.run(line).verdict.ok
    assert notebook.run("%simulate 3d --stress dst").ok
