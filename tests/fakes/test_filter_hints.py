"""Filters that find nothing because of a mistake: the job gets no rows, and the run a fault that says why."""

from datetime import date

import pytest

from sbh_jobkit.fakes.filter_hints import doubt
from sbh_jobkit.fakes.world import World
from sbh_jobkit.filters import parse

ROWS = [
    {"id": 1, "status": "active", "tags": ["new", "paid"], "score": 3, "address": {"city": "Oslo"}, "left": None},
    {"id": 2, "status": "active", "tags": ["old"], "score": 4, "address": {"city": "Rome"}, "left": date(2026, 1, 1)},
]
LIST = "the field 'tags' is a list, and a list never equals text: a filter compares the whole list"
NAME = "a row without the field never matches; check the name"


def bare(keys, field, operators):
    """Return message and advice for operators without `$`."""
    message = f"{keys} no $, so the field {field!r} is compared with the whole dict"
    return message, f"write {{{field!r}: {{{operators}}}}}"


MISTAKES = {
    "a misspelt field": ({"state": "active"}, "no row of 'users' has a field 'state'; did you mean 'status'?", NAME),
    "capitals": ({"Status": "active"}, "no row of 'users' has a field 'Status'; did you mean 'status'?", NAME),
    "a misspelt path": (
        {"adress.city": "Oslo"},
        "no row of 'users' has a field 'adress.city'; did you mean 'address'?",
        NAME,
    ),
    "a misspelt field of several": (
        {"score": {"$gte": 1}, "tag": {"$exists": True}, "statuss": {"$in": ["active"]}},
        "no row of 'users' has a field 'statuss'; did you mean 'status'?",
        NAME,
    ),
    "an operator in the name": (
        {"status__in": ["active"]},
        "no row of 'users' has a field 'status__in'",
        "write {'status': {'$in': …}}",
    ),
    "another operator in the name": (
        {"score__gte": 3},
        "no row of 'users' has a field 'score__gte'",
        "write {'score': {'$gte': …}}",
    ),
    "a list for a text": (
        {"status": ["active"]},
        "[\"active\"] is a list, and the field 'status' is not",
        'write {"status": {"$in": ["active"]}}',
    ),
    "a list for a number": (
        {"score": [3, 4]},
        "[3, 4] is a list, and the field 'score' is not",
        'write {"score": {"$in": [3, 4]}}',
    ),
    "a text for a list": ({"tags": "new"}, LIST, "leave it out of the filter, and ask in Python: 'new' in row['tags']"),
    "a text in a list": (
        {"tags": {"$in": ["new", "old"]}},
        LIST,
        "leave it out of the filter, and ask in Python: 'new' in row['tags']",
    ),
    "a pattern for a list": (
        {"tags": {"$regex": "^n"}},
        LIST,
        "leave it out of the filter, and ask in Python: '^n' in row['tags']",
    ),
    "a path into a list": (
        {"tags.0": "new"},
        "the field 'tags' is a list, and a path goes into objects only",
        "leave it out of the filter, and ask in Python for '0' of row['tags']",
    ),
    "a path to a member of a list's items": (
        {"tags.name": {"$gt": "a"}},
        "the field 'tags' is a list, and a path goes into objects only",
        "leave it out of the filter, and ask in Python for 'name' of row['tags']",
    ),
    "inside $and": (
        {"$and": [{"score": 3}, {"tags": "new"}]},
        LIST,
        "leave it out of the filter, and ask in Python: 'new' in row['tags']",
    ),
    "an operator without $": ({"score": {"gte": 1}}, *bare("'gte' has", "score", "'$gte': …")),
    "two of them": ({"score": {"gte": 1, "lt": 9}}, *bare("'gte' and 'lt' have", "score", "'$gte': …, '$lt': …")),
    "in capitals": ({"status": {"IN": ["active"]}}, *bare("'IN' has", "status", "'$in': …")),
    "a sign": ({"score": {">=": 1}}, *bare("'>=' has", "score", "'$gte': …")),
    "an operator of another language": (
        {"status": {"startswith": "a"}},
        *bare("'startswith' has", "status", "'$regex': …"),
    ),
    "of a time, and of nothing": ({"left": {"lt": "2026-02-01"}}, *bare("'lt' has", "left", "'$lt': …")),
    "of a list": (
        {"tags": {"contains": "new"}},
        "'contains' has no $, so the field 'tags' is compared with the whole dict",
        "leave it out of the filter, and ask in Python of row['tags'], which is a list",
    ),
    "of a dict": ({"address": {"ne": None}}, *bare("'ne' has", "address", "'$ne': …")),
    "of a path": ({"address.city": {"eq": "Oslo"}}, *bare("'eq' has", "address.city", "'$eq': …")),
    "of a field that no row has": (
        {"deleted_at": {"exists": False}},
        *bare("'exists' has", "deleted_at", "'$exists': …"),
    ),
    "a dict for a text": (
        {"status": {"name": "active", 1: 2}},
        "{'name', 1: …} is a dict, and the field 'status' is not",
        "write the value itself, or an operator such as {'status': {'$gte': …}}",
    ),
    "a list for a time": ({"left": [1]}, "[1] is a list, and the field 'left' is not", 'write {"left": {"$in": [1]}}'),
    "or without $": (
        {"or": [{"status": "active"}, {"score": 3}]},
        "no row of 'users' has a field 'or', and an operator begins with $",
        "write {'$or': […]}",
    ),
    "AND": (
        {"$and": [{"AND": [{"status": "active"}]}]},
        "no row of 'users' has a field 'AND', and an operator begins with $",
        "write {'$and': […]}",
    ),
    "not": (
        {"not": {"status": "closed"}},
        "no row of 'users' has a field 'not', and an operator begins with $",
        "write {'$not': {…}}",
    ),
}
FINE = {
    "another dict": {"address": {"city": "Bonn"}},
    "a dict of a field that no row has": {"hours": {"from": 9, "until": 17}},
    "a dict with words that are operators elsewhere": {"address": {"contains": "x"}},
    "no operator, and no such field": {"or": "active"},
    "an empty dict": {"status": {}},
    "nothing is that far": {"status": "closed"},
    "no row has that score": {"score": {"$gt": 10}},
    "the whole list": {"tags": ["new"]},
    "a field that a row may lack": {"deleted_at": {"$gte": "2026-01-01"}},
    "a field that must be missing": {"statu": {"$exists": False}, "score": 99},
    "None": {"statu": None, "score": 99},
    "a part of a path that is not there": {"address.street": "x"},
    "one of two": {"$or": [{"state": "active"}, {"score": 99}]},
    "a negation": {"status": {"$ne": "active"}},
    "what is found in spite of it": {"state": {"$exists": False}},
}


@pytest.fixture
def world():
    """Make a tenant with two users."""
    made = World()
    made.db.insert("users", ROWS)
    return made


@pytest.mark.parametrize("member", ["query", "count"])
@pytest.mark.parametrize(("filters", "message", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_a_filter_that_cannot_match(ran, world, member, *, filters, message, advice):
    """The answer is that of the contract, nothing; that it cannot be otherwise is a fault with advice."""
    run = ran(f"return ctx.db.{member}('users', {filters!r})", world)
    (fault,) = run.faults
    assert run.value == ([] if member == "query" else 0)
    assert (fault.kind, fault.message, fault.advice) == ("filter-invalid", f"table 'users': {message}", advice)


@pytest.mark.parametrize("filters", FINE.values(), ids=FINE)
def test_a_filter_that_does_not_match_today(ran, world, filters):
    """To find nothing is no fault."""
    assert ran(f"return len(ctx.db.query('users', {filters!r}))", world).faults == ()


@pytest.mark.parametrize("key", ["gte", "in", "not", "min", "eq"])
def test_a_column_of_json_that_has_such_keys(ran, key):
    """What is an operator elsewhere is data there, also where only a late row has it."""
    world = World()
    world.db.insert("rules", [*({"when": {"and": 1}} for _ in range(300)), {"when": {key: 1}}, {"when": None}])
    body = f"return [ctx.db.count('rules', {{'when': {{{key!r}: number}}}}) for number in (1, 2)]"
    run = ran(body, world)
    assert (run.value, run.faults) == ([1, 0], ())


FIELDS = ["id", "plugin_installation_id", "name", "schedule_cron", "status", "last_run_at", "next_run_at"]
FIELDS += ["last_error", "runs"]
PLUGIN_JOBS = {
    "a misspelt field": (
        {"plugin_instalation_id": "shop"},
        "'plugin_instalation_id'; did you mean 'plugin_installation_id'?",
    ),
    "letters in another order": ({"nmae": "work"}, "'nmae'; did you mean 'name'?"),
    "a part of a name": (
        {"schedule": {"$exists": True}, "last_error_at": "x"},
        "'last_error_at'; did you mean 'last_error'?",
    ),
    "a field that the table never has": ({"tenant": "acme"}, f"'tenant'; it has {', '.join(FIELDS)}"),
}


@pytest.mark.parametrize(("filters", "end"), PLUGIN_JOBS.values(), ids=PLUGIN_JOBS)
def test_the_table_of_jobs_has_all_its_fields(ran, filters, end):
    """Another field than those of its rows is a mistake, whatever it is called."""
    (fault,) = ran(f"return ctx.db.query('plugin_jobs', {filters!r})").faults
    message = f"table 'plugin_jobs': no row of 'plugin_jobs' has a field {end}"
    assert (fault.kind, fault.message, fault.advice) == ("filter-invalid", message, NAME)


@pytest.mark.parametrize("filters", [{"status": "failed"}, {"last_run_at": {"$gte": "2026-01-01"}}, {"name": "other"}])
def test_jobs_that_are_not_there_today(ran, filters):
    """No job of that state or name is no mistake."""
    assert ran(f"return ctx.db.query('plugin_jobs', {filters!r})").faults == ()


def test_an_empty_table_has_no_fields(ran):
    """Nobody knows what is misspelt there."""
    world = World()
    world.db.create("users")
    assert ran("return ctx.db.query('users', {'state': 'active'})", world).faults == ()


def test_the_last_page_is_empty(ran, world):
    """A page behind the last row is no mistake, and neither is a limit of 0."""
    body = "return ctx.db.query('users', {'score': 3}, offset=1), ctx.db.query('users', {'state': 'x'}, limit=0)"
    assert ran(body, world).faults == ()


DOUBTS = {
    "as a mistake, without the table": ({"state": "x"}, ("no row has a field 'state'; did you mean 'status'?", NAME)),
    "capitals of a value": ({"status": "Active"}, ("'status' is never 'Active'", "did you mean 'active'?")),
    "a misspelt value": ({"status": "actve"}, ("'status' is never 'actve'", "did you mean 'active'?")),
    "inside $and": (
        {"$and": [{"score": 3}, {"status": "activ"}]},
        ("'status' is never 'activ'", "did you mean 'active'?"),
    ),
    "a text for a number": ({"score": "3"}, ("'score' is a number, and '3' is text", "write 3")),
    "nothing like it": ({"status": "closed"}, None),
    "a number that is not there": ({"score": 5}, None),
    "a text with a number": ({"status": "active2"}, None),
    "a path": ({"address.city": "Osloo"}, None),
    "another operator": ({"status": {"$ne": "Active"}}, None),
}


@pytest.mark.parametrize(("filters", "expected"), DOUBTS.values(), ids=DOUBTS.keys())
def test_what_may_be_a_mistake(filters, expected):
    """Over many runs a value that is near to one that is there is worth a word, too."""
    assert doubt(ROWS, parse(filters)) == expected


def test_a_number_for_a_text():
    """It is written as the rows have it."""
    assert doubt([{"n": "3"}], parse({"n": 3})) == ("'n' is text, and 3 is a number", "write '3'")
