"""A dry run: what a job would write is shown, and nothing of it is done."""

import json
from types import SimpleNamespace

import pytest

from sbh_jobkit.context.backends import NotServedError
from sbh_jobkit.errors import SettingsError
from sbh_jobkit.extensions.hookspecs import hookimpl
from sbh_jobkit.live.session import LiveTenant
from sbh_jobkit.live.settings import EventSettings, HttpSettings, Settings
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.run.direct import DirectSandbox
from sbh_jobkit.run.runner import Runner
from sbh_jobkit.schedule.times import zone

JOB = """
from src.ext.sdk import job


@job("it")
def it(ctx):
    url = "https://api.example/items"
    key = ctx.secrets.get("API_KEY")
    answers = [
        ctx.http.get(url)["json"],
        ctx.http.post(url, json={"name": "a", "key": key})["json"],
        ctx.http.put(f"{url}/1", data="x")["status_code"],
        ctx.http.delete(f"{url}/1")["text"],
    ]
    files = [
        ctx.files.upload("new.txt", b"new", "text/plain"),
        ctx.files.delete("old.txt"),
        ctx.files.delete("none.txt"),
        [file["key"] for file in ctx.files.list()],
        ctx.files.list("ne")[0]["size"],
        ctx.files.get("new.txt")["content_type"],
        ctx.files.get("old.txt"),
    ]
    secrets = [
        ctx.secrets.set("TOKEN", "fresh-token"),
        ctx.secrets.get("TOKEN") == "fresh-token",
        ctx.secrets.delete("API_KEY"),
        ctx.secrets.delete("API_KEY"),
        sorted(ctx.secrets.list()),
    ]
    ctx.emit("done", {"token": "fresh-token"})
    return [answers, files, secrets, ctx.mail.send("a@x.example", text="hi")]
"""
ANSWERED = [
    [[1], {}, 200, "{}"],
    [True, True, False, ["new.txt"], 3, "text/plain", None],
    [True, True, True, False, ["FIXED", "TOKEN"]],
    None,
]
WRITES = [
    'ctx.http.post https://api.example/items {"name":"a","key":"‹secret:API_KEY›"}',
    "ctx.http.put https://api.example/items/1 x",
    "ctx.http.delete https://api.example/items/1",
    "ctx.files.upload 'new.txt', 3 bytes of text/plain",
    "ctx.files.delete 'old.txt'",
    "ctx.secrets.set 'TOKEN'",
    "ctx.secrets.delete 'API_KEY'",
    'ctx.emit \'done\' {"token": "‹secret:TOKEN›"}',
    "ctx.mail.send ('a@x.example', text='hi')",
]


class Mail:
    """An extension whose service must not be reached."""

    @hookimpl
    def sbh_live_services(self, tenant_id):
        """Offer `ctx.mail`."""
        del tenant_id
        return {"mail": self}

    def open(self, access):
        """Fail."""
        raise AssertionError(access)


@pytest.fixture(params=["file", "s3"])
def acme(request, tmp_path, server, buckets):
    """Return a tenant with a file, a secret and a server, whose writes are shown."""
    server.respond = lambda _: (200, [("Content-Type", "application/json")], b"[1]")
    (tmp_path / ".env").write_text("API_KEY='a-key-of-acme'\n")
    settings = Settings(
        id="acme",
        files="file://files" if request.param == "file" else f"s3://{buckets.create()}",
        secrets=("env:ACME_", "dotenv:.env"),
        http=HttpSettings(allow=("api.example",)),
        events=EventSettings(webhook="https://hooks.example/in"),
        folder=tmp_path,
    )
    environment = {**buckets.environment, "ACME_FIXED": "v"}
    given = {"environment": environment, "transport": server.transport, "extensions": [Mail()]}
    real, shown, stored = LiveTenant(settings, **given), [], []
    real.files.put("old.txt", b"old", "text/plain")
    dry = LiveTenant(settings, **given, dry=shown.append, store=stored.append)
    yield SimpleNamespace(real=real, dry=dry, shown=shown, stored=stored, folder=tmp_path)
    real.close()
    dry.close()


def test_writes_are_shown_and_not_done(acme, server):
    """A job reads what is real and what it would have written; nothing else sees the latter."""
    plugin = acme.folder / "plugin"
    plugin.mkdir()
    (plugin / "plugin.json").write_text(json.dumps({"slug": "p", "name": "P"}))
    (plugin / "main.py").write_text(JOB)
    run = Runner(acme.dry, DirectSandbox()).run(Plugin.load(plugin).jobs["it"], 0.0, zone("UTC"))
    assert (run.outcome, run.value) == ("ok", ANSWERED)
    assert [str(write) for write in acme.shown] == WRITES
    assert [asked.method for asked in server.asked] == ["GET"]
    assert [info.key for info in acme.real.files.list("")] == ["old.txt"]
    assert (acme.folder / ".env").read_text() == "API_KEY='a-key-of-acme'\n"
    assert acme.stored == []
    assert [event.type for event in run.events] == ["done"]
    assert {path.name for path in acme.folder.iterdir()} <= {".env", "files", "plugin"}


def test_what_would_be_refused_is(acme):
    """As in a real run; it is not shown, because it would not be done."""
    with pytest.raises(NotServedError, match=r"the host 'other\.example' is not in allow"):
        acme.dry.http.send(acme.dry.http.build("POST", "https://other.example/"))
    with pytest.raises(ValueError, match=r"^a file's key must be a path"):
        acme.dry.files.put("../x", b"", "text/plain")
    with pytest.raises(SettingsError, match="comes from the environment"):
        acme.dry.secrets["FIXED"] = "w"
    with pytest.raises(SettingsError, match="comes from the environment"):
        del acme.dry.secrets["FIXED"]
    with pytest.raises(KeyError):
        del acme.dry.secrets["NONE"]
    assert acme.shown == []


def test_what_is_read_is_real(acme):
    """Links, secrets by name, and no secret's value in what is shown of them."""
    if acme.dry.settings.files.startswith("s3:"):
        assert "old.txt?X-Amz-" in acme.dry.files.presign("old.txt", "get_object", 60)
    assert repr(acme.dry.secrets) == "<LiveSecrets of 2 sources>"
    assert (len(acme.dry.secrets), sorted(acme.dry.secrets)) == (2, ["API_KEY", "FIXED"])
    assert acme.dry.events.deliver() == []
    assert acme.dry.extensions.open("mail", None)
    with pytest.raises(AttributeError):
        acme.dry.extensions.open("mail", None)._x  # noqa: B018, SLF001  as Python itself asks


def test_what_is_long_is_cut(acme):
    """A line stays a line."""
    acme.dry.http.send(acme.dry.http.build("POST", "https://api.example/", data=b"x" * 1000))
    assert str(acme.shown[0]) == f"ctx.http.post https://api.example/ {'x' * 300}… (1000 characters)"
