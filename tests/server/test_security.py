"""What nobody may do: each try is refused with the stated status, nothing leaks, and nothing is written."""

import json
import socket
import stat
import time
from contextlib import suppress

import pytest

from sbh_jobkit.cli.main import main
from sbh_jobkit.engines.schema import job_run, token
from sbh_jobkit.server.thread import bind

SECRET = "sesame-open-wide"  # noqa: S105  made up
RUN = "/api/plugins/tea/jobs/greet/run-now"
REFUSED = {
    "no token": (None, "acme", "GET", "/api/plugins/", 401),
    "a wrong token": ("sbh_" + "A" * 43, "acme", "GET", "/api/plugins/", 401),
    "a token of one letter": ("x", "acme", "GET", "/api/plugins/", 401),
    "no token for metrics": (None, None, "GET", "/metrics", 401),
    "one tenant's token for all metrics": ("globex", "globex", "GET", "/metrics", 403),
    "no token for a route": (None, "acme", "GET", "/ext/tea/cups", 401),
    "no tenant": ("operate", None, "GET", "/api/plugins/", 400),
    "a tenant that is not there": ("operate", "initech", "GET", "/api/plugins/", 403),
    "another tenant": ("globex", "acme", "GET", "/api/plugins/", 403),
    "another tenant's run": ("globex", "acme", "POST", RUN, 403),
    "another tenant's plugin": ("globex", "globex", "GET", "/api/plugins/only_acme/jobs", 404),
    "a reader who runs": ("read", "acme", "POST", RUN, 403),
    "a reader who uploads": ("read", "acme", "POST", "/api/plugins/upload", 403),
    "a reader who disables": ("read", "acme", "POST", "/api/plugins/tea/disable", 403),
    "a reader who sets a secret": ("read", "acme", "POST", "/api/plugins/tea/secrets", 403),
    "a reader who cancels": ("read", "acme", "POST", "/api/plugins/tea/jobs/greet/runs/1/cancel", 403),
    "a reader who writes by a route": ("read", "acme", "PUT", "/ext/tea/cups/blue", 403),
    "a secret that is read": ("operate", "acme", "GET", "/api/plugins/tea/secrets", 405),
    "an unknown plugin": ("operate", "acme", "GET", "/api/plugins/none/jobs", 404),
    "an unknown job": ("operate", "acme", "POST", "/api/plugins/tea/jobs/none/run-now", 404),
    "an unknown run": ("operate", "acme", "GET", "/api/plugins/tea/jobs/greet/runs/17", 404),
    "an id that is none": ("operate", "acme", "GET", "/api/plugins/tea/jobs/greet/runs/1%20or%201=1", 400),
    "an id beyond all": ("operate", "acme", "POST", "/api/plugins/tea/jobs/greet/runs/" + "9" * 40 + "/cancel", 400),
    "SQL as a plugin": ("operate", "acme", "GET", "/api/plugins/tea'%20or%20'1'='1/jobs", 404),
    "SQL as a job": ("operate", "acme", "POST", "/api/plugins/tea/jobs/x';%20drop%20table%20sbh_token--/run-now", 404),
    "SQL as a tenant": ("operate", "acme' or '1'='1", "GET", "/api/plugins/", 403),
    "a number that is none": ("operate", "acme", "GET", "/api/plugins/tea/jobs/greet/runs?limit=many", 400),
    "a number below all": ("operate", "acme", "GET", "/api/plugins/tea/jobs/greet/runs?limit=-1", 400),
    "a parameter that is none": ("operate", "acme", "GET", "/api/plugins/?sort=name", 400),
    "a body that is not JSON": ("operate", "acme", "POST", "/api/plugins/tea/secrets", 400),
    "an upload without a file": ("operate", "acme", "POST", "/api/plugins/upload", 400),
    "an address that is none": ("operate", "acme", "GET", "/api/nothing", 404),
    "a method that is none": ("operate", "acme", "DELETE", "/api/plugins/", 405),
    "a path out of the routes": ("operate", "acme", "GET", "/ext/tea/..%2f..%2fetc%2fpasswd", 404),
    "a job whose name would be an address": ("operate", "acme", "GET", "/api/plugins/tea/jobs/greet%2Fruns", 404),
    "the same, to run it": ("operate", "acme", "POST", "/api/plugins/tea/jobs/greet%2frun-now", 404),
    "a plugin that is an address": ("operate", "acme", "GET", "/api/plugins/tea%2Fjobs", 404),
    "a slash in a run": ("operate", "acme", "POST", "/api/plugins/tea/jobs/greet/runs%2F1%2fcancel", 404),
    "a page": (None, None, "GET", "/jobs/acme/tea/greet%2frun", 404),
    "a link nobody signed": (None, None, "GET", "/files/acme/..%2f..%2facme.toml?operation=get_object", 403),
    "a link of no tenant": (None, None, "GET", "/files/none/a?operation=get_object&expires=9&signature=x", 403),
}


@pytest.fixture(scope="module")
def rows(served):
    """Return a function that counts what is in the store."""

    def count():
        with served.store.read() as connection:
            return [len(connection.execute(table.select()).all()) for table in (job_run, token)]

    return count


@pytest.mark.parametrize("what", REFUSED)
def test_each_try_is_refused(served, rows, what):
    """With the stated status, in the envelope, without a trace of the machine; nothing runs and nothing is written."""
    who, tenant, method, address, status = REFUSED[what]
    before = rows()
    with served.client(who, tenant) as client:
        answer = client.request(method, address)
    body = answer.json()
    assert (answer.status_code, body["success"], sorted(body)) == (status, False, ["error", "success"])
    for leak in ("Traceback", str(served.folder), "sqlalchemy", "site-packages", *served.tokens.values()):
        assert leak not in answer.text
    assert rows() == before


MANIFEST = '{"slug": "up", "name": "Up"}'
LINK = stat.S_IFLNK << 16
PACKAGES = {
    "a path out of it": ({"plugin.json": MANIFEST, "../evil.py": ""}, {}, "member '../evil.py' would be written"),
    "an absolute path": ({"plugin.json": MANIFEST, "/etc/evil": ""}, {}, "member '/etc/evil' would be written"),
    "a link": ({"plugin.json": MANIFEST, "l": "/etc/passwd"}, {"l": LINK}, "member 'l' is a link or a device"),
    "a bomb": ({"plugin.json": MANIFEST, "big": "0" * 60_000_000}, {}, "unpacks to 60 MB in 2 files"),
    "no manifest": ({"main.py": ""}, {}, "has no plugin.json at its root"),
    "code that does not compile": ({"plugin.json": MANIFEST, "main.py": "def f(:"}, {}, "main.py:1: SyntaxError"),
    "code that ends the process": (
        {"plugin.json": MANIFEST, "main.py": "import os; os._exit(3)"},
        {},
        "its process ended with exit code 3 while it was loaded",
    ),
}


@pytest.mark.parametrize("what", PACKAGES)
def test_a_package_that_is_not_valid_is_refused(served, api, pack, what):
    """422 with the reason, and nothing of it stays."""
    files, infos, reason = PACKAGES[what]
    before = kept_files(served)
    answer = api.post("/api/plugins/upload", files={"file": ("up.zip", pack(files, **infos))})
    body = answer.json()
    assert (answer.status_code, body["success"]) == (422, False)
    assert reason in body["error"]
    assert str(served.folder) not in answer.text
    assert kept_files(served) == before


def kept_files(served):
    """Return every file of the server, but for the store."""
    return sorted(path for path in served.folder.rglob("*") if path.is_file() and not path.name.startswith("jobs.db"))


def test_every_problem_of_a_manifest_is_listed(api, pack):
    """One look is enough to fix all of them."""
    manifest = '{"slug": "u p", "name": "", "permissions": ["db.red"], "jobs": [{"schedule": "61 * * * *"}]}'
    answer = api.post("/api/plugins/upload", files={"file": ("up.zip", pack({"plugin.json": manifest, "main.py": ""}))})
    assert answer.status_code == 422
    found = "\n".join(answer.json()["errors"])
    assert [part in found for part in ("$.slug", "$.name", "$.permissions[0]", "$.jobs[0]")] == [True] * 4


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 not a zip", b"\x00" * 1000])
def test_what_is_no_zip_is_refused(api, data):
    """As a package that is not valid."""
    answer = api.post("/api/plugins/upload", files={"file": ("up.zip", data)})
    assert answer.status_code == 422
    assert answer.json()["error"].startswith("the package is not valid: ")


def test_an_encrypted_zip_is_refused(api, pack):
    """Nobody could look into it."""
    whole = bytearray(pack({"plugin.json": MANIFEST}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        whole[whole.index(mark) + offset] |= 1
    answer = api.post("/api/plugins/upload", files={"file": ("up.zip", bytes(whole))})
    assert (answer.status_code, "is encrypted" in answer.json()["error"]) == (422, True)


TOO_LARGE = {"/api/plugins/tea/secrets": 1_000_001, "/ext/tea/cups/blue": 1_000_001, "/api/plugins/upload": 60_000_000}


@pytest.mark.parametrize("address", TOO_LARGE)
@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_refused(api, address, declared):
    """413, which a client sees that sends all of it first."""
    size = TOO_LARGE[address]
    method = "PUT" if "ext" in address else "POST"
    content = b"x" * size if declared else (b"x" * 100_000 for _ in range(size // 100_000 + 1))
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = api.request(method, address, content=content, headers=headers)
    assert (answer.status_code, answer.json()["success"]) == (413, False)


@pytest.mark.parametrize(("size", "status"), [(50_000_000, 422), (50_000_001, 413)])
def test_a_package_that_is_too_large_is_refused(api, size, status):
    """Its own size counts, not that of the form around it."""
    answer = api.post("/api/plugins/upload", files={"file": ("up.zip", b"x" * size)})
    assert (answer.status_code, answer.json()["success"]) == (status, False)
    if status == 413:
        assert answer.json()["error"] == "the body has more than 50,000,000 bytes"


def talk(served, data, seconds=15):
    """Send bytes, and return what comes until the connection is closed."""
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), seconds) as connection:
        connection.sendall(data)
        found = b""
        with suppress(ConnectionResetError):  # what we sent was not read to its end
            while piece := connection.recv(65_536):
                found += piece
        return found


def test_answers_are_not_held_back():
    """The protocol is named, since asyncio switches Nagle's algorithm off only then."""
    with bind("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_a_client_that_asks_first_need_not_send_what_is_too_large(served, api):
    """As curl does: `Expect: 100-continue`, and 413 comes before the body."""
    bearer = api.headers["Authorization"]
    lines = ["POST /api/plugins/upload HTTP/1.1", "Host: h", "X-Tenant-Slug: acme", f"Authorization: {bearer}"]
    head = "\r\n".join(
        [
            *lines,
            "Content-Type: multipart/form-data; boundary=b",
            "Expect: 100-continue",
            "Content-Length: 900000000",
            "",
            "",
        ]
    )
    assert talk(served, head.encode()).startswith(b"HTTP/1.1 413")


def test_headers_that_are_too_large_are_refused(served):
    """The connection ends with 400 or 431."""
    data = b"GET /api/plugins/ HTTP/1.1\r\nHost: h\r\nX-Long: " + b"a" * 200_000
    assert talk(served, data)[:12] in {b"HTTP/1.1 400", b"HTTP/1.1 431", b""}


def test_headers_that_never_end_are_given_up(served):
    """So slow clients do not keep connections."""
    begin = time.monotonic()
    assert talk(served, b"GET /api/plugins/ HTTP/1.1\r\nHost: h\r\n", 20) == b""
    assert 5 < time.monotonic() - begin < 15


def test_a_body_that_never_ends_is_given_up(served, monkeypatch):
    """408, and the connection ends."""
    monkeypatch.setattr("sbh_jobkit.server.body.SECONDS", 1.0)
    lines = [
        "POST /api/plugins/tea/secrets HTTP/1.1",
        "Host: h",
        f"Authorization: Bearer {served.tokens['operate']}",
        "X-Tenant-Slug: acme",
        "Content-Length: 50",
        "",
        "{",
    ]
    assert talk(served, "\r\n".join(lines).encode())[:12] == b"HTTP/1.1 408"


def test_what_a_header_says_is_not_believed(served):
    """No header of a proxy makes somebody another one, and none of ours is split by what a caller sends."""
    with served.client("read") as client:
        forged = {
            "X-Forwarded-For": "127.0.0.1",
            "X-User": "root",
            "X-Role": "operate",
            "X-HTTP-Method-Override": "POST",
        }
        assert client.post(RUN, headers=forged).status_code == 403
        answer = client.get("/ext/tea/cups?x=%0d%0aSet-Cookie:%20a=b", headers=forged)
        assert "set-cookie" not in answer.headers
        assert answer.json()["role"] == "read"


CHANNELS = ("/api/plugins/", "/api/plugins/tea/jobs", "/api/plugins/tea/jobs/greet/runs", "/api/plugins/metrics")


def test_a_secret_leaks_nowhere(served, api, on_disk):
    """Not by a run's result, the history, lists, metrics, a route, or the store's files."""
    api.post("/api/plugins/tea/secrets", json={"key": "KEY", "value": SECRET})
    shown = [json.dumps(served.run("greet")), api.put("/ext/tea/cups/x", json={}).text, api.get("/metrics").text]
    shown += [api.get(address).text for address in (*CHANNELS, "/openapi.json")]
    assert [SECRET in text for text in shown] == [False] * len(shown)
    assert "secret:KEY" in shown[0]
    stored = [on_disk(path) for path in served.folder.glob("jobs.db*") if path.is_file()]
    assert [SECRET.encode() in data for data in stored] == [False] * len(stored)


def test_a_secret_that_is_set_after_the_key_was_replaced_is_kept(served, api):
    """The server need not be started again before: what it writes has the key that runs read with."""
    api.post("/api/plugins/tea/secrets", json={"key": "KEY", "value": SECRET})
    assert main(["secrets", "rotate", "--store", served.store.url]) == 0
    assert served.run("greet")["data"]["result"]["stdout"] == "hello acme ‹secret:KEY›\n"
    assert api.post("/api/plugins/tea/secrets", json={"key": "KEY", "value": f"{SECRET}-2"}).status_code == 200
    assert served.run("greet")["data"]["result"]["stdout"] == "hello acme ‹secret:KEY›\n"
    assert main(["secrets", "rotate", "--store", served.store.url]) == 0


JSON, FORM = "application/json", "application/x-www-form-urlencoded"
WRONG_SECRETS = {
    "JSON that is called a form, as curl -d does": (FORM, b'{"key":"A","value":"s3cret"}', "header 'Content-Type: app"),
    "the same, with a sign of forms": (FORM, b'{"key":"A","value":"x=s3cret"}', "header 'Content-Type: application/js"),
    "the bare value": (FORM, b"s3cret", "not a form of fields"),
    "a list": (JSON, b'["s3cret"]', "must be a JSON object, got a list"),
    "a text": (JSON, b'"s3cret"', "must be a JSON object, got text"),
    "a number": (JSON, b'{"key":"A","value":53537}', "'value' must be text, got a number"),
    "an object": (JSON, b'{"key":"A","value":{"s3cret":1}}', "'value' must be text, got an object"),
    "nothing": (JSON, b'{"key":"s3cret","value":null}', "'value' must be text, got null"),
    "a name that is none": (JSON, b'{"key":"s3cret!","value":"x"}', "'key' must be a name"),
}


@pytest.mark.parametrize("what", WRONG_SECRETS)
def test_an_error_does_not_repeat_a_secret(api, what):
    """A value that was sent in a wrong way is as secret as one that was sent in the right one."""
    content_type, body, said = WRONG_SECRETS[what]
    answer = api.post("/api/plugins/tea/secrets", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert said in answer.json()["error"]
    assert not any(value in answer.text for value in ("s3cret", "53537"))


def test_the_key_and_the_tokens_are_kept_well(served, on_disk):
    """The key can be read by its owner only, and the store has no token that opens anything."""
    assert stat.S_IMODE((served.folder / "jobs.db.key").stat().st_mode) == 0o600
    stored = b"".join(on_disk(path) for path in served.folder.glob("jobs.db*") if path.is_file())
    assert [value.encode() in stored for value in served.tokens.values()] == [False] * 3
