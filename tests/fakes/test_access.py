"""What a service of an extension may use of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import pytest

from sbh_jobkit import World, hookimpl, ports
from sbh_jobkit.context.access import RunAccess
from sbh_jobkit.errors import ExtensionError, PermissionDenied


@dataclass
class Phone:
    """A service whose `ctx.phone` is what a test says."""

    open: Callable

    def snapshot(self):
        """Keep nothing."""

    def restore(self, state):
        """Have nothing."""


class Handset:
    """`ctx.phone`, which gives a job the whole access."""

    def __init__(self, access):
        """Take it."""
        self.access = access
        self.need, self.fault, self.shown, self.now = access.need, access.fault, access.shown, access.now


def phoned(opened=Handset, **more):
    """Make a world with a phone."""
    extension = ModuleType("acme_phone")
    extension.sbh_services = hookimpl(lambda: {"phone": Phone(opened)})
    extension.sbh_fault_kinds = hookimpl(lambda: {"line-busy": "nobody answered"})
    return World(extensions=[extension], **more)


def test_it_is_what_the_port_says(answered):
    """A fake access is a value that fulfils the port, of the run's zone and time."""
    world = phoned(tz="Asia/Tokyo")
    assert answered("[ctx.phone.access.zone.key, ctx.phone.now().isoformat()]", world) == [
        "Asia/Tokyo",
        "2026-01-05T09:00:00+09:00",
    ]
    names = {name for name in dir(ports.Access) if not name.startswith("_")}
    assert names <= {name for name in dir(RunAccess) if not name.startswith("_")}


def test_a_fault_of_its_own(faulted):
    """It has the member's name, the job's line, and the advice."""
    told = faulted("ctx.phone.fault('line-busy', 'call', 'nobody at 555', 'call later')", phoned())
    assert told == (None, ("line-busy", "ctx.phone.call", "nobody at 555", "call later"))


def test_a_fault_of_the_kits(faulted):
    """A service may report what the kit has a kind for."""
    assert faulted("ctx.phone.fault('file-type', 'fax', 'no text')", phoned())[1][0] == "file-type"


def test_a_fault_can_be_allowed(ran):
    """A service may report the kinds that its extension declares."""
    run = ran("ctx.phone.fault('line-busy', 'call', 'nobody')", phoned(allow="line-busy"))
    assert (run.ok, [fault.allowed for fault in run.faults]) == (True, [True])


def test_a_permission(answered, faulted):
    """The platform's own, as the manifest lists it."""
    assert answered("ctx.phone.need('call', 'send_email')", phoned()) is None
    message = "ctx.phone.call needs the permission 'send_email', which plugin.json does not list"
    advice = 'add "send_email" to "permissions" in plugin.json'
    told = faulted("ctx.phone.need('call', 'send_email')", phoned(), permissions=["db.read"])
    assert told == (["PermissionDenied", message], ("permission-denied", "ctx.phone.call", message, advice))


def test_a_secret(ran):
    """What is shown has names for values, and who lets them slip has a fault, once for each place."""
    world = phoned()
    world.secrets["PIN"] = "4711"
    run = ran("return [ctx.phone.shown('call', 'what was said', f'the pin is {n}') for n in (4711, 4711, 1)]", world)
    assert run.value == ["the pin is ‹secret:PIN›", "the pin is ‹secret:PIN›", "the pin is 1"]
    (fault,) = run.faults
    assert (fault.kind, fault.member, fault.message, fault.place) == (
        "secret-leaked",
        "ctx.phone.call",
        "secret 'PIN' is in what was said",
        "main.py:5",
    )


@pytest.mark.parametrize(
    ("expression", "member", "message"),
    [
        (
            "ctx.phone.fault('line-bussy', 'call', 'x')",
            "ctx.phone.call",
            "ctx.phone.call reports a fault 'line-bussy', and sbh_fault_kinds declares line-busy",
        ),
        (
            "ctx.phone.need('call', 'send_mail')",
            "ctx.phone.call",
            "ctx.phone.call asks for the unknown permission 'send_mail'; did you mean 'send_email'?",
        ),
        (
            "ctx.phone.need('call', 'fly')",
            "ctx.phone.call",
            (
                "ctx.phone.call asks for the unknown permission 'fly'; use one of db.read, db.write, emit_webhook, "
                "files.read, files.write, llm.use, outbound_http, send_email"
            ),
        ),
    ],
)
def test_an_extensions_mistake_shows_although_the_job_swallows_it(faulted, expression, member, message):
    """It raises, and is a fault of its own kind."""
    text = f"extension acme_phone: {message}"
    assert faulted(expression, phoned()) == (["ExtensionError", text], ("extension-failed", member, text, None))


def refusing(access):
    """Make a world that permits nothing."""
    access.need("ring", "db.write")


@pytest.mark.parametrize(
    ("opened", "message"),
    [
        (lambda access: access.need("call", "send_email"), "open of 'phone' must return what ctx.phone is, got None"),
        (lambda access: {}[access.zone.key], "open of 'phone' raised KeyError: 'UTC' (test_access.py:"),
        (
            lambda access: access.fault("torn", "open", "x"),
            "ctx.phone.open reports a fault 'torn', and sbh_fault_kinds declares line-busy",
        ),
    ],
)
def test_a_service_that_cannot_be_opened(faulted, opened, message):
    """The run says so once, in whatever the job wraps its calls."""
    (error, text), (kind, *_, told, advice) = faulted("ctx.phone", phoned(opened))
    assert (error, kind, told, advice) == ("ExtensionError", "extension-failed", text, None)
    assert text.startswith(f"extension acme_phone: {message}")


def test_a_service_that_nobody_may_open(faulted):
    """A permission may be needed for all of a service."""
    (error, _), (kind, member, *_) = faulted("ctx.phone", phoned(refusing), permissions=[])
    assert (error, kind, member) == ("PermissionDenied", "permission-denied", "ctx.phone.ring")


def test_outside_of_a_run():
    """A context made by hand of a world raises the same errors."""
    ctx = phoned(permissions=[]).context()
    with pytest.raises(PermissionDenied):
        ctx.phone.need("call", "send_email")
    with pytest.raises(ExtensionError):
        ctx.phone.fault("torn", "call", "x")
