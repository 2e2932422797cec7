"""What each job of Hub Ops does, and the runs of a month."""

import json
from collections import Counter
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, Schedule, World, run_job, simulate

HERE = Path(__file__).parents[1]
plugin = Plugin.load(HERE)


@pytest.fixture
def world():
    """A hub with two users, a project and four builds, on Monday 2026-02-09."""
    world = World()
    world.secrets["FLEET_API_URL"] = "https://fleet.example"
    world.secrets["FLEET_API_KEY"] = "fake-fleet-key"
    world.secrets["DIGEST_TEMPLATE"] = "{failed_builds} of {builds} builds failed"
    world.db.insert(
        "users",
        [
            {"plan": "trial", "trial_ends": "2026-02-09", "created_at": "2026-01-26T10:00"},
            {"plan": "team", "trial_ends": None, "created_at": "2026-02-03T10:00"},
        ],
    )
    world.db.insert("projects", {"name": "calm-otter", "created_at": "2026-01-05T11:00"})
    world.db.insert(
        "builds",
        [
            {"project": "calm-otter", "status": "failed", "reason": "lint", "created_at": "2026-02-01T12:00"},
            {"project": "calm-otter", "status": "success", "reason": None, "created_at": "2026-02-08T09:20"},
            {"project": "calm-otter", "status": "failed", "reason": "timeout", "created_at": "2026-02-08T17:40"},
            {"project": "calm-otter", "status": "success", "reason": None, "created_at": "2026-02-09T05:00"},
        ],
    )
    return world


@pytest.fixture(scope="module")
def month():
    """The month that world.py describes."""
    return simulate(plugin)


def run(job, world, at="2026-02-09T09:00"):
    return run_job(plugin.jobs[job], world, at=at)


def events(run):
    return [(event.type, event.payload) for event in run.events]


def test_manifest_and_code_agree():
    """Every job of plugin.json has its function, and every function its entry."""
    assert plugin.warnings == ()


def test_clean_up_deletes_the_old_and_keeps_the_young(world):
    """A temp file of 31 days is deleted; one of 29 days and files outside temp/ are kept."""
    world.files.write("temp/old.log", modified="2026-01-09T01:00")
    world.files.write("temp/young.log", modified="2026-01-11T01:00")
    world.files.write("reports/old.json", modified="2025-01-01T00:00")

    cleaned = run("clean_temp_files", world, at="2026-02-09T01:00")

    assert list(world.files) == ["reports/old.json", "temp/young.log"]
    assert cleaned.value == {"status": "success", "files_deleted": 1}
    assert events(cleaned) == [("cleanup.completed", {"files_deleted": 1, "cutoff": "2026-01-10T01:00:00"})]


def test_sync_keeps_what_the_api_answers(world):
    """The runners are stored as a file, and the request carries the key."""
    runners = [{"id": 1, "busy": True}, {"id": 2, "busy": False}]
    route = world.http.get("https://fleet.example/runners").respond(json=runners)

    synced = run("sync_runners", world)

    assert synced.value == {"status": "success", "runners": 2, "busy": 1}
    assert json.loads(world.files.read_text("fleet/runners.json")) == runners
    assert route.calls.last.request.headers["Authorization"] == "Bearer fake-fleet-key"


def test_sync_says_so_when_the_api_is_down(world):
    """A 503 makes a failed run with its reason, and no event is emitted."""
    world.http.get("https://fleet.example/runners").respond(status_code=503)

    failed = run("sync_runners", world)

    assert (failed.ok, failed.outcome) == (False, "failed")
    assert failed.value == {"status": "error", "error": "fleet API: HTTP 503"}
    assert failed.events == ()


def test_sync_says_so_when_the_answer_is_a_page(world):
    """An answer of 200 that is a page of HTML is an error, and keeps no file."""
    world.http.get("https://fleet.example/runners").respond(200, html="<h1>Back soon</h1>")
    failed = run("sync_runners", world)
    assert failed.value == {"status": "error", "error": "fleet API: no list of runners"}
    assert failed.stdout == "The fleet API sent no list of runners: <h1>Back soon</h1>\n"


def test_sync_without_its_key_asks_nobody(world):
    """A missing secret is an error and a fault, and no request is sent."""
    del world.secrets["FLEET_API_KEY"]

    failed = run("sync_runners", world)

    assert failed.value == {"status": "error", "error": "the fleet API needs FLEET_API_URL and FLEET_API_KEY"}
    assert [fault.advice for fault in failed.faults] == ['world.secrets["FLEET_API_KEY"] = "…"']
    assert failed.http_calls == ()


@pytest.mark.parametrize(("waiting", "alarms"), [(5, []), (6, [("queue.crowded", {"waiting": 6})])])
def test_queue_alarm_rings_above_five(world, waiting, alarms):
    """Five builds may wait; with the sixth an event is emitted."""
    world.db.insert("queue", [{"project": "calm-otter"}] * waiting)
    assert events(run("watch_queue", world)) == alarms


def test_trials_end_on_every_page(world):
    """Of 252 users on three pages, the first and the last get an event."""
    world.db.insert("users", [{"plan": "trial", "trial_ends": "2026-02-10"}] * 249)
    world.db.insert("users", {"plan": "trial", "trial_ends": "2026-02-09"})

    ended = run("end_trials", world)

    assert ended.value == {"status": "success", "users_seen": 252, "users_told": 2}
    assert events(ended) == [("trial.ended", {"user_id": 1}), ("trial.ended", {"user_id": 252})]


def test_trials_stop_when_memory_is_short(world):
    """After the first page the job stops and reports how many users it read."""
    world.db.insert("users", [{"plan": "team"}] * 200)
    world.memory.use(95)
    assert run("end_trials", world).value == {"status": "error", "users_seen": 100, "error": "memory is short"}


def test_index_tells_its_start_its_end_and_its_time(world):
    """Two projects at 0.2 s each take 0.4 s of virtual time."""
    world.db.insert("projects", {"name": "eager-otter"})

    indexed = run("index_projects", world)

    assert events(indexed) == [
        ("index.started", {"at": "2026-02-09T09:00:00"}),
        ("index.completed", {"seconds": 0.4, "words": 3}),
    ]
    assert indexed.duration.total_seconds() == 0.4
    assert json.loads(world.files.read_text("search/index.json")) == {"calm": [1], "otter": [1, 2], "eager": [2]}


def test_index_tells_how_it_failed(world):
    """A project without a name makes the run fail after 0.2 s, and an event reports it."""
    world.db.insert("projects", {"id": 2})
    failed = run("index_projects", world)
    assert events(failed)[-1] == ("index.failed", {"seconds": 0.2, "error": "KeyError('name')"})
    assert failed.outcome == "failed"


def test_seats_are_counted_by_plan(world):
    """The coroutine is awaited, and its event has a number for each plan."""
    counted = run("count_seats", world, at="2026-03-01T00:00")
    assert events(counted) == [("seats.counted", {"trial": 1, "team": 1})]


@pytest.mark.sbh_at("2026-10-31")
def test_seats_are_charged_once_when_midnight_comes_twice(sbh_simulate):
    """In Havana the clocks go back on 2026-11-01, from 01:00 to 00:00: only the first midnight counts."""
    autumn = sbh_simulate("2d", tz="America/Havana", jobs=["count_seats"])
    charged = [f"{event.at:%Y-%m-%d %H:%M %Z} {event.type}" for run in autumn.runs for event in run.events]
    assert charged == ["2026-11-01 00:00 CDT seats.counted"]


def test_daily_report_counts_yesterday_only(world):
    """Of four builds two were yesterday's, and one of those failed."""
    report = {"date": "2026-02-08", "users": 2, "projects": 1, "builds": 2, "failed_builds": 1}
    filename = "reports/daily_2026-02-08.json"

    written = run("daily_report", world)

    assert json.loads(world.files.read_text(filename)) == report
    assert written.value == {"status": "success", "report": report, "filename": filename}
    assert events(written) == [("report.written", {"date": "2026-02-08", "filename": filename})]


def test_failures_are_explained_by_the_model(world):
    """The prompt names the failed build, and the answer becomes a file."""
    world.llm.reply("One build ran out of time.", when="calm-otter: timeout")
    explained = run("explain_failures", world)
    assert explained.value == {"status": "success", "failed_builds": 1, "summary": "One build ran out of time."}
    assert world.files.read_text("reports/failures_2026-02-08.txt") == "One build ran out of time."


def test_a_silent_model_is_an_error(world):
    """If the model returns an error, the job reports it and writes no file."""
    world.llm.reply(TimeoutError("too busy"))
    error = "the language model did not answer: TimeoutError: too busy"
    assert run("explain_failures", world).value == {"status": "error", "error": error}
    assert list(world.files) == []


def test_digest_counts_the_last_week_only(world):
    """Last week had one new user, no new project and three builds; older ones do not count."""
    counts = {"new_users": 1, "new_projects": 0, "builds": 3, "failed_builds": 1}
    digest = {"since": "2026-02-02", **counts}

    sent = run("weekly_digest", world)

    assert sent.stdout == "1 of 3 builds failed\n"
    assert events(sent) == [("digest.sent", {"recipients": ["team@hub.example"], "digest": digest})]


DUE = {
    "clean_temp_files": "at 01:00 every day",
    "sync_runners": "every 30 minutes",
    "watch_queue": "every hour, on the hour",
    "end_trials": "at 04:00 every day",
    "index_projects": "at 05:00 every day",
    "count_seats": "at 00:00 on the 1st of the month",
    "daily_report": "at 06:00 every day",
    "explain_failures": "at 07:00 every day",
    "weekly_digest": "at 09:00 on Mondays",
}


@pytest.mark.parametrize("job", DUE)
def test_a_job_is_due_when_people_count_on_it(job):
    """The description of the schedule is what was agreed."""
    assert Schedule(plugin.jobs[job].expression).describe() == f"{DUE[job]} (UTC)"


def test_month_goes_as_expected(month):
    """Every run is ok, except the two syncs of the bad hour, which were expected to fail."""
    assert month.ok
    assert len(month.runs) == 2315
    failed = [(run.job, f"{run.fire_time:%d %H:%M}", run.verdict) for run in month.runs if run.outcome != "ok"]
    assert failed == [("sync_runners", "13 14:00", "expected"), ("sync_runners", "13 14:30", "expected")]


def test_month_is_the_same_every_time(month):
    """Random values have a seed: simulating the first week again gives the same runs."""
    again = simulate(plugin, duration="7d")
    assert again.runs == month.runs[: len(again.runs)]


def test_month_fails_when_the_bad_hour_does_not_come():
    """An expectation is strict: if the API works when it should be down, that is a failure."""
    world = World.load(HERE / "world.py")
    world.http.get(host="fleet.example").respond(json=[])  # used first, because it was added before setup()

    day = simulate(plugin, world, start="2026-01-13", duration="1d")

    assert [(run.job, f"{run.fire_time:%H:%M}", run.verdict) for run in day.failures] == [
        ("sync_runners", "14:00", "unexpected_ok"),
        ("sync_runners", "14:30", "unexpected_ok"),
    ]


ON_HOST = {
    "clean_temp_files": {"D4", "D5"},  # it compares an aware time with a naive one, and so deletes no key
    "sync_runners": {"D6"},  # without its secrets it sends no request, so D8 does not appear
    "watch_queue": {"D3"},
    "end_trials": {"D1"},  # the first page raises, so D2 does not appear
    "index_projects": {"D3"},  # with one project it takes 0.2 s: D12 would need 26 of them
    "count_seats": {"D33"},  # none of its code runs, so D3 does not appear
    "daily_report": {"D3"},
    "explain_failures": {"D3"},
    "weekly_digest": {"D6"},  # it ends before it counts, because its template is missing
}
"""Where today's host differs for each job, by the ids of the divergences."""
WELL_ON_HOST = {
    "watch_queue": 280,  # hours with an empty queue, which is also what the host answers
    "explain_failures": 1,  # no build failed on 2025-12-31
    "sync_runners": 2,  # the bad hour, in which it was expected to fail
}
"""How many runs of a job have no fault."""


def test_month_on_todays_host():
    """On today's host, each job has exactly these divergences, and every failing run names one."""
    world = World.load(HERE / "world.py")
    world.target = "host"

    on_host = simulate(plugin, world)

    met = {name: {fault.kind for run in on_host.runs if run.job == name for fault in run.faults} for name in ON_HOST}
    assert met == ON_HOST
    assert [run for run in on_host.failures if not {fault.kind for fault in run.faults} & ON_HOST[run.job]] == []
    assert Counter(run.job for run in on_host.runs if run.ok) == WELL_ON_HOST


AGAIN = {
    # job: what its second run does again, how many of its runs in a week do so, and the result
    "clean_temp_files": ({"cleanup.completed"}, (7, 7), "an event reports a clean-up that deleted nothing"),
    "sync_runners": ({"fleet.synced"}, (336, 336), "who counts syncs counts one too many; the file is the same"),
    "watch_queue": ({"queue.crowded"}, (11, 168), "one crowded queue raises two alarms"),
    "end_trials": ({"trial.ended"}, (6, 7), "everyone whose trial ends gets two events"),
    "index_projects": ({"index.started", "index.completed"}, (7, 7), "an index is timed twice; the file is the same"),
    "count_seats": ({"seats.counted"}, (1, 1), "who adds up seats for the invoice adds them up twice"),
    "daily_report": ({"report.written"}, (7, 7), "a report is announced twice; the file is the same"),
    "explain_failures": ({"failures.explained"}, (6, 7), "the model is paid twice, and the team reads it twice"),
    "weekly_digest": ({"digest.sent"}, (1, 1), "the team gets two digests"),
}


def test_no_job_is_idempotent():
    """Every job only emits its events again: no file changes, and no request is sent again."""
    week = simulate(plugin, duration="7d", twice=True)
    found = week.not_idempotent
    runs = Counter(run.job for run in week.runs)
    again = [run.repeated for those in found.values() for run in those]
    assert {
        job: ({event.type for run in those for event in run.repeated.difference.events}, (len(those), runs[job]))
        for job, those in found.items()
    } == {job: (told, share) for job, (told, share, _) in AGAIN.items()}
    assert {name for one in again for name, _ in one.difference.sections()} == {"events"}
    assert [one.sent for one in again if one.sent] == []


def test_status_route_lists_every_job(month):
    """The route shows each job of the manifest with its schedule and its last run."""
    (status,) = plugin.routes
    jobs = status.function(month.world.context(plugin))["jobs"]
    assert [(row["name"], row["schedule_cron"]) for row in jobs] == [
        (job.name, job.expression) for job in plugin.jobs.values()
    ]
    assert {row["status"] for row in jobs} == {"completed"}
