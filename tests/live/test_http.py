"""Outbound HTTP of a real tenant: allowed hosts only, at every hop; bounded in time and size."""

import gzip
import time
from types import SimpleNamespace

import pytest

from sbh_jobkit.context.gate import Gate
from sbh_jobkit.context.http import Http
from sbh_jobkit.live.http import LiveHttp, is_allowed
from sbh_jobkit.live.settings import HttpSettings
from sbh_jobkit.run.recorder import Recorder
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.schedule.times import zone


@pytest.fixture
def http(server):
    """Return a function that opens `ctx.http` and its recorder, under these settings."""
    opened = []

    def open_(*allow, **settings):
        settings = {"timeout": 0.5, "allow": allow or ("api.example.com", "*.parts.example"), **settings}
        opened.append(LiveHttp(HttpSettings(**settings), server.transport))
        recorder = Recorder(lambda: Redactor({}))
        front = Http(opened[-1], recorder, Gate(recorder), zone("UTC"))
        return SimpleNamespace(front=front, recorder=recorder)

    yield open_
    for each in opened:
        each.close()


def faults(opened):
    """Return kinds and messages."""
    return [(fault.kind, fault.message) for fault in opened.recorder.faults]


ALLOWED = {
    ("api.example.com", "api.example.com"): True,
    ("api.example.com", "example.com"): False,
    ("api.example.com.evil.example", "api.example.com"): False,
    ("xapi.example.com", "api.example.com"): False,
    ("a.example.com", "*.example.com"): True,
    ("a.b.example.com", "*.example.com"): True,
    ("example.com", "*.example.com"): False,
    (".example.com", "*.example.com"): False,
    ("evilexample.com", "*.example.com"): False,
    ("anything", "*"): True,
    ("::1", "[::1]"): True,
}


@pytest.mark.parametrize("pair", ALLOWED)
def test_which_hosts_a_line_stands_for(pair):
    """Itself, all below a domain, or everything."""
    assert is_allowed(*pair) is ALLOWED[pair]


def test_an_allowed_host_answers(server, http):
    """With the names of headers as the server spelled them, and no fault."""
    server.respond = lambda _: (200, [("X-RateLimit-Left", "60"), ("content-TYPE", "application/json")], b'{"a": 1}')
    opened = http()
    answer = opened.front.get("https://api.example.com/users", {"page": 2}, {"X-Key": "k"})
    length = {"Content-Length": "8"}
    headers = {"X-RateLimit-Left": "60", "content-TYPE": "application/json", **length}
    assert answer == {"status_code": 200, "headers": headers, "text": '{"a": 1}', "json": {"a": 1}}
    assert [(asked.path, asked.headers["host"], asked.headers["x-key"]) for asked in spelled_small(server)] == [
        ("/users?page=2", "api.example.com", "k")
    ]
    assert faults(opened) == []


def spelled_small(server):
    """Return what was asked, with small names of headers."""
    for asked in server.asked:
        asked.headers = {name.lower(): value for name, value in asked.headers.items()}
    return server.asked


REFUSED = [
    "https://other.example/x",
    "https://api.example.com.evil.example/x",
    "https://api.example.com@evil.example/x",
    "https://parts.example/x",
    "http://127.0.0.1/x",
]


@pytest.mark.parametrize("url", REFUSED)
def test_another_host_is_not_asked(server, http, url):
    """The job gets an error, and the run a fault that says what to add."""
    opened = http()
    answer = opened.front.get(url)
    assert (answer["status_code"], answer["json"]) == (0, None)
    host = url.rpartition("@")[2].removeprefix("https://").removeprefix("http://").partition("/")[0]
    [(kind, message)] = faults(opened)
    assert kind == "http-unmatched"
    assert message.endswith(f"the host {host!r} is not in allow of [http] in tenant.toml")
    assert opened.recorder.faults[0].advice == f'add "{host}" to allow of [http] in tenant.toml'
    assert server.asked == []


def test_without_settings_nothing_is_allowed(server, http):
    """A tenant file that names no host reaches none."""
    opened = http(allow=())
    assert opened.front.get("https://api.example.com/")["status_code"] == 0
    assert (len(faults(opened)), server.asked) == (1, [])


def redirecting(to, status=302):
    """Redirect the path / and answer any other."""
    return lambda asked: (status, [("Location", to)], b"") if asked.path == "/" else (200, [], asked.path.encode())


@pytest.mark.parametrize("to", ["/next", "https://api.example.com/next", "https://cdn.parts.example/next"])
def test_a_redirect_to_an_allowed_host_is_followed(server, http, to):
    """Hop by hop."""
    server.respond = redirecting(to)
    assert http().front.get("https://api.example.com/")["text"] == "/next"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_does_not_leave_the_allowed_hosts(server, http, status):
    """The other host is never asked, and the fault names both addresses."""
    server.respond = redirecting("https://evil.example/next", status)
    opened = http()
    assert opened.front.post("https://api.example.com/", json={})["status_code"] == 0
    leads = "POST https://api.example.com/ is redirected to https://evil.example/next, and the host 'evil.example'"
    assert faults(opened) == [("http-unmatched", f"{leads} is not in allow of [http] in tenant.toml")]
    assert len(server.asked) == 1


def test_a_redirect_to_another_scheme_is_an_error(server, http):
    """Files of this machine are not served."""
    server.respond = redirecting("file:///etc/passwd")
    opened = http("*")
    assert opened.front.get("https://api.example.com/")["status_code"] == 0


def test_redirects_end(server, http):
    """A circle is an error."""
    server.respond = lambda _: (302, [("Location", "/")], b"")
    answer = http().front.get("https://api.example.com/")
    assert answer["error"] == "ConnectionError: GET https://api.example.com/ is redirected more than 10 times"
    assert len(server.asked) == 11


@pytest.mark.parametrize("packed", [False, True])
def test_a_large_answer_is_broken_off(server, http, packed):
    """Also one that is small until it is unpacked."""
    body = b"x" * 100_000
    headers = [("Content-Encoding", "gzip")] if packed else []
    server.respond = lambda _: (200, headers, gzip.compress(body) if packed else body)
    assert len(http(max_bytes=100_000).front.get("https://api.example.com/")["text"]) == 100_000
    answer = http(max_bytes=99_999).front.get("https://api.example.com/")
    said = "TooLargeError: the answer has more than 99999 bytes (max_bytes of [http] in tenant.toml)"
    assert answer == {"status_code": 0, "error": said, "text": "", "json": None}


def test_a_slow_answer_is_broken_off(server, http):
    """After the time-out of the settings."""
    server.respond = lambda _: (time.sleep(0.3), (200, [], b""))[1]
    assert "ReadTimeout" in http(timeout=0.05).front.get("https://api.example.com/")["error"]


def test_a_broken_connection_is_an_error(server, http):
    """As everything that goes wrong with a request."""
    server.respond = lambda _: (None, [], b"")
    answer = http().front.get("https://api.example.com/")
    assert (answer["status_code"], "RemoteProtocolError" in answer["error"]) == (0, True)


@pytest.mark.parametrize("url", ["not a url", "", None, 5, "ftp://api.example.com/x", "https://", "https://a:b:c/"])
def test_what_is_no_address_is_an_error(server, http, url):
    """Without an exception, and without a fault, as in the fakes."""
    opened = http("*")
    assert opened.front.get(url)["status_code"] == 0
    assert (faults(opened), server.asked) == ([], [])


def test_cookies_are_not_kept(server, http):
    """Each request stands alone."""
    server.respond = lambda _: (200, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], b"")
    opened = http()
    assert opened.front.get("https://api.example.com/")["headers"]["Set-Cookie"] == "a=1, b=2"
    opened.front.get("https://api.example.com/")
    assert "cookie" not in spelled_small(server)[-1].headers
