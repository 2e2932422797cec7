"""Texts that UTF-8 or a database cannot hold: half of a surrogate pair, as in the name of a file, and NUL."""

import json

import httpx2
import pytest

HALF = "\udce9"
MAIN = r"""
import logging, os, sys
from src.ext.sdk import hook, job, route

@job("file_in_error")
def file_in_error(ctx):
    raise ValueError("cannot read " + os.fsdecode(b"op-\xe9.csv"))

@job("returned")
def returned(ctx):
    return {"v": "\ud800x", "\udfff": [1]}

@job("said_to_fail")
def said_to_fail(ctx):
    return {"status": "error", "error": "\ud83d without its other half"}

@job("exit_text")
def exit_text(ctx):
    sys.exit("stopped at \udcff")

@job("printed")
def printed(ctx):
    sys.stdout.write("\udc80")
    print(os.fsdecode(b"\x80"), file=sys.stderr)
    logging.warning("\udbff and \0")

@job("emitted")
def emitted(ctx):
    ctx.emit("odd.\udc00", {"\udc01": "\0\udc02"})

@job("nul")
def nul(ctx):
    raise ValueError("\0")

@job("swapped")
def swapped(ctx):
    return "\udc00\ud800"

@job("set_secret")
def set_secret(ctx):
    return [ctx.secrets.set("MADE", "\udc80"), ctx.secrets.set("\udc80", "made")]

@route("/half/{name}", methods=["GET", "POST"])
def half(ctx, name):
    return {"name": name, "\ud800": ctx.request["json"], "text": "\udfff"}

@hook("odd.\u00e4")
def heard(ctx, data):
    return ["\ud800", data]
"""
JOBS = ["file_in_error", "returned", "said_to_fail", "exit_text", "printed", "emitted", "nul", "swapped"]


@pytest.fixture(scope="module")
def odd(served, pack):
    """Serve the plugin of odd texts at acme, and return a client for it."""
    files = {"plugin.json": '{"slug": "odd", "name": "Odd"}', "main.py": MAIN}
    with served.client() as client:
        answer = client.post("/api/plugins/upload", files={"file": ("odd.zip", pack(files))})
        assert answer.status_code == 200, answer.text
        yield client


@pytest.mark.parametrize("job", JOBS)
def test_a_run_with_such_a_text_is_answered_and_listed(served, odd, job):
    """By every call and on every page: before, a list that had one such run could not be answered any more."""
    run = odd.post(f"/api/plugins/odd/jobs/{job}/run-now")
    assert (run.status_code, run.text.isascii()) == (200, True)
    number = run.json()["data"]["run_id"]
    for address in ("jobs", f"jobs/{job}/runs", f"jobs/{job}/runs/{number}"):
        assert odd.get(f"/api/plugins/odd/{address}").status_code == 200
    with httpx2.Client(base_url=served.url, trust_env=False, follow_redirects=True) as pages:
        pages.post("/login", data={"token": served.tokens["read"]})
        for address in ("/", "/runs", f"/jobs/acme/odd/{job}", f"/jobs/acme/odd/{job}/runs/{number}"):
            assert pages.get(address).status_code == 200


def test_such_a_text_comes_as_it_was(odd):
    """JSON has an escape for it, which any parser reads as the same text."""
    data = odd.post("/api/plugins/odd/jobs/returned/run-now").json()["data"]
    assert data["result"]["result"] == {"v": "\ud800x", "\udfff": [1]}
    error = odd.post("/api/plugins/odd/jobs/file_in_error/run-now").json()["data"]["result"]["error"]
    assert error == f"ValueError: cannot read op-{HALF}.csv"


CALLS = {
    "the name of an event": ("test-event", b'{"event_type": "a\\ud800"}', 200),
    "the data of an event": ("test-event", b'{"event_type": "odd.\\u00e4", "event_data": "\\udfff"}', 200),
    "a key of the data": ("test-event", b'{"event_type": "odd.\\u00e4", "event_data": {"\\udc00": 1}}', 200),
    "a field that is unknown": ("test-event", b'{"\\ud83d": 1}', 400),
    "a start": ("odd/jobs/nul/backfill", b'{"start": "\\ud800"}', 400),
    "the name of a secret": ("odd/secrets", b'{"key": "\\ud800", "value": "x"}', 400),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_body_with_such_a_text_is_answered(odd, what):
    """By what it asks for, or as the caller's mistake."""
    address, body, status = CALLS[what]
    answer = odd.post(f"/api/plugins/{address}", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["success"]) == (status, status == 200)


@pytest.mark.parametrize("value", ["\ud800", "pass\udce9word", "\udfff\ud83d", "\ud83dx"], ids=ascii)
def test_a_secret_with_such_a_text_is_refused(odd, value):
    """The answer does not repeat it; nothing could encrypt it."""
    body = json.dumps({"key": "NEW", "value": value})
    answer = odd.post("/api/plugins/odd/secrets", content=body)
    message = "a secret must be text that UTF-8 can write, and the value of 'NEW' has half of a surrogate pair"
    assert (answer.status_code, answer.json()) == (400, {"success": False, "error": message})
    assert odd.post("/api/plugins/odd/secrets", json={"key": "NEW", "value": "\U0001f600\0"}).status_code == 200


def test_a_job_that_sets_such_a_secret_has_a_fault(odd):
    """And goes on."""
    found = odd.post("/api/plugins/odd/jobs/set_secret/run-now").json()["data"]["result"]
    assert (found["result"], found["error"][:11]) == ([False, False], "secret-type")


MANIFESTS = {
    "its name": '{"slug": "up", "name": "\\ud83d"}',
    "its version": '{"slug": "up", "name": "Up", "version": "\\udfff"}',
    "its description": '{"slug": "up", "name": "Up", "description": "\\udce9"}',
    "a secret": '{"slug": "up", "name": "Up", "secrets": ["\\udc00"]}',
    "a job": '{"slug": "up", "name": "Up", "jobs": [{"name": "\\udbff"}]}',
    "its slug": '{"slug": "\\ud800", "name": "Up"}',
    "its entry": '{"slug": "up", "name": "Up", "entry": "\\ud800.py"}',
    "its time zone": '{"slug": "up", "name": "Up", "timezone": "\\ud800"}',
}


@pytest.mark.parametrize("what", MANIFESTS)
def test_a_manifest_with_such_a_text_is_refused(odd, pack, what):
    """As a problem of the package, and nothing of it is served."""
    files = {"file": ("up.zip", pack({"plugin.json": MANIFESTS[what], "main.py": ""}))}
    answer = odd.post("/api/plugins/upload", files=files)
    assert (answer.status_code, "is half of a surrogate pair" in f"{answer.json()['errors']}") == (422, True)
    assert [each["slug"] for each in odd.get("/api/plugins/").json()["data"]] == ["odd", "tea"]


MODULES = [
    "raise ValueError('\\ud800')",
    "import sys; sys.exit('\\udfff')",
    "import os; open(os.fsdecode(b'/no/\\xe9'))",
    "from src.ext.sdk import job\n@job('\\udc00')\ndef a(ctx): pass",
    "from src.ext.sdk import hook\n@hook('\\udc00')\ndef a(ctx, data): pass",
]


@pytest.mark.parametrize("main", MODULES)
def test_a_module_that_fails_with_such_a_text_is_refused(odd, pack, main):
    """With the reason."""
    files = {"plugin.json": '{"slug": "up", "name": "Up"}', "main.py": main}
    answer = odd.post("/api/plugins/upload", files={"file": ("up.zip", pack(files))})
    assert (answer.status_code, answer.json()["error"][:26]) == (422, "the package is not valid: ")


def test_a_route_takes_and_answers_such_a_text(odd):
    """In its body and in its answer."""
    answer = odd.post("/ext/odd/half/a", content=b'"\\udc00"', headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (200, {"name": "a", "\ud800": "\udc00", "text": "\udfff"})


ADDRESSES = {
    "/api/plugins/%00/jobs": 404,
    "/api/plugins/odd/jobs/nul%00/runs": 404,
    "/api/plugins/odd/jobs/%ED%A0%80/runs": 404,
    "/api/plugins/odd/jobs/nul/runs?limit=%00": 400,
    "/api/plugins/odd/jobs/nul/runs?%ED%A0%80=1": 400,
    "/ext/%00/half/a": 404,
    "/ext/odd/none%00": 404,
    "/files/acme/%00?sig=1": 403,
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_no_such_name_is_found(odd, address):
    """Nothing has one."""
    assert odd.get(address).status_code == ADDRESSES[address]


@pytest.mark.parametrize("query", ["job=%00", "plugin=a%00", "job=%ED%A0%80", "plugin=%00&job=%00", "outcome=%00"])
def test_a_page_of_runs_of_such_a_name_is_empty(served, query):
    """But for what is no name."""
    with httpx2.Client(base_url=served.url, trust_env=False, follow_redirects=True) as pages:
        pages.post("/login", data={"token": served.tokens["read"]})
        found = pages.get(f"/runs?{query}")
    assert (found.status_code, "/runs/" in found.text) == (200, query.startswith("outcome"))
