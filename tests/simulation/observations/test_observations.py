"""What is probably not meant, though nothing failed: each kind with what it finds, and what it must not find."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from sbh_jobkit import FaultPlan, Plugin, StorageFull, World, simulate
from sbh_jobkit.plugin.sdk import hook, job, route
from sbh_jobkit.report.html.simulation import page
from sbh_jobkit.run.notes import OBSERVATIONS, FailedAnswer
from sbh_jobkit.simulation.observations.observation import INFORMATIVE

EXAMPLES = Path(__file__).parents[3] / "examples"
FULL = FaultPlan(StorageFull("2026-01-01", "2026-02-01"))
GROWING, TOTALS = [], {"rows": 0}
CACHE = {}


def seen(work, setup=repr, *, schedule="0 6 * * *", duration="6d", **more):
    """Return the observations of a job as `kind: message`, with the number of runs."""
    function = job("work", schedule=schedule)(work)
    world = World()
    world.db.insert("users", [{"status": "active", "n": n % 7, "tags": ["a"]} for n in range(120)])
    world.files.write("reports/2026.txt", "x")
    world.http.get("https://a.example/ok").respond(json=[1])
    world.http.get("https://a.example/broken").respond(503)
    setup(world)
    found = simulate(Plugin.load({"work": function}), world, duration=duration, **more).observations
    return [(each.kind, each.message, each.count) for each in found if each.kind != "route-unused"]


def returning(value):
    """Return a job that returns a value."""
    return lambda _: value


SAID = "which the platform takes for success"
VALUES = [
    ({"status": "failed"}, "status-unknown", f"returned the status 'failed', {SAID}; its word is 'error'"),
    ({"status": "Timed out"}, "status-unknown", f"returned the status 'Timed out', {SAID}; its word is 'error'"),
    (False, "status-unknown", f"returned False, {SAID}"),
    ({"ok": False}, "status-unknown", f"returned {{'ok': False}}, {SAID}"),
    ({"status": "ERROR"}, "status-unknown", f"returned the status 'ERROR', {SAID}; its word is 'error'"),
    ({"status": "not ok"}, "status-unknown", f"returned the status 'not ok', {SAID}; its word is 'error'"),
    ({"status": False}, "status-unknown", f"returned the status False, {SAID}; its word is 'error'"),
    ({"status": 503}, "status-unknown", f"returned the status 503, {SAID}; its word is 'error'"),
    ({"state": "failed"}, "status-unknown", f"returned {{'state': 'failed'}}, {SAID}"),
    ({"success": "false"}, "status-unknown", f"returned {{'success': 'false'}}, {SAID}"),
    ({"success": 0}, "status-unknown", f"returned {{'success': 0}}, {SAID}"),
    ({"errors": ["boom"]}, "status-unknown", f'returned an error without a status, {SAID}: ["boom"]'),
    ({"error": "boom"}, "status-unknown", f'returned an error without a status, {SAID}: "boom"'),
    ({"status": "success", "done": 0, "failed": 5}, "items-failed", "items failed inside a success: done 0, failed 5"),
    ({"sent": 0, "mail_errors": 2, "total": 2}, "items-failed", "items failed inside a success: sent 0, mail_errors 2"),
]
FINE = [
    None,
    True,
    0,
    [],
    "failed",
    {"status": "success"},
    {"status": "skipped", "reason": "nothing to do"},
    {"status": "ok", "error": None},
    {"status": "success", "done": 4, "failed": 1},
    {"status": "success", "failed": 3},
    {"status": "success", "sent": 0, "failed": 0},
    {"success": True, "error": ""},
    {"ok": True, "errors": 0},
    {"errors": 2},
    {"errors": []},
    {"state": "done"},
    {"status": 200},
    {"success": 1, "error": None},
]


@pytest.mark.parametrize(("value", "kind", "message"), VALUES)
def test_a_value_that_says_failure_in_other_words(value, kind, message):
    """The platform takes it for success."""
    assert seen(returning(value)) == [(kind, message, 6)]


@pytest.mark.parametrize("value", FINE, ids=repr)
def test_values_that_are_meant(value):
    """Words of success, words that the kit does not know, and counts without a failure."""
    assert seen(returning(value)) == []


def _limit(ctx):
    ctx.db.query("users")


def _prefix(ctx):
    ctx.files.list("report/")


def _key(ctx):
    ctx.files.get("report/2026.txt")


def _field(ctx):
    ctx.db.query("users", {"state": "active"})


def _suffix(ctx):
    ctx.db.query("users", {"status__in": ["active"]})


def _list(ctx):
    ctx.db.query("users", {"status": ["active"]})


def _case(ctx):
    ctx.db.query("users", {"status": "Active"})


def _number(ctx):
    ctx.db.query("users", {"n": "3"})


def _installation(ctx):
    ctx.db.query("plugin_jobs", {"plugin_installation_id": "notebok"})


def _failed_jobs(ctx):
    ctx.db.query("plugin_jobs", {"status": "failed"})


def _unlooked(ctx):
    ctx.http.get("https://a.example/broken")
    return {"status": "success"}


def _text_only(ctx):
    return {"status": "success", "text": ctx.http.get("https://a.example/broken")["text"]}


def _again(ctx):
    for _ in range(12):
        ctx.http.get("https://a.example/ok")


def _asks(ctx):
    ctx.http.get("https://a.example/ok")


def _grows(ctx):
    GROWING.append("x")
    ctx.files.upload("log.txt", "".join(GROWING))


def _drops(ctx):
    ctx.files.upload("a.txt", "x")


def _prompt(ctx):
    ctx.llm.run("What is the weather?")


def _replies(world):
    world.llm.reply("yes", when="^Is")


def _page_for_all(ctx):
    ctx.db.query("users", {"status": "active"}, 50)


def _rows_between(ctx):
    ctx.db.query("users", limit=50)
    ctx.db.query("users", limit=50, offset=51)
    ctx.db.query("users", limit=50, offset=101)


SEEN = [
    (_limit, [("query-limit", "a query of 'users' returned 100 rows, more match, and nothing asked for them", 6)], {}),
    (
        _page_for_all,
        [
            (
                "query-limit",
                "a query of 'users' returned the same 50 rows in every run; more match, and nothing asked for them",
                6,
            )
        ],
        {},
    ),
    (
        _rows_between,
        [
            (
                "query-limit",
                "a query of 'users' returned the same 50 rows in every run; more match, and nothing asked for them",
                6,
            )
        ],
        {},
    ),
    (_prefix, [("list-empty", "no run found a file under 'report/'; there are files under 'reports/'", 6)], {}),
    (
        _key,
        [("list-empty", "no run found a file under 'report/2026.txt'; there are files under 'reports/#.txt'", 6)],
        {},
    ),
    (
        _field,
        [("query-empty", "no run found a row of 'users': no row has a field 'state'; did you mean 'status'?", 6)],
        {},
    ),
    (_suffix, [("query-empty", "no run found a row of 'users': no row has a field 'status__in'", 6)], {}),
    (
        _list,
        [("query-empty", "no run found a row of 'users': [\"active\"] is a list, and the field 'status' is not", 6)],
        {},
    ),
    (_case, [("query-empty", "no run found a row of 'users': 'status' is never 'Active'", 6)], {}),
    (
        _installation,
        [("query-empty", "no run found a row of 'plugin_jobs': 'plugin_installation_id' is never 'notebok'", 6)],
        {},
    ),
    (_failed_jobs, [], {}),
    (_number, [("query-empty", "no run found a row of 'users': 'n' is a number, and '3' is text", 6)], {}),
    (
        _unlooked,
        [
            (
                "answer-ignored",
                "GET https://a.example/broken answered 503, the job did not look at that, and said success",
                6,
            )
        ],
        {},
    ),
    (
        _text_only,
        [
            (
                "answer-ignored",
                "GET https://a.example/broken answered 503, the job did not look at that, and said success",
                6,
            )
        ],
        {},
    ),
    (
        _again,
        [
            (
                "request-repeated",
                "sent GET https://a.example/ok 10 times or more in one run, without waiting, for the same answer",
                6,
            )
        ],
        {},
    ),
    (
        _drops,
        [
            (
                "answer-ignored",
                "the file 'a.txt' was not stored, the job did not look at that, and said success",
                6,
            )
        ],
        {"faults": FULL},
    ),
    (
        _prompt,
        [("prompt-unmatched", "no reply of the world matches the prompt 'What is the weather?'", 6)],
        {"setup": _replies},
    ),
]


@pytest.mark.parametrize(("work", "found", "given"), SEEN)
def test_calls_that_are_probably_not_meant(work, found, given):
    """Equal ones of many runs are one, with their number."""
    assert seen(work, **given) == found


def _pages(ctx):
    offset = 0
    while rows := ctx.db.query("users", offset=offset):
        offset += len(rows)


def _batch(ctx):
    ctx.db.query("users", limit=10)


def _position(ctx):
    seen = len(ctx.files.list("position/")) * 25
    ctx.db.query("users", {"id": {"$gt": seen}}, limit=25)
    ctx.files.upload(f"position/{seen}", "")


def _all(ctx):
    ctx.db.query("users", limit=500)


def _time(ctx):
    ctx.db.query("users", {"since": {"$gte": "2026-01-01"}})
    ctx.db.query("users", {"status": "locked"})
    ctx.db.query("users", {"n": 99})


def _new_prefix(ctx):
    ctx.files.list("marks/")
    ctx.files.get("marks/1")
    ctx.files.upload("marks/2", "")


def _looked(ctx):
    answers = [ctx.http.get("https://a.example/broken") for _ in range(6)]
    assert answers[0]["status_code"] == 503
    assert answers[1].get("status_code") == 503
    assert "error" not in answers[2]
    assert dict(answers[3])["status_code"] == 503
    assert "503" in json.dumps(answers[4])
    assert "503" in repr(answers[5])


def _handed_on(ctx):
    return ctx.http.get("https://a.example/broken")


def _error_reported(ctx):
    ctx.http.get("https://a.example/broken")
    return {"status": "error", "error": "the API is down"}


def _polls(ctx):
    import time

    for _ in range(12):
        ctx.http.get("https://a.example/ok")
        time.sleep(1)


def _checked(ctx):
    if not ctx.files.upload("a.txt", "x"):
        ctx.emit("full", {})


def _exports_all(ctx):
    TOTALS["rows"] += 1
    rows = ctx.db.query("users", limit=500)[: TOTALS["rows"]]
    ctx.files.upload("all.txt", "x")
    return {"rows": len(rows)}


def _caches(ctx):
    CACHE[len(CACHE)] = ctx.tenant_id


MEANT = [_pages, _batch, _position, _all, _time, _new_prefix, _looked, _handed_on, _error_reported, _polls, _caches]


@pytest.mark.parametrize("work", MEANT)
def test_calls_that_are_meant(work):
    """Pages, small batches, conditions that nothing meets yet, answers that the job looked at, polling, caches."""
    assert seen(work) == []


ANSWERS = {
    "has_more": ({"items": [1], "has_more": True}, {}),
    "a cursor": ({"items": [1], "next_cursor": "abc"}, {}),
    "a token": ({"items": [1], "nextPageToken": "abc"}, {}),
    "within": ({"items": [1], "meta": {"pagination": {"next": "https://a.example/list?page=2"}}}, {}),
    "pages": ({"items": [1], "total_pages": 3}, {}),
    "a header": ([1], {"link": '<https://a.example/list?page=2>; rel="next"'}),
}
LAST = {
    "no more": ({"items": [1], "has_more": False, "next": None}, {}),
    "one page": ({"items": [1], "total_pages": 1}, {}),
    "a first page": ([1], {"link": '<https://a.example/list?page=1>; rel="first"'}),
    "another next": ({"next": False, "more": "yes", "next_run": "tomorrow"}, {}),
}


def lists(answer, headers, work):
    """Return what is said of a job that asks for a list."""

    def setup(world):
        world.http.get("https://a.example/list").respond(json=answer, headers=headers)

    return [kind for kind, _, _ in seen(work, setup)]


def _first_part(ctx):
    ctx.http.get("https://a.example/list", params={"q": "new"})


@pytest.mark.parametrize(("answer", "headers"), ANSWERS.values(), ids=ANSWERS)
def test_a_list_of_which_only_the_first_part_is_asked_for(answer, headers):
    """Each answer says that there is more, and no run asks on."""
    assert lists(answer, headers, _first_part) == ["page-unread"]


@pytest.mark.parametrize(("answer", "headers"), LAST.values(), ids=LAST)
def test_a_list_that_has_one_part(answer, headers):
    """Nothing says that there is more."""
    assert lists(answer, headers, _first_part) == []


def _next_part(ctx):
    for cursor in ("", "abc"):
        ctx.http.get("https://a.example/list", params={"cursor": cursor})


def _a_part_a_day(ctx):
    from datetime import date

    ctx.http.get("https://a.example/list", params={"offset": date.today().day})  # noqa: DTZ011  as jobs do


def _the_latest(ctx):
    ctx.http.get("https://a.example/list", params={"limit": 5})


@pytest.mark.parametrize("work", [_next_part, _a_part_a_day, _the_latest])
def test_a_list_that_goes_on(work):
    """Also from run to run; a few of it are a number that is meant."""
    assert lists(*ANSWERS["a cursor"], work) == []


def _sweep(prefix):
    def sweep(ctx):
        for file in ctx.files.list(prefix):
            ctx.files.delete(file["key"])

    return sweep


SWEPT = {
    "two folders": (
        "log",
        [("prefix-wide", "deleted files under 'logbook/' and 'logs/', because the prefix 'log' matches them all", 1)],
    ),
    "one folder": ("logs/", []),
    "days": ("days/2026-", []),
    "the beginning of a name": ("logs/a", []),
    "everything": ("", []),
}


@pytest.mark.parametrize(("prefix", "found"), SWEPT.values(), ids=SWEPT)
def test_a_prefix_that_matches_more_than_one_folder(prefix, found):
    """What is deleted in both is probably not meant; folders of days are."""

    def setup(world):
        for key in ("logs/a.txt", "logs/ab.txt", "logbook/may.txt", "days/2026-01-01/a", "days/2026-01-02/b"):
            world.files.write(key, "x")

    assert seen(_sweep(prefix), setup) == found


def test_an_upload_that_the_job_checks_is_no_observation():
    """The result is used."""
    assert seen(_checked, faults=FULL) == []


def test_a_file_that_grows_and_the_variable_behind_it():
    """The variable is lost at a restart; a file that grows with the rows that are read is meant."""
    GROWING.clear()
    assert seen(_grows) == [
        ("file-grows", "the file 'log.txt' grows at every run: 1 → 6 bytes", 6),
        ("module-state", "the variable GROWING keeps state between runs: 0 items → 6 items; a restart loses it", 1),
    ]


def test_a_default_argument_that_keeps_state():
    """As a list that a function of the plugin fills."""
    names = {}
    exec(  # noqa: S102  a namespace of its own, as a plugin has
        "from src.ext.sdk import job\n"
        "def remember(item, known=[]):\n    known.append(item)\n"
        "@job('work', schedule='0 6 * * *')\ndef work(ctx):\n    remember(1)\n",
        names,
    )
    simulation = simulate(Plugin.load(names), World(), duration="3d")
    assert [each.message for each in simulation.observations] == [
        "the variable remember's default argument keeps state between runs: 0 items → 3 items; a restart loses it"
    ]


def test_what_a_simulation_leaves_out_is_said_and_never_strict():
    """A job that is not due, hooks and routes."""

    @job("yearly", schedule="0 0 1 7 *")
    def yearly(ctx):
        del ctx

    @route("/status")
    def status(ctx):
        del ctx

    @hook("user.created")
    def greet(ctx, data):
        del ctx, data

    names = {"yearly": yearly, "status": status, "greet": greet}
    globals().update(names)
    try:
        simulation = simulate(Plugin.load(names), World(), duration="3d")
        assert [each.message for each in simulation.observations if each.kind == "job-not-due"] == [
            "is not due in the range; next on 2026-07-01 00:00 UTC"
        ]
        assert {each.kind for each in simulation.observations} == INFORMATIVE
        assert simulation.unmeant == []
    finally:
        for name in names:
            del globals()[name]


def test_a_route_that_nobody_asks():
    """Also where only a near one is asked; one that a request has asked is not named."""
    world = World()
    world.http.get("https://a.example/ok").respond(json=[])
    world.http.post("https://a.exmaple/alerts").respond(200)
    plugin = Plugin.load({"again": job("again", schedule="0 6 * * *")(_asks)})
    simulation = simulate(plugin, world, duration="1d")
    assert [each.line for each in simulation.observations if each.kind == "route-unused"] == [
        "no job asked the route POST https://a.exmaple/alerts [route-unused]"
    ]


def test_kinds_are_allowed_by_name_and_shown_in_reports():
    """As kinds of fault are."""
    world = World(allow=["status-unknown"])
    plugin = Plugin.load({"bad": job("bad", schedule="0 6 * * *")(returning(False))})
    assert simulate(plugin, world, duration="2d").observations == ()
    simulation = simulate(plugin, World(), duration="2d")
    (found,) = simulation.observations
    assert found.to_dict()["first"] == "2026-01-01T06:00:00+00:00"
    assert found.kind in OBSERVATIONS
    assert "1 observation" in page(simulation, lambda _: "")
    shown = simulation._repr_mimebundle_()
    assert "status-unknown" in shown["text/plain"]
    assert "status-unknown" in shown["text/html"]


@pytest.mark.parametrize("name", ["hello", "hub_ops", "pitfalls/charged_twice", "pitfalls/never_recovers"])
def test_the_examples_give_none_that_counts(name):
    """Their authors are careful."""
    assert simulate(EXAMPLES / name, duration="10d").unmeant == []


def test_a_failed_answer_is_a_dict():
    """Equal to one, and to read anything but how it ended is not to look."""
    answer = FailedAnswer({"status_code": 503, "text": "", "json": None})
    assert answer == {"status_code": 503, "text": "", "json": None}
    assert answer["text"] == ""
    assert not answer.looked
    assert 503 in answer.values()
    assert answer.looked
    assert httpx.codes(503).is_server_error
