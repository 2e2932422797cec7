"""The conformance table of the fakes, unchanged, on live services.

One column of services is a SQLite file and a folder, one a PostgreSQL and files in memory, and one a SQLite file and a
bucket of an S3-compatible storage. A server of this
machine stands for the table's hosts and for the language model. What it has no route for, it redirects to a host that
the tenant may not reach: that is how a real tenant meets an address that nobody serves. `not_live.json` names the rows
that live services cannot be set up for.
"""

import json
import os
import re
import sqlite3
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from importlib import util
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import fsspec
import httpx2
import psycopg
import pytest

from sbh_jobkit import clock
from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.context.links import Signer
from sbh_jobkit.live.session import LiveTenant
from sbh_jobkit.live.settings import EventSettings, HttpSettings, LimitSettings, LlmSettings, Settings
from sbh_jobkit.schedule import times
from sbh_jobkit.schedule.schedule import Schedule

_FILE = Path(__file__).parents[1] / "fakes/test_conformance.py"
_SPEC = util.spec_from_file_location("conformance_of_the_fakes", _FILE)
conformance = util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(conformance)
NOT_LIVE = {
    entry["row"]: entry["reason"] for entry in json.loads(Path(__file__).with_name("not_live.json").read_text())
}
ROWS = [row for row in conformance.ROWS if conformance.title(row) not in NOT_LIVE]
TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE PRECISION", str: "TEXT", dict: "JSON", list: "JSON"}
AT = datetime.fromisoformat(conformance.AT)
HOSTS = ("api.github.com", "eu.api.github.com", "api.github.com.example.com", "api.example.com", "github.com")


class Stand:
    """What stands for the tenant's surroundings: an owner's connection to the database, a folder, a server."""

    def __init__(self, url, files, folder, server, buckets):
        """Connect."""
        self.url = url
        self.files = files
        self.folder = folder
        self.server = server
        self.buckets = buckets
        lite = self.lite = url.startswith("sqlite")
        self.owner = sqlite3.connect(folder / "app.db") if lite else psycopg.connect(url)
        if lite:
            self.owner.execute("PRAGMA synchronous=OFF")
        self.mark = "?" if lite else "%s"
        self.made = []

    def create(self, table, columns):
        """Make a table."""
        described = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        self.owner.execute(f'CREATE TABLE "{table}" ({described})')
        self.made.append(table)

    def insert(self, table, row):
        """Write a row."""
        names, marks = ", ".join(f'"{name}"' for name in row), ", ".join([self.mark] * len(row))
        self.owner.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', [*row.values()])  # noqa: S608  our own names

    def clear(self):
        """Drop what was made."""
        for table in self.made:
            self.owner.execute(f'DROP TABLE "{table}"')
        self.owner.commit()
        self.owner.close()


@pytest.fixture(scope="module")
def postgres_once(postgres):
    """Return a database for all rows of the table."""
    name = f"sbh_conformance_{os.getpid()}"
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    parts = dict(part.split("=", 1) for part in postgres.split())
    yield f"postgresql://{parts['user']}@/{name}?host={parts['host']}"
    with psycopg.connect(f"{postgres} dbname=postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite and a folder", "postgres and memory", "sqlite and a bucket"])
def stand(request, tmp_path, server, buckets):
    """Set the surroundings up."""
    fsspec.filesystem("memory").store.clear()
    database, _, storage = request.param.partition(" and ")
    url = "sqlite:///app.db" if database == "sqlite" else request.getfixturevalue("postgres_once")
    files = {"a folder": "file://files", "memory": "memory://files"}.get(storage) or f"s3://{buckets.create()}/acme"
    found = Stand(url, files, tmp_path, server, buckets)
    yield found
    found.clear()


class Hosts(httpx2.BaseTransport):
    """Leads every request to the server, but for addresses that refuse connections."""

    def __init__(self, inner, refused):
        """Lead by `inner`."""
        self.inner = inner
        self.refused = refused

    def handle_request(self, request):
        """Send, or meet a port where nobody listens."""
        if (request.method, str(request.url)) in self.refused:
            request = httpx2.Request(request.method, "http://127.0.0.1:1/")
            return self.inner.inner.handle_request(request)
        return self.inner.handle_request(request)


class LiveServices:
    """A tenant over live services, as the table sets it up."""

    def __init__(self, zone, stand):
        """Start empty."""
        self.zone, self.stand = ZoneInfo(zone), stand
        self.routes, self.refused, self.replies, self.published, self.jobs = {}, set(), [], [], []
        self.permissions, self.used, self.still = None, [10.0], False
        self.settings = Settings(
            id="acme",
            timezone=self.zone,
            db=stand.url,
            files=stand.files,
            secrets=("env:ACME_", "dotenv:.env"),
            http=HttpSettings(allow=HOSTS, timeout=0.3),
            llm=LlmSettings(url="https://llm.example/v1", model="small-model", timeout=5),
            events=EventSettings(log=False),
            limits=LimitSettings(memory_mb=100),
            folder=stand.folder,
        )
        self.tenant = LiveTenant(
            self.settings,
            user_id="u-1",
            role="admin",
            environment=stand.buckets.environment,
            transport=Hosts(stand.server.transport, self.refused),
            signer=Signer(base="https://jobs.example/files/acme", secret=b"key", tenant="acme"),
            tables={"plugin_jobs": lambda: self.jobs},
            store=self.published.append,
            memory=lambda: self.used[0],
        )
        stand.server.respond = self.respond
        self.session = None

    def put_secret(self, name, value):
        """Write it into the dotenv file."""
        self.tenant.secrets[name] = value

    def insert(self, table, rows):
        """Make a table with a column for each key."""
        columns = {"id": "BIGINT PRIMARY KEY"}
        for row in rows:
            for name, value in row.items():
                if value is not None:
                    columns[name] = self.column(name, value)
        self.stand.create(table, columns)
        for number, row in enumerate(rows, 1):
            self.stand.insert(table, {"id": number, **{name: self.stored(value) for name, value in row.items()}})
        self.stand.owner.commit()

    def column(self, name, value):
        """Return the type of a column."""
        moment = "TIMESTAMP" if self.stand.lite else "TIMESTAMP WITH TIME ZONE"
        return (moment if isinstance(value, datetime) else TYPES[type(value)]) + " PRIMARY KEY" * (name == "id")

    def stored(self, value):
        """Return a value as the database takes it."""
        if isinstance(value, datetime):
            aware = value if value.tzinfo else value.replace(tzinfo=self.zone)
            return aware.isoformat(" ")
        return json.dumps(value) if isinstance(value, (dict, list)) else value

    def write_file(self, key, data, content_type, modified):
        """Store a file, and set its time back."""
        self.tenant.files.put(key, data.encode(), content_type or "text/plain")
        if modified is None:
            return
        self.still = True
        at = times.instant(modified, self.zone)
        if self.stand.files.startswith("s3:"):
            self.stand.buckets.set_modified(self.stand.files.split("/")[2], f"acme/{key}", at.astimezone(UTC))
        elif self.stand.files.startswith("file:"):
            os.utime(self.stand.folder / "files" / key, (at.timestamp(), at.timestamp()))
        else:
            fsspec.filesystem("memory").store[f"/acme/files/{key}"].modified = at.astimezone(UTC)

    def route(self, method, url, answer):
        """Let the server answer."""
        self.routes[method, url] = answer
        if answer.get("error") == "ConnectError":
            self.refused.add((method, url))

    def script_llm(self, when, answer, error):
        """Let the model answer, or fail."""
        self.replies.insert(0, (when, answer, error))

    def install(self, plugin, job, schedule):
        """List a job as a scheduler does."""
        due = Schedule(schedule, self.zone).next(clock.now(self.zone)) if schedule else None
        empty = dict.fromkeys(("last_run_at", "last_error"))
        row = {"plugin_installation_id": plugin, "name": job, "schedule_cron": schedule, "status": "idle", **empty}
        self.jobs.append({**row, "next_run_at": due.replace(tzinfo=None).isoformat() if due else None, "runs": 0})

    def use_memory(self, mb):
        """Hold so much more."""
        self.used.append(self.used[0] + mb)

    def permit(self, permissions):
        """Permit this alone."""
        self.permissions = frozenset(permissions)

    @contextmanager
    def context(self):
        """Open a session; time stands still where the row has files of a certain age."""
        manifest = SimpleNamespace(permissions=self.permissions, slug="p")
        job = SimpleNamespace(name="j", root=None, manifest=manifest)
        still = VirtualClock(AT.replace(tzinfo=self.zone), self.zone) if self.still else nullcontext()
        with local_time(self.zone), still, self.tenant.open(job, 0.0, self.zone) as self.session:
            self.used[0] = self.used[-1]
            try:
                yield self.session.context
            finally:
                self.tenant.close()

    def faults(self):
        """Read the recorder."""
        return [(fault.kind, fault.message) for fault in self.session.recorder.faults]

    def events(self):
        """Return what was published."""
        return [{"type": event.type, "payload": event.payload} for event in self.published]

    def respond(self, asked):
        """Answer as the table says."""
        headers = {name.lower(): text for name, text in asked.headers.items()}
        path = urlsplit(asked.path)
        if headers["host"] == "llm.example":
            return self.complete(json.loads(asked.body))
        answer = self.routes.get((asked.method, f"https://{headers['host']}{path.path}"))
        if answer is None:
            return 307, [("Location", "https://nobody.example/")], b""
        if answer.get("error") == "ReadTimeout":
            time.sleep(0.6)
        if "echo" in answer:
            seen = {"method": asked.method, "query": parse_qs(path.query), "body": asked.body.decode()}
            return 200, [("Content-Type", "application/json")], json.dumps({**seen, **headers}).encode()
        as_json = "application/json" if "json" in answer else "text/plain; charset=utf-8"
        content = json.dumps(answer["json"]) if "json" in answer else answer.get("text", "")
        given = [("Content-Type", answer.get("content_type", as_json)), *answer.get("headers", {}).items()]
        return answer.get("status", 200), given, content.encode()

    def complete(self, asked):
        """Answer a prompt as a model's service does."""
        prompt = asked["messages"][0]["content"]
        _, answer, error = next(reply for reply in self.replies if re.search(reply[0], prompt))
        if error is not None:
            return 503, [], json.dumps({"error": {"message": error}}).encode()
        text = " ".join(answer.split(" ")[: asked["max_tokens"]])
        usage = {"prompt_tokens": len(prompt.split()), "completion_tokens": len(text.split())}
        return 200, [], json.dumps({"choices": [{"message": {"content": text}}], "usage": usage}).encode()


@contextmanager
def local_time(zone):
    """Let naive times of this process be in a zone, as the child of an engine does."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = zone.key
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


@pytest.mark.parametrize("row", ROWS, ids=conformance.title)
def test_live_services_answer_as_the_contract_says(row, stand):
    """Every row of the table holds."""
    while row["member"] == "files.get_presigned_url" and time.time() % 1 > 0.5:  # noqa: TID251  a link says when
        time.sleep(0.05)
    conformance.check(row, LiveServices(conformance.given_in(row).get("zone", "UTC"), stand))


def test_few_rows_cannot_be_set_up():
    """Each is a row of the table and has a reason; none of them is about a refusal, a permission or a fault."""
    titles = {conformance.title(row): row for row in conformance.ROWS}
    assert len(NOT_LIVE) <= 10
    assert [row for row in NOT_LIVE if row not in titles] == []
    assert all(NOT_LIVE.values())
    asked = [titles[row] for row in NOT_LIVE]
    assert [row for row in asked if {"raises", "fault", "faults"} & row.keys()] == []
    assert [row for row in asked if "permissions" in conformance.given_in(row)] == []
