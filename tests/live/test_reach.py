"""What a tenant would use, and whether it can be reached: one line a service, and nothing is written."""

import socket
import sqlite3
from types import SimpleNamespace

import pytest

from sbh_jobkit.live.reach import Reached, reach
from sbh_jobkit.live.session import LiveTenant
from sbh_jobkit.live.settings import EventSettings, HttpSettings, LlmSettings, Settings

NOTHING = [
    "db: none: ctx.db is an error",
    "files: none: ctx.files is an error",
    "secrets: none: no job finds one",
    "llm: none: ctx.llm.run answers with an error",
    "events: the log: no webhook",
    "http: no host is allowed: not reached, only listed",
]


def lines(settings, **given):
    """Return the lines of a tenant."""
    tenant = LiveTenant(settings, **{"environment": {}, **given})
    try:
        return [str(each) for each in reach(tenant)]
    finally:
        tenant.close()


def test_the_smallest_tenant_has_nothing_to_reach():
    """Each line says what that means to a job."""
    assert lines(Settings(id="acme")) == NOTHING
    assert lines(Settings(id="acme", events=EventSettings(log=False)))[4] == "events: none: no webhook"


@pytest.fixture
def closed():
    """Return a port where nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield found.getsockname()[1]


def test_each_service_is_reached_once(tmp_path, server, postgres_url, buckets):
    """Nothing is sent but what finds out; no secret is shown."""
    (tmp_path / ".env").write_text("KEY='a-key-of-the-model'\nOTHER=x\n")
    settings = Settings(
        id="acme",
        db=postgres_url,
        files=f"s3://{buckets.create()}/acme",
        secrets=("env:ACME_", "dotenv:.env"),
        http=HttpSettings(allow=("api.github.com", "*.example.com")),
        llm=LlmSettings(url=f"{server.url}/v1", model="small", key="KEY"),
        events=EventSettings(webhook=f"{server.url}/T0KEN?token=hunter2", secret="KEY"),  # noqa: S106  a name
        folder=tmp_path,
    )
    assert lines(settings, environment={**buckets.environment, "ACME_ONE": "1"}) == [
        f"db: {postgres_url}: 0 tables",
        f"files: {settings.files}: a bucket at {buckets.endpoint}",
        "secrets: env:ACME_: 1 secret",
        "secrets: dotenv:.env: 2 secrets",
        f"llm: small at {server.url}/v1: answered 200",
        f"events: {server.url}: connected, nothing sent",
        "http: api.github.com, *.example.com: not reached, only listed",
    ]
    assert [(asked.method, asked.path) for asked in server.asked] == [("GET", "/v1/models")]
    assert server.asked[0].headers["Authorization"] == "Bearer a-key-of-the-model"


def test_what_is_on_this_machine_is_not_made(tmp_path):
    """A file that is there, a folder that is not, and memory."""
    with sqlite3.connect(tmp_path / "app.db") as connection:
        connection.execute("CREATE TABLE users (id INTEGER PRIMARY KEY)")
    connection.close()
    settings = {"id": "acme", "db": "sqlite:///app.db", "folder": tmp_path}
    assert lines(Settings(**settings, files="file://files", secrets=("dotenv:.env",)))[:3] == [
        "db: sqlite:///app.db: 1 table",
        "files: file://files: a folder that is made with the first file",
        "secrets: dotenv:.env: 0 secrets",
    ]
    assert lines(Settings(**settings, files="memory://x"))[1] == "files: memory://x: in memory"
    assert [path.name for path in tmp_path.iterdir()] == ["app.db"]
    (tmp_path / "files").mkdir()
    assert lines(Settings(**settings, files="file://files"))[1].endswith(": a folder that can be written")


def test_each_says_why_it_cannot_be_reached(tmp_path, closed, buckets):
    """All of them are tried, each in one line."""
    (tmp_path / "files").write_text("x")
    (tmp_path / ".env").write_bytes(b"KEY=\xff")
    url = f"http://127.0.0.1:{closed}"
    settings = Settings(
        id="acme",
        db=f"postgresql://ann:hunter2@127.0.0.1:{closed}/app?sslpassword=hunter3",
        files="file://files/below",
        secrets=("dotenv:.env",),
        llm=LlmSettings(url=url, model="small"),
        events=EventSettings(webhook=url),
        folder=tmp_path,
    )
    tenant = LiveTenant(settings, environment={})
    found = {each.name: each for each in reach(tenant)}
    assert [name for name, each in found.items() if each.ok] == ["http"]
    assert found["db"].what == f"postgresql://ann:***@127.0.0.1:{closed}/app?sslpassword=***"
    assert found["db"].why.startswith("the database refused: ")
    assert found["files"].why == f"'{tmp_path}/files' is not a folder"
    assert found["secrets"].why == f"cannot read the secrets in '{tmp_path}/.env': UnicodeDecodeError"
    assert "Connect" in found["llm"].why
    assert "ConnectionRefusedError" in found["events"].why
    text = " ".join(map(str, found.values()))
    assert "hunter" not in text
    assert "\n" not in text
    bucket = Settings(id="acme", files="s3://bucket-none")
    refused = f"the storage s3://bucket-none refused: there is no bucket 'bucket-none' at {buckets.endpoint}"
    assert lines(bucket, environment=buckets.environment)[1] == f"files: s3://bucket-none: {refused}"


KEYS = {
    "llm": ("llm: small at {url}: the secret 'KEY', which [llm] key in tenant.toml names, is not set", None),
    "events": ("events: {url}: the secret 'KEY', which [events] secret in tenant.toml names, is not set", None),
    "denied": ("llm: small at {url}: it answered 401; see the secret that key of [llm] names", "x"),
    "unlisted": ("llm: small at {url}: answered 404", "x"),
}


@pytest.mark.parametrize("case", KEYS)
def test_a_key_that_is_not_set_or_not_taken(case, server):
    """The line names its key; a service that lists no models is reached all the same."""
    server.respond = lambda _: ({"denied": 401, "unlisted": 404}.get(case, 200), [], b"")
    expected, key = KEYS[case]
    settings = Settings(
        id="acme",
        secrets=("env:ACME_",),
        llm=LlmSettings(url=server.url, model="small", key="KEY") if case != "events" else None,
        events=EventSettings(webhook=server.url, secret="KEY") if case == "events" else EventSettings(),  # noqa: S106
    )
    given = SimpleNamespace(environment={"ACME_KEY": key} if key else {})
    assert expected.format(url=server.url) in lines(settings, environment=given.environment)


def test_a_webhook_must_speak_tls_where_its_address_says_so(server):
    """A plain server is not what would be used."""
    url = server.url.replace("http:", "https:")
    line = lines(Settings(id="acme", events=EventSettings(webhook=url)))[4]
    assert line.startswith(f"events: {url}: SSLError")
    assert Reached(name="x", what="y", why="z").ok is False
