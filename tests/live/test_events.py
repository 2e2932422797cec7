"""Events of a real tenant: logged, given to a callback, and sent to a webhook."""

import hmac
import json
import logging
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from sbh_jobkit.live.events import LiveEvents
from sbh_jobkit.live.settings import EventSettings
from sbh_jobkit.run.run import Event

EVENT = Event(type="report.written", payload={"rows": 3}, at=datetime(2026, 1, 5, 9, tzinfo=UTC))
HOOK = "https://hooks.example/in"


@pytest.fixture
def hook(server):
    """Return a function that opens events with a webhook, which is a server of this machine."""
    opened = []

    def open_(secrets=(), **settings):
        waits, stored = [], []
        given = EventSettings(webhook=HOOK, **settings)
        events = LiveEvents(
            given, "acme", dict(secrets), store=stored.append, wait=waits.append, transport=server.transport
        )
        opened.append(events)
        return SimpleNamespace(events=events, waits=waits, stored=stored)

    yield open_
    for each in opened:
        each.close()


def test_an_event_is_logged_and_kept(caplog):
    """At once; the callback gets the event itself."""
    stored = []
    events = LiveEvents(EventSettings(), "acme", {}, store=stored.append)
    with caplog.at_level(logging.INFO, "sbh_jobkit.events"):
        events.publish(EVENT)
    assert (caplog.messages, stored) == (['acme: event report.written {"rows": 3}'], [EVENT])
    assert events.deliver() == []
    events.close()


def test_the_log_can_be_off(caplog):
    """By the settings."""
    with caplog.at_level(logging.INFO, "sbh_jobkit.events"):
        LiveEvents(EventSettings(log=False), "acme", {}).publish(EVENT)
    assert caplog.messages == []


def test_the_webhook_gets_each_event_signed(server, hook):
    """When it is delivered, not before; in order, and once."""
    opened = hook({"HOOK_KEY": "h-12345"}, secret="HOOK_KEY")  # noqa: S106  a name
    opened.events.publish(EVENT)
    opened.events.publish(Event(type="other", payload=None, at=EVENT.at))
    assert server.asked == []
    assert (opened.events.deliver(), opened.events.deliver(), opened.waits) == ([], [], [])
    first, second = server.asked
    assert json.loads(first.body) == {
        "tenant": "acme",
        "type": "report.written",
        "payload": {"rows": 3},
        "at": "2026-01-05T09:00:00+00:00",
    }
    assert json.loads(second.body)["type"] == "other"
    headers = {name.lower(): text for name, text in first.headers.items()}
    assert headers["x-sbh-signature"] == "sha256=" + hmac.new(b"h-12345", first.body, "sha256").hexdigest()
    assert headers["content-type"] == "application/json"


def statuses(*codes):
    """Answer with these, one after the other; None breaks the connection."""
    left = list(codes)
    return lambda _: (left.pop(0), [], b"")


TRIES = {
    (503, 200): ([], [1.0]),
    (None, 429, 204): ([], [1.0, 2.0]),
    (500, 500, 500, 500): (["event 'report.written' was not delivered: the webhook answered 500"], [1.0, 2.0, 4.0]),
    (400,): (["event 'report.written' was not delivered: the webhook answered 400"], []),
}


@pytest.mark.parametrize("codes", TRIES)
def test_a_delivery_that_failed_is_tried_again(server, hook, codes, caplog):
    """Unless the receiver refuses it for good; what is not delivered is logged."""
    failed, waits = TRIES[codes]
    server.respond = statuses(*codes)
    opened = hook()
    opened.events.publish(EVENT)
    assert opened.events.deliver() == failed
    assert (opened.waits, len(server.asked)) == (waits, len(codes))
    assert caplog.messages == [f"acme: {line}" for line in failed]


def test_without_its_secret_nothing_is_sent(server, hook):
    """A receiver would have to refuse it."""
    opened = hook(secret="HOOK_KEY")  # noqa: S106  a name
    opened.events.publish(EVENT)
    said = "event 'report.written' was not delivered: the secret 'HOOK_KEY', which signs it, is not set"
    assert (opened.events.deliver(), server.asked) == ([said], [])


def test_a_webhook_that_is_not_there_is_an_error():
    """Made with a client of its own."""
    events = LiveEvents(EventSettings(webhook="http://127.0.0.1:1/in", retries=0, log=False), "acme", {})
    events.publish(EVENT)
    assert "ConnectError" in events.deliver()[0]
    events.close()
