"""The command line, as a person and a script meet it."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from sbh_jobkit.cli.main import FAILED, INTERRUPTED, OK, WRONG_USE, main
from sbh_jobkit.machine.lines import is_cheap

MANIFEST = '{"slug": "p", "name": "P"}'
MAIN = """\
from src.ext.sdk import job

@job("greet", schedule="0 6 * * *")
def greet(ctx):
    print("good morning")
    return {"status": "success"}
"""
FAILING = """\
from src.ext.sdk import job

@job("grumble", schedule="0 6 * * *")
def grumble(ctx):
    raise KeyError("coffee")
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Stand in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


def write(folder, manifest=MANIFEST, main_=MAIN, **files):
    """Write a plugin."""
    folder.mkdir(exist_ok=True)
    contents = {"plugin.json": manifest, "main.py": main_, **{f"{name}.py": text for name, text in files.items()}}
    for name, text in contents.items():
        if text is not None:
            (folder / name).write_text(text)


def said(capsys, *arguments):
    """Run a command; return its exit code and what it printed."""
    code = main(arguments)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def broken(main_=MAIN, **manifest):
    """Describe a plugin whose manifest has these keys, too."""
    return {"manifest": json.dumps({"slug": "p", "name": "P", **manifest}), "main_": main_}


BAD_PLUGINS = {
    "directory without manifest": (
        {"manifest": None},
        "p has no plugin.json; a plugin is a directory with plugin.json and main.py",
    ),
    "invalid JSON": (
        {"manifest": '{"slug": "p",\n "name": }'},
        "p/plugin.json: line 2 column 10 is not valid JSON: Expecting value",
    ),
    "a manifest that is a list": ({"manifest": "[]"}, "p/plugin.json: $: the manifest must be an object, got a list"),
    "no slug": ({"manifest": '{"name": "P"}'}, "p/plugin.json: $.slug: missing; slug and name are required"),
    "a slug with a space": (
        broken(slug="my plugin"),
        "p/plugin.json: $.slug: 'my plugin' is not a slug; use only letters, digits, '-' and '_'",
    ),
    "an empty name": (broken(name=""), "p/plugin.json: $.name: must not be empty"),
    "a version that is a number": (broken(version=1), "p/plugin.json: $.version: must be text, got a number (1)"),
    "an entry outside": (
        broken(entry="../main.py"),
        "p/plugin.json: $.entry: '../main.py' is not a Python file inside the plugin, such as 'main.py'",
    ),
    "an entry that is not there": (
        broken(entry="app.py"),
        "p/plugin.json: $.entry: there is no file 'app.py' in p",
    ),
    "an unknown permission": (
        broken(permissions=["db.reed"]),
        "p/plugin.json: $.permissions[0]: unknown permission 'db.reed'; did you mean 'db.read'?",
    ),
    "permissions that are text": (
        broken(permissions="db.read"),
        "p/plugin.json: $.permissions: must be a list, got text ('db.read')",
    ),
    "an unknown zone in the manifest": (
        broken(timezone="Europe/Pari"),
        "p/plugin.json: $.timezone: unknown time zone 'Europe/Pari'; did you mean 'Europe/Paris'?",
    ),
    "wrong cron in the manifest": (
        broken(jobs=[{"name": "greet", "schedule": "0 24 * * *"}]),
        "p/plugin.json: $.jobs[0].schedule: schedule '0 24 * * *' is not cron: hour 24 is outside 0-23",
    ),
    "a job without a name": (
        broken(jobs=[{"schedule": "0 6 * * *"}]),
        "p/plugin.json: $.jobs[0].name: missing; every job needs a name",
    ),
    "two faults at once": (
        broken(slug="a b", secrets="KEY"),
        (
            "p/plugin.json has 2 problems:\n"
            "  $.slug: 'a b' is not a slug; use only letters, digits, '-' and '_'\n"
            "  $.secrets: must be a list, got text ('KEY')"
        ),
    ),
    "decorator and manifest at odds": (
        broken(jobs=[{"name": "greet", "schedule": "0 7 * * *"}]),
        "job 'greet': the decorator (main.py:3) says '0 6 * * *', the manifest '0 7 * * *'; make them agree",
    ),
    "a syntax error": ({"main_": "x = 1\ndef f(:\n"}, "main.py:2: SyntaxError: invalid syntax"),
    "an import error": (
        {"main_": "import json\nimport nowhere_to_be_found\n"},
        (
            "main.py:2: ModuleNotFoundError: No module named 'nowhere_to_be_found'; "
            "install it, or put nowhere_to_be_found.py beside the plugin's entry"
        ),
    ),
    "an error in a sibling": (
        {"main_": "import helper\n", "helper": "x = 1\ny = x / 0\n"},
        "helper.py:2: ZeroDivisionError: division by zero",
    ),
    "wrong cron in the decorator": (
        {"main_": MAIN.replace("0 6 * * *", "61 * * * *")},
        "greet (main.py:3): schedule '61 * * * *' is not cron: minute 61 is outside 0-59",
    ),
    "a job named twice": (
        {"main_": MAIN + MAIN.partition("\n")[2]},
        "job 'greet' is defined twice: at main.py:3 and at main.py:8; rename one",
    ),
    "a decorator without parentheses": (
        {"main_": "from src.ext.sdk import job\n\n@job\ndef greet(ctx): ...\n"},
        "main.py:3: @job needs its name: write @job('…') above the function, with parentheses",
    ),
    "an error in world.py": (
        {"world": "def setup(world):\n    world.secrets['K'] = 1\n"},
        "world.py failed: world.py:2: secret 'K' must be text, got a value of type int",
    ),
    "a world.py that describes nothing": (
        {"world": "x = 1\n"},
        "world.py has neither setup(world) nor a function under @every(…); define at least one",
    ),
    "a near miss of setup": (
        {"world": "def set_up(world):\n    world.db.create('t')\n"},
        "world.py has no setup(world); did you mean 'set_up' to be it? rename it",
    ),
    "no job at all": (
        {"main_": "import json\n"},
        "main.py defines no @job; a job of another module counts once main.py imports it by name",
    ),
    "a limit that is none": (
        {"world": "def setup(world):\n    world.time_limit = 'long'\n"},
        "world.py failed: world.py:2: time_limit must be a number of seconds above 0, got 'long'",
    ),
    "an unknown kind of fault": (
        {"world": "def setup(world):\n    world.allow = ['netwrk']\n"},
        "world.py failed: world.py:2: unknown kind of fault 'netwrk'; did you mean 'network'?",
    ),
    "an expectation of an unknown job": (
        {"world": "def setup(world):\n    world.expect_failure('gret', '2026-01-01', '2026-01-02', because='x')\n"},
        "expect_failure: the plugin has no job 'gret'; did you mean 'greet'?",
    ),
}
BAD_WORDS = {
    "no such path": (
        ["simulate", "nowhere"],
        "no such path: 'nowhere'; give a plugin's directory, its plugin.json, main.py or zip",
    ),
    "a misspelt path": (["simulate", "./note.txt"], "no such path: 'note.txt'; did you mean 'notes.txt'?"),
    "a path to check that is not there": (
        ["check", "q"],
        "no such path: 'q'; give a plugin's directory, its plugin.json, main.py or zip",
    ),
    "a misspelt path to check": (["check", "bat.zip"], "no such path: 'bat.zip'; did you mean 'bad.zip'?"),
    "an injected fault of an unknown job": (
        ["simulate", "p", "--fault", "crash job=copy"],
        "crash: there is no job 'copy'; the plugin's jobs are greet",
    ),
    "an abbreviation of a zone": (
        ["simulate", "p", "--tz", "CEST"],
        "unknown time zone 'CEST'; use a name such as 'Europe/Paris'",
    ),
    "the world in place of the plugin": (
        ["simulate", "w/world.py"],
        "world.py defines no @job; give the plugin's folder, or main.py",
    ),
    "a path that is no plugin": (
        ["simulate", "notes.txt"],
        "notes.txt is not a plugin; give a directory, a plugin.json, a .py file or a .zip",
    ),
    "a zip that is none": (["simulate", "bad.zip"], "bad.zip cannot be read as a zip: File is not a zip file"),
    "a wrong zone": (
        ["simulate", "p", "--tz", "Europe/Pari"],
        "unknown time zone 'Europe/Pari'; did you mean 'Europe/Paris'?",
    ),
    "a wrong date": (
        ["simulate", "p", "--from", "2026-13-01"],
        "'2026-13-01' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'",
    ),
    "a time that clocks skip": (
        ["simulate", "p", "--tz", "Europe/Paris", "--from", "2026-03-29T02:30"],
        (
            "2026-03-29T02:30:00 does not exist in Europe/Paris: clocks skip it; use 2026-03-29T03:00:00, when jobs due"
            " then fire, or add an offset"
        ),
    ),
    "a wrong duration": (
        ["simulate", "p", "--for", "30x"],
        "'30x' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
    ),
    "an unknown job to simulate": (
        ["simulate", "p", "--job", "gret"],
        "the plugin has no job 'gret'; did you mean 'greet'?",
    ),
    "an unknown job to run": (["run", "p", "farewell"], "the plugin has no job 'farewell'; its jobs are greet"),
    "an end before the start": (
        ["run", "p", "greet", "--from", "2026-02-01", "--at", "2026-01-01"],
        "--at 2026-01-01 is before --from 2026-02-01",
    ),
    "a start without an end": (
        ["run", "p", "greet", "--from", "2026-02-01"],
        "--from needs --at: the plugin is simulated from --from up to --at",
    ),
    "a report where none can be written": (
        ["simulate", "p", "--for", "1d", "--html", "notes.txt/r.html"],
        "cannot write the report to 'notes.txt/r.html': File exists",
    ),
    "an unknown target": (["simulate", "p", "--target", "hots"], "unknown target 'hots'; did you mean 'host'?"),
    "no target": (["run", "p", "greet", "--target", ""], "unknown target ''; use one of guide, host"),
    "wrong cron to preview": (
        ["preview", "0 9 * * FRY"],
        "schedule '0 9 * * FRY' is not cron: day-of-week 'FRY' is not a number or a name; did you mean 'FRI'?",
    ),
    "an unknown budget": (
        ["simulate", "p", "--budget", "emits=5", "--budget", "llm_token=5"],
        "unknown budget 'llm_token'; did you mean 'llm_tokens'?",
    ),
    "a budget of a day, misspelt": (
        ["simulate", "p", "--budget", "llm_tokens@days=5"],
        "unknown budget 'llm_tokens@days'; did you mean 'llm_tokens@day'?",
    ),
    "a budget of a job that is not there": (
        ["simulate", "p", "--budget", "great:llm_tokens@day=5"],
        "budget 'great:llm_tokens@day': the plugin has no job 'great'; did you mean 'greet'?",
    ),
    "a budget without a limit": (
        ["simulate", "p", "--budget", "llm_tokens=many"],
        ("budget 'llm_tokens': 'many' is not a limit; use a whole number, also with k, M or G, such as 200k or 1.5M"),
    ),
    "stress and second runs": (
        ["simulate", "p", "--stress", "dst", "--twice"],
        "--stress cannot be combined with --budget, --twice, --unreached or --html",
    ),
    "a policy of an unknown job": (
        ["simulate", "p", "--policy", "gret:overlap=skip"],
        "the plugin has no job 'gret'; did you mean 'greet'?",
    ),
    "a policy of no job": (
        ["simulate", "p", "--policy", ":overlap=skip"],
        "the plugin has no job ''; its jobs are greet",
    ),
    "a policy that is none": (
        ["run", "p", "greet", "--policy", "overlap:skip"],
        "'overlap:skip' is not a policy; write SETTING=VALUE or JOB:SETTING=VALUE, such as overlap=queue_one",
    ),
    "an unknown policy to run": (
        ["run", "p", "greet", "--policy", "overlap=queue"],
        "unknown overlap 'queue'; did you mean 'queue_one'?",
    ),
    "a time limit of 0": (
        ["simulate", "p", "--time-limit", "0"],
        "time_limit must be a number of seconds above 0, got 0.0",
    ),
    "a time limit of 0 to run": (
        ["run", "p", "greet", "--time-limit", "0"],
        "time_limit must be a number of seconds above 0, got 0.0",
    ),
    "a time limit of 0 at tenants": (
        ["simulate", "p", "--tenants", "2", "--time-limit", "0"],
        "time_limit must be a number of seconds above 0, got 0.0",
    ),
    "a time limit of -1": (
        ["simulate", "p", "--time-limit", "-1"],
        "time_limit must be a number of seconds above 0, got -1.0",
    ),
    "a time limit of -1 to run": (
        ["run", "p", "greet", "--time-limit", "-1"],
        "time_limit must be a number of seconds above 0, got -1.0",
    ),
    "a time limit of -1 at tenants": (
        ["simulate", "p", "--tenants", "2", "--time-limit", "-1"],
        "time_limit must be a number of seconds above 0, got -1.0",
    ),
    "a time limit of nan": (
        ["simulate", "p", "--time-limit", "nan"],
        "time_limit must be a number of seconds above 0, got nan",
    ),
    "a time limit of nan to run": (
        ["run", "p", "greet", "--time-limit", "nan"],
        "time_limit must be a number of seconds above 0, got nan",
    ),
    "a time limit of nan at tenants": (
        ["simulate", "p", "--tenants", "2", "--time-limit", "nan"],
        "time_limit must be a number of seconds above 0, got nan",
    ),
    "a time limit of inf": (
        ["simulate", "p", "--time-limit", "inf"],
        "time_limit must be a number of seconds above 0, got inf",
    ),
    "a time limit of inf to run": (
        ["run", "p", "greet", "--time-limit", "inf"],
        "time_limit must be a number of seconds above 0, got inf",
    ),
    "a time limit of inf at tenants": (
        ["simulate", "p", "--tenants", "2", "--time-limit", "inf"],
        "time_limit must be a number of seconds above 0, got inf",
    ),
    "neither cron nor path": (
        ["preview", "soon"],
        "'soon' is neither a path that exists nor cron (five fields, such as '0 9 * * 1')",
    ),
    "a word in place of cron": (
        ["preview", "daily"],
        "'daily' is neither a path that exists nor cron: did you mean '@daily'?",
    ),
    "a time of day in place of cron": (
        ["preview", "9:00"],
        "'9:00' is neither a path that exists nor cron: did you mean '0 9 * * *'?",
    ),
    "an interval in place of cron": (
        ["preview", "15m"],
        "'15m' is neither a path that exists nor cron: did you mean '*/15 * * * *'?",
    ),
    "nothing in place of cron": (
        ["preview", " "],
        "' ' is neither a path that exists nor cron (five fields, such as '0 9 * * 1')",
    ),
    "nothing at all": (["preview", ""], "'' is neither a path that exists nor cron (five fields, such as '0 9 * * 1')"),
    "a month that could be a minute": (
        ["simulate", "p", "--for", "1M"],
        "'1M' is not a duration: M is not a unit; write '1mo' for months or '1m' for minutes",
    ),
    "too long a time": (
        ["preview", "0 9 * * 1", "--for", "99999999d"],
        "the duration '99999999d' is too long; use a shorter one",
    ),
}


@pytest.mark.parametrize(("plugin", "sentence"), BAD_PLUGINS.values(), ids=BAD_PLUGINS)
def test_a_bad_plugin(here, capsys, plugin, sentence):
    """Whatever is wrong with a plugin is one clear sentence, and exit code 2."""
    write(here / "p", **plugin)
    assert said(capsys, "simulate", "p") == (WRONG_USE, "", f"sbh-jobkit: error: {sentence}\n")


@pytest.mark.parametrize(("words", "sentence"), BAD_WORDS.values(), ids=BAD_WORDS)
def test_bad_words(here, capsys, words, sentence):
    """Whatever is wrong with a command is one clear sentence, and exit code 2."""
    write(here / "p")
    (here / "notes.txt").write_text("notes")
    (here / "bad.zip").write_text("no zip")
    (here / "w").mkdir()
    (here / "w/world.py").write_text("def setup(world): ...")
    assert said(capsys, *words) == (WRONG_USE, "", f"sbh-jobkit: error: {sentence}\n")


WRONG_WORDS = {
    "no job": (["run"], "run: the following arguments are required: JOB; see sbh-jobkit run --help"),
    "a misspelt command": (["simulte", "p"], "there is no command 'simulte'; did you mean 'simulate'?"),
    "an unknown command": (
        ["deploy"],
        (
            "there is no command 'deploy'; use one of simulate, run, preview, check, stubs, serve, worker, store,"
            " history, pause, resume, backfill, token, secrets, parity"
        ),
    ),
    "a misspelt option": (
        ["simulate", "p", "--form", "2026-01-01"],
        "simulate has no option '--form'; did you mean '--from'? see sbh-jobkit simulate --help",
    ),
    "an unknown option": (["check", "p", "--deep=1"], "check has no option '--deep'; see sbh-jobkit check --help"),
    "an argument too many": (
        ["run", "p", "greet", "twice"],
        "run does not take 'twice', an argument too many; see sbh-jobkit run --help",
    ),
    "an option without its value": (
        ["run", "p", "greet", "--at"],
        "run: argument --at: expected one argument; see sbh-jobkit run --help",
    ),
    "a seed that is not a number": (["simulate", "p", "--seed", "x"], "--seed 'x' is not a whole number"),
    "a limit that is not a number": (
        ["run", "p", "greet", "--time-limit", "long"],
        "--time-limit 'long' is not a number of seconds",
    ),
}


@pytest.mark.parametrize(("words", "sentence"), WRONG_WORDS.values(), ids=WRONG_WORDS)
def test_wrong_words(capsys, words, sentence):
    """A missing or unknown word is one line that names the command, and exit code 2."""
    assert said(capsys, *words) == (WRONG_USE, "", f"sbh-jobkit: error: {sentence}\n")


def test_no_words(capsys):
    """The command alone prints its help on standard error, with exit code 2."""
    code, out, err = said(capsys)
    assert (code, out, err.splitlines()[0]) == (WRONG_USE, "", "usage: sbh-jobkit [-h] [--version] COMMAND ...")


def test_simulate(here, capsys):
    """A month that goes well: a table, a headline, exit code 0."""
    write(here / "p")
    assert said(capsys, "simulate", "p") == (
        OK,
        (
            "P: Thu 2026-01-01 00:00 UTC to Sat 2026-01-31 00:00 UTC\n"
            "\n"
            "job    schedule   runs  failed  expected  http  emits\n"
            "greet  0 6 * * *    30       0         0     0      0\n"
            "\n"
            "30 runs, all as expected\n"
        ),
        "",
    )


def test_simulate_failing(here, capsys):
    """A month that fails: its first failing runs, how to repeat one, exit code 1."""
    write(here / "p", main_=FAILING)
    code, out, err = said(capsys, "simulate", "p", "--for", "5d", "--tz", "Europe/Paris")
    assert (code, err) == (FAILED, "")
    assert out.partition("emits\n")[2] == (
        "grumble  0 6 * * *     5       5         0     0      0\n"
        "\n"
        "Thu 2026-01-01 06:00 CET  grumble  crashed\n"
        "    main.py:5: KeyError: 'coffee'\n"
        "    … and 4 more like it, the last on Mon 2026-01-05 06:00 CET\n"
        "\n"
        "rerun the first: sbh-jobkit run p grumble --from 2026-01-01T00:00+01:00 --at 2026-01-01T06:00+01:00 "
        "--tz Europe/Paris\n"
        "\n"
        "5 of 5 runs failed\n"
    )


HOST = """\
from src.ext.sdk import job

@job("read", schedule="0 6 * * *")
def read(ctx):
    return {"status": "success", "key": ctx.secrets.get("KEY") is not None}
"""
KEY = "def setup(world): world.secrets['KEY'] = 'k-12345'\n"


def test_simulate_on_todays_host(here, capsys):
    """What today's host would do, by the id of each divergence, and the command that repeats it."""
    write(here / "p", main_=HOST, world=KEY)
    assert main(["simulate", "p"]) == OK
    capsys.readouterr()
    assert said(capsys, "simulate", "p", "--for", "5d", "--target", "host") == (
        FAILED,
        (
            "P on today's host: Thu 2026-01-01 00:00 UTC to Tue 2026-01-06 00:00 UTC\n"
            "\n"
            "job   schedule   runs  failed  expected  http  emits\n"
            "read  0 6 * * *     5       5         0     0      0\n"
            "\n"
            "Thu 2026-01-01 06:00 UTC  read  faulty\n"
            "    main.py:5: today's host gives no secret to a job: ctx.secrets.get('KEY')\n"
            "      returns None [D6]\n"
            "      try: do without a secret that is None, or end with a clear error\n"
            "    … and 4 more like it, the last on Mon 2026-01-05 06:00 UTC\n"
            "\n"
            "where today's host differs:\n"
            "  D6   5 runs of read\n"
            "\n"
            "rerun the first: sbh-jobkit run p read --from 2026-01-01T00:00Z --at 2026-01-01T06:00Z --target host\n"
            "\n"
            "5 of 5 runs failed\n"
        ),
        "",
    )


def test_run_on_todays_host(here, capsys):
    """One run, by the guide and on today's host."""
    write(here / "p", main_=HOST, world=KEY)
    words = ["run", "p", "read", "--at", "2026-01-05T06:00", "--json"]
    kinds = {}
    for target in ("guide", "host"):
        code, out, _ = said(capsys, *words, "--target", target)
        kinds[target] = code, [fault["kind"] for fault in json.loads(out)["faults"]]
    assert kinds == {"guide": (OK, []), "host": (FAILED, ["D6"])}


def test_a_world_that_says_its_target_itself(here, capsys):
    """What setup says of the target holds, and JSON tells which one it was."""
    write(here / "p", main_=HOST, world=f"{KEY[:-1]}; world.target = 'host'\n")
    code, out, _ = said(capsys, "simulate", "p", "--for", "1d", "--json")
    assert (code, json.loads(out)["target"]) == (FAILED, "host")


def test_the_command_that_reruns(here, capsys):
    """The rerun command meets the world of its time, and fails as the simulated run did."""
    counting = MAIN.replace(
        '    print("good morning")\n', '    if ctx.db.count("days") == 3: raise ValueError("3 days")\n'
    )
    world = (
        "from sbh_jobkit import every\n"
        "def setup(world): world.db.create('days')\n"
        "@every('0 0 * * *')\ndef day(world, now): world.db.insert('days', {})\n"
    )
    write(here / "p", main_=counting, world=world)
    code, out, _ = said(capsys, "simulate", "p", "--json")
    failing = [run for run in json.loads(out)["runs"] if not run["ok"]]
    assert (code, [run["fire_time"] for run in failing]) == (FAILED, ["2026-01-03T06:00:00+00:00"])
    words = failing[0]["rerun"].split()
    assert words[0] == "sbh-jobkit"
    code, out, err = said(capsys, *words[1:])
    assert (code, err) == (FAILED, "")
    assert out.startswith("greet  Sat 2026-01-03 06:00 UTC  crashed  took 0 s\n  main.py:5: ValueError: 3 days\n")


def test_run(here, capsys):
    """One run: what it returned and printed."""
    write(here / "p")
    assert said(capsys, "run", "p", "greet", "--at", "2026-01-05T06:00") == (
        OK,
        'greet  Mon 2026-01-05 06:00 UTC  ok  took 0 s\n  value: {"status": "success"}\n  output:\n    good morning\n',
        "",
    )


def test_run_now(here, capsys):
    """Without a time, a run is now."""
    write(here / "p")
    _, out, _ = said(capsys, "run", "p", "greet", "--json")
    fire_time = time.mktime(time.strptime(json.loads(out)["fire_time"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    assert abs(fire_time - time.time()) < 60  # noqa: TID251  the machine's time is the point


def test_run_by_hand(here, capsys):
    """A run at a time when the job is not due says so on standard error."""
    write(here / "p")
    code, out, err = said(capsys, "run", "p", "greet", "--from", "2026-01-01", "--at", "2026-01-05T07:00")
    assert code == OK
    assert out.startswith("greet  Mon 2026-01-05 07:00 UTC  ok")
    assert err == "sbh-jobkit: note: greet is not due at 2026-01-05T07:00:00+00:00, so it ran by hand at that time\n"


ONE_RUN = {
    "runs": 1,
    "llm_tokens": 0,
    "llm_calls": 0,
    "http_calls": 0,
    "rows_read": 0,
    "bytes_written": 0,
    "emits": 0,
    "http_calls_by_host": {},
    "busiest_minute": {"at": "2026-01-01T06:00:00+00:00", "runs": 1},
}


def test_json(here, capsys):
    """Machines get the whole simulation as one JSON object, and nothing else."""
    write(here / "p")
    code, out, err = said(capsys, "simulate", "p", "--for", "1d", "--json")
    found = json.loads(out)
    run = found.pop("runs")
    assert (code, err) == (OK, "")
    assert found == {
        "unreached": [] if is_cheap() else None,
        "plugin": "p",
        "target": "guide",
        "start": "2026-01-01T00:00:00+00:00",
        "end": "2026-01-02T00:00:00+00:00",
        "tz": "UTC",
        "interrupted": None,
        "ok": True,
        "usage": {**ONE_RUN, "jobs": {"greet": ONE_RUN}},
        "lost": [],
        "observations": [],
    }
    assert [(each["job"], each["stdout"], each["value"]) for each in run] == [
        ("greet", "good morning\n", {"status": "success"})
    ]


THRIFTLESS = MAIN.replace(
    'print("good morning")',
    """
    print("good morning")
    ctx.llm.run("say good morning")
    ctx.emit("greeted", {})
""".strip(),
)


def test_usage_and_budget(here, capsys):
    """The summary shows what was used; an exceeded budget fails the command."""
    write(here / "p", main_=THRIFTLESS)
    assert said(capsys, "simulate", "p", "--for", "2d", "--budget", "emits=2", "--budget", "llm_calls=1") == (
        FAILED,
        (
            "P: Thu 2026-01-01 00:00 UTC to Sat 2026-01-03 00:00 UTC\n"
            "\n"
            "job    schedule   runs  failed  expected  http  emits\n"
            "greet  0 6 * * *     2       0         0     0      2\n"
            "\n"
            "used: 2 LLM calls (22 tokens), 2 emits\n"
            "over budget: llm_calls: 2 used, the budget is 1; greet used most: 2\n"
            "\n"
            "2 runs, all as expected, but over budget\n"
        ),
        "",
    )
    code, out, _ = said(capsys, "simulate", "p", "--for", "2d", "--budget", "emits=2", "--json")
    assert (code, json.loads(out)["ok"], json.loads(out)["over_budget"]) == (OK, True, [])
    code, out, _ = said(capsys, "simulate", "p", "--for", "2d", "--budget", "llm_tokens=0", "--json")
    code, out, _ = said(capsys, "simulate", "p", "--for", "2d", "--budget", "greet:llm_calls@day=0")
    passed = "greet:llm_calls@day: 1 used on 2026-01-01, the budget is 0 a day;\n  it was passed on 2 days\n"
    assert (code, f"over budget: {passed}" in out) == (FAILED, True)
    code, out, _ = said(capsys, "simulate", "p", "--for", "2d", "--budget", "llm_tokens=0", "--json")
    exceeded = ["llm_tokens: 22 used, the budget is 0; greet used most: 22"]
    assert (code, json.loads(out)["ok"], json.loads(out)["over_budget"]) == (FAILED, False, exceeded)


def test_twice(here, capsys):
    """A job whose second run does something fails the command; the table is that of the first runs."""
    write(here / "p", main_=THRIFTLESS + MAIN.partition("\n")[2].replace("greet", "print_it"))
    assert said(capsys, "simulate", "p", "--for", "2d", "--twice") == (
        FAILED,
        (
            "P: Thu 2026-01-01 00:00 UTC to Sat 2026-01-03 00:00 UTC\n"
            "\n"
            "job       schedule   runs  failed  expected  http  emits\n"
            "greet     0 6 * * *     2       0         0     0      2\n"
            "print_it  0 6 * * *     2       0         0     0      0\n"
            "\n"
            "used: 2 LLM calls (22 tokens), 2 emits; busiest minute: Thu 2026-01-01 06:00\n"
            "  UTC, 2 runs\n"
            "\n"
            "not idempotent; what the second runs did, after a fresh import:\n"
            "  2 of 2 runs of greet, the first on Thu 2026-01-01 06:00 UTC\n"
            "    events: 1 added\n"
            "      + greeted: {}\n"
            "idempotent: print_it\n"
            "\n"
            "4 runs, all as expected, but 1 job not idempotent\n"
        ),
        "",
    )
    code, out, _ = said(capsys, "simulate", "p", "--for", "2d", "--twice", "--json")
    found = json.loads(out)
    assert (code, found["ok"], found["unsafe_to_repeat"]) == (FAILED, False, {"greet": 2})
    assert [run["repeated"] for run in found["runs"][:2]] == [
        {"changed": {"events": ["+ greeted: {}"]}, "sent": []},
        {"changed": {}, "sent": []},
    ]


def test_twice_when_all_is_well(here, capsys):
    """A job whose second run does nothing is listed as idempotent."""
    write(here / "p")
    code, out, _ = said(capsys, "simulate", "p", "--for", "2d", "--twice")
    assert (code, out.partition("0      0\n")[2]) == (OK, "\nidempotent: greet\n\n2 runs, all as expected\n")
    _, out, _ = said(capsys, "simulate", "p", "--for", "2d", "--twice", "--json")
    assert json.loads(out)["unsafe_to_repeat"] == {}


def test_a_report_knows_budgets_and_second_runs(here, capsys):
    """As the terminal does."""
    write(here / "p", main_=THRIFTLESS)
    words = ["simulate", "p", "--for", "2d", "--twice", "--budget", "emits=1", "--html", "r.html"]
    assert said(capsys, *words)[0] == FAILED
    text = (here / "r.html").read_text()
    assert "<h1>2 runs, all as expected, but over budget and 1 job not idempotent</h1>" in text
    assert '<details class="quiet" id="usage" open>' in text
    assert '<section id="repeats"' in text


def test_report(here, capsys):
    """`--html` writes the report to the file, and makes its folder."""
    write(here / "p", main_=FAILING)
    code, out, _ = said(capsys, "simulate", "p", "--html", "build/r.html")
    text = (here / "build/r.html").read_text()
    assert (code, out.splitlines()[-1]) == (FAILED, "report: build/r.html")
    assert "30 of 30 runs failed" in text
    assert "sbh-jobkit run p grumble --from 2026-01-01T00:00Z --at 2026-01-01T06:00Z" in text


def test_warnings(here, capsys):
    """What is surely not meant is told on standard error."""
    listed = json.dumps({"slug": "p", "name": "P", "jobs": [{"name": "great", "schedule": "0 6 * * *"}]})
    write(here / "p", manifest=listed)
    assert said(capsys, "simulate", "p")[2] == (
        "sbh-jobkit: warning: job 'great' of the manifest has no function in main.py, so it never runs; "
        "did you mean 'greet'?\n"
        "sbh-jobkit: warning: job 'greet' (main.py:3) is not in the manifest's jobs; add it there\n"
    )


def test_jobs_by_hand(here, capsys):
    """A job without a schedule is named, since a simulation never runs it."""
    write(here / "p", main_=MAIN.replace(', schedule="0 6 * * *"', ""))
    out = said(capsys, "simulate", "p")[1]
    assert out.endswith("\nmanual only (no schedule): greet\n\nNo run was due\n")


def test_skipped_runs_are_counted(here, capsys):
    """Runs that were skipped are no failures, and no secret either."""
    slow = MAIN.replace("0 6 * * *", "* * * * *").replace('print("good morning")', "import time; time.sleep(150)")
    write(here / "p", main_=slow, world="def setup(world): world.time_limit = 200\n")
    code, out, _ = said(capsys, "simulate", "p", "--for", "1h")
    assert (code, out.splitlines()[-1]) == (OK, "60 runs, all as expected, but 40 skipped")


def test_whatever_a_job_prints(here, capsys):
    """What would move the cursor is shown and not done."""
    write(here / "p", main_=MAIN.replace('"good morning"', r'"\x1b[31mred\x00"'))
    assert "    ␛[31mred␀\n" in said(capsys, "run", "p", "greet", "--at", "2026-01-05")[1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_whatever_the_terminal_can_write(here, encoding):
    """A terminal that knows few characters gets the others spelt out, not a traceback."""
    write(here / "p", main_=MAIN.replace('"good morning"', '"日本 ‹›"'))
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    work = started("run", "p", "greet", "--at", "2026-01-05", stdout=subprocess.PIPE, env=environment)
    out, _ = work.communicate(timeout=60)
    assert (work.returncode, b"\\u65e5\\u672c" in out) == (OK, True)


def test_a_run_alone_notes_what_did_not_run(here, capsys):
    """A world that changes with time is as `setup` made it, unless --from is given."""
    world = "from sbh_jobkit import every\n\n@every('0 0 * * *')\ndef day(world, now): world.db.insert('days', {})\n"
    write(here / "p", world=world)
    note = "sbh-jobkit: note: only setup(world) has run; add --from ISO to let the world change until --at\n"
    assert said(capsys, "run", "p", "greet", "--at", "2026-01-05")[::2] == (OK, note)
    assert said(capsys, "run", "p", "greet", "--at", "2026-01-05T06:00", "--from", "2026-01-01")[::2] == (OK, "")


def test_a_fault_that_is_the_error_is_shown_once(here, capsys):
    """A missing table is an error and a fault: one line with the error's type and the fault's kind, then the advice."""
    write(here / "p", main_=FAILING.replace('raise KeyError("coffee")', 'ctx.db.query("cups")'))
    sentence = "there is no table 'cups'; the only one is plugin_jobs, which the kit fills"
    assert said(capsys, "run", "p", "grumble", "--at", "2026-01-05T06:00") == (
        FAILED,
        (
            "grumble  Mon 2026-01-05 06:00 UTC  crashed  took 0 s\n"
            "  main.py:5: UnknownTableError: there is no table 'cups'; the only one is\n"
            "    plugin_jobs, which the kit fills [table-unknown]\n"
            '    try: world.db.insert("cups", [{…}]), or world.db.create("cups") for an empty one\n'
            "  traceback:\n"
            "    Traceback (most recent call last):\n"
            '      File "main.py", line 5, in grumble\n'
            '        ctx.db.query("cups")\n'
            f"    sbh_jobkit.errors.UnknownTableError: {sentence}\n"
        ),
        "",
    )


def test_zip(here, capsys):
    """A zip is simulated as its directory is."""
    with zipfile.ZipFile(here / "p.zip", "w") as archive:
        archive.writestr("plugin.json", MANIFEST)
        archive.writestr("main.py", FAILING)
    code, out, _ = said(capsys, "simulate", "p.zip", "--for", "1d")
    assert code == FAILED
    assert "    main.py:5: KeyError: 'coffee'\n" in out


def test_preview_of_an_expression(capsys):
    """Fire times of an expression, with what the clocks do to them."""
    words = ["preview", "30 2 * * *", "--tz", "Europe/Paris", "--from", "2026-03-28", "--for", "2d"]
    lost = "02:30 does not exist on 2026-03-29 in Europe/Paris: fired at 03:00"
    assert said(capsys, *words) == (
        OK,
        (
            "30 2 * * *: at 02:30 every day (Europe/Paris)\n"
            "\n"
            "Sat 2026-03-28 02:30 CET   in 2h 30m\n"
            f"Sun 2026-03-29 03:00 CEST   in 1d 2h  ({lost})\n"
        ),
        "",
    )


def test_preview_of_a_rare_expression(capsys):
    """An expression that is not due soon says when it is."""
    words = ["preview", "0 0 29 2 *", "--from", "2026-01-01"]
    out = said(capsys, *words)[1]
    assert out.splitlines()[1] == "not due within 7d; next: 2028-02-29T00:00:00+00:00"


def test_preview_of_a_disputed_expression(capsys):
    """An expression that schedulers read differently says so."""
    out = said(capsys, "preview", "0 0 */2 * 1", "--from", "2026-01-01")[1]
    assert "note: read as croniter and Kubernetes do; Debian cron would combine the two day fields by AND" in out


def test_preview_of_a_step_that_is_too_long(capsys):
    """It says what the step comes to, and what was probably meant."""
    heading = said(capsys, "preview", "*/90 * * * *", "--from", "2026-01-01", "--for", "3h")[1].splitlines()[:2]
    assert heading == [
        "*/90 * * * *: every hour, on the hour (UTC)",
        (
            "note: minute step 90 is longer than the range 0-59, so only 0 matches; cron cannot say every 90 minutes: "
            "'0 0-23/3 * * *' and '30 1-23/3 * * *' alternate"
        ),
    ]


def test_preview_of_elapsed_time_in_one_hour(capsys):
    """It says on which days clock changes leave fire times out or repeat them."""
    out = said(capsys, "preview", "*/20 2 * * *", "--from", "2026-01-01", "--tz", "Europe/Paris", "--for", "1d")[1]
    assert out.splitlines()[1:3] == [
        "note: not due on 2026-03-29, on other days 3 times: clocks go forward",
        "note: due 6 times on 2026-10-25, on other days 3 times: clocks go back",
    ]


def test_preview_of_a_plugin(here, capsys):
    """Fire times of all jobs of a plugin, capped for people and whole for machines."""
    write(here / "p", main_=MAIN.replace("0 6 * * *", "*/10 * * * *"))
    out = said(capsys, "preview", "p", "--from", "2026-01-01", "--for", "1d")[1]
    assert out.splitlines()[0] == "greet: every 10 minutes (UTC)"
    assert out.splitlines()[-1] == "… and 104 more; --json lists them all, --job and --from show less"
    found = json.loads(said(capsys, "preview", "p", "--from", "2026-01-01", "--for", "1d", "--json")[1])
    assert len(found["fires"]) == 144
    assert found["fires"][0] == {"job": "greet", "at": "2026-01-01T00:00:00+00:00", "note": None}


def test_preview_of_one_job(here, capsys):
    """The others are left out, above and below; an expression has no jobs."""
    other = "\n@job('rare', schedule='30 2 * * *')\ndef rare(ctx): pass\n\n@job('hand')\ndef hand(ctx): pass\n"
    write(here / "p", main_=MAIN.replace("0 6 * * *", "*/10 * * * *") + other)
    given = ("preview", "p", "--from", "2026-01-01", "--for", "1d")
    assert said(capsys, *given, "--job", "rare", "--job", "hand")[1].splitlines() == [
        "rare: at 02:30 every day (UTC)",
        "hand: manual only (no schedule)",
        "",
        "Thu 2026-01-01 02:30 UTC  in 2h 30m  rare",
    ]
    assert said(capsys, *given, "--job", "rar")[2] == (
        "sbh-jobkit: error: the plugin has no job 'rar'; did you mean 'rare'?\n"
    )
    assert said(capsys, "preview", "0 9 * * *", "--job", "rare")[2] == (
        "sbh-jobkit: error: --job names a job of a plugin, and '0 9 * * *' is a cron expression; leave it out\n"
    )


SLOW = MAIN.replace("0 6 * * *", "* * * * *").replace('print("good morning")', "sum(range(20_000))")


def started(*words, **options):
    """Start the command in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "sbh_jobkit", *words], **options)


def test_a_person_sees_progress(here):
    """On a terminal long work shows a bar on standard error, and leaves nothing of it."""
    write(here / "p", main_=SLOW)
    ours, theirs = pty.openpty()
    work = started("simulate", "p", "--for", "2d", stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            seen += os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
    out, _ = work.communicate(timeout=60)
    os.close(ours)
    assert work.returncode == OK
    assert b"simulating" in seen
    assert b"/2880" in seen
    assert out.endswith(b"2,880 runs, all as expected\n")


def test_pipes_stay_quiet(here):
    """In a pipe there is no bar, and a reader that leaves early is no error."""
    write(here / "p", main_=SLOW)
    work = started("simulate", "p", "--for", "2d", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert work.communicate(timeout=60)[1] == b""
    work = started("simulate", "p", "--for", "12h", "--json", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert work.stdout.read(10) == b'{\n "plugin'
    work.stdout.close()
    assert (work.stderr.read(), work.wait(timeout=60)) == (b"", OK)
    work.stderr.close()


def test_interrupted(here):
    """Ctrl-C ends it with one line and the usual exit code."""
    begun = here / "begun"
    write(here / "p", main_=SLOW.replace("    sum(", f"    open({str(begun)!r}, 'w').close()\n    sum("))
    work = started("simulate", "p", "--for", "365d", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not begun.exists() and work.poll() is None:
        time.sleep(0.01)
    work.send_signal(signal.SIGINT)
    _, err = work.communicate(timeout=60)
    assert (work.returncode, err) == (INTERRUPTED, b"sbh-jobkit: interrupted\n")


def test_version(capsys):
    """`--version` tells it."""
    with pytest.raises(SystemExit):
        main(["--version"])
    changelog = (Path(__file__).parents[2] / "CHANGELOG.md").read_text()
    assert f"## [{capsys.readouterr().out.split()[1]}]" in changelog


LENGTHY = """\
import time
from src.ext.sdk import job

@job("count", schedule="*/10 * * * *")
def count(ctx):
    time.sleep(900)
    return {"status": "success"}
"""


def rows(out):
    """Shorten the runs of JSON to time, outcome, and why."""
    found = json.loads(out)
    return [(run["fire_time"][11:16], run["outcome"], run["reason"]) for run in found.get("runs", [found])]


LIMITED = ("timed_out", "timed out: the limit is 60 s, passed at main.py:6")


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        (
            ["--time-limit", "60"],
            [("00:00", *LIMITED), ("00:10", *LIMITED), ("00:20", *LIMITED)],
        ),
        (
            ["--time-limit", "3600"],
            [
                ("00:00", "ok", None),
                ("00:10", "skipped", "skipped: the run of 00:00 was still running (max_instances=1)"),
                ("00:20", "ok", None),
            ],
        ),
        (
            ["--time-limit", "3600", "--policy", "overlap=queue_one"],
            [
                ("00:00", "ok", None),
                ("00:10", "ok", "started 5m late: the run of 00:00 was still running"),
                ("00:20", "ok", "started 10m late: the run of 00:10 was still running"),
            ],
        ),
        (
            ["--time-limit", "3600", "--policy", "overlap=queue_one", "--policy", "count:overlap=allow"],
            [("00:00", "ok", None), ("00:10", "ok", None), ("00:20", "ok", None)],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value[0], str) else "",
)
def test_policies_and_the_limit_of_time(here, capsys, words, runs):
    """What is typed holds for every run, whatever the world says."""
    write(here / "p", main_=LENGTHY, world="def setup(world): world.time_limit = 5\n")
    _, out, err = said(capsys, "simulate", "p", "--for", "30m", "--json", *words)
    assert (rows(out), err) == (runs, "")


@pytest.mark.parametrize("words", [[], ["--from", "2026-01-01"]], ids=["by hand", "in a range"])
def test_a_run_minds_the_limit_of_time(here, capsys, words):
    """Alone as within a range, whatever the world says."""
    write(here / "p", main_=LENGTHY, world="def setup(world): world.time_limit = 10_000\n")
    at = ["--at", "2026-01-01T00:20", *words]
    assert rows(said(capsys, "run", "p", "count", "--json", *at, "--time-limit", "1000")[1]) == [("00:20", "ok", None)]
    code, out, err = said(capsys, "run", "p", "count", "--json", *at, "--time-limit", "60")
    assert (code, rows(out), err) == (FAILED, [("00:20", *LIMITED)], "")


def test_a_rerun_carries_policies_and_the_limit(here, capsys):
    """The command that repeats a run meets the same rules, and the same end."""
    write(here / "p", main_=LENGTHY)
    words = ["--policy", "overlap=queue_one", "--policy", "count:misfire_grace=1h", "--time-limit", "60"]
    code, out, _ = said(capsys, "simulate", "p", "--for", "10m", *words)
    rerun = "sbh-jobkit run p count --from 2026-01-01T00:00Z --at 2026-01-01T00:00Z --time-limit 60 " + " ".join(
        words[:4]
    )
    assert (code, out.partition("rerun the first: ")[2].partition("\n")[0]) == (FAILED, rerun)
    code, out, _ = said(capsys, *rerun.split()[1:], "--json")
    assert (code, rows(out)) == (FAILED, [("00:00", *LIMITED)])


def test_the_limit_of_time_at_many_tenants(here, capsys):
    """It holds for each of them."""
    write(here / "p", main_=LENGTHY)
    code, _, err = said(capsys, "simulate", "p", "--for", "30m", "--tenants", "2", "--time-limit", "3600")
    assert (code, err) == (OK, "")
    code, out, _ = said(capsys, "simulate", "p", "--for", "30m", "--tenants", "2", "--time-limit", "60")
    assert (code, "timed out" in out, "--time-limit 60" in out) == (FAILED, True, True)
