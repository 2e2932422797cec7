"""`world.db` and `ctx.db`."""

import sys
from datetime import timedelta
from decimal import Decimal

import pytest
from pandas import DataFrame, Timestamp

from sbh_jobkit.errors import FilterError, UnknownTableError, WorldError
from sbh_jobkit.fakes.world import World

ANN = {"id": 1, "name": "ann", "age": 30, "tags": ["a"], "address": {"city": "Oslo"}, "seen": "2026-01-04T10:00:00"}
BOB = {"id": 2, "name": "bob", "age": None, "tags": [], "address": {"city": "Bonn"}, "seen": "2026-01-02T10:00:00"}
CYD = {"id": 3, "name": "cyd", "age": 20, "tags": [], "address": {"city": "Oslo"}, "seen": "2026-01-05T08:00:00"}


@pytest.fixture
def world():
    """Make a tenant with three users, an empty table and one with text ids."""
    made = World()
    made.db.insert("users", [{key: value for key, value in row.items() if key != "id"} for row in (ANN, BOB, CYD)])
    made.db.create("orders")
    made.db.insert("projects", {"id": "p-1", "name": "first"})
    return made


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("ctx.db.query('users')", [ANN, BOB, CYD]),
        ("ctx.db.query('users', None)", [ANN, BOB, CYD]),
        ("ctx.db.query('users', {})", [ANN, BOB, CYD]),
        ("ctx.db.query('orders')", []),
        ("ctx.db.query('orders', {'a': 1})", []),
        ("ctx.db.query('users', {'name': 'bob'})", [BOB]),
        ("ctx.db.query(table='users', filters={'age': {'$gte': 20}})", [ANN, CYD]),
        ("ctx.db.query('users', {'address.city': 'Oslo', 'age': {'$lt': 30}})", [CYD]),
        ("ctx.db.query('users', {'seen': {'$gte': __import__('datetime').datetime(2026, 1, 4)}})", [ANN, CYD]),
        ("ctx.db.query('users', {'seen': {'$lt': '2026-01-04'}})", [BOB]),
        ("ctx.db.query('users', limit=2)", [ANN, BOB]),
        ("ctx.db.query('users', limit=2, offset=1)", [BOB, CYD]),
        ("ctx.db.query('users', None, 1, 2)", [CYD]),
        ("ctx.db.query('users', offset=3)", []),
        ("ctx.db.query('users', limit=0)", []),
        ("ctx.db.query('users', {'address.city': 'Oslo'}, limit=1)", [ANN]),
        ("ctx.db.query('users', {'address.city': 'Oslo'}, limit=1, offset=1)", [CYD]),
        ("ctx.db.query('users', {'address.city': 'Oslo'}, offset=2)", []),
        ("ctx.db.get_by_id('users', 2)", BOB),
        ("ctx.db.get_by_id(table='projects', id='p-1')", {"id": "p-1", "name": "first"}),
        ("ctx.db.get_by_id('users', 9)", None),
        ("ctx.db.get_by_id('users', '2')", None),
        ("ctx.db.get_by_id('users', None)", None),
        ("ctx.db.get_by_id('users', {'$gt': 0})", None),
        ("ctx.db.count('users')", 3),
        ("ctx.db.count('orders')", 0),
        ("ctx.db.count('users', {'address.city': 'Oslo'})", 2),
        ("ctx.db.count(table='users', filters={'age': {'$exists': False}})", 0),
    ],
)
def test_what_a_job_is_answered(answered, world, expression, value):
    """Every member of `ctx.db`, as the contract's table has it, rows in the order of insertion."""
    assert answered(expression, world) == value


@pytest.mark.parametrize("target", ["guide", "host"])
@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("ctx.db.query('users')", {"guide": 3, "host": 1}),
        ("ctx.db.query('users', {'name': 'bob'})", {"guide": 1, "host": 1}),
        ("ctx.db.query('users', limit=0)", {"guide": 0, "host": 1}),
        ("ctx.db.query('users') + ctx.db.query('users')", {"guide": 6, "host": 2}),
        ("ctx.db.query('projects') + ctx.db.query('orders')", {"guide": 1, "host": 1}),
        ("ctx.db.query('plugin_jobs')", {"guide": 1, "host": 0}),
        ("ctx.db.get_by_id('users', 2)", {"guide": 1, "host": 1}),
        ("ctx.db.get_by_id('users', 9)", {"guide": 0, "host": 1}),
        ("ctx.db.count('users')", {"guide": 0, "host": 0}),
        ("ctx.db.query('nowhere')", {"guide": 0, "host": 0}),
    ],
)
def test_a_run_knows_how_many_rows_it_read(ran, world, target, expression, rows):
    """`rows_read` counts the rows that were returned, on either target, not rows that were only counted."""
    world.target = target
    assert ran(expression, world).rows_read == rows[target]


def test_a_query_returns_a_hundred_rows_by_default(answered):
    """The default limit is the contract's."""
    world = World()
    world.db.insert("users", [{"n": number} for number in range(250)])
    pages = "[len(ctx.db.query('users')), len(ctx.db.query('users', {'n': {'$gte': 0}})), ctx.db.count('users')]"
    assert answered(pages, world) == [100, 100, 250]
    assert answered("[row['n'] for row in ctx.db.query('users', limit=1000, offset=248)]", world) == [248, 249]


def test_rows_are_copies(ran, world):
    """Whatever a job does to a row, however deep, changes neither the tenant nor the next answer."""
    run = ran(
        """
        for row in ctx.db.query('users') + [ctx.db.get_by_id('users', 1)]:
            row['name'] = 'changed'
            row['tags'].append('changed')
            row['address']['city'] = 'changed'
        return ctx.db.query('users')
        """,
        world,
    )
    assert run.value == [ANN, BOB, CYD]
    assert world.db.rows("users") == [ANN, BOB, CYD]


def test_what_an_author_inserts_is_copied():
    """An author's own dicts may change afterwards, and what `rows` answers may, too."""
    world, row = World(), {"id": 1, "tags": ["a"]}
    world.db.insert("users", row)
    row["tags"].append("b")
    world.db.rows("users")[0]["tags"].append("c")
    assert world.db.rows("users") == [{"id": 1, "tags": ["a"]}]


@pytest.mark.parametrize("name", ["insert", "update", "delete", "execute", "create", "upsert", "save", "commit"])
@pytest.mark.parametrize("permissions", [["db.read"], []])
def test_a_job_that_wants_to_write_is_refused(faulted, world, name, permissions):
    """The database is read-only to a job, whatever its manifest permits, and who tries is told what there is."""
    message = f"ctx.db is read-only to a job: {name} is not offered; it has query, get_by_id and count"
    advice = "keep what a job makes with ctx.files.upload, or send it to an API with ctx.http"
    value, fault = faulted(f"ctx.db.{name}('users', {{'name': 'dan'}})", world, permissions=permissions)
    assert value == ["PermissionDenied", message]
    assert fault == ("db-write", f"ctx.db.{name}", message, advice)
    assert world.db.rows("users") == [ANN, BOB, CYD]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("ctx.db.querry('users')", "ctx.db has no 'querry'; did you mean 'query'?"),
        ("ctx.db.get_by_ID('users', 1)", "ctx.db has no 'get_by_ID'; did you mean 'get_by_id'?"),
        ("ctx.db.mogrify", "ctx.db has no 'mogrify'"),
    ],
)
def test_what_the_database_has_not_is_an_attribute_error(ran, world, expression, message):
    """Any other name is unknown, as to every object of Python, and the nearest is named."""
    run = ran(expression, world)
    assert (run.error.type, run.error.message, run.error.place, run.faults) == (
        "AttributeError",
        message,
        "main.py:5",
        (),
    )


def test_what_a_job_may_ask_the_database_for_can_be_looked_up(answered):
    """`hasattr` and copies work as on every object."""
    expression = "[hasattr(ctx.db, 'query'), hasattr(ctx.db, 'find'), __import__('copy').copy(ctx.db).count('users')]"
    world = World()
    world.db.create("users")
    assert answered(expression, world) == [True, False, 0]


class Counted(str):
    """Text that counts how often a filter has looked at it."""

    __slots__ = ()
    looks = 0
    __hash__ = str.__hash__

    def __eq__(self, other):
        """Count."""
        Counted.looks += 1
        return str(self) == other


def test_paging_looks_at_each_row_once(answered):
    """A job that goes through a large table page by page does not make each page dearer than the last."""
    world = World()
    world.db.insert("orders", [{"state": Counted("open" if number % 2 else "paid")} for number in range(2_000)])
    world.db.insert("users", [{"n": 1}])
    Counted.looks = 0
    pages = "[ctx.db.query('orders', {'state': 'open'}, offset=10 * page, limit=10) for page in range(120)]"
    among = "[ctx.db.query('users', {'n': 1}), ctx.db.get_by_id('users', 1)]"  # what a job looks up between two pages
    ids = answered(f"[row['id'] for page in {pages} for row in page if {among}]", world)
    assert ids == list(range(2, 2_001, 2))
    assert Counted.looks == 2_000


def test_pages_may_be_asked_for_by_threads(answered):
    """Each thread of a job gets its page, whole and in order."""
    world = World()
    world.db.insert("orders", [{"state": "open" if number % 2 else "paid"} for number in range(2_000)])
    ask = "lambda page: [row['id'] for row in ctx.db.query('orders', {'state': 'open'}, offset=10 * page, limit=10)]"
    pool = "__import__('concurrent.futures').futures.ThreadPoolExecutor(8)"
    ids = answered(f"[id for page in {pool}.map({ask}, range(100)) for id in page]", world)
    assert ids == list(range(2, 2_001, 2))


def test_a_first_page_looks_no_further(answered):
    """The search does not continue after the page's last row."""
    world = World()
    world.db.insert("orders", [{"state": Counted("open")} for _ in range(2_000)])
    Counted.looks = 0
    assert len(answered("ctx.db.query('orders', {'state': 'open'}, limit=5)", world)) == 5
    assert Counted.looks == 5


@pytest.mark.parametrize(
    ("change", "ids"),
    [
        (lambda db: db.insert("t", {"v": 1}), [1, 2, 3, 5]),
        (lambda db: db.update("t", {"id": 4}, {"v": 1}), [1, 2, 3, 4]),
        (lambda db: db.update("t", {"id": 1}, {"v": 2}), [2, 3]),
        (lambda db: db.delete("t", {"id": 1}), [2, 3]),
        (lambda db: db.delete("t"), []),
        (lambda db: db.insert("other", {"v": 1}), [1, 2, 3]),
    ],
)
def test_a_changed_table_is_looked_at_anew(change, ids):
    """What was found before a change is forgotten with it, also in the middle of the pages."""
    world = World()
    world.db.insert("t", [{"v": 1}, {"v": 1}, {"v": 1}, {"v": 2}])
    ctx = world.context()
    assert [row["id"] for row in ctx.db.query("t", {"v": 1}, limit=2)] == [1, 2]
    change(world.db)
    assert [row["id"] for row in ctx.db.query("t", {"v": 1})] == ids


@pytest.mark.parametrize(
    ("first", "second", "ids"),
    [
        ({"v": 1}, {"v": 2}, [[1], [2]]),
        ({"v": {"$in": [1, 2]}}, {"v": {"$in": [2, 3]}}, [[1, 2], [2, 3]]),
        ({"v": {"$gt": 1}}, {"v": {"$gte": 1}}, [[2, 3], [1, 2, 3]]),
        ({"v": {"$in": (1,)}}, {"v": {"$in": (1, 2)}}, [[1], [1, 2]]),
        ({"v": Decimal(1)}, {"v": Decimal(2)}, [[1], [2]]),
        ({"v": {"$in": {1, 2}}}, {"v": {"$in": {2, 3}}}, [[1, 2], [2, 3]]),
    ],
)
def test_another_filter_finds_other_rows(first, second, ids):
    """What one filter has found is nothing to the next, and neither is changed by what the job does to it."""
    world = World()
    world.db.insert("t", [{"v": 1}, {"v": 2}, {"v": 3}])
    ctx = world.context()
    assert [[row["id"] for row in ctx.db.query("t", filters)] for filters in (first, second)] == ids
    assert [[row["id"] for row in ctx.db.query("t", filters)] for filters in (second, first)] == ids[::-1]


def test_a_filter_that_the_job_changes_is_another(answered):
    """A dict that is used again with another value in it finds what it says now."""
    world = World()
    world.db.insert("t", [{"v": 1}, {"v": 2}])
    expression = "[[row['id'] for row in ctx.db.query('t', f)] for f in [{'v': 0}] for f['v'] in (1, 2)]"
    assert answered(expression, world) == [[1], [2]]


UNKNOWN = 'world.db.insert("{0}", [{{…}}]), or world.db.create("{0}") for an empty one'


@pytest.mark.parametrize(
    ("expression", "table", "message"),
    [
        ("db.query('user')", "user", "there is no table 'user'; did you mean 'users'?"),
        ("db.get_by_id('Users', 1)", "Users", "there is no table 'Users'; did you mean 'users'?"),
        ("db.count('xyz')", "xyz", "there is no table 'xyz'; there are users, orders, projects, plugin_jobs"),
        ("db.query('')", "", "there is no table ''; there are users, orders, projects, plugin_jobs"),
    ],
)
def test_an_unknown_table_is_an_error_and_a_fault(faulted, world, expression, table, message):
    """The error names the nearest table, and the advice is the line to paste."""
    value, fault = faulted(f"ctx.{expression}", world)
    assert value == ["UnknownTableError", message]
    member = f"ctx.{expression.partition('(')[0]}"
    assert fault == ("table-unknown", member, message, UNKNOWN.format(table))


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("db.query('users', {'age': {'$foo': 1}})", "filters['age']: unknown operator '$foo'; use one of $eq"),
        ("db.query('users', {'age': {'$gtt': 1}})", "filters['age']: unknown operator '$gtt'; did you mean '$gt'?"),
        ("db.query('users', 'ann')", "filters: 'ann' is not a filter; use a dict such as {'status': 'active'}"),
        ("db.count('users', {'$x': 1})", "filters: unknown operator '$x'; use one of $and $or $not"),
        ("db.query('orders', {'a': {'$in': 5}})", "filters['a']['$in']: 5 is not a list, tuple or set; use [5]"),
    ],
)
def test_a_wrong_filter_is_an_error_and_a_fault(faulted, world, expression, message):
    """Whether or not there are rows, a filter that is not of the language is refused."""
    value, (kind, member, told, advice) = faulted(f"ctx.{expression}", world)
    assert value[0] == "FilterError"
    assert value[1].startswith(message)
    table = "orders" if "orders" in expression else "users"
    assert (kind, member, advice) == ("filter-invalid", f"ctx.{expression.partition('(')[0]}", None)
    assert told == f"table '{table}': {value[1]}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("limit=-1", "db.query('users'): limit must be a whole number from 0, got -1"),
        ("limit=None", "db.query('users'): limit must be a whole number from 0, got None"),
        ("limit='10'", "db.query('users'): limit must be a whole number from 0, got '10'"),
        ("limit=1.5", "db.query('users'): limit must be a whole number from 0, got 1.5"),
        ("offset=-1", "db.query('users'): offset must be a whole number from 0, got -1"),
        ("offset=None", "db.query('users'): offset must be a whole number from 0, got None"),
    ],
)
def test_a_wrong_page_is_an_error_and_a_fault(faulted, world, given, message):
    """A limit or an offset is a whole number from 0."""
    assert faulted(f"ctx.db.query('users', {given})", world) == (
        ["FilterError", message],
        ("filter-invalid", "ctx.db.query", message, None),
    )


def test_a_table_that_is_not_text_is_a_clear_error(faulted, world):
    """A list in place of a name is refused like any unknown table."""
    message = "there is no table ['users']; did you mean 'users'?"
    assert faulted("ctx.db.query(['users'])", world) == (
        ["UnknownTableError", message],
        ("table-unknown", "ctx.db.query", message, "give the table's name as text"),
    )


@pytest.mark.parametrize("call", ["db.query('users')", "db.get_by_id('users', 1)", "db.count('users')"])
def test_permissions(faulted, world, call):
    """Reading needs `db.read`; a call without raises, and is a fault though swallowed."""
    value, fault = faulted(f"ctx.{call}", world, permissions=["db.write"])
    member = call.partition("(")[0]
    message = f"ctx.{member} needs the permission 'db.read', which plugin.json does not list"
    assert value == ["PermissionDenied", message]
    advice = 'add "db.read" to "permissions" in plugin.json'
    assert fault == ("permission-denied", f"ctx.{member}", message, advice)


def test_a_job_cannot_write(ran, world):
    """`ctx.db` has no way to change a table."""
    members = ran("return [name for name in dir(ctx.db) if not name.startswith('_')]", world).value
    assert members == ["count", "get_by_id", "query"]


@pytest.mark.parametrize(
    ("filters", "changes", "count", "names"),
    [
        (None, {"name": "x"}, 3, ["x", "x", "x"]),
        ({"name": "ann"}, {"name": "x"}, 1, ["x", "bob", "cyd"]),
        ({"name": "nobody"}, {"name": "x"}, 0, ["ann", "bob", "cyd"]),
        ({"address.city": "Oslo"}, {"name": "x", "new": 1}, 2, ["x", "bob", "x"]),
    ],
)
def test_an_author_updates(world, filters, changes, count, names):
    """`update` tells how many rows it changed."""
    assert world.db.update("users", filters, changes) == count
    assert [row["name"] for row in world.db.rows("users")] == names


@pytest.mark.parametrize(
    ("filters", "count", "names"),
    [
        (None, 3, []),
        ({"address.city": "Oslo"}, 2, ["bob"]),
        ({"name": "nobody"}, 0, ["ann", "bob", "cyd"]),
    ],
)
def test_an_author_deletes(world, filters, count, names):
    """`delete` tells how many rows it removed."""
    assert world.db.delete("users", filters) == count
    assert [row["name"] for row in world.db.rows("users")] == names


def test_ids_are_never_given_twice():
    """A row without an id gets the next number, also after others were deleted or brought their own."""
    world = World()
    world.db.insert("users", [{}, {}, {}])
    world.db.delete("users", {"id": 1})
    world.db.insert("users", {})
    world.db.insert("users", {"id": 7})
    world.db.insert("users", {})
    ids = [row["id"] for row in world.db.rows("users")]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("ann", "table 'users': rows must be a dict, a list of dicts or a DataFrame, got 'ann'"),
        (5, "table 'users': rows must be a dict, a list of dicts or a DataFrame, got 5"),
        (None, "table 'users': rows must be a dict, a list of dicts or a DataFrame, got None"),
        ([{"a": 1}, "bob"], "table 'users', row 1: a row is a dict with text keys, got 'bob'"),
        ([{1: "a"}], "table 'users', row 0: a row is a dict with text keys, got {1: 'a'}"),
    ],
)
def test_what_are_no_rows_is_refused(rows, message):
    """A wrong insert is refused, says where, and inserts nothing."""
    world = World()
    world.db.create("users")
    with pytest.raises(WorldError) as refused:
        world.db.insert("users", rows)
    assert str(refused.value) == message
    assert world.db.rows("users") == []


def test_a_refused_insert_makes_no_table():
    """All rows or none, and none is not even a table."""
    world = World()
    with pytest.raises(WorldError):
        world.db.insert("users", [{"a": 1}, 5])
    assert "users" not in world.db


@pytest.mark.parametrize("write", [lambda db: db.insert(5, {}), lambda db: db.create("users", 5)])
def test_a_tables_name_is_text(write):
    """A wrong name is refused, and nothing is made."""
    world = World()
    with pytest.raises(WorldError) as refused:
        write(world.db)
    assert str(refused.value) == "a table's name must be text, got 5"
    assert list(world.db) == ["plugin_jobs"]


@pytest.mark.parametrize("rows", [[], (), iter([]), {}.values()])
def test_inserting_nothing_makes_the_table(rows):
    """A table into which nothing was inserted exists, and is empty."""
    world = World()
    world.db.insert("users", rows)
    assert (world.db.rows("users"), "users" in world.db) == ([], True)


def test_rows_come_from_any_iterable():
    """A generator of rows will do."""
    world = World()
    world.db.insert("users", ({"n": number} for number in range(2)))
    assert world.db.rows("users") == [{"id": 1, "n": 0}, {"id": 2, "n": 1}]


def test_a_data_frame_is_a_table(answered):
    """Rows of a DataFrame are rows: with plain numbers and text, and None where a value is missing."""
    world = World()
    world.db.insert("users", DataFrame({"name": ["ann", None], "age": [30, 40], "score": [1.5, None]}))
    rows = answered("ctx.db.query('users')", world)
    assert rows == [
        {"id": 1, "name": "ann", "age": 30, "score": 1.5},
        {"id": 2, "name": None, "age": 40, "score": None},
    ]
    assert [type(row["age"]) for row in rows] == [int, int]


def test_times_of_a_data_frame_are_times(answered):
    """A column of timestamps compares with dates."""
    world = World()
    world.db.insert("users", DataFrame({"seen": [Timestamp("2026-01-01"), Timestamp("2026-02-01"), None]}))
    assert answered("[row['id'] for row in ctx.db.query('users', {'seen': {'$gte': '2026-01-15'}})]", world) == [2]
    assert world.db.rows("users", {"id": 3}) == [{"id": 3, "seen": None}]


def test_a_table_is_shown_as_a_data_frame(world):
    """`world.db["users"]` is a DataFrame of copies."""
    shown = world.db["users"]
    assert (list(shown.columns), list(shown["name"])) == ([*ANN], ["ann", "bob", "cyd"])
    assert list(World().db["plugin_jobs"].columns) == []


def test_without_pandas_rows_are_still_there(world, monkeypatch):
    """Where pandas is not installed, the error says what to use."""
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(WorldError) as missing:
        _ = world.db["users"]
    assert str(missing.value) == (
        "world.db[…] needs pandas: pip install 'sbh-jobkit[notebook]', or use world.db.rows(…)"
    )


@pytest.mark.parametrize(
    "use",
    [
        lambda db: db.rows("user"),
        lambda db: db["user"],
        lambda db: db.count("user"),
        lambda db: db.update("user", None, {}),
        lambda db: db.delete("user"),
    ],
)
def test_an_unknown_table_is_an_error_for_the_author_too(world, use):
    """Only `insert` and `create` make tables."""
    with pytest.raises(UnknownTableError) as unknown:
        use(world.db)
    assert str(unknown.value) == "there is no table 'user'; did you mean 'users'?"


def test_a_wrong_filter_is_an_error_for_the_author_too(world):
    """`rows` speaks the same language as `ctx.db.query`."""
    with pytest.raises(FilterError):
        world.db.rows("users", {"age": {"$foo": 1}})


def test_tables_are_listed_and_counted(world):
    """The author sees which tables there are and how full."""
    assert list(world.db) == ["users", "orders", "projects", "plugin_jobs"]
    assert repr(world.db) == "<db: users 3, orders 0, projects 1>"
    assert repr(World().db) == "<db: no tables>"


@pytest.mark.parametrize("name", ["insert", "save"])
def test_asking_whether_writing_is_offered_is_no_writing(ran, name):
    """A job that looks before it writes has done nothing wrong."""
    run = ran(f"return hasattr(ctx.db, {name!r})")
    assert (run.ok, run.faults) == (True, ())


@pytest.mark.parametrize("filters", ["[]", "''", "0"])
def test_nothing_is_no_filter(ran, filters):
    """An empty value that is not a filter, such as [], is an error."""
    world = World()
    world.db.insert("users", {"name": "ada"})
    run = ran(f"ctx.db.query('users', {filters})", world)
    assert (run.outcome, [fault.kind for fault in run.faults]) == ("crashed", ["filter-invalid"])


def test_a_limit_may_be_as_large_as_one_likes(ran):
    """A job that wants all rows may ask for more than a machine can count."""
    world = World()
    world.db.insert("users", {"name": "ada"})
    assert ran("return len(ctx.db.query('users', {'name': 'ada'}, limit=10**30))", world).value == 1


# --- how long it takes ---


@pytest.mark.parametrize("query", ["query('users')", "get_by_id('users', 1)", "count('users')"])
def test_a_query_takes_its_time(ran, query):
    """It takes the latency that the author sets, in virtual time; `restore` restores it."""
    world = World()
    world.db.insert("users", {"name": "Ann"})
    quick = world.snapshot()
    world.db.latency = "5ms"
    body = f"ctx.db.{query}; ctx.db.{query}"
    run = ran(body, world)
    assert (run.duration, world.db.latency) == (timedelta(milliseconds=10), 0.005)
    assert [ran(body, kept.world()).duration for kept in (quick, run.before)] == [timedelta(0), run.duration]


def test_what_is_no_latency_is_refused():
    """A wrong latency is an error at the author's line."""
    with pytest.raises(WorldError) as refused:
        World().db.latency = "-5ms"
    advice = "use a number of seconds from 0, or text such as '300ms' or '2s'"
    assert str(refused.value) == f"world.db.latency: '-5ms' is not a latency; {advice}"
