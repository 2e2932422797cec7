"""What is kept of a request's headers and body."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest

from sbh_jobkit import HttpCall, Plugin, World, run_job
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.run.redaction import Redactor
from sbh_jobkit.run.sent import digest, shown_body, shown_headers

REDACT = Redactor({"key-0123456789": "KEY"}).text
HEADERS = [
    ({"Authorization": "Bearer key-0123456789"}, {"authorization": "Bearer ‹secret:KEY›"}),
    ({"Authorization": "Bearer of-another-world"}, {"authorization": "Bearer ‹hidden›"}),
    ({"X-Api-Key": "abc"}, {"x-api-key": "‹hidden›"}),
    ({"Cookie": "session=1"}, {"cookie": "‹hidden›"}),
    ({"Idempotency-Key": "7"}, {"idempotency-key": "7"}),
    ({"X-Long": "y" * 600}, {"x-long": f"{'y' * 500}…"}),
    ([("Accept", "*/*")], {}),
]


@pytest.mark.parametrize(("given", "kept"), HEADERS)
def test_headers_are_kept_without_what_is_private(given, kept):
    """Values of secrets become names, and headers that hold credentials are hidden anyway."""
    assert shown_headers(given, REDACT) == kept


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"key": "key-0123456789"}', '{"key": "‹secret:KEY›"}'),
        (b"\xff\xfe\x00", "3 bytes that are not text"),
        (b"x" * 5_000, f"{'x' * 4_000} … 1,000 more characters"),
    ],
)
def test_a_body_is_kept_as_text(body, kept):
    """A long body is cut, and bytes are only counted."""
    assert shown_body(body, REDACT)[0] == kept


def test_bodies_that_differ_only_where_they_are_cut_have_other_digests():
    """The digest is of the whole body."""
    one, other = (shown_body(b"x" * 5_000 + end, REDACT) for end in (b"1", b"2"))
    assert one[0] == other[0]
    assert one[1] != other[1]


@job("send", schedule="0 * * * *")
def send(ctx):
    """Post in three ways, and fetch."""
    token = {"Authorization": f"Bearer {ctx.secrets.get('KEY')}"}
    ctx.http.post("https://a.example/x", json={"to": "ada"}, headers=token)
    ctx.http.put("https://a.example/x", data={"to": "ada"})
    ctx.http.post("https://a.example/x", data=(part for part in [b"streamed"]))
    ctx.http.get("https://a.example/x")
    ctx.files.upload("a.txt", "text")
    ctx.files.delete("a.txt")


def test_a_run_knows_what_its_requests_sent():
    """JSON and forms are kept as they were sent; a stream, which is read while it is sent, is not."""
    world = World()
    world.secrets["KEY"] = "key-0123456789"
    world.http.route(host="a.example").respond(200)
    run = run_job(Plugin.load({"send": send}).jobs["send"], world, at="2026-01-01T06:00")
    assert [call.body for call in run.http_calls] == ['{"to":"ada"}', "to=ada", "", ""]
    assert run.http_calls[0].headers == {"authorization": "Bearer ‹secret:KEY›"}
    assert run.http_calls[0].digest == digest(b'{"to":"ada"}')
    assert run.http_calls[3].digest == ""
    assert [file.digest for file in run.files] == [digest(b"text"), ""]


SENT = {
    "a header": ("get", "https://a.example/x", {"headers": {"Authorization": "Bearer {}"}}, {"KEY"}),
    "Basic, in base64": ("get", "https://a.example/x", {"headers": {"Authorization": "Basic {base64}"}}, {"KEY"}),
    "the name of a header": ("get", "https://a.example/x", {"headers": {"{}": "1"}}, {"KEY"}),
    "JSON": ("post", "https://a.example/x", {"json": {"deep": [{"token": "{}"}]}}, {"KEY"}),
    "a form": ("put", "https://a.example/x", {"data": {"token": "{}"}}, {"KEY"}),
    "the address": ("delete", "https://a.example/x/{}", {}, {"KEY"}),
    "a parameter": ("get", "https://a.example/x", {"params": {"q": "{}"}}, {"KEY"}),
    "two of them": ("post", "https://a.example/x", {"json": {"a": "{}", "b": "{other}"}}, {"KEY", "OTHER"}),
    "none": ("post", "https://a.example/x", {"json": {"to": "ada"}, "headers": {"Accept": "*/*"}}, set()),
}


@pytest.mark.parametrize(("method", "url", "more", "names"), SENT.values(), ids=SENT)
def test_a_call_names_the_secrets_that_it_sent(method, url, more, names):
    """Wherever their values are, so that a test can say which hosts may get a token."""
    values = {"base64": b64encode(b"me:key-0123456789").decode(), "other": "another-98765"}

    def filled(given):
        if isinstance(given, dict):
            return {filled(name): filled(value) for name, value in given.items()}
        return [filled(each) for each in given] if isinstance(given, list) else given.format("key-0123456789", **values)

    @job("send")
    def send(ctx):
        getattr(ctx.http, method)(filled(url), **filled(more))

    world = World()
    world.secrets["KEY"], world.secrets["OTHER"] = "key-0123456789", values["other"]
    world.http.route(host="a.example").respond(200)
    (call,) = run_job(Plugin.load({"send": send}).jobs["send"], world, at="2026-01-01T06:00").http_calls
    assert (call.host, call.secrets) == ("a.example", names)
    assert "key-0123456789" not in f"{call!r}".casefold()


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://API.example:8443/x", "api.example"),
        ("http://user:pw@a.example/", "a.example"),
        ("https://[2001:db8::7]:8443/", "2001:db8::7"),
        ("/relative", ""),
        ("", ""),
    ],
)
def test_the_host_of_a_call(url, host):
    """In small letters, without port and user."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    assert HttpCall(method="GET", url=url, status=200, matched=True, at=at).host == host
