"""What a server still knows after a restart: uploads, disabled plugins, secrets, sessions' tokens."""

import json
import os
import shutil

import pytest
from sqlalchemy import event

from sbh_jobkit.engines import vault
from sbh_jobkit.engines.keyring import new_key
from sbh_jobkit.errors import SettingsError

MAIN = "from src.ext.sdk import job\n\n@job('tell')\ndef tell(ctx):\n    return len(ctx.secrets.get('KEY', ''))\n"


def upload(served, pack, slug="up"):
    """Upload a plugin, and set its secret."""
    files = {"plugin.json": json.dumps({"slug": slug, "name": "Up"}), "main.py": MAIN}
    with served.client() as client:
        answer = client.post("/api/plugins/upload", files={"file": ("up.zip", pack(files))})
        client.post(f"/api/plugins/{slug}/secrets", json={"key": "KEY", "value": "four-letters"})
    return answer.status_code


def test_uploads_and_secrets_stay(serve_in, pack, tmp_path):
    """An uploaded plugin is served again without being named, and one that is disabled stays so."""
    with serve_in(tmp_path) as served:
        assert upload(served, pack) == 200
        with served.client() as client:
            client.post("/api/plugins/tea/disable")
    with serve_in(tmp_path, paths=()) as served:
        assert served.run("tell", "up")["data"]["result"]["result"] == 12
        with served.client() as client:
            assert [row["slug"] for row in client.get("/api/plugins/").json()["data"]] == ["up"]
    with serve_in(tmp_path) as served, served.client() as client:
        rows = {row["slug"]: row["enabled"] for row in client.get("/api/plugins/").json()["data"]}
        assert rows == {"tea": False, "up": True}


def test_the_command_line_goes_before_an_upload(serve_in, pack, tmp_path, capsys):
    """A plugin that is named there is served from there, and a message says so."""
    with serve_in(tmp_path) as served:
        assert upload(served, pack, "tea") == 200
        assert served.run("tell", "tea")["data"]["result"]["result"] == 12
    with serve_in(tmp_path) as served:
        assert served.run("link", "tea")["success"] is True
    note = "sbh-jobkit: note: the upload of tea is not served, since the command line names the plugin\n"
    assert note in capsys.readouterr().err


def test_an_upload_that_is_gone_is_said(serve_in, pack, tmp_path, capsys):
    """The others are served all the same."""
    with serve_in(tmp_path) as served:
        upload(served, pack)
    shutil.rmtree(tmp_path / "jobs.db.plugins")
    with serve_in(tmp_path) as served:
        assert served.run("link", "tea")["success"] is True
    assert "sbh-jobkit: warning: the upload of up at acme is not served: no such path: " in capsys.readouterr().err


def test_another_key_is_refused_at_the_start(serve_in, pack, tmp_path):
    """With the names of the secrets that it does not open."""
    with serve_in(tmp_path) as served:
        upload(served, pack)
    (tmp_path / "jobs.db.key").write_text(f"{new_key()}\n")
    refused = pytest.raises(SettingsError, match="is not the key of these secrets in the store: up/KEY; give the key")
    with refused, serve_in(tmp_path):
        pass


def test_a_token_file_is_taken_or_written(serve_in, tmp_path):
    """A new one can be read by its owner only; one that is there gives the first token; a port in use is refused."""
    value = "sbh_" + "a" * 43
    (tmp_path / "token").write_text(f"{value}\n")
    (tmp_path / "token").chmod(0o600)
    with serve_in(tmp_path, token_file=str(tmp_path / "token")) as served:
        port = int(served.url.rpartition(":")[2])
        message = f"cannot listen on 127.0.0.1 port {port}: Address already in use; name another port with --port"
        with pytest.raises(SettingsError, match=message), serve_in(tmp_path, port=port):
            pass
    assert (tmp_path / "token").read_text() == f"{value}\n"


def test_an_upload_that_cannot_be_loaded_any_more(serve_in, pack, tmp_path, capsys):
    """The rest is served, the page says so at its top, and the next upload makes it well."""
    good = {"plugin.json": '{"slug": "milk", "name": "Milk", "version": "1.0.0"}', "main.py": ""}
    with serve_in(tmp_path) as served, served.client() as api:
        assert api.post("/api/plugins/upload", files={"file": ("milk.zip", pack(good))}).status_code == 200
    (main,) = tmp_path.glob("jobs.db.plugins/acme/milk/*/main.py")
    main.write_text("def f(:\n")
    with serve_in(tmp_path) as served, served.client() as api:
        said = capsys.readouterr().err
        assert "warning: the upload of milk at acme is not served: " in said
        assert list(served.service.problems) == [("acme", "milk")]
        assert "SyntaxError" in served.service.problems["acme", "milk"]
        assert api.post("/api/plugins/upload", files={"file": ("milk.zip", pack({**good, "x.py": ""}))}).is_success
        assert served.service.problems == {}


def test_what_an_upload_replaces_is_removed(serve_in, pack, tmp_path):
    """When it is old enough that nobody can just have begun with it; the one that is served stays."""
    with serve_in(tmp_path) as served, served.client() as api:
        for number in range(3):
            files = {"plugin.json": f'{{"slug": "milk", "name": "Milk", "version": "1.0.{number}"}}', "main.py": ""}
            assert api.post("/api/plugins/upload", files={"file": ("milk.zip", pack(files))}).is_success
            kept = list(tmp_path.glob("jobs.db.plugins/acme/milk/*"))
            assert len(kept) == min(number + 1, 2)
            for path in kept:
                os.utime(path, (0, 0))


def test_a_full_store_is_not_the_callers_mistake(serve_in, tmp_path, caplog):
    """What needs room is answered with 503, and nothing of it is done; what only reads is answered as ever."""
    with serve_in(tmp_path) as served, served.client() as api:

        @event.listens_for(served.store.engine, "connect")
        def _(connection, _):
            connection.execute("PRAGMA max_page_count=1")  # which SQLite takes as: not larger than it is

        served.store.engine.dispose()
        address = "/api/plugins/tea/secrets"
        answers = [api.post(address, json={"key": f"KEY_{n}", "value": "v" * 30_000}) for n in range(3)]
        assert {answer.status_code for answer in answers} == {503}
        assert answers[0].json()["error"] == "the store cannot be used; the server's log says why"
        assert "the store cannot be used: database or disk is full" in caplog.messages
        assert api.get("/api/plugins/tea/jobs").status_code == 200
        with served.store.read() as connection:
            assert vault.names_of(connection, "acme", "tea") == []


BROKEN = {
    "a call": ("GET", "/api/plugins/metrics", "GET /api/plugins/metrics"),
    "a body": ("POST", "/api/plugins/tea/secrets", "POST /api/plugins/tea/secrets"),
    "a route": ("PUT", "/ext/tea/cups/a?key=s3cret", "PUT /ext/tea/cups/a"),
    "letters that a line must not have": (
        "GET",
        "/api/plugins/%0a%1b%ED%A0%80/jobs",
        "GET /api/plugins/%0A%1B%EF%BF%BD%EF%BF%BD%EF%BF%BD/jobs",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_could_not_be_answered_is_one_record(served, monkeypatch, caplog, what):
    """It names the request, without query and body; the HTTP server does not print it again."""
    method, address, named = BROKEN[what]

    def fail(_):
        raise ZeroDivisionError

    monkeypatch.setattr(served.service, "plugins", fail)
    with served.client() as api:
        answer = api.request(method, address, json={"key": "A", "value": "s3cret"} if method == "POST" else None)
    error = "the server could not answer; its log says why"
    assert (answer.status_code, answer.json()) == (500, {"success": False, "error": error})
    assert [(each.name, each.getMessage()) for each in caplog.records] == [
        ("sbh_jobkit.server", f"{named} could not be answered")
    ]
    assert caplog.records[0].exc_info[0] is ZeroDivisionError
    assert "s3cret" not in caplog.text
