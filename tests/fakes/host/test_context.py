"""The fault that a run on today's host gets for each divergence; the answers are in conformance.json."""

import numpy as np
import pytest

from sbh_jobkit.errors import WorldError
from sbh_jobkit.fakes.context import FakeContext
from sbh_jobkit.fakes.host.db import ROWS
from sbh_jobkit.fakes.world import World
from sbh_jobkit.plugin import divergences


@pytest.fixture
def world():
    """Make a tenant on today's host, with a little of everything."""
    made = World("acme", target="host")
    made.secrets["API_KEY"] = "k-12345"
    made.files.write("temp/a.log", b"a", modified="2026-01-05T08:00")
    made.db.insert("users", [{"name": "ann"}, {"name": "bob"}])
    made.db.insert("builds", {"status": "failed"})
    made.http.get("https://api.example.com/data").respond(json=[1])
    made.http.get("https://api.github.com/data").respond(json=[1])
    for name, kind, text in (
        ("vendor", "application/vnd.api+json", "{}"),
        ("sequence", "application/json-seq", "{}"),
        ("broken", "application/json", ""),
    ):
        made.http.get(f"https://api.github.com/{name}").respond(content=text, content_type=kind)
    return made


SAID = {
    "ctx.db.query('users', offset=1)": (
        "D1",
        "ctx.db.query",
        "today's host accepts no offset: ctx.db.query('users', offset=1) raises TypeError",
    ),
    "ctx.check_memory_usage()": (
        "D2",
        "ctx.check_memory_usage",
        "today's host has no ctx.check_memory_usage: it raises AttributeError",
    ),
    "ctx.db.query('builds')": (
        "D3",
        "ctx.db.query",
        "today's host has no row in 'builds': ctx.db.query returns []",
    ),
    "ctx.db.query('users')": (
        "D3",
        "ctx.db.query",
        "today's host has one row of its own in 'users': ctx.db.query returns that row",
    ),
    "ctx.db.count('users')": (
        "D3",
        "ctx.db.count",
        "today's host has one row of its own in 'users': ctx.db.count returns 1",
    ),
    "ctx.db.count('builds')": (
        "D3",
        "ctx.db.count",
        "today's host has no row in 'builds': ctx.db.count returns 0",
    ),
    "ctx.db.get_by_id('builds', 1)": (
        "D3",
        "ctx.db.get_by_id",
        "today's host has no row in 'builds': ctx.db.get_by_id returns None",
    ),
    "ctx.files.get('temp/a.log')": (
        "D4",
        "ctx.files.get",
        "today's host returns last_modified with the offset +00:00: ctx.files.get('temp/a.log')",
    ),
    "ctx.files.get('files/acme/temp/a.log')": (
        "D5",
        "ctx.files.get",
        "today's host does not find a file by its listed key: ctx.files.get('files/acme/temp/a.log') returns None",
    ),
    "ctx.files.delete('files/acme/temp/a.log')": (
        "D5",
        "ctx.files.delete",
        "today's host does not remove a file by its listed key: ctx.files.delete('files/acme/temp/a.log') returns True",
    ),
    "ctx.files.delete('nothing.txt')": (
        "D5",
        "ctx.files.delete",
        "today's host does not say that a file is absent: ctx.files.delete('nothing.txt') returns True",
    ),
    "ctx.files.get_presigned_url('files/acme/temp/a.log')": (
        "D5",
        "ctx.files.get_presigned_url",
        "today's host makes a link to no file of a listed key: ctx.files.get_presigned_url('files/acme/temp/a.log')",
    ),
    "ctx.secrets.get('API_KEY')": (
        "D6",
        "ctx.secrets.get",
        "today's host gives no secret to a job: ctx.secrets.get('API_KEY') returns None",
    ),
    "ctx.secrets.get('API_KEY', 'x')": (
        "D7",
        "ctx.secrets.get",
        "today's host accepts no default: ctx.secrets.get('API_KEY', …) raises TypeError",
    ),
    "ctx.secrets.has('API_KEY')": (
        "D7",
        "ctx.secrets.has",
        "today's host has no ctx.secrets.has: it raises AttributeError",
    ),
    "ctx.secrets.set('NEW', 'v-12345')": (
        "D39",
        "ctx.secrets.set",
        "today's host lets no job set a secret: ctx.secrets.set('NEW', …) returns False",
    ),
    "ctx.secrets.delete('API_KEY')": (
        "D39",
        "ctx.secrets.delete",
        "today's host lets no job delete a secret: ctx.secrets.delete('API_KEY') returns False",
    ),
    "ctx.secrets.list()": (
        "D39",
        "ctx.secrets.list",
        "today's host lists no secrets for a job: ctx.secrets.list() returns {}",
    ),
    "ctx.llm.run('Hello')['text']": (
        "D40",
        "ctx.llm.run",
        "today's host returns usage as an object: usage.total_tokens works, and usage['total_tokens'] fails",
    ),
    "ctx.db.get_by_id('builds', id=1)": (
        "D43",
        "ctx.db.get_by_id",
        "today's host calls it record_id: ctx.db.get_by_id('builds', id=1) raises TypeError",
    ),
    "ctx.files.get_presigned_url('a', 'read')": (
        "D44",
        "ctx.files.get_presigned_url",
        "today's host returns None for 'read' and 3600, and does not say why",
    ),
    "ctx.http.get('https://api.github.com/vendor')": (
        "D37",
        "ctx.http.get",
        "today's host reads no JSON of the content type 'application/vnd.api+json'",
    ),
    "ctx.http.get('https://api.github.com/sequence')": (
        "D37",
        "ctx.http.get",
        "today's host reads JSON of the content type 'application/json-seq'",
    ),
    "ctx.http.get('https://api.github.com/broken')": (
        "D38",
        "ctx.http.get",
        "today's host gives status_code 0 for a body that is no JSON: Expecting value: line 1 column 1 (char 0)",
    ),
    "ctx.http.get('https://api.github.com:443/data')": (
        "D8",
        "ctx.http.get",
        "today's host lets a job call only five hosts: GET to 'api.github.com:443' returns an error",
    ),
    "ctx.http.get('https://api.example.com/data')": (
        "D8",
        "ctx.http.get",
        "today's host lets a job call only five hosts: GET to 'api.example.com' returns an error",
    ),
}


@pytest.mark.parametrize(("expression", "fault"), SAID.items(), ids=SAID)
def test_a_run_says_what_the_host_does(faulted, world, expression, fault):
    """The fault names the divergence, the member, and what the host does with this very call; its advice is D's own."""
    assert faulted(expression, world)[1] == (*fault, divergences.table()[fault[0]].advice)


def test_a_list_of_files_differs_twice(ran, world):
    """Times and keys both: two faults of one call."""
    run = ran("return ctx.files.list('temp/')", world)
    assert run.value == [{"key": "files/acme/temp/a.log", "size": 1, "last_modified": "2026-01-05T08:00:00+00:00"}]
    assert [fault.line for fault in run.faults] == [
        "main.py:5: today's host returns last_modified with the offset +00:00: ctx.files.list('temp/') [D4]",
        "main.py:5: today's host lists keys with the prefix 'files/acme/': ctx.files.list('temp/') [D5]",
    ]


def test_a_time_is_in_utc(ran):
    """Whatever the schedule's zone, the host's own is UTC."""
    world = World(tz="America/New_York", target="host")
    world.files.write("a.txt", b"a", modified="2026-01-05T08:00")
    assert ran("return ctx.files.get('a.txt')['last_modified']", world).value == "2026-01-05T13:00:00+00:00"


@pytest.mark.parametrize(
    "expression",
    [
        "ctx.secrets.delete('NEW')",
        "ctx.files.list('nothing/')",
        "ctx.files.get('nothing.txt')",
        "ctx.files.upload('b.txt', 'b')",
        "ctx.files.delete('temp/a.log')",
        "ctx.files.get('acme/temp/a.log')",
        "ctx.files.get_presigned_url('temp/a.log')",
        "ctx.db.query('builds', {'status': 'success'})",
        "ctx.db.count('users', {'name': 'bob'})",
        "ctx.db.count('builds', {'status': 'success'})",
        "ctx.db.get_by_id('builds', 7)",
        "ctx.http.get('https://api.github.com/data')",
        "ctx.http.get('mailto:ann@example.com')",
        "ctx.llm.run('Hello', max_tokens=0)",
        "ctx.emit('done', {})",
    ],
)
def test_what_does_not_differ_is_the_same(ran, world, expression):
    """A call that the host answers as the guide has it leaves no fault, and the same answer."""
    on_host = ran(f"return {expression}", world)
    world.target = "guide"
    assert (on_host.error, on_host.faults) == (None, ())
    world.files.write("temp/a.log", b"a", modified="2026-01-05T08:00")
    world.secrets["API_KEY"] = "k-12345"
    assert on_host.value == ran(f"return {expression}", world).value


def test_each_line_says_it_once(ran, world):
    """A line that makes a hundred calls has one fault; another line has its own."""
    run = ran(
        "for _ in range(100):\n    ctx.db.count('builds')\n    ctx.secrets.get('API_KEY'); ctx.secrets.get('API_KEY')\n"
        "ctx.db.count('builds')",
        world,
    )
    assert [(fault.kind, fault.place) for fault in run.faults] == [
        ("D3", "main.py:6"),
        ("D6", "main.py:7"),
        ("D3", "main.py:8"),
    ]


def test_the_next_run_says_it_again(ran, world):
    """A divergence is reported once per run, and again in the next run."""
    assert [len(ran("ctx.db.count('builds')", world).faults) for _ in range(2)] == [1, 1]


def test_a_key_as_it_was_listed_removes_nothing(ran, world):
    """The host says True, and the file stays; the key without the prefix removes it."""
    run = ran("return [ctx.files.delete(file['key']) for file in ctx.files.list()]", world)
    assert (run.value, list(world.files), run.files) == ([True], ["temp/a.log"], ())
    body = "return [ctx.files.delete(f['key'].removeprefix(f'files/{ctx.tenant_id}/')) for f in ctx.files.list()]"
    assert (ran(body, world).value, list(world.files)) == ([True], [])


@pytest.mark.parametrize("target", ["guide", "host"])
def test_the_advice_on_times_holds_on_either_target(ran, target):
    """A job that compares timestamps, as D4 advises, finds the old file wherever it runs."""
    world = World(tz="America/New_York", target=target, allow=["D4", "D5"])
    world.files.write("old.log", age="30d")
    world.files.write("young.log", modified="2026-01-05T08:59:59")
    run = ran(
        """
        from datetime import datetime
        now = datetime.now().timestamp()
        return [now - datetime.fromisoformat(f["last_modified"]).timestamp() for f in ctx.files.list()]
        """,
        world,
    )
    assert (run.value, run.ok) == ([30 * 86_400.0, 1.0], True)


def test_a_key_that_begins_as_the_prefix_does_is_a_key(ran, world):
    """A file whose own key begins with the tenant's prefix is deleted by that key."""
    world.files.write("files/acme/own.txt", b"x")
    run = ran("return ctx.files.delete('files/acme/own.txt')", world)
    assert (run.value, run.faults, list(world.files)) == (True, (), ["temp/a.log"])


def test_a_refused_request_reaches_no_route(ran, world):
    """What the host does not send, no route sees; the run shows the request as one without an answer."""
    run = ran("return ctx.http.get('https://api.example.com/data', params={'page': 1})", world)
    error = "'api.example.com' is not a host that today's host allows"
    assert run.value == {"status_code": 0, "error": error, "text": "", "json": None}
    assert world.http.calls.call_count == 0
    assert [(call.method, call.url, call.status) for call in run.http_calls] == [
        ("GET", "https://api.example.com/data", 0)
    ]


def test_a_refused_request_shows_no_secret(ran, world):
    """A secret in the URL is a leak also where the request is not sent."""
    run = ran("ctx.http.get('https://api.example.com/?key=k-' + '12345')", world)
    assert [fault.kind for fault in run.faults] == ["D8", "secret-leaked"]
    assert run.http_calls[0].url == "https://api.example.com/?key=‹secret:API_KEY›"


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("ctx.db.query('users')", "permission-denied"),
        ("ctx.db.count('users')", "permission-denied"),
        ("ctx.db.get_by_id('users', 9)", "permission-denied"),
        ("ctx.files.list()", "permission-denied"),
        ("ctx.files.delete('files/acme/temp/a.log')", "permission-denied"),
        ("ctx.files.get_presigned_url('a', 'read')", "permission-denied"),
        ("ctx.http.get('https://api.example.com/data')", "permission-denied"),
        ("ctx.db.insert('users', {})", "db-write"),
    ],
)
def test_what_the_kit_refuses_it_refuses_here_too(faulted, world, expression, kind):
    """Permissions count before anything that the host does otherwise."""
    assert faulted(expression, world, permissions=[])[1][0] == kind


def test_other_faults_are_recorded_here_too(ran, world):
    """A missing secret, an unmatched route and a payload that is no JSON are faults on either target."""
    body = "ctx.secrets.get('NONE'); ctx.http.get('https://api.github.com/x'); ctx.emit('x', {'a': {1}})"
    kinds = ["secret-missing", "http-unmatched", "payload-not-json"]
    assert [fault.kind for fault in ran(body, world).faults] == kinds


def test_what_is_allowed_fails_no_run(ran, world):
    """An author whose job copes with a divergence says so by its id."""
    world.allow = ["D3"]
    run = ran("ctx.db.count('builds')", world)
    assert (run.ok, run.verdict, [(fault.kind, fault.allowed) for fault in run.faults]) == (True, "ok", [("D3", True)])
    world.allow = ["D4"]
    assert not ran("ctx.db.count('builds')", world).ok


def test_asking_whether_a_member_is_there(ran, world):
    """`hasattr` says what the host would say, and that is a divergence, too."""
    run = ran("return hasattr(ctx, 'check_memory_usage'), hasattr(ctx.secrets, 'has')", world)
    assert (run.value, [fault.kind for fault in run.faults]) == ((False, False), ["D2", "D7"])


def test_rows_may_hold_anything(ran):
    """Rows are compared also where their values cannot be."""
    world = World(target="host")
    world.db.insert("users", {"weights": np.array([1.0, 2.0]), "share": float("nan")})
    run = ran("return len(ctx.db.query('users'))", world)
    assert (run.value, [fault.kind for fault in run.faults]) == (1, ["D3"])


@pytest.mark.parametrize("table", ROWS)
def test_a_table_has_one_row_of_the_hosts(ran, table):
    """Whatever the tenant holds, and whatever the id; a tenant that holds just that row does not differ."""
    empty = ran(
        f"return ctx.db.query({table!r}), ctx.db.get_by_id({table!r}, 77), ctx.db.count({table!r})",
        World(target="host"),
    )
    assert (empty.value, {fault.kind for fault in empty.faults}) == (([ROWS[table]], ROWS[table], 1), {"D3"})
    same = World(target="host")
    same.db.insert(table, ROWS[table])
    assert ran(f"return ctx.db.query({table!r}), ctx.db.count({table!r})", same).faults == ()


def test_rows_are_copies_here_too(ran, world):
    """What a job does to the one row that it gets changes nothing."""
    body = "ctx.db.query('users')[0]['role'] = 'x'; ctx.db.get_by_id('users', 1).clear(); return ctx.db.query('users')"
    assert ran(body, world).value == [ROWS["users"]]
    assert world.db.rows("users") == [{"id": 1, "name": "ann"}, {"id": 2, "name": "bob"}]


def test_a_listing_ends(ran):
    """After 1,000 files, in the order of the keys; what is not listed is there."""
    world = World(target="host")
    for number in range(1_002):
        world.files.write(f"{number:04}.txt", b"x")
    run = ran("return ctx.files.list()[-1]['key'], len(ctx.files.list()), ctx.files.get('1001.txt')['size']", world)
    assert run.value == ("files/acme/0999.txt", 1_000, 1)
    (message,) = {fault.message for fault in run.faults if fault.kind == "D5"}
    assert (
        message == "today's host lists keys with the prefix 'files/acme/', and only 1,000 of 1,002: ctx.files.list('')"
    )


def test_a_world_can_change_its_target(ran, world):
    """Each run uses the target that is set when it starts."""
    kinds = []
    for target in ("guide", "host", "guide"):
        world.target = target
        kinds.append([fault.kind for fault in ran("ctx.secrets.get('API_KEY')", world).faults])
    assert kinds == [[], ["D6"], []]
    assert isinstance(world.context(), FakeContext)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: World(target="hots"), "unknown target 'hots'; did you mean 'host'?"),
        (lambda: World(target=""), "unknown target ''; use one of guide, host"),
        (lambda: World(target=None), "unknown target None; use one of guide, host"),
        (lambda: World(target=["host"]), "unknown target ['host']; did you mean 'host'?"),
        (lambda: World(allow=["D47"]), "unknown kind of fault 'D47'; did you mean 'D7'?"),
        (lambda: World(allow=[5]), "unknown kind of fault 5; did you mean 'D5'?"),
        (lambda: World(allow=5), "a kind of fault must be a name or a list of names, got 5"),
    ],
)
def test_a_wrong_target_is_refused(make, message):
    """A target has a name, and so has what is allowed; what concerns no job cannot be allowed."""
    with pytest.raises(WorldError) as refused:
        make()
    assert str(refused.value) == message


def test_what_no_run_meets_cannot_be_allowed():
    """Divergences of routes, manifests and the platform are no faults of a run."""
    with pytest.raises(WorldError, match="unknown kind of fault 'D25'"):
        World(allow=["D25"])
