"""What is kept of a request's headers and body."""

from __future__ import annotations

import pytest

from sbh_jobkit import Plugin, World, run_job
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
