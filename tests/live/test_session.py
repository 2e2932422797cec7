"""A run in a real tenant: the example's jobs, unmodified; secrets redacted, events published, history written."""

import json
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from sbh_jobkit.errors import ContextEnded, SettingsError
from sbh_jobkit.extensions.hookspecs import hookimpl
from sbh_jobkit.live.secrets import SettingsHints
from sbh_jobkit.live.session import LiveTenant, resident_mb
from sbh_jobkit.live.settings import EventSettings, HttpSettings, LimitSettings, LlmSettings, Settings
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.direct import DirectSandbox
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.schedule.times import zone

AT = datetime(2026, 1, 5, 6, tzinfo=UTC)
ENVIRONMENT = {
    "ACME_FLEET_API_URL": "https://fleet.example",
    "ACME_FLEET_API_KEY": "key-of-the-fleet",
    "ACME_DIGEST_TEMPLATE": "Since {since}: {new_users} new, {failed_builds} of {builds} failed",
}
TABLES = """
CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, plan TEXT, email TEXT, trial_ends TEXT, joined_at TIMESTAMP);
INSERT INTO users VALUES (1, 'Ann', 'trial', 'a@x.example', '2026-01-05', '2026-01-04 12:00:00');
CREATE TABLE projects (id INTEGER PRIMARY KEY, name TEXT, created_at TIMESTAMP);
CREATE TABLE builds (id INTEGER PRIMARY KEY, status TEXT, reason TEXT, started_at TIMESTAMP, created_at TIMESTAMP);
CREATE TABLE queue (id INTEGER PRIMARY KEY);
INSERT INTO queue VALUES (1), (2), (3), (4), (5), (6), (7);
"""


class Line:
    """A service of an extension."""

    def open(self, access):
        """Answer with a function."""
        return SimpleNamespace(now=access.now)


class Extension:
    """An extension with a live service."""

    @hookimpl
    def sbh_live_services(self, tenant_id):
        """Offer `ctx.line`."""
        assert tenant_id == "acme"
        return {"line": Line()}


@pytest.fixture
def acme(tmp_path, server):
    """Return a tenant with a database, files, and a server for the fleet; what it called stands in lists."""
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.executescript(TABLES)
    connection.close()
    server.respond = lambda _: (
        200,
        [("Content-Type", "application/json")],
        json.dumps([{"id": 1, "busy": True}]).encode(),
    )
    settings = Settings(
        id="acme",
        db="sqlite:///app.db",
        files="file://files",
        secrets=("env:ACME_", "dotenv:.env"),
        http=HttpSettings(allow=("fleet.example",)),
        llm=LlmSettings(url="https://llm.example/v1", model="small"),
        events=EventSettings(webhook="https://hooks.example/in", retries=0, log=False),
        limits=LimitSettings(seconds=20, memory_mb=100),
        folder=tmp_path,
    )
    history, stored, entries, used = [], [], [], [50.0]
    tenant = LiveTenant(
        settings,
        environment=ENVIRONMENT,
        transport=server.transport,
        history=lambda *told: history.append(told),
        store=stored.append,
        sink=entries.append,
        extensions=[Extension()],
        memory=lambda: used[0],
    )
    yield SimpleNamespace(tenant=tenant, history=history, stored=stored, entries=entries, used=used, folder=tmp_path)
    tenant.close()


def ran(acme, name, plugin="examples/hub_ops"):
    """Run a job of a plugin once, on the machine's clock."""
    job = Plugin.load(plugin).jobs[name]
    return Runner(acme.tenant, DirectSandbox()).run(job, AT.timestamp(), job.schedule or zone("UTC"))


def plugin_of(folder, body):
    """Write a plugin with one job `it`."""
    (folder / "plugin").mkdir()
    (folder / "plugin/plugin.json").write_text('{"slug": "p", "name": "P"}')
    text = f"import logging\nfrom src.ext.sdk import job\n\n\n@job('it')\ndef it(ctx):\n    {body}\n"
    (folder / "plugin/main.py").write_text(text)
    return folder / "plugin"


def test_a_job_runs_on_real_services(acme, server):
    """It reads secrets, asks the fleet, stores a file and emits an event; the event reaches its three places."""
    run = ran(acme, "sync_runners")
    assert (run.tenant, run.verdict, run.faults) == ("acme", "ok", ())
    assert json.loads((acme.folder / "files/fleet/runners.json").read_text()) == [{"id": 1, "busy": True}]
    assert [event.type for event in acme.stored] == [event.type for event in run.events] == ["fleet.synced"]
    assert [asked.path for asked in server.asked] == ["/runners", "/in"]
    assert [type(entry).__name__ for entry in acme.entries] == ["HttpCall", "FileChange", "Event"]
    [(job, fire, outcome, started, why)] = acme.history
    assert (job.name, fire, outcome, started, why) == ("sync_runners", AT.timestamp(), "ok", AT, None)


@pytest.mark.parametrize("name", ["watch_queue", "end_trials", "index_projects", "daily_report", "weekly_digest"])
def test_the_examples_jobs_run_unmodified(acme, name):
    """On SQLite."""
    run = ran(acme, name)
    assert (run.verdict, run.faults) == ("ok", ())


def test_secrets_do_not_get_out(acme):
    """Neither by a log nor by an event; also one that the job itself sets."""
    body = "ctx.secrets.set('NEW', 'fresh-secret'); logging.info('fresh-secret'); "
    body += "ctx.emit('x', {'k': ctx.secrets.get('FLEET_API_KEY')})"
    run = ran(acme, "it", plugin_of(acme.folder, body))
    assert run.logs == ("INFO root: ‹secret:NEW›",)
    assert acme.stored[0].payload == run.events[0].payload == {"k": "‹secret:FLEET_API_KEY›"}
    assert {fault.kind for fault in run.faults} == {"secret-leaked"}
    assert "fresh-secret" in (acme.folder / ".env").read_text()


def test_a_secret_that_a_job_sets_is_hidden_beside_a_password(tmp_path):
    """Whatever else is hidden: the database's password does not stand for the new secret."""
    settings = Settings(id="acme", db="postgresql://a:hunter2@h/d", secrets=("dotenv:.env",), folder=tmp_path)
    tenant = LiveTenant(settings)
    session = tenant.open(Plugin.load("examples/hello").jobs["welcome"], 0.0, zone("UTC"))
    assert session.redactor().text("hunter2 fresh-secret") == "‹secret:password of db› fresh-secret"
    session.context.secrets.set("NEW", "fresh-secret")
    assert session.redactor().text("hunter2 fresh-secret") == "‹secret:password of db› ‹secret:NEW›"


def test_what_is_missing_says_where_to_set_it(acme):
    """The advice names the first source."""
    run = ran(acme, "it", plugin_of(acme.folder, "ctx.secrets.get('NO'); ctx.db.query('user')"))
    assert [(fault.kind, fault.advice) for fault in run.faults] == [
        ("secret-missing", "set ACME_NO in the environment"),
        ("table-unknown", None),
    ]


def opened(settings):
    """Open a session for a job of the smallest example."""
    return LiveTenant(settings).open(Plugin.load("examples/hello").jobs["welcome"], 0.0, zone("UTC"))


HINTS = {
    (): 'name a source of secrets in tenant.toml, such as secrets = ["dotenv:.env"]',
    ("dotenv:.env",): "write a line NO=… into .env",
}


@pytest.mark.parametrize("sources", HINTS)
def test_the_advice_follows_the_sources(sources):
    """In the words of the first one."""
    session = LiveTenant(Settings(id="acme", secrets=sources)).open(
        Plugin.load("examples/hello").jobs["welcome"], 0.0, zone("UTC")
    )
    session.context.secrets.get("NO")
    assert session.recorder.faults[0].advice == HINTS[sources]


def test_the_advice_names_the_service_of_a_keyring():
    """Where that is the first source."""
    assert SettingsHints(("keyring:acme",)).secret("NO") == "set it in the keyring's service 'acme'"


def test_a_tenant_without_services_says_so():
    """A job that needs one gets the sentence."""
    context = (
        LiveTenant(Settings(id="acme")).open(Plugin.load("examples/hello").jobs["welcome"], 0.0, zone("UTC")).context
    )
    with pytest.raises(SettingsError, match=r"^tenant\.toml names no storage"):
        context.files.list()
    with pytest.raises(SettingsError, match=r"^tenant\.toml names no database"):
        context.db.count("users")
    assert context.llm.run("Hello")["error"].startswith("tenant.toml names no language model")
    assert context.http.get("https://api.example.com/")["status_code"] == 0


def test_an_extension_offers_a_live_service(acme):
    """As `ctx.line`."""
    run = ran(acme, "it", plugin_of(acme.folder, "return ctx.line.now().year > 2020"))
    assert (run.value, run.faults) == (True, ())


KEPT = {
    "the context": (lambda ctx: ctx, lambda it: it.emit("a", {}), "ctx"),
    "a member": (lambda ctx: ctx.secrets, lambda it: it.get("KEY"), "ctx.secrets"),
    "a method": (lambda ctx: ctx.http.get, lambda it: it("https://fleet.example/"), "ctx.http"),
    "a service of an extension": (lambda ctx: ctx.line.now, lambda it: it(), "ctx.line"),
}


@pytest.mark.parametrize("what", KEPT)
def test_what_is_kept_of_a_context_is_the_next_runs(what, acme):
    """Where no run goes on, it is refused as in a simulation; later it acts as the run that goes on, which says so."""
    keep, use, name = KEPT[what]
    job = Plugin.load("examples/hub_ops").jobs["daily_report"]
    with acme.tenant.open(job, 0.0, zone("UTC")) as first:
        kept = keep(first.context)
    with pytest.raises(ContextEnded) as refused:
        use(kept)
    assert f"{refused.value}" == (
        f"{name} was used when its run had ended, and no other run goes on; "
        "make it in the job, from the ctx of this run, and not once at module level"
    )
    with acme.tenant.open(job, 0.0, zone("UTC")) as second:
        use(kept)
        assert "context-kept" in [fault.kind for fault in second.recorder.faults]
    assert first.recorder.faults == []
    assert (first.recorder.events, first.recorder.http_calls) == ([], [])


def test_limits_are_those_of_the_settings(acme):
    """Memory counts from the start of the run."""
    session = acme.tenant.open(Plugin.load("examples/hello").jobs["welcome"], 0.0, zone("UTC"))
    assert (session.limits.seconds, session.limits.memory_mb) == (20, 100)
    near = []
    for acme.used[0] in (50.0, 139.0, 140.0, 300.0):
        near.append(session.context.check_memory_usage())
    assert near == [True, True, False, False]
    assert 5 < resident_mb() < 5000


def test_the_password_of_the_database_is_redacted():
    """Wherever it appears."""
    redactor = LiveTenant(Settings(id="acme", db="postgresql://ann:hunter%212@db.example/acme")).redactor()
    assert redactor.text("ann:hunter!2") == "ann:‹secret:password of db›"


LIGHT = """
import sys
from sbh_jobkit.engines import child, local, supervisor
from sbh_jobkit.engines.tenant import make_tenant
from sbh_jobkit.live import db, dry, reach, s3
from sbh_jobkit.live.settings import Settings, HttpSettings
from sbh_jobkit.live.http import LiveHttp
LiveHttp(HttpSettings())
loaded = {name.partition(".")[0] for name in sys.modules}
print(sorted(name for name in sys.modules if name.startswith("sbh_jobkit.fakes")))
print(sorted(loaded & {"time_machine", "respx", "httpx", "immutables"}))
"""


def test_live_services_need_no_fakes(request):
    """The scheduler, the child of a run and its services load nothing of the fakes, and no library that fakes need."""
    env = {**os.environ, "PYTHONPATH": str(request.config.rootpath)}
    done = subprocess.run(
        [sys.executable, "-c", LIGHT], capture_output=True, text=True, check=False, timeout=60, env=env
    )
    assert (done.stdout, done.stderr) == ("[]\n[]\n", "")
