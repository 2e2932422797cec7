"""What the contract promises of a job's `ctx` beyond the results of its calls: its members, its errors, its links."""

import inspect

import pytest

from sbh_jobkit import FaultPlan, Outage, StorageFull, ports, simulate
from sbh_jobkit.fakes.world import World

SERVICES = {"secrets": ports.Secrets, "http": ports.Http, "files": ports.Files, "db": ports.Database, "llm": ports.Llm}


def public(value):
    """Return the names that do not begin with `_`."""
    return {name for name in dir(value) if name[0] != "_"}


@pytest.mark.parametrize("target", ["guide", "host"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_knows_exactly_the_contracts_members(service, target):
    """Nothing that works in a simulation is missing on the platform."""
    ctx = World(target=target).context()
    names = {name for name, _ in inspect.getmembers(SERVICES[service], inspect.isfunction) if name[0] != "_"}
    assert public(getattr(ctx, service)) == names


@pytest.mark.parametrize("target", ["guide", "host"])
def test_the_context_knows_exactly_the_contracts_members(target):
    """Extensions add theirs; a plain world has none."""
    assert public(World(target=target).context()) == ports.MEMBERS


MISTAKES = {
    "ctx.emit('done')": "ctx.emit() missing 1 required positional argument: 'payload'",
    "ctx.emit()": "ctx.emit() missing 2 required positional arguments: 'event_type' and 'payload'",
    "ctx.emit('done', {}, 5)": "ctx.emit() takes 3 positional arguments but 4 were given",
    "ctx.emit('done', data={})": "ctx.emit() got an unexpected keyword argument 'data'",
    "ctx.secrets.get()": "ctx.secrets.get() missing 1 required positional argument: 'key'",
    "ctx.secrets['KEY']": "'ctx.secrets' object is not subscriptable",
    "'KEY' in ctx.secrets": "argument of type 'ctx.secrets' is not iterable",
    "dict(ctx.secrets)": "'ctx.secrets' object is not iterable",
    "ctx.secrets.keys()": "ctx.secrets has no 'keys'",
    "ctx.files.upload('a')": "ctx.files.upload() missing 1 required positional argument: 'data'",
    "ctx.files()": "'ctx.files' object is not callable",
    "len(ctx.files)": "object of type 'ctx.files' has no len()",
    "ctx.http.get()": "ctx.http.get() missing 1 required positional argument: 'url'",
    "ctx.http.patch('https://x.example')": "ctx.http has no 'patch'; did you mean 'put'?",
    "ctx.http.get('https://x.example', timeout=5)": "ctx.http.get() got an unexpected keyword argument 'timeout'",
    "ctx.db.query()": "ctx.db.query() missing 1 required positional argument: 'table'",
    "ctx.db['users']": "'ctx.db' object is not subscriptable",
    "ctx.db.querry('users')": "ctx.db has no 'querry'; did you mean 'query'?",
    "ctx.llm('hello')": "'ctx.llm' object is not callable",
    "json.dumps(ctx.llm)": "Object of type ctx.llm is not JSON serializable",
    "ctx['tenant_id']": "'PluginContext' object is not subscriptable",
    "list(ctx)": "'PluginContext' object is not iterable",
    "ctx()": "'PluginContext' object is not callable",
    "ctx.check_memory_usage(5)": "ctx.check_memory_usage() takes 1 positional argument but 2 were given",
}


@pytest.mark.parametrize(("call", "message"), MISTAKES.items(), ids=MISTAKES)
def test_an_error_names_what_the_author_wrote(ran, call, message):
    """A wrong call is an error in the author's words: no class of the kit is in it."""
    run = ran(f"import json\n{call}")
    assert (run.outcome, run.error.message) == ("crashed", message)


@pytest.mark.parametrize("shown", ["secrets", "http", "files", "db", "llm"])
def test_a_service_is_shown_by_its_name(ran, shown):
    """`print(ctx.files)` prints neither a class nor an address."""
    assert ran(f"print(ctx.{shown})").stdout == ("<secrets: none>\n" if shown == "secrets" else f"<ctx.{shown}>\n")


# --- links ---

LINK = "ctx.files.get_presigned_url"
LINKS = {
    "a link gives the bytes": (f"ctx.http.get({LINK}('a.txt'))", (200, "hello")),
    "all is well until the last second": (
        f"(url := {LINK}('a.txt'), time.sleep(3599)) and ctx.http.get(url)",
        (200, "hello"),
    ),
    "a link expires": (
        f"(url := {LINK}('a.txt'), time.sleep(3600)) and ctx.http.get(url)",
        (403, "the link has expired"),
    ),
    "a link expires when it was asked to": (
        f"(url := {LINK}('a.txt', expires_in=60), time.sleep(61)) and ctx.http.get(url)",
        (403, "the link has expired"),
    ),
    "a key may have any characters": (
        f"ctx.files.upload('ä b/50%&?=#.txt', 'x') and ctx.http.get({LINK}('ä b/50%&?=#.txt'))",
        (200, "x"),
    ),
    **{
        f"the key {key!r}": (
            f"ctx.http.put({LINK}({key!r}, 'put_object'), 'x') and ctx.http.get({LINK}(ctx.files.get({key!r})['key']))",
            (200, "x"),
        )
        for key in (
            "a/../b",
            "./c",
            ".",
            "..",
            "a/..",
            "x/./../y",
            "/d",
            "e//f",
            "g/",
            "...",
            ".h/..i",
            "%2E%2E/j",
            "k\\..\\l",
        )
    },
    "a link to no file": (f"ctx.http.get({LINK}('none.txt'))", (404, "there is no file 'none.txt'")),
    "a link to a file that is gone": (
        f"(url := {LINK}('a.txt'), ctx.files.delete('a.txt')) and ctx.http.get(url)",
        (404, "there is no file 'a.txt'"),
    ),
    "a link to a file that comes later": (
        f"(url := {LINK}('new.txt'), ctx.files.upload('new.txt', 'new')) and ctx.http.get(url)",
        (200, "new"),
    ),
    "another key": (f"ctx.http.get({LINK}('a.txt').replace('a.txt', 'b.txt'))", (403, "the signature is wrong")),
    "another operation": (
        f"ctx.http.put({LINK}('a.txt').replace('get_', 'put_'), 'x')",
        (403, "the signature is wrong"),
    ),
    "a later end": (
        f"ctx.http.get({LINK}('a.txt').replace('expires=1', 'expires=2'))",
        (403, "the signature is wrong"),
    ),
    "a link to store stores": (f"ctx.http.put({LINK}('b.txt', 'put_object'), 'new')", (200, "")),
    "a link to store is not one to read": (
        f"ctx.http.get({LINK}('a.txt', 'put_object'))",
        (403, "the link is for put_object, not for GET"),
    ),
    "a link to read is not one to store": (
        f"ctx.http.put({LINK}('a.txt'), 'x')",
        (403, "the link is for get_object, not for PUT"),
    ),
    "no link deletes": (f"ctx.http.delete({LINK}('a.txt'))", (403, "the link is for get_object, not for DELETE")),
    "nobody posts": (
        f"ctx.http.post({LINK}('a.txt', 'put_object'), 'x')",
        (403, "the link is for put_object, not for POST"),
    ),
}


@pytest.mark.parametrize(("call", "answer"), LINKS.values(), ids=LINKS)
def test_the_storage_answers_its_links(ran, call, answer):
    """`ctx.http` of a link is an ordinary answer, and no fault."""
    world = World(time_limit=7200)
    world.files.write("a.txt", "hello")
    run = ran(f"import time\nanswer = {call}\nreturn [answer['status_code'], answer['text']]", world)
    assert (run.value, run.faults, run.error) == ([*answer], (), None)


def test_what_a_link_stores_is_a_file(ran):
    """With its content type, and among the changes of the run."""
    world = World()
    body = f"ctx.http.put({LINK}('r.json', 'put_object'), '{{}}', headers={{'Content-Type': 'application/json'}})"
    run = ran(body, world)
    assert (world.files.read("r.json"), [(change.action, change.key) for change in run.files]) == (
        b"{}",
        [("uploaded", "r.json")],
    )
    assert ran("return ctx.files.get('r.json')['content_type']", world).value == "application/json"


def test_a_link_gives_json_as_json(ran):
    """The answer has the file's content type, so that a job can keep its state in a file and read it back."""
    kept = "ctx.files.upload('state.json', '[3]', 'application/json')"
    body = f"{kept}\nreturn ctx.http.get({LINK}('state.json'))['json']"
    assert ran(body).value == [3]


def test_a_link_outlives_its_run(ran):
    """A later run may use it, as an administrator could; a copy of the world serves it, too."""
    world = World()
    world.files.write("a.txt", "hello")
    url = ran(f"return {LINK}('a.txt')", world).value
    later = ran(f"return ctx.http.get({url!r})['text']", world, at="2026-01-05T09:59:59")
    copied = ran(f"return ctx.http.get({url!r})['text']", world.at(world.snapshot()), at="2026-01-05T09:30")
    other = ran(f"return ctx.http.get({url!r})['text']", World("globex"))
    assert (later.value, copied.value, other.value) == ("hello", "hello", "the signature is wrong")


def test_a_route_answers_before_the_storage(ran):
    """What an author writes into world.py counts."""
    world = World()
    world.http.get(url__startswith="https://files.example/").respond(503)
    assert ran(f"return ctx.http.get({LINK}('a.txt'))['status_code']", world).value == 503


def test_an_address_of_the_storage_that_is_no_link(ran):
    """It is an unmatched request, as ever."""
    run = ran("return ctx.http.get('https://files.example/a.txt')['status_code']")
    assert (run.value, [fault.kind for fault in run.faults]) == (0, ["http-unmatched"])


@pytest.mark.parametrize(
    ("fault", "answer"),
    [
        (StorageFull("2026-01-05T00:00", "2026-01-06T00:00"), (507, "the storage is full")),
        (Outage("files", "2026-01-05T00:00", "2026-01-06T00:00"), (0, "")),
    ],
)
def test_injected_faults_of_the_storage_count_for_links(loaded, fault, answer):
    """A link has the same storage behind it."""
    body = f"answer = ctx.http.put({LINK}('b.txt', 'put_object'), 'x')\nreturn [answer['status_code'], answer['text']]"
    plan = FaultPlan(fault)
    (run,) = simulate(loaded(body), World(), start="2026-01-05T08:00", duration="2h", faults=plan).runs
    assert run.value == [*answer]


SQL = {
    "SELECT * FROM orders": ("SELECT * FROM orders", "orders"),
    "select id\n  from `orders`\n  where id = 5": ("select id from `orders` where id = 5", "orders"),
    "UPDATE orders SET n = 1": ("UPDATE orders SET n = 1", "orders"),
    "insert into app.orders values (1)": ("insert into app.orders values (1)", "app.orders"),
    "DELETE FROM orders": ("DELETE FROM orders", "orders"),
    "SELECT one, two, three, four, five, six, seven, eight, nine, ten, eleven FROM orders": (
        "SELECT one, two, three, four, five, six, seven, eight, nine,…",
        "orders",
    ),
    "SHOW TABLES": ("SHOW TABLES", "users"),
    "orders WHERE id = 1": ("orders WHERE id = 1", "orders"),
    "orders; DROP TABLE users": ("orders; DROP TABLE users", "users"),
    "orders o JOIN deals d ON 1 = 1": ("orders o JOIN deals d ON 1 = 1", "orders"),
    "(SELECT 1)": ("(SELECT 1)", "users"),
}


@pytest.mark.parametrize("member", ["query", "count"])
@pytest.mark.parametrize("text", SQL)
def test_sql_is_not_a_table(ran, text, member):
    """The error says so in one line, and how to ask instead."""
    shown, table = SQL[text]
    message = f"{shown!r} is SQL; give the name of a table, and filters: ctx.db.query({table!r}, {{'id': 1}})"
    world = World()
    world.db.create("orders")
    run = ran(f"ctx.db.{member}({text!r})", world)
    assert (run.error.message, [fault.line for fault in run.faults]) == (
        message,
        [f"main.py:5: {message} [table-unknown]"],
    )


@pytest.mark.parametrize("name", ["selections", "update_log", "with", "orders; DROP TABLE orders", "show case"])
def test_a_table_may_have_such_a_name(ran, name):
    """A table that the world has is read, whatever its name begins with."""
    world = World()
    world.db.create(name)
    run = ran(f"return ctx.db.query({name!r})", world)
    assert (run.value, run.error) == ([], None)
