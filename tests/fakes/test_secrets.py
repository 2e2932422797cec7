"""`world.secrets` and `ctx.secrets`."""

import pytest

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.world import World


@pytest.fixture
def world():
    """Make a tenant with two secrets."""
    made = World()
    made.secrets["API_KEY"] = "k-12345"
    made.secrets["EMPTY"] = ""
    return made


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("ctx.secrets.get('API_KEY') == 'k-' + '12345'", True),
        ("ctx.secrets.get('API_KEY', 'other') == 'k-' + '12345'", True),
        ("ctx.secrets.get('EMPTY')", ""),
        ("ctx.secrets.get('NONE', 'default')", "default"),
        ("ctx.secrets.get('NONE', None)", None),
        ("ctx.secrets.get('NONE', default='')", ""),
        ("ctx.secrets.get(key='NONE', default=5)", 5),
        ("ctx.secrets.has('API_KEY')", True),
        ("ctx.secrets.has('EMPTY')", True),
        ("ctx.secrets.has('NONE')", False),
        ("list(ctx.secrets.list())", ["API_KEY", "EMPTY"]),
        ("ctx.secrets.set('NEW', 'value')", True),
        ("[ctx.secrets.set('NEW', 'value'), ctx.secrets.get('NEW') == 'val' + 'ue']", [True, True]),
        ("ctx.secrets.delete('API_KEY')", True),
        ("ctx.secrets.delete('EMPTY')", True),
        ("ctx.secrets.delete('NONE')", False),
        ("[ctx.secrets.delete('API_KEY'), ctx.secrets.delete('API_KEY'), ctx.secrets.has('API_KEY')]", [1, 0, 0]),
    ],
)
def test_what_a_job_is_answered(answered, world, expression, value):
    """Every member of `ctx.secrets`, as the contract's table has it; no permission is needed."""
    assert answered(expression, world, permissions=[]) == value


@pytest.mark.parametrize("expression", ["ctx.secrets.get('API_KEY')", "ctx.secrets.get(key='API_KEY')"])
def test_a_missing_secret_is_none_and_a_fault(faulted, expression):
    """A secret that is not set is None to the job, and the run says so with the line to paste."""
    value, fault = faulted(expression)
    assert value is None
    assert fault == (
        "secret-missing",
        "ctx.secrets.get",
        "secret 'API_KEY' is not set",
        'world.secrets["API_KEY"] = "…"',
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("set('KEY', 5)", "secret 'KEY' must be text, got a value of type int"),
        ("set('KEY', {'token': 't'})", "secret 'KEY' must be text, got a value of type dict"),
        ("set('', 'v')", "a secret's name must be text that is not empty, got ''"),
    ],
)
def test_what_is_no_secret_is_false_and_a_fault(faulted, call, message):
    """A job that sets what is not text is answered False, nothing is set, and the value is not shown."""
    world = World()
    advice = "set text: json.dumps(…) makes text of an object"
    assert faulted(f"ctx.secrets.{call}", world) == (False, ("secret-type", "ctx.secrets.set", message, advice))
    assert dict(world.secrets) == {}


@pytest.mark.parametrize(
    ("call", "value"),
    [("get(['KEY'])", None), ("get(5)", None), ("get(None, 'x')", "x"), ("has(['KEY'])", False), ("delete({})", False)],
)
def test_what_is_no_name_finds_nothing_and_is_a_fault(faulted, call, value):
    """A job that asks for a secret by what is not text is answered as if it were absent, and the run tells."""
    member, given = call.rstrip(")").split("(")
    message = f"a secret's name must be text, got {given.partition(', ')[0]}"
    assert faulted(f"ctx.secrets.{call}") == (value, ("secret-type", f"ctx.secrets.{member}", message, None))


def test_a_fault_can_be_allowed(ran):
    """A world that allows the kind of fault has a run that is fine, and still tells of it."""
    run = ran("return ctx.secrets.get('API_KEY')", World(allow=["secret-missing"]))
    assert (run.ok, run.verdict, run.summary) == (True, "ok", "")
    assert [(fault.kind, fault.allowed) for fault in run.faults] == [("secret-missing", True)]


def test_what_a_job_sets_the_next_run_has(ran, world):
    """Secrets belong to the tenant: a job's change outlives its run."""
    ran("ctx.secrets.set('TOKEN', 'token-1'); ctx.secrets.delete('API_KEY')", world)
    assert dict(world.secrets) == {"EMPTY": "", "TOKEN": "token-1"}


def test_the_author_sees_names_only(world):
    """No repr shows a value."""
    assert repr(world.secrets) == "<secrets: API_KEY, EMPTY>"
    assert repr(world.context().secrets) == "<secrets: API_KEY, EMPTY>"
    assert repr(World().secrets) == "<secrets: none>"


def test_the_store_is_a_mapping(world):
    """An author uses it as a dict."""
    world.secrets.update(MORE="m-12345")
    del world.secrets["EMPTY"]
    assert (len(world.secrets), list(world.secrets), "MORE" in world.secrets) == (2, ["API_KEY", "MORE"], True)
    assert world.secrets["MORE"] == "m-12345"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("KEY", 5, "secret 'KEY' must be text, got a value of type int"),
        ("KEY", None, "secret 'KEY' must be text, got a value of type NoneType"),
        ("KEY", b"bytes", "secret 'KEY' must be text, got a value of type bytes"),
        ("", "v", "a secret's name must be text that is not empty, got ''"),
        (5, "v", "a secret's name must be text that is not empty, got 5"),
    ],
)
def test_what_is_no_secret_is_refused(key, value, message):
    """A wrong name or value is refused where it is set, and the value is not shown."""
    with pytest.raises(WorldError) as refused:
        World().secrets[key] = value
    assert str(refused.value) == message
