"""`ctx` as a whole: its members, emit, memory, and contexts that a user's own test makes."""

import copy
import inspect

import pytest

from sbh_jobkit import ports
from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import PermissionDenied
from sbh_jobkit.fakes.context import FakeContext
from sbh_jobkit.fakes.world import World
from sbh_jobkit.schedule.times import instant, zone


@pytest.mark.parametrize(
    ("member", "signature"),
    [
        ("secrets.get", "(key, default)"),
        ("secrets.set", "(key, value)"),
        ("secrets.delete", "(key)"),
        ("secrets.list", "()"),
        ("secrets.has", "(key)"),
        ("http.get", "(url, params=None, headers=None)"),
        ("http.post", "(url, data=None, json=None, headers=None)"),
        ("http.put", "(url, data=None, json=None, headers=None)"),
        ("http.delete", "(url, headers=None)"),
        ("files.list", "(prefix='')"),
        ("files.get", "(key)"),
        ("files.upload", "(key, data, content_type='application/octet-stream')"),
        ("files.delete", "(key)"),
        ("files.get_presigned_url", "(key, operation='get_object', expires_in=3600)"),
        ("db.query", "(table, filters=None, limit=100, offset=0)"),
        ("db.get_by_id", "(table, id)"),
        ("db.count", "(table, filters=None)"),
        ("llm.run", "(prompt, model=None, temperature=0.7, max_tokens=1000)"),
        ("emit", "(event_type, payload)"),
        ("check_memory_usage", "()"),
    ],
)
def test_signatures_are_the_contracts(member, signature):
    """Every member takes what the contract's table says, by position or by name."""
    found = FakeContext("acme")
    for name in member.split("."):
        found = getattr(found, name)
    shown = [
        name if parameter.default is parameter.empty else f"{name}={parameter.default!r}"
        for name, parameter in inspect.signature(found).parameters.items()
    ]
    own = {"secrets.get": "(key, default)", "emit": "(event_type, payload)"}
    text = f"({', '.join(name.partition('=')[0] if member in own else name for name in shown)})"
    assert text == signature


@pytest.mark.parametrize(
    ("member", "port"),
    [
        ("secrets", ports.Secrets),
        ("http", ports.Http),
        ("files", ports.Files),
        ("db", ports.Database),
        ("llm", ports.Llm),
    ],
)
def test_every_service_fulfils_its_port(member, port):
    """A fake context is an instance of PluginContext."""
    assert isinstance(getattr(FakeContext("acme"), member), port)
    assert isinstance(FakeContext("acme"), ports.Context)


def test_a_job_sees_who_it_works_for(answered):
    """Tenant, user and role are the world's; a scheduled run has no request."""
    world = World("umbrella", user_id="u-1", role="admin")
    assert answered("[ctx.tenant_id, ctx.user_id, ctx.role, ctx.request]", world) == ["umbrella", "u-1", "admin", None]
    assert answered("[ctx.tenant_id, ctx.user_id, ctx.role]") == ["acme", None, None]
    assert answered("repr(ctx)") == "<PluginContext of tenant 'acme'>"


def test_a_context_can_be_made_alone():
    """A user's unit test makes `PluginContext("t")` and gets an empty tenant in which everything works."""
    from src.ext.sdk import PluginContext

    ctx = PluginContext("t-1", "u-1", role="admin")
    assert (ctx.tenant_id, ctx.user_id, ctx.role) == ("t-1", "u-1", "admin")
    assert ctx.files.list() == []
    assert ctx.files.upload("a", b"1") is True
    assert [file["key"] for file in ctx.files.list()] == ["a"]
    assert ctx.secrets.get("K") is None
    assert ctx.secrets.list() == {}
    assert ctx.http.get("https://api.example.com/")["status_code"] == 0
    assert ctx.llm.run("p")["model"] == "fake-llm"
    assert ctx.emit("x", {}) is None
    assert ctx.check_memory_usage() is True
    with pytest.raises(LookupError):
        ctx.db.query("users")


def test_two_contexts_made_alone_share_nothing():
    """Each has a tenant of its own."""
    one, two = FakeContext("t"), FakeContext("t")
    one.files.upload("a", b"1")
    one.secrets.set("K", "v")
    assert (two.files.list(), two.secrets.has("K")) == ([], False)


def test_a_context_of_a_world_uses_the_world():
    """`world.context()` is what a job sees, without a run."""
    world = World()
    world.secrets["K"] = "value"
    ctx = world.context()
    assert ctx.secrets.get("K") == "value"
    ctx.emit("x", {"a": 1})
    assert [(event.type, event.payload) for event in world.events] == [("x", {"a": 1})]


def test_a_context_of_a_plugin_has_its_permissions(loaded):
    """The manifest's permissions hold, unless the world overrides them."""
    plugin = loaded("pass", permissions=["db.read"])
    with pytest.raises(PermissionDenied):
        World().context(plugin).llm.run("p")
    assert World(permissions=["llm.use"]).context(plugin).llm.run("p")["text"] != ""


@pytest.mark.parametrize(
    ("given", "emitted"),
    [
        ("'order.paid', {'id': 5, 'lines': [1, None, True, 1.5, 'é']}", {"id": 5, "lines": [1, None, True, 1.5, "é"]}),
        ("'order.paid', {}", {}),
        ("'order.paid', None", None),
        ("'order.paid', [1, 2]", [1, 2]),
        ("event_type='order.paid', payload={'a': (1, 2), 3: 4}", {"a": [1, 2], "3": 4}),
    ],
)
def test_emit_publishes_json(ran, given, emitted):
    """An event has type, payload and virtual time, in the run and in the world."""
    world = World("acme", "Europe/Paris")
    run = ran(f"import time; time.sleep(2); return ctx.emit({given})", world)
    assert (run.value, run.faults) == (None, ())
    assert run.to_dict()["events"] == [{"type": "order.paid", "payload": emitted, "at": "2026-01-05T09:00:02+01:00"}]
    assert tuple(world.events) == run.events


def test_a_payload_is_copied(ran):
    """Changing what was emitted changes no event."""
    run = ran("""
        payload = {"items": []}
        for number in range(3):
            payload["items"].append(number)
            ctx.emit("grown", payload)
    """)
    assert [event.payload["items"] for event in run.events] == [[0], [0, 1], [0, 1, 2]]


ADVICE = "emit text, numbers, lists and dicts; write times with .isoformat()"


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ("{'at': __import__('datetime').date(2026, 1, 1)}", "Object of type date is not JSON serializable"),
        ("{'x': float('nan')}", "JSON cannot write NaN or Infinity"),
        ("{'x': float('inf')}", "JSON cannot write NaN or Infinity"),
        ("{'x': {1, 2}}", "Object of type set is not JSON serializable"),
        ("{'x': b'1'}", "Object of type bytes is not JSON serializable"),
        ("{(1, 2): 3}", "keys must be str, int, float, bool or None, not tuple"),
        ("object", "Object of type type is not JSON serializable"),
    ],
)
def test_a_payload_that_is_not_json_is_a_fault(faulted, payload, message):
    """`emit` never raises: such an event is not published, and the run says why."""
    world = World()
    value, fault = faulted(f"ctx.emit('order.paid', {payload})", world)
    told = f"payload of 'order.paid': {message}"
    assert (value, fault) == (None, ("payload-not-json", "ctx.emit", told, ADVICE))
    assert world.events == []


@pytest.mark.parametrize(
    "payload", ["loop = []; loop.append(loop)", "loop = []\nfor _ in range(100_000): loop = [loop]"]
)
def test_a_payload_without_end_is_a_fault(ran, payload):
    """A list that holds itself, or is too deep, is a fault too."""
    run = ran(f"{payload}\nctx.emit('deep', loop)")
    assert (run.outcome, [fault.kind for fault in run.faults]) == ("ok", ["payload-not-json"])


def test_no_secret_is_in_an_event(ran):
    """A secret's value stands in neither type nor payload."""
    world = World()
    world.secrets["KEY"] = "sk-12345"
    (event,) = ran("k = ctx.secrets.get('KEY'); ctx.emit('got.' + k, {k: k})", world).events
    assert (event.type, event.payload) == ("got.‹secret:KEY›", {"‹secret:KEY›": "‹secret:KEY›"})


def test_emit_needs_its_permission(faulted):
    """Without `emit_webhook`, `emit` raises PermissionDenied."""
    message = "ctx.emit needs the permission 'emit_webhook', which plugin.json does not list"
    assert faulted("ctx.emit('x', {})", permissions=["db.read"]) == (
        ["PermissionDenied", message],
        ("permission-denied", "ctx.emit", message, 'add "emit_webhook" to "permissions" in plugin.json'),
    )


def test_a_fault_names_the_plugins_innermost_line(ran):
    """The place is the plugin's own line, not its caller's and not the kit's."""
    run = ran("def ask():\n    return ctx.secrets.get('K')\nask()\nask()")
    assert [fault.place for fault in run.faults] == ["main.py:6", "main.py:6"]


@pytest.mark.parametrize(
    ("used", "limit", "enough"),
    [(0, 100, True), (89.9, 100, True), (90, 100, False), (100, 100, False), (150, 100, False), (150, 512, True)],
)
def test_memory_is_near_its_limit_from_ninety_percent(answered, used, limit, enough):
    """`check_memory_usage` answers False when it is time to stop."""
    world = World()
    world.memory.limit_mb = limit
    world.memory.use(used)
    assert answered("ctx.check_memory_usage()", world) is enough


def test_an_event_outside_of_a_run_has_the_worlds_zone():
    """A context made by hand takes its times from the clock that is open."""
    world = World("acme", "Asia/Tokyo")
    with VirtualClock(instant("2026-01-05T09:00", zone("Asia/Tokyo")), zone("Asia/Tokyo")):
        world.context().emit("x", {})
    assert world.events[0].at.isoformat() == "2026-01-05T09:00:00+09:00"


@pytest.mark.parametrize("kind", ["None", "5", "''", "[]"])
def test_an_event_has_a_type(faulted, kind):
    """An event whose type is no text is not published, and the run says why."""
    world = World()
    value, fault = faulted(f"ctx.emit({kind}, {{}})", world)
    message = f"an event's type must be text that is not empty, got {kind}"
    assert (value, fault) == (None, ("payload-not-json", "ctx.emit", message, None))
    assert world.events == []


MISSING_MEMBERS = [
    ("ctx.files.write", "ctx.files has no 'write'; did you mean 'upload'?"),
    ("ctx.files.uplod", "ctx.files has no 'uplod'; did you mean 'upload'?"),
    ("ctx.files.read", "ctx.files has no 'read'; did you mean 'get'?"),
    ("ctx.secrets.gett", "ctx.secrets has no 'gett'; did you mean 'get'?"),
    ("ctx.secrets.items", "ctx.secrets has no 'items'"),
    ("ctx.http.pots", "ctx.http has no 'pots'; did you mean 'post'?"),
    ("ctx.llm.rnu", "ctx.llm has no 'rnu'; did you mean 'run'?"),
    ("ctx.llm.chat", "ctx.llm has no 'chat'; did you mean 'run'?"),
    ("ctx.db.querry", "ctx.db has no 'querry'; did you mean 'query'?"),
    ("world.db.crate", "world.db has no 'crate'; did you mean 'create'?"),
    ("world.db.query", "world.db has no 'query'"),
    ("world.secrets.updat", "world.secrets has no 'updat'; did you mean 'update'?"),
    ("world.files.upload", "world.files has no 'upload'; did you mean 'write'?"),
    ("world.files.red_text", "world.files has no 'red_text'; did you mean 'read_text'?"),
    ("world.llm.replay", "world.llm has no 'replay'; did you mean 'reply'?"),
    ("world.memory.limit", "world.memory has no 'limit'; did you mean 'limit_mb'?"),
]


@pytest.mark.parametrize(("path", "sentence"), MISSING_MEMBERS, ids=[path for path, _ in MISSING_MEMBERS])
def test_a_missing_member(path, sentence):
    """The error names the service as the author calls it, and the nearest member; private names stay Python's."""
    world = World()
    service = world if path.startswith("world") else world.context()
    _, attribute, missing = path.split(".")
    service = getattr(service, attribute)
    with pytest.raises(AttributeError) as raised:
        getattr(service, missing)
    assert (str(raised.value), hasattr(service, missing), hasattr(service, "__fspath__")) == (sentence, False, False)


@pytest.mark.parametrize("name", ["files", "secrets", "http", "llm", "db"])
def test_a_copy_of_a_service(name):
    """A service can be copied although it answers names that it does not have."""
    service = getattr(World().context(), name)
    assert type(copy.copy(service)) is type(service)
