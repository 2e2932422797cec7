"""Alerts of a server in a process of its own: it is killed and started again, and each change is sent once."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tea_server import run_now, serving, write

MAIN = """
from src.ext.sdk import PluginContext, job

@job("brew")
def brew(ctx: PluginContext):
    if not ctx.secrets.has("WATER"):
        raise ValueError(f"no water at {ctx.secrets.get('BOILER')}")
"""


@pytest.fixture
def hook():
    """Start a real HTTP server on this machine; return its address, what it got, and a function that waits."""
    bodies, changed = [], threading.Condition()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            with changed:
                bodies.append(body)
                changed.notify_all()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def wait(number):
        with changed:
            assert changed.wait_for(lambda: len(bodies) >= number, 30), bodies
        return bodies

    yield f"http://127.0.0.1:{server.server_port}/in", bodies, wait
    server.shutdown()
    thread.join()
    server.server_close()


def test_each_change_is_told_once(tmp_path, monkeypatch, hook):
    """A failure; nothing after the server was killed and the job fails again; a recovery. No secret is told."""
    url, bodies, wait = hook
    monkeypatch.chdir(tmp_path)
    write(tmp_path, 1, main=MAIN)
    (tmp_path / "tenant.toml").write_text(f'id = "acme"\nsecrets = ["env:TEA_"]\n[alerts]\nwebhook = "{url}"\n')
    secret = {"TEA_BOILER": "b-1234567890"}
    with serving(**secret, status=-9) as server:
        assert run_now(server, "brew")["success"] is False
        wait(1)
        assert run_now(server, "brew")["success"] is False
        server.process.kill()
    with serving(**secret, TEA_WATER="yes") as server:
        assert run_now(server, "brew")["success"] is True
        wait(2)
    assert [json.loads(body)["alert"] for body in bodies] == ["failed", "recovered"]
    failed = json.loads(bodies[0])
    assert (failed["job"], failed["run"]["outcome"]) == ("brew", "crashed")
    assert "no water at" in failed["why"]
    assert "b-1234567890" not in "".join(bodies)
