import logging

import pytest
import sbh_email

from sbh_jobkit import Plugin, World, run_job, simulate
from sbh_jobkit.plugin.sdk import job


@job("remind", schedule="0 8 * * *")
def remind(ctx):
    for user in ctx.db.query("users"):
        ctx.email.send(user["email"], "Reminder", f"Hello {user['name']}, your seat ends {user.get('ends', 'soon')}.")


plugin = Plugin.load({"remind": remind}, manifest={"slug": "reminders", "name": "Reminders"})


def tenant(**more):
    world = World("acme", extensions=[sbh_email], **more)
    world.db.insert("users", {"name": "Ada", "email": "ada@example.com"})
    return world


def test_emails_are_kept():
    """`world.email.sent` has what a job sent, when, and from which address."""
    world = tenant(tz="Europe/Paris")
    assert run_job(plugin.jobs["remind"], world, at="2026-01-02T08:00").ok
    (email,) = world.email.sent
    assert (email.sender, email.to) == ("reminders@acme.example", "ada@example.com")
    assert (email.subject, email.body) == ("Reminder", "Hello Ada, your seat ends soon.")
    assert email.at.isoformat() == "2026-01-02T08:00:00+01:00"


def test_the_author_may_set_the_sender():
    """The extension sets a sender only if the author has not set one."""
    world = tenant()
    world.email.sender = "office@example.com"
    run_job(plugin.jobs["remind"], world, at="2026-01-02T08:00")
    assert [email.sender for email in world.email.sent] == ["office@example.com"]


def test_an_invalid_address(caplog):
    """The job ignores the result of `send`, but the run has the fault, and it is logged."""
    world = tenant()
    world.db.insert("users", {"name": "Grace", "email": "grace at example"})
    run = run_job(plugin.jobs["remind"], world, at="2026-01-02T08:00")
    assert [(fault.kind, fault.member) for fault in run.faults] == [("email-invalid", "ctx.email.send")]
    assert run.summary == "email-invalid: 'grace at example' is not an email address"
    assert [email.to for email in world.email.sent] == ["ada@example.com"]
    logged = f"on call: <Run remind 2026-01-02 08:00 UTC: faulty: {run.summary}>"
    assert caplog.record_tuples == [("sbh_email", logging.WARNING, logged)]


def test_the_kind_can_be_allowed():
    """A world can allow this kind of fault, like the kit's own kinds."""
    world = tenant(allow=["email-invalid"])
    world.db.update("users", {}, {"email": "nowhere"})
    assert run_job(plugin.jobs["remind"], world, at="2026-01-02T08:00").ok


def test_a_tenant_without_the_permission():
    """Without the permission `send_email`, sending fails."""
    world = tenant(permissions=["db.read"])
    run = run_job(plugin.jobs["remind"], world, at="2026-01-02T08:00")
    message = "ctx.email.send needs the permission 'send_email', which the permissions of the world do not list"
    assert run.summary.endswith(message)


@pytest.mark.parametrize("part", ["subject", "body"])
def test_no_secret_belongs_in_an_email(part):
    """A secret in an email is a fault, and the kept email has the secret's name instead."""

    @job("leak")
    def leak(ctx):
        given = {"to": "ada@example.com", "subject": "Key", "body": "…", part: f"it is {ctx.secrets.get('KEY')}"}
        ctx.email.send(**given)

    world = tenant()
    world.secrets["KEY"] = "sk-12345"
    run = run_job(leak, world)
    assert run.summary == f"secret-leaked: secret 'KEY' is in the {part} of an email"
    assert getattr(world.email.sent[0], part) == "it is ‹secret:KEY›"


def test_a_month():
    """Thirty reminders are sent in thirty days; a restored world has none of them."""
    world = tenant()
    before = world.email.snapshot()
    assert simulate(plugin, world).ok
    assert len(world.email.sent) == 30
    world.email.restore(before)
    assert world.email.sent == []
