"""Filters that find nothing because of a mistake: the job gets no rows, and the run a fault that says why."""

import pytest

from sbh_jobkit.fakes.filter_hints import doubt
from sbh_jobkit.fakes.world import World
from sbh_jobkit.filters import parse

ROWS = [
    {"id": 1, "status": "active", "tags": ["new", "paid"], "score": 3, "address": {"city": "Oslo"}},
    {"id": 2, "status": "active", "tags": ["old"], "score": 4, "address": {"city": "Rome"}},
]
LIST = "the field 'tags' is a list, and a list never equals text: a filter compares the whole list"
NAME = "a row without the field never matches; check the name"
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
}
FINE = {
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
