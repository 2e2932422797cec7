"""The rules for Prometheus: a real server is brought into each bad state, and promtool says which rules fire."""

import os
import re
import shutil
import subprocess
import time
from argparse import Namespace
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import psycopg
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from sbh_jobkit.cli.distributed import _install
from sbh_jobkit.cli.web import Found, Web
from sbh_jobkit.engines import heartbeat, identity, schema
from sbh_jobkit.engines.catalogue import Catalogue
from sbh_jobkit.engines.describe import describe
from sbh_jobkit.engines.distributed import queue_schema
from sbh_jobkit.engines.distributed.queue import ProcrastinateEngine
from sbh_jobkit.engines.distributed.scheduler import QueueScheduler
from sbh_jobkit.engines.instants import now, to_store
from sbh_jobkit.engines.packages import PackageCache
from sbh_jobkit.engines.starter import Starter
from sbh_jobkit.engines.store import Store
from sbh_jobkit.live.settings import HistorySettings, Settings
from sbh_jobkit.run.run import Outcome, Run
from sbh_jobkit.server import tokens

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples/operations"
RULES = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"][0]["rules"]
NAMES = {rule["alert"] for rule in RULES}
WORKER = "elsewhere/1:boot:7:1"
ROW = {"tenant": "acme", "plugin": "tea", "job": "greet", "planned_at": 0}


class Server:
    """A server that plans for workers, in this process, and what Prometheus would read from it."""

    def __init__(self, store, scheduler, url, metrics, database):
        """Make a token for Prometheus."""
        self.store, self.scheduler, self.metrics, self.database = store, scheduler, metrics, database
        with store.write() as connection:
            token = tokens.add(connection, "prometheus", "read")
        self.client = httpx2.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=60, trust_env=False
        )
        self.scrape()  # so that the server knows the token

    def do(self, statement, *rows):
        """Execute a statement."""
        with self.store.write() as connection:
            for row in rows or ({},):
                connection.execute(statement.values(**row) if row else statement)

    def heal(self):
        """Let all be well: a worker is alive, nothing is due, nothing was lost, and all is planned ahead."""
        self.do(update(schema.job_mark).values(planned_to=to_store(now() + 90)))
        self.do(schema.job_run.delete())
        self.do(schema.life.delete())
        with self.store.write() as connection:
            heartbeat.join(connection, self.scheduler.name, now(), heartbeat.Role.SCHEDULER)
            heartbeat.join(connection, WORKER, now(), heartbeat.Role.WORKER)

    def scrape(self):
        """Return the samples: name, labels, value."""
        answer = self.client.get("/metrics")
        assert answer.status_code == 200, answer.text
        families = text_string_to_metric_families(answer.text)
        return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


@contextmanager
def serving(folder, url):
    """Serve the plugin of tea from a new database."""
    store = Store.open(url)
    queue_schema.migrate(store)
    (folder / "tenant.toml").write_text('id = "acme"\n')
    tenants = [Settings.load(folder / "tenant.toml")]
    _install(store, tenants, [describe(f"{ROOT / 'tests/data/served/tea'}")])
    given = {"host": "127.0.0.1", "port": 0, "url": None, "token_file": None, "name": None, "engine": "distributed"}
    places = {"key_file": folder / "key", "uploads": folder / "uploads"}
    web = Web.open(Namespace(**given, **places), store, shows=True)
    catalogue = Catalogue(store, PackageCache(store, folder / "packages"), web.address.for_tenants)
    engine = ProcrastinateEngine(store.url)
    kept = HistorySettings()
    scheduler = QueueScheduler(identity.identify(), store, engine, catalogue, history=lambda _: kept)
    with Starter.start(["sbh_jobkit.engines.tenant"]) as starter:
        service = web.service(store, scheduler, starter, tenants, Found(plugins={}, problems={}), packs=True)
        scheduler.start()
        thread = web.serve(service)
        try:
            server = Server(store, scheduler, web.address.url, web.metrics, store.engine.url.database)
            yield server
            server.client.close()
        finally:
            thread.stop()
            scheduler.stop()
            store.close()


@pytest.fixture(scope="module")
def _server(tmp_path_factory, postgres):
    """Serve for the whole module."""
    name, parts = f"sbh_rules_{os.getpid()}", dict(part.split("=", 1) for part in postgres.split())
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        with serving(
            tmp_path_factory.mktemp("rules"), f"postgresql://{parts['user']}@/{name}?host={parts['host']}"
        ) as it:
            yield it
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def server(_server):
    """Return the server, on which all is well."""
    _server.heal()
    return _server


def fired(folder, samples):
    """Return the rules that fire after ten minutes of these samples, by promtool."""
    promtool = shutil.which("promtool")
    if promtool is None:
        missing = "promtool is not installed: apt-get install prometheus"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    where = {"instance": "db1:8765", "job": "sbh-jobkit"}
    series = [
        {"series": f"{name}{{{_labels({**labels, **where})}}}", "values": f"{value!r}+0x40"}
        for name, labels, value in samples
    ]
    alerts = [{"eval_time": "10m", "alertname": name, "exp_alerts": []} for name in sorted(NAMES)]
    test = {"interval": "15s", "input_series": series, "alert_rule_test": alerts}
    file = folder / "tests.yml"
    given = {"rule_files": [f"{FOLDER / 'alerts.yml'}"], "evaluation_interval": "15s", "tests": [test]}
    file.write_text(yaml.safe_dump(given))
    done = subprocess.run([promtool, "test", "rules", file], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode in {0, 1}, said
    assert (done.returncode == 1) == ("alertname" in said), said
    return {name for name in NAMES if f"alertname: {name}," in said}


def _labels(labels):
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


def no_worker(server):
    """Let the only worker be silent for longer than its lease."""
    server.do(update(schema.life).where(schema.life.c.worker == WORKER).values(alive_at=to_store(now() - 60)))


def silent_worker(server):
    """Let it be silent for a while."""
    server.do(update(schema.life).where(schema.life.c.worker == WORKER).values(alive_at=to_store(now() - 20)))


def due_for_long(server):
    """Let a fire time wait."""
    server.do(insert(schema.job_run), {**ROW, "fire_time": to_store(now() - 300), "state": "due"})


def many_due(server):
    """Let many wait that have just come."""
    rows = [{**ROW, "fire_time": to_store(now() - 1) + n, "state": "due"} for n in range(1_001)]
    with server.store.write() as connection:
        connection.execute(insert(schema.job_run), rows)


def ended(outcome):
    """Return a function that lets a fire time end."""

    def end(server):
        at = to_store(now() - 30)
        row = {**ROW, "fire_time": at, "finished_at": at, "state": "ended", "outcome": outcome}
        server.do(insert(schema.job_run), row)

    return end


def planned_for_no_time(server):
    """Let the marks of all jobs be where they are when nobody plans."""
    server.do(update(schema.job_mark).values(planned_to=to_store(now() - 30)))


def fails(server):
    """Let the server count failures, as when runs end."""
    for outcome in (Outcome.OK, *[Outcome.FAILED] * 3):
        server.metrics.ended(_run(outcome))


def _run(outcome):
    at = datetime.fromtimestamp(now(), UTC)
    names = {"tenant": "acme", "plugin": "tea", "job": "greet", "duration": timedelta(0)}
    return Run(**names, fire_time=at, started_at=at, outcome=outcome)


STATES = {
    "all is well": (lambda server: None, set()),  # noqa: ARG005  nothing is done to it
    "the only worker is gone": (no_worker, {"SbhNoWorker"}),
    "a worker is silent": (silent_worker, {"SbhLeaseNearItsEnd"}),
    "a fire time waits": (due_for_long, {"SbhDueTooLate"}),
    "many fire times wait": (many_due, {"SbhQueueGrows"}),
    "a run was lost": (ended("lost"), {"SbhRunsLost"}),
    "a fire time was missed": (ended("missed"), {"SbhRunsMissed"}),
    "a fire time was skipped": (ended("skipped"), set()),
    "a job fails": (fails, {"SbhJobFailsAgainAndAgain"}),
    "nobody plans": (planned_for_no_time, {"SbhPlanningBehind"}),
}


@pytest.mark.parametrize("state", STATES)
def test_a_state_and_the_rules_that_fire(server, tmp_path, state):
    """What the server exports in it makes these rules fire, and no other."""
    bring, expected = STATES[state]
    bring(server)
    samples = server.scrape()
    if state == "a job fails":
        server.metrics._failures.clear()  # noqa: SLF001  the next test begins well
    assert fired(tmp_path, samples) == expected


def test_a_store_that_is_away(server, tmp_path):
    """Whoever has read the numbers before still does, so that the rule can fire; a token that is new is refused."""
    postgres = server.store.engine.url.set(drivername="postgresql", database="postgres")
    with psycopg.connect(postgres.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {server.database} ALLOW_CONNECTIONS false")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [server.database]
        )
        try:
            samples = _until(server, lambda found: found["sbh_store_up"] == 0 and found["sbh_scheduler_blocked"] == 1)
            assert fired(tmp_path, samples) == {"SbhStoreUnreachable", "SbhSchedulerBlocked"}
            assert server.client.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 503
        finally:
            connection.execute(f"ALTER DATABASE {server.database} ALLOW_CONNECTIONS true")
    _until(server, lambda found: found["sbh_store_up"] == 1 and found["sbh_scheduler_blocked"] == 0)


def test_a_clock_that_has_jumped(server, tmp_path):
    """Nothing is planned, which stays so until the clock is right."""
    ahead = {"worker": "w", "started_at": to_store(now()), "alive_at": to_store(now() + 86_400), "role": "scheduler"}
    server.do(insert(schema.life), ahead)
    _until(server, lambda found: found["sbh_scheduler_blocked"] == 1)
    time.sleep(6)  # in which the scheduler has looked at the store
    for _ in range(20):  # it gives signs of life all the same, each few seconds
        old = update(schema.life).where(schema.life.c.role == "scheduler").values(alive_at=to_store(now() - 99))
        server.do(old)
        samples = server.scrape()
        if ("sbh_processes_alive", {"role": "scheduler"}, 0.0) in samples:
            break
    assert "SbhNoScheduler" in fired(tmp_path, samples)
    server.do(schema.life.delete().where(schema.life.c.worker == "w"))
    _until(server, lambda found: found["sbh_scheduler_blocked"] == 0)


def _until(server, condition, seconds=60):
    """Scrape until a condition holds, and return the samples."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        samples = server.scrape()
        if condition({name: value for name, _, value in samples}):
            return samples
        time.sleep(0.5)
    pytest.fail(f"not within {seconds} s: {samples}")


def test_what_a_server_cannot_say_itself(server, tmp_path):
    """That it is down says Prometheus; a full disk is a number that was made smaller, since tests fill none."""
    assert fired(tmp_path, [*server.scrape(), ("up", {}, 0.0)]) == {"SbhServerDown"}
    samples = {(name, *labels.items()): (name, labels, value) for name, labels, value in server.scrape()}
    name, labels, value = samples[("sbh_disk_free_bytes",)]
    assert value > 0
    assert fired(tmp_path, [*samples.values(), ("up", {}, 1.0)]) == set()
    samples[(name,)] = name, labels, 9e8
    assert fired(tmp_path, samples.values()) == {"SbhDiskNearlyFull"}


def test_each_rule_has_a_state():
    """A rule without one could be wrong and nobody would know."""
    others = {"SbhStoreUnreachable", "SbhSchedulerBlocked", "SbhNoScheduler", "SbhServerDown", "SbhDiskNearlyFull"}
    assert set().union(*(expected for _, expected in STATES.values())) | others == NAMES
    assert all({"summary", "action"} == rule["annotations"].keys() for rule in RULES)


def test_the_manual_has_each_rule_and_each_number(server):
    """What a rule, or the page of operators, names is exported, and what is exported is explained."""
    page = (ROOT / "docs/production.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in page] == []
    fails(server)
    server.metrics.ended(replace(_run(Outcome.SKIPPED), started_at=None))
    exported = {name for name, _, _ in server.scrape()} - {"job_unstarted_created"}
    explained = set(re.findall(r"^\| `(\w+)", page, re.MULTILINE)) - NAMES
    assert explained <= exported
    assert {name for name in exported if name.startswith("sbh_")} <= explained
    server.metrics._failures.clear()  # noqa: SLF001  the next test begins well


def test_the_scrape_configuration():
    """Prometheus takes it, and it has the rules."""
    file = FOLDER / "prometheus.yml"
    subprocess.run(["promtool", "check", "config", "--syntax-only", file], check=True, capture_output=True, timeout=60)  # noqa: S607  any promtool will do
    assert yaml.safe_load(file.read_text())["rule_files"] == ["alerts.yml"]
