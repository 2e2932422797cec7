"""What a server still knows after a restart: uploads, disabled plugins, secrets, sessions' tokens."""

import json
import shutil

import pytest

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
