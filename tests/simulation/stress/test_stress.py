"""Stress: what fails on difficult days, with the command that repeats it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, World
from sbh_jobkit.cli.main import FAILED, OK, WRONG_USE, main
from sbh_jobkit.errors import FaultPlanError
from sbh_jobkit.fakes.faults.plan import FaultPlan, RateLimit
from sbh_jobkit.fakes.faults.validation import target_from_url
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.schedule import times
from sbh_jobkit.simulation.stress.scenario import Scenario
from sbh_jobkit.simulation.stress.stress import read, run_stress

ROOT = Path(__file__).parents[3]
ALL = "dst,overlap,outage,late"
ONE_OF = "use one of dst, calendar, overlap, outage, late, storage, rate_limit, crash, tenants, order or all"
NO_CHANGE = "note: dst: the clocks do not change in UTC within a year of 2026-01-01\n"
NO_HOST = "note: outage: no job used HTTP, a model, files or tables in the range\n"
COMMAND = "sbh-jobkit simulate examples/pitfalls/"
SCREENS = {
    "charged_twice": (
        "Charged twice under stress: dst, overlap, outage, late\n"
        "\n"
        "Sun 2026-10-25 02:00 CET  charge  crashed\n"
        "    main.py:15: RuntimeError: 2026-10-25 02:00 was charged already\n"
        "    smallest case: 3h 1m from Sun 2026-10-25 00:00 CEST, without injected faults\n"
        f"    repeat it with: {COMMAND}charged_twice --from 2026-10-25T00:00+02:00 --for 3h1m "
        "--tz Europe/Paris --job charge\n"
        "\n"
        "charge: file uploaded receipts/#-#-# #:#.json never happened, 6 times; the run\n"
        "  was coalesced, and no later run made up for it\n"
        "    repeat it with: sbh-jobkit simulate examples/pitfalls/charged_twice "
        "--from 2026-01-07T00:00+01:00 --for 96h --tz Europe/Paris --job charge "
        "--fault 'scheduler_down start=2026-01-07T16:45+01:00 end=2026-01-07T17:30+01:00'\n"
        "\n"
        "1 failure under stress and 1 kind of effects lost or doubled, in 8 scenarios\n"
    ),
    "lost_minutes": (
        "Lost minutes under stress: dst, overlap, outage, late\n"
        f"{NO_CHANGE}"
        "\n"
        "Thu 2026-01-01 00:20 UTC  roll_up  crashed\n"
        "    main.py:17: RuntimeError: nobody summed up the ten minutes before 00:10\n"
        "    smallest case: 21m from Thu 2026-01-01 00:00 UTC, with 1 injected fault:\n"
        "      slow job=roll_up by=15m\n"
        f"    repeat it with: {COMMAND}lost_minutes --from 2026-01-01T00:00Z --for 21m --tz UTC "
        "--job roll_up --time-limit 1800 --fault 'slow job=roll_up by=15m'\n"
        "\n"
        "roll_up: file uploaded sums/#-#-#T#.json never happened, 18 times; the run was\n"
        "  coalesced, and no later run made up for it\n"
        "    repeat it with: sbh-jobkit simulate examples/pitfalls/lost_minutes "
        "--from 2026-01-01T00:00Z --for 24h "
        "--tz UTC --job roll_up --fault 'scheduler_down start=2026-01-01T16:00Z end=2026-01-01T16:11Z'\n"
        "\n"
        "1 failure under stress and 1 kind of effects lost or doubled, in 4 scenarios\n"
    ),
    "never_recovers": (
        "Never recovers under stress: dst, overlap, outage, late\n"
        f"{NO_CHANGE}"
        "\n"
        "Sun 2026-01-04 11:00 UTC  sync_stock  failed\n"
        "    switched off after 3 failures\n"
        "    smallest case: 11h 1m from Sun 2026-01-04 00:00 UTC, with 1 injected fault:\n"
        "      outage of=warehouse.example.com start=2026-01-04T08:00Z end=2026-01-04T11:30Z\n"
        f"    repeat it with: {COMMAND}never_recovers --from 2026-01-04T00:00Z --for 11h1m --tz UTC --job sync_stock "
        "--fault 'outage of=warehouse.example.com start=2026-01-04T08:00Z end=2026-01-04T11:30Z'\n"
        "\n"
        "1 failure under stress, in 5 scenarios\n"
    ),
}
RANGES = {"charged_twice": "10d", "lost_minutes": "1d", "never_recovers": "10d"}


@pytest.fixture
def said(capsys, monkeypatch):
    """Run a command in 80 columns; return its exit code and what it printed."""
    monkeypatch.setenv("COLUMNS", "80")

    def run_cli(*arguments):
        code = main(arguments)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run_cli


@pytest.fixture
def examples(said, monkeypatch):
    """Run a command where the repository begins."""
    monkeypatch.chdir(ROOT)
    return said


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Write a plugin `p` in an empty directory, and stand there."""
    monkeypatch.chdir(tmp_path)

    def write(main_, world="def setup(world): ...\n", **manifest):
        (tmp_path / "p").mkdir()
        (tmp_path / "p" / "main.py").write_text(f"from src.ext.sdk import job\n\n{main_}")
        (tmp_path / "p" / "world.py").write_text(world)
        (tmp_path / "p" / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P", **manifest}))

    return write


def repeated(said, command):
    """Run a command that was printed, for machines; return its exit code and the runs that failed."""
    program, *words = shlex.split(command)
    assert program == "sbh-jobkit"
    code, out, err = said(*words, "--json")
    assert err == ""
    return code, [run for run in json.loads(out)["runs"] if run["outcome"] != "ok"]


@pytest.mark.parametrize("name", SCREENS)
def test_a_pitfall_passes_a_plain_month(examples, name):
    """Nothing is to be seen of the bug in thirty days."""
    code, out, err = examples("simulate", f"examples/pitfalls/{name}")
    assert (code, out.splitlines()[-1].partition(", ")[2], err) == (OK, "all as expected", "")


@pytest.mark.parametrize("name", SCREENS)
def test_a_pitfall_under_stress(examples, name):
    """Its bug is found, and made small; that is the whole screen, exit code 1."""
    arguments = ("simulate", f"examples/pitfalls/{name}", "--for", RANGES[name], "--stress", ALL)
    assert examples(*arguments) == (FAILED, SCREENS[name], "")


@pytest.mark.parametrize("name", SCREENS)
def test_the_command_repeats_it(examples, name):
    """What JSON tells is small, and its command fails for real, with the same run at the same time."""
    path = f"examples/pitfalls/{name}"
    code, out, err = examples("simulate", path, "--for", RANGES[name], "--stress", ALL, "--json")
    found = json.loads(out)
    assert (code, err) == (FAILED, "")
    assert [found[key] for key in ("plugin", "stress", "ok", "anyway")] == [
        name.replace("_", "-"),
        ["dst", "overlap", "outage", "late"],
        False,
        [],
    ]
    assert list(found) == ["plugin", "stress", "ok", "notes", "untried", "broken", "findings", "remarks", "anyway"]
    (broken,) = found["broken"]
    assert list(broken) == ["run", "start", "end", "faults", "command"]
    assert len(broken["faults"]) <= 3
    assert f"    repeat it with: {broken['command']}\n" in SCREENS[name]
    code, failed = repeated(examples, broken["command"])
    assert code == FAILED
    same = ("job", "fire_time", "started_at", "outcome", "reason", "error")
    assert [failed[-1][key] for key in same] == [broken["run"][key] for key in same]


ASKING = """\
@job("ask", schedule="0 * * * *")
def ask(ctx):
    answer = ctx.http.get("https://api.example.com/data")
    if answer["status_code"] != 200:
        {sad}
    return {{"status": "success"}}
"""
HONEST = ASKING.format(sad='return {"status": "error", "error": "no data"}')
RAISES = ASKING.format(sad='raise RuntimeError("no data")')
ANSWERS = 'def setup(world): world.http.get("https://api.example.com/data").respond(json=[1])\n'
HTTP = {"permissions": ["outbound_http"]}


def test_an_honest_plugin(said, put):
    """A job that says so when it meets an outage does what it should."""
    put(HONEST, ANSWERS, **HTTP)
    assert said("simulate", "p", "--for", "3d", "--stress", "overlap,outage,late") == (
        OK,
        (
            "P under stress: overlap, outage, late\n"
            "\n"
            "no failure under stress in 5 scenarios: overlap, outage, late, overlap + outage + late, "
            "outage with wrong answers\n"
        ),
        "",
    )
    assert json.loads(said("simulate", "p", "--for", "3d", "--stress", "late", "--json")[1]) == {
        "plugin": "p",
        "stress": ["late"],
        "ok": True,
        "notes": [],
        "untried": [],
        "broken": [],
        "findings": [],
        "remarks": [],
        "anyway": [],
    }


def test_the_days_that_were_tried(said, put):
    """The scenarios of a zone whose clocks change are named by the day."""
    put(HONEST, ANSWERS, **HTTP)
    code, out, _ = said("simulate", "p", "--for", "1d", "--stress", "dst,late", "--tz", "Europe/Paris")
    days = "dst 2026-03-29, dst 2026-03-29 + late, dst 2026-10-25, dst 2026-10-25 + late"
    assert (code, out.splitlines()[-1]) == (OK, f"no failure under stress in 5 scenarios: {days}, late")


def test_what_fails_anyway(said, put):
    """It is shown once, and not as a failure under stress; what only stress finds is shown beside it."""
    put(
        f'{RAISES}\n\n@job("bad", schedule="0 6 * * *")\ndef bad(ctx):\n    raise KeyError("coffee")\n', ANSWERS, **HTTP
    )
    assert said("simulate", "p", "--for", "3d", "--stress", "late") == (
        FAILED,
        (
            "P under stress: late\n"
            "\n"
            "failures without stress:\n"
            "Thu 2026-01-01 06:00 UTC  bad  crashed\n"
            "    main.py:13: KeyError: 'coffee'\n"
            "\n"
            "1 failure without it, in 1 scenario\n"
        ),
        "",
    )
    code, out, _ = said("simulate", "p", "--for", "3d", "--stress", "outage")
    assert code == FAILED
    assert out.partition("'coffee'\n")[2] == (
        "\n"
        "Fri 2026-01-02 00:00 UTC  ask  crashed\n"
        "    main.py:7: RuntimeError: no data\n"
        "    injected faults: outage of api.example.com (1 request)\n"
        "    smallest case: 1m from Fri 2026-01-02 00:00 UTC, with 1 injected fault:\n"
        "      outage of=api.example.com start=2026-01-02T00:00Z end=2026-01-02T00:01Z\n"
        "    repeat it with: sbh-jobkit simulate p --from 2026-01-02T00:00Z --for 1m --tz UTC --job ask "
        "--fault 'outage of=api.example.com start=2026-01-02T00:00Z end=2026-01-02T00:01Z'\n"
        "\n"
        "1 failure under stress and 1 failure without it, in 2 scenarios\n"
    )


WEEKLY = '@job("weekly", schedule="0 6 * * 1")\ndef weekly(ctx): ...\n'
NOTES = [
    ("dst", "7d", [NO_CHANGE], 0),
    ("overlap", "14d", ["note: overlap: no job is due at least once a day in the range\n"], 0),
    ("late", "14d", [], 1),
    (
        ALL,
        "7d",
        [
            NO_CHANGE,
            "note: overlap: no job is due at least once a day in the range\n",
            NO_HOST,
            "note: late: no job is due twice in the range\n",
        ],
        0,
    ),
]


@pytest.mark.parametrize("case", NOTES, ids=lambda case: f"{case[0]} {case[1]}")
def test_what_could_not_be_tried(said, put, case):
    """A note says why, and no scenario is counted that would be the plain range again."""
    kinds, length, notes, tried = case
    put(WEEKLY)
    heading = f"P under stress: {kinds.replace(',', ', ')}\n"
    headline = f"\nno failure under stress in {'1 scenario: late' if tried == 1 else '0 scenarios'}\n"
    assert said("simulate", "p", "--for", length, "--stress", kinds) == (OK, "".join([heading, *notes, headline]), "")


SECRETS = [
    ("https://api.example.com:8443/x?y#z", "api.example.com"),
    ("https://API.example.com", "api.example.com"),
    ("https://‹secret:USER›:pw@api.example.com/", "api.example.com"),
    ("https://api.example.com/‹secret:TOKEN›", "api.example.com"),
    ("http://[::1]:80/", "::1"),
    ("http://localhost:80/", "localhost"),
    ("‹secret:URL›", "*"),
    ("‹secret:URL›/path", "*"),
    ("https://‹secret:HOST›/x", "*"),
    ("https://‹secret:NAME›.example.com/", "*"),
    ("https://api.‹secret:DOMAIN›", "*"),
    ("https://warehouse/", "*"),
    ("https://db/", "*"),
    ("/relative", "*"),
    ("http://[::1", "*"),
    ("", "*"),
]


@pytest.mark.parametrize(("url", "host"), SECRETS)
def test_hosts_to_take_down(url, host):
    """The host of a URL as a fault takes it; every host where that is a secret, or no fault could name it."""
    assert target_from_url(url) == host
    assert RateLimit(host, 1).of == host


def test_a_host_that_is_a_secret(said, put):
    """It counts as every host, and is not shown."""
    asks = RAISES.replace('"https://api.example.com/data"', 'ctx.secrets.get("URL")')
    world = (
        "def setup(world):\n"
        '    world.secrets["URL"] = "https://hidden.example.com/data"\n'
        '    world.allow = ["secret-leaked"]\n'
        '    world.http.get("https://hidden.example.com/data").respond(json=[1])\n'
    )
    put(asks, world, secrets=["URL"], **HTTP)
    code, out, err = said("simulate", "p", "--for", "3d", "--stress", "outage", "--json")
    (broken,) = json.loads(out)["broken"]
    assert (code, err, broken["faults"]) == (
        FAILED,
        "",
        ["outage of=* start=2026-01-02T00:00Z end=2026-01-02T00:01Z"],
    )
    assert "hidden" not in out
    code, failed = repeated(said, broken["command"])
    assert (code, [run["error"] for run in failed]) == (FAILED, [broken["run"]["error"]])


def test_a_limit_of_time_that_is_the_worlds(said, put):
    """A job that usually takes longer than several of its intervals is not timed out by stress."""
    put(
        'import time\n\n@job("long", schedule="*/10 * * * *")\ndef long(ctx):\n    time.sleep(7200)\n',
        "def setup(world): world.time_limit = 10_000\n",
    )
    assert said("simulate", "p", "--for", "1d", "--stress", "overlap") == (
        OK,
        "P under stress: overlap\n\nno failure under stress in 1 scenario: overlap\n",
        "",
    )


def test_what_was_given_stays(said, put):
    """The plan's own faults, its seed, the tenant, the policy and the target are in force, and in the command."""
    put(
        '@job("ask", schedule="0 * * * *")\n'
        "def ask(ctx):\n"
        '    first, second = (ctx.http.get(f"https://{host}.example.com/")["status_code"] for host in "ab")\n'
        "    if first != 200 and second != 200:\n"
        '        raise RuntimeError(f"nobody answers {ctx.tenant_id}")\n'
        '    return {"status": "success"}\n',
        'def setup(world): world.http.route(host__regex="[ab].example.com").respond(json=[1])\n',
        **HTTP,
    )
    Path("plan.toml").write_text('seed = 7\n\n[[errors]]\nof = "a.example.com"\nrate = 0.3\n')
    code, out, err = said(
        *("simulate", "p", "--for", "3d", "--stress", "outage", "--faults", "plan.toml", "--tenants", "globex"),
        *("--policy", "overlap=queue_one", "--time-limit", "60", "--target", "guide"),
    )
    assert (code, err) == (FAILED, "")
    assert "RuntimeError: nobody answers globex\n" in out
    command = out.partition("repeat it with: ")[2].partition("\n")[0]
    assert "--tenants globex --policy overlap=queue_one --target guide --seed 7" in command
    code, failed = repeated(said, command)
    assert (code, len(failed)) == (FAILED, 1)


def test_the_zone_is_the_one_that_is_asked_for(examples):
    """A pitfall in a zone without changes has no bug, by a note."""
    code, out, _ = examples(
        "simulate", "examples/pitfalls/charged_twice", "--for", "1d", "--stress", "dst", "--tz", "Asia/Kolkata"
    )
    assert (code, out) == (
        OK,
        (
            "Charged twice under stress: dst\n"
            "note: dst: the clocks do not change in Asia/Kolkata within a year of 2026-01-01\n"
            "\n"
            "no failure under stress in 0 scenarios\n"
        ),
    )


BAD = [
    (["--stress", "dts"], "unknown kind of stress 'dts'; did you mean 'dst'?"),
    (
        ["--stress", "dst,weather"],
        f"unknown kind of stress 'weather'; {ONE_OF}",
    ),
    (["--stress", "all,weather"], f"unknown kind of stress 'weather'; {ONE_OF}"),
    (["--stress", ""], f"unknown kind of stress ''; {ONE_OF}"),
    (["--stress", "dst", "--job", "weakly"], "the plugin has no job 'weakly'; did you mean 'weekly'?"),
    (
        ["--stress", "dst", "--html", "r.html"],
        "--stress cannot be combined with --budget, --twice, --unreached or --html",
    ),
    (
        ["--stress", "dst", "--tenants", "2"],
        "--stress, --against, --budget and --twice work with one plugin at one tenant; simulate the plugins one by one",
    ),
    (["--stress", "dst", "--time-limit", "0"], "time_limit must be a number of seconds above 0, got 0.0"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_words(said, put, words, sentence):
    """Each is one sentence, exit code 2."""
    put(WEEKLY)
    assert said("simulate", "p", *words) == (WRONG_USE, "", f"sbh-jobkit: error: {sentence}\n")


def test_a_plugin_without_jobs(said, put):
    """It is refused as without stress, and not praised."""
    put("x = 1\n")
    sentence = "main.py defines no @job; a job of another module counts once main.py imports it by name"
    assert said("simulate", "p", "--stress", "dst") == (WRONG_USE, "", f"sbh-jobkit: error: {sentence}\n")


def test_kinds_as_they_are_typed():
    """Spaces do no harm."""
    assert read("dst, late ,overlap") == ("dst", "late", "overlap")
    with pytest.raises(FaultPlanError, match="unknown kind of stress 'lat'; did you mean 'late'"):
        read("lat")


def test_progress_is_told():
    """Whoever waits hears what is tried, and what is made smaller."""

    @job("ask", schedule="0 * * * *")
    def ask(ctx):
        if ctx.http.get("https://api.example.com/data")["status_code"] != 200:
            message = "no data"
            raise RuntimeError(message)

    def load():
        world = World()
        world.http.get("https://api.example.com/data").respond(json=[1])
        return Plugin.load({"ask": ask}), world

    zone, heard = times.zone("UTC"), []
    start, end = (times.instant(at, zone) for at in ("2026-01-01", "2026-01-02"))
    plain = Scenario(start=start, end=end, zone=zone, plan=FaultPlan())
    found = run_stress(load, plain, ["outage", "late"], progress=heard.append)
    assert (found.ok, found.tried, len(found.broken), found.anyway, found.notes) == (False, 4, 1, (), ())
    assert heard == [
        "a plain range",
        "2026-01-01 to 2026-01-02, faults: 1",
        "2026-01-01 to 2026-01-02, faults: 1",
        "2026-01-01 to 2026-01-02, faults: 2",
        "2026-01-01 to 2026-01-02, faults: 1",
        "making the failure of ask smaller",
    ]


ONLY_HERE = """import os
from src.ext.sdk import job

if os.environ.get("PYTHONHASHSEED") == "2":
    raise ValueError("too late")


@job("ask", schedule="0 * * * *")
def ask(ctx):
    ctx.emit("asked", {})
"""


def test_what_could_not_be_tried_is_not_passed(said, put):
    """Whether the plugin bears it is not known: the exit code says so, and what else was tried is kept."""
    put(ONLY_HERE)
    code, out, _ = said("simulate", "p", "--for", "1d", "--stress", "late,order")
    assert (code, out) == (
        FAILED,
        (
            "P under stress: late, order\n"
            "\n"
            "not tried: order: another process, where sets have another order, could not\n"
            "  simulate the plugin: main.py:7: ValueError: too late\n"
            "\n"
            "1 kind of stress not tried, in 1 scenario\n"
        ),
    )
    code, out, _ = said("simulate", "p", "--for", "1d", "--stress", "order", "--json")
    assert (code, json.loads(out)["ok"], len(json.loads(out)["untried"])) == (FAILED, False, 1)
