"""Alerts: each change of a job's state is found once, and a webhook on this machine hears of it, signed."""

import hmac
import json
import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from sbh_jobkit.engines import alerts, cancelling, claims, dispatcher, pauses, planner
from sbh_jobkit.engines.alerting import Alerting
from sbh_jobkit.engines.instants import now
from sbh_jobkit.engines.manual import ManualOnly
from sbh_jobkit.engines.pauses import Scope
from sbh_jobkit.engines.planner import PlannedJob
from sbh_jobkit.engines.request import RunRequest
from sbh_jobkit.engines.schema import State, insert, job_run
from sbh_jobkit.engines.served import ServedJob
from sbh_jobkit.live.settings import Settings
from sbh_jobkit.run.run import Fault, Outcome, Run, RunError
from sbh_jobkit.schedule.policy import Policy
from sbh_jobkit.schedule.schedule import Schedule
from sbh_jobkit.schedule.times import zone

NINE = datetime(2026, 1, 5, 9, tzinfo=UTC).timestamp()
HOUR = 3600
KEY = ("acme", "shop", "work")


def work(**policy):
    """Make a job that is due each hour."""
    return PlannedJob(tenant="acme", plugin="shop", job="work", schedule=Schedule("0 * * * *"), policy=Policy(**policy))


def made(outcome, fire, attempt=1, **more):
    """Make a run."""
    at = datetime.fromtimestamp(fire, UTC)
    facts = {"tenant": "acme", "plugin": "shop", "job": "work", "fire_time": at, "started_at": at}
    return Run(**facts, duration=timedelta(seconds=1), outcome=outcome, attempt=attempt, **more)


@pytest.fixture
def end(core):
    """Return a function that lets the job run at a fire time."""

    def through(job, fire, outcome, attempt=1, at=None, **more):
        at = fire if at is None else at
        core.do(planner.plan, [job], at - 0.5)
        core.do(planner.plan, [job], at)
        core.do(dispatcher.dispatch, [job], at, "w", slots=9)
        claim = claims.Claim(tenant="acme", plugin="shop", job="work", fire=fire, worker="w", attempt=attempt)
        assert core.do(claims.start, claim, at)
        assert core.do(claims.finish, claim, made(outcome, fire, attempt, **more), at + 1)

    return through


@pytest.fixture
def look(core):
    """Return a function that looks for what has changed."""

    def find(at, limit=None, key=KEY):
        found = core.do(alerts.look, "acme", {key: limit}, at)
        return [(each.kind, each.why) for each in found]

    return find


ERROR = RunError(type="KeyError", message="'tea'")


def test_each_change_is_found_once(core, end, look):
    """A failure, not the next one; a recovery, not the next success; then again."""
    job = work()
    core.do(planner.plan, [job], NINE - 1)
    assert look(NINE - 1) == []
    found = []
    for hour, outcome in enumerate(("ok", "crashed", "failed", "timed_out", "ok", "ok", "lost", "ok")):
        end(job, NINE + hour * HOUR, Outcome(outcome), error=ERROR if outcome == "crashed" else None)
        found.append(look(NINE + hour * HOUR + 2))
        assert look(NINE + hour * HOUR + 3) == []
    recovered = [("recovered", "it has succeeded")]
    assert found == [[], [("failed", "KeyError: 'tea'")], [], [], recovered, [], [("failed", "lost")], recovered]


def test_what_happened_between_two_looks_is_found(core, end, look):
    """In its order."""
    job = work()
    look(NINE - 1)
    core.do(planner.plan, [job], NINE - 1)
    for hour, outcome in enumerate((Outcome.CRASHED, Outcome.OK, Outcome.FAILED)):
        end(job, NINE + hour * HOUR, outcome)
    assert [kind for kind, _ in look(NINE + 3 * HOUR)] == ["failed", "recovered", "failed"]


def test_a_job_that_is_seen_first_is_well(core, end, look):
    """What its history says raises nothing, and neither does its next failure count twice."""
    job = work()
    core.do(planner.plan, [job], NINE - 1)
    end(job, NINE, Outcome.CRASHED)
    assert look(NINE + 2) == []
    end(job, NINE + HOUR, Outcome.CRASHED)
    assert [kind for kind, _ in look(NINE + HOUR + 2)] == ["failed"]


def test_only_the_last_attempt_fails(core, end, look):
    """While another one follows, nothing has been decided."""
    job = work(retry=1, backoff="1m")
    look(NINE - 1)
    core.do(planner.plan, [job], NINE - 1)
    end(job, NINE, Outcome.CRASHED)
    assert look(NINE + 2) == []
    end(job, NINE, Outcome.CRASHED, 2, NINE + 61)
    assert [kind for kind, _ in look(NINE + 63)] == ["failed"]
    end(job, NINE + HOUR, Outcome.CRASHED)
    end(job, NINE + HOUR, Outcome.OK, 2, NINE + HOUR + 61)
    assert [kind for kind, _ in look(NINE + HOUR + 63)] == ["recovered"]


def test_a_cancelled_run_that_fails_is_not_waited_for(core, look):
    """No attempt follows a run that somebody cancelled, so its failure is the last word."""
    job = work(retry=1, backoff="1m")
    look(NINE - 1)
    core.do(planner.plan, [job], NINE - 1)
    core.do(planner.plan, [job], NINE)
    core.do(dispatcher.dispatch, [job], NINE, "w", slots=9)
    claim = claims.Claim(tenant="acme", plugin="shop", job="work", fire=NINE, worker="w")
    assert core.do(claims.start, claim, NINE)
    core.do(cancelling.cancel, KEY, NINE, "bob", NINE + 1)
    assert core.do(claims.finish, claim, made(Outcome.CRASHED, NINE, error=ERROR), NINE + 2)
    assert look(NINE + 3) == [("failed", "KeyError: 'tea'")]
    assert core.rows("attempt", "outcome", "cancelled_by") == [(1, "crashed", "bob")]


def test_an_attempt_that_a_pause_skips_is_a_failure(core, end, look):
    """The fire time failed before, and nothing will make it good."""
    job = work(retry=1, backoff="1m")
    look(NINE - 1)
    core.do(planner.plan, [job], NINE - 1)
    end(job, NINE, Outcome.CRASHED)
    core.do(pauses.begin, Scope(plugin="shop"), "ann", NINE + 30)
    core.do(dispatcher.dispatch, [job], NINE + 61, "w", slots=9)
    assert core.rows("attempt", "outcome") == [(1, "crashed"), (2, "skipped")]
    ((kind, why),) = look(NINE + 62)
    assert (kind, "paused, by ann" in why) == ("failed", True)


def test_faults_are_failures(core, end, look):
    """A run that went well but for a fault is not ok, as everywhere."""
    fault = Fault(kind="secret-missing", member="ctx.secrets.get", message="there is no secret 'API_KEY'")
    look(NINE - 1)
    core.do(planner.plan, [work()], NINE - 1)
    end(work(), NINE, Outcome.OK, faults=(fault,))
    assert look(NINE + 2) == [("failed", "secret-missing: there is no secret 'API_KEY'")]


UNSTARTED = {Outcome.MISSED: ["failed"], Outcome.SKIPPED: [], Outcome.COALESCED: [], Outcome.CANCELLED: []}


@pytest.mark.parametrize("outcome", UNSTARTED)
def test_what_did_not_start(core, look, outcome):
    """A fire time that was missed is a failure; what a rule or a person decided is none."""
    look(NINE - 1)
    row = dict(zip(("tenant", "plugin", "job"), KEY, strict=True)) | {"fire_time": NINE * 1e6, "planned_at": 0}
    ended = {"state": State.ENDED, "outcome": outcome, "finished_at": NINE * 1e6, "reason": "why"}
    core.do(lambda connection: connection.execute(insert(connection, job_run).values(**row, **ended)))
    assert [kind for kind, _ in look(NINE + 2)] == UNSTARTED[outcome]


def test_a_job_that_does_not_succeed_is_late(end, look):
    """Once, until it succeeds; it is counted from its last success, or from when it was first seen."""
    job, limit = work(), 3 * HOUR
    assert [look(NINE + hour * HOUR, limit) for hour in (0, 3, 3.1, 4, 9)] == [
        [],
        [],
        [("late", "it has not succeeded for 3h 6m, and 3h are allowed")],
        [],
        [],
    ]
    end(job, NINE + 10 * HOUR, Outcome.OK)
    assert look(NINE + 10 * HOUR + 2, limit) == [("recovered", "it has succeeded")]
    assert look(NINE + 13 * HOUR, limit) == []
    assert [kind for kind, _ in look(NINE + 14 * HOUR, limit)] == ["late"]


def test_the_allowed_time_is_allowed_to_its_end(look):
    """A second more is late."""
    assert look(NINE, HOUR) == []
    assert look(NINE + HOUR, HOUR) == []
    assert look(NINE + HOUR + 1, HOUR) == [("late", "it has not succeeded for 1h 1s, and 1h are allowed")]


def test_a_row_that_is_committed_late_is_seen(core, end):
    """Its time lies a little before that of rows that were seen already."""
    other = PlannedJob(tenant="acme", plugin="shop", job="other", schedule=Schedule("0 * * * *"))
    key = ("acme", "shop", "other")
    core.do(alerts.look, "acme", {KEY: None, key: None}, NINE - 1)
    core.do(planner.plan, [work(), other], NINE - 1)
    end(work(), NINE, Outcome.OK)
    core.do(alerts.look, "acme", {KEY: None, key: None}, NINE + 5)
    row = {"tenant": "acme", "plugin": "shop", "job": "other", "fire_time": NINE * 1e6 - 1, "planned_at": 0}
    ended = {"state": State.ENDED, "outcome": "lost", "finished_at": NINE * 1e6 - 1}
    core.do(lambda connection: connection.execute(insert(connection, job_run).values(**row, **ended)))
    found = core.do(alerts.look, "acme", {KEY: None, key: None}, NINE + 6)
    assert [(each.kind, each.key) for each in found] == [("failed", key)]


def test_an_alert_in_json():
    """It names the job, the run and why; a long reason is cut, and in one line."""
    run = made(Outcome.CRASHED, NINE)
    alert = alerts.Alert(kind="failed", key=KEY, at=datetime(2026, 1, 5, 9, 0, 1, tzinfo=UTC), why="why", run=run)
    assert json.loads(alert.to_json()) == {
        "alert": "failed",
        "tenant": "acme",
        "plugin": "shop",
        "job": "work",
        "at": "2026-01-05T09:00:01+00:00",
        "why": "why",
        "run": {
            "fire_time": "2026-01-05T09:00:00+00:00",
            "attempt": 1,
            "started_at": "2026-01-05T09:00:00+00:00",
            "outcome": "crashed",
            "verdict": "crashed",
        },
    }
    late = alerts.Alert(kind="late", key=KEY, at=datetime(2026, 1, 5, 9, 0, 1, tzinfo=UTC), why="why")
    assert json.loads(late.to_json())["run"] is None


def test_a_long_reason_is_cut(core, end, look):
    """A traceback of a megabyte is nobody's message."""
    look(NINE - 1)
    core.do(planner.plan, [work()], NINE - 1)
    end(work(), NINE, Outcome.CRASHED, error=RunError(type="ValueError", message="a\nb" * 5_000))
    ((_, why),) = look(NINE + 2)
    assert (len(why), why[:20], why[-1]) == (501, "ValueError: a ba ba ", "…")


@pytest.fixture
def hook():
    """Start a real HTTP server on this machine that keeps what it gets."""
    got = SimpleNamespace(bodies=[], headers=[], statuses=[], changed=threading.Condition())

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            status = got.statuses.pop(0) if got.statuses else 204
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()
            with got.changed:
                got.bodies.append(body)
                got.headers.append(dict(self.headers))
                got.changed.notify_all()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    got.url = f"http://127.0.0.1:{server.server_port}/in?token=t-12345"
    yield got
    server.shutdown()
    thread.join()
    server.server_close()


def wait_for(hook, number):
    """Wait until so many have come; return what they say."""
    with hook.changed:
        assert hook.changed.wait_for(lambda: len(hook.bodies) >= number, 20)
        return [json.loads(body)["alert"] for body in hook.bodies]


@pytest.fixture
def alerting(store, hook, monkeypatch):
    """Return a function that starts alerting for one job; all of them are stopped at the end."""
    monkeypatch.setenv("ACME_HOOK_KEY", "h-12345")
    started = []

    def start(text="", planned=None):
        settings = Settings.parse(f'id = "acme"\nsecrets = ["env:ACME_"]\n[alerts]\nwebhook = "{hook.url}"\n{text}')
        served = ServedJob(planned=planned or work(), template=TEMPLATE)
        each = Alerting(store, lambda: {KEY: served}, lambda: [settings])
        started.append(each)
        each.start()
        return each

    yield start
    for each in started:
        each.stop()


TEMPLATE = RunRequest(plugin="p", slug="shop", job="work", fire=0.0, tenant="acme", factory="a:b")


def fail(core, outcome=Outcome.CRASHED, **more):
    """Let a run of the job end now."""
    at = now()
    row = dict(zip(("tenant", "plugin", "job"), KEY, strict=True)) | {"fire_time": round(at * 1e6), "planned_at": 0}
    ended = {"state": State.ENDED, "outcome": outcome, "started_at": row["fire_time"], "finished_at": row["fire_time"]}
    record = json.dumps(made(outcome, at, **more).to_dict())
    core.do(lambda connection: connection.execute(insert(connection, job_run).values(**row, **ended, record=record)))


@pytest.mark.usefixtures("store")
def test_the_webhook_hears_of_a_failure_and_of_a_recovery(core, hook, alerting):
    """Signed, each once, though schedulers come and go."""
    first = alerting('secret = "HOOK_KEY"')
    fail(core, error=ERROR)
    first.wake()
    assert wait_for(hook, 1) == ["failed"]
    first.stop()
    second, third = alerting('secret = "HOOK_KEY"'), alerting('secret = "HOOK_KEY"')
    fail(core)
    fail(core, Outcome.OK)
    for each in (second, third):
        each.wake()
    assert wait_for(hook, 2) == ["failed", "recovered"]
    for each in (second, third):
        each.stop()
    assert wait_for(hook, 2) == ["failed", "recovered"]
    headers = {name.lower(): text for name, text in hook.headers[0].items()}
    assert headers["x-sbh-signature"] == "sha256=" + hmac.new(b"h-12345", hook.bodies[0], "sha256").hexdigest()
    assert json.loads(hook.bodies[0])["why"] == "KeyError: 'tea'"


def test_a_post_that_fails_is_sent_again(core, hook, alerting):
    """As often as the settings say."""
    hook.statuses = [503, 200]
    each = alerting("retries = 1")
    fail(core)
    each.wake()
    assert wait_for(hook, 2) == ["failed", "failed"]


def test_what_cannot_be_sent_is_given_up(core, hook, alerting, caplog):
    """It is logged without the address, which may hold a token, and never sent again."""
    hook.statuses = [500, 500]
    each = alerting("retries = 0")
    fail(core)
    with caplog.at_level(logging.ERROR, "sbh_jobkit.alerts"):
        each.look()
        each.look()
    assert caplog.messages == ["acme: the alert that shop/work has failed was not sent: the webhook answered 500"]
    assert (wait_for(hook, 1), "t-12345" in caplog.text) == (["failed"], False)


BROKEN = {
    'secret = "ABSENT"': "acme: the alert that shop/work has failed was not sent: the secret 'ABSENT', which signs it,"
    " is not set",
}


@pytest.mark.parametrize("text", BROKEN)
def test_without_its_secret_nothing_is_sent(core, hook, alerting, caplog, text):
    """A receiver would have to refuse it."""
    each = alerting(text)
    fail(core)
    with caplog.at_level(logging.ERROR, "sbh_jobkit.alerts"):
        each.look()
    assert (caplog.messages, hook.bodies) == ([BROKEN[text]], [])


def test_a_job_that_is_late(hook, alerting):
    """By its own time, or by that of all jobs with a schedule; a manual job is late only by its own."""
    alerting('late = { work = "1s" }')
    assert wait_for(hook, 1) == ["late"]
    manual = PlannedJob(tenant="acme", plugin="shop", job="work", schedule=ManualOnly(zone("UTC")))
    alerting('late = { "*" = "1s" }', manual).stop()
    assert wait_for(hook, 1) == ["late"]


def test_a_stop_waits_for_no_receiver(core, hook, alerting):
    """One that answers 503 gets no second chance while the server stops."""
    hook.statuses = [503] * 9
    each = alerting("retries = 9")
    fail(core)
    each.stop()
    assert wait_for(hook, 1) == ["failed"]


def test_secrets_that_cannot_be_read(core, hook, store, tmp_path, caplog):
    """The log says what that cost; the next change is sent."""
    (tmp_path / "keys.env").write_bytes(b"HOOK_KEY=\xff\xfe")
    text = f'id = "acme"\nsecrets = ["dotenv:keys.env"]\n[alerts]\nwebhook = "{hook.url}"\nsecret = "HOOK_KEY"'
    settings = Settings.parse(text, folder=tmp_path)
    each = Alerting(store, lambda: {KEY: ServedJob(planned=work(), template=TEMPLATE)}, lambda: [settings])
    each.look()
    fail(core)
    with caplog.at_level(logging.ERROR, "sbh_jobkit.alerts"):
        each.look()
    (said,) = caplog.messages
    assert said.startswith("acme: alerts of work were not sent: cannot read the secrets in ")
    (tmp_path / "keys.env").write_text("HOOK_KEY=h-12345\n")
    fail(core, Outcome.OK)
    each.look()
    assert wait_for(hook, 1) == ["recovered"]


def test_a_store_that_cannot_be_used_is_waited_for(core, hook, alerting, caplog):
    """What happened meanwhile is told afterwards."""
    each = alerting()
    with caplog.at_level(logging.WARNING, "sbh_jobkit.alerts"):
        core.do(lambda connection: connection.execute(text("ALTER TABLE sbh_alert RENAME TO sbh_away")))
        fail(core)
        each.wake()
        for _ in range(200):
            if caplog.messages:
                break
            time.sleep(0.05)
    assert caplog.messages[0].startswith("alerts wait, since the store cannot be used: ")
    core.do(lambda connection: connection.execute(text("ALTER TABLE sbh_away RENAME TO sbh_alert")))
    each.wake()
    assert wait_for(hook, 1) == ["failed"]


def test_what_fails_in_a_look_ends_nothing(hook, store, caplog):
    """The thread goes on, and the log has the traceback."""
    settings = Settings.parse(f'id = "acme"\n[alerts]\nwebhook = "{hook.url}"\nlate = {{ work = "1s" }}')
    answers = [{KEY: ServedJob(planned=work(), template=TEMPLATE)}, None]

    def jobs():
        return answers[1] if len(answers) == 2 and threading.current_thread().name == "sbh-alerts" else answers[0]

    each = Alerting(store, jobs, lambda: [settings])
    each.start()
    with caplog.at_level(logging.ERROR, "sbh_jobkit.alerts"):
        each.wake()
        for _ in range(200):
            if caplog.messages:
                break
            time.sleep(0.05)
    answers.pop()
    time.sleep(1)
    each.wake()
    assert wait_for(hook, 1) == ["late"]
    each.stop()
    assert caplog.messages[0] == "looking for alerts has failed"
    assert "AttributeError" in caplog.text
