"""The filter language: what matches, and the errors for wrong filters."""

from __future__ import annotations

import operator
import re
from collections import UserString
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sbh_jobkit.errors import FilterError
from sbh_jobkit.filters import MISSING, Condition, Filter, Group, instant_parser, parse, value_of

PARIS = ZoneInfo("Europe/Paris")
COMPARE = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}


def matching(filters: Any, rows: Any, tz: tzinfo = UTC) -> str:
    """Return the ids of the rows that match, in order."""
    predicate = parse(filters).predicate(tz)
    return " ".join(str(row["id"]) for row in rows if predicate(row))


NAN = float("nan")
PEOPLE = [
    {"id": "ann", "age": 30, "name": "Ann", "active": True, "tags": ["a", "b"], "address": {"city": "Oslo", "zip": 1}},
    {"id": "bob", "age": 4.5, "name": "Bob", "active": False, "address": {"city": "Bonn"}, "address.city": "Rome"},
    {"id": "cyd", "age": None, "name": None, "active": 1, "address": None},
    {"id": "dan", "name": "dan", "address": {}},
    {"id": "eve", "age": "30", "name": "Anneli", "address": "Oslo", "age$": {"$gt": 1}},
    {"id": "fay", "age": True, "name": 5, "active": Decimal(1)},
    {"id": "gus", "age": NAN, "a.b": {"c.d": 1}, "a": {"b": {"c.d": 2, "c": {"d": 3}}}},
    {"id": "hal", "age": Decimal("4.5"), "a": {"b": {"c.d": 2, "c": {"d": 3}}}},
]

MATCHES = [
    (None, "ann bob cyd dan eve fay gus hal"),
    ({}, "ann bob cyd dan eve fay gus hal"),
    # equality
    ({"age": 30}, "ann"),
    ({"age": "30"}, "eve"),
    ({"age": 4.5}, "bob hal"),
    ({"age": {"$eq": 30}}, "ann"),
    ({"age": {"$ne": 30}}, "bob cyd dan eve fay gus hal"),
    ({"age": float("nan")}, ""),
    ({"active": True}, "ann cyd fay"),
    ({"age": None}, "cyd dan"),
    ({"age": {"$ne": None}}, "ann bob eve fay gus hal"),
    ({"tags": ["a", "b"]}, "ann"),
    ({"tags": "a"}, ""),
    ({"address": {"city": "Oslo", "zip": 1}}, "ann"),
    ({"address": {}}, "dan"),
    ({"age$": {"$eq": {"$gt": 1}}}, "eve"),
    # orderings
    ({"age": {"$gt": 4}}, "ann bob hal"),
    ({"age": {"$gt": 4.5}}, "ann"),
    ({"age": {"$gte": Decimal("4.5")}}, "ann bob hal"),
    ({"age": {"$lt": 30}}, "bob hal"),
    ({"age": {"$lte": 30}}, "ann bob hal"),
    ({"age": {"$gt": 4, "$lt": 30}}, "bob hal"),
    ({"age": {"$gte": "3"}}, "eve"),
    ({"age": {"$gt": None}}, ""),
    ({"age": {"$gte": True}}, ""),
    ({"age": {"$lt": float("nan")}}, ""),
    ({"age": {"$gt": 1j}}, ""),
    ({"tags": {"$gt": ["a"]}}, "ann"),
    ({"name": {"$lt": "B"}}, "ann eve"),
    # lists, presence, patterns
    ({"age": {"$in": [30, None]}}, "ann cyd dan"),
    ({"age": {"$in": (4.5, "30")}}, "bob eve hal"),
    ({"age": {"$in": {1}}}, "fay"),
    ({"age": {"$in": []}}, ""),
    ({"age": {"$in": [NAN, 30]}}, "ann"),
    ({"age": {"$in": [Decimal("4.5")]}}, "bob hal"),
    ({"age": {"$in": [Decimal("4.5"), "x"]}}, "bob hal"),
    ({"tags": {"$in": [["a", "b"], "x"]}}, "ann"),
    ({"age": {"$nin": [30, 4.5, None]}}, "eve fay gus"),
    ({"age": {"$nin": [float("nan")]}}, "ann bob cyd dan eve fay gus hal"),
    ({"age": {"$nin": [NAN, 30]}}, "bob cyd dan eve fay gus hal"),
    ({"age": {"$exists": False}}, "dan"),
    ({"age": {"$exists": True}}, "ann bob cyd eve fay gus hal"),
    ({"address.zip": {"$exists": True}}, "ann"),
    ({"name": {"$regex": "nn"}}, "ann eve"),
    ({"name": {"$regex": "^(?i:D)"}}, "dan"),
    # combined and negated
    ({"name": "Ann", "age": 30}, "ann"),
    ({"name": "Ann", "age": 31}, ""),
    ({"name": "Ann", "age": 30, "active": True}, "ann"),
    ({"$and": [{"age": {"$gt": 4}}, {"name": "Bob"}]}, "bob"),
    ({"$or": ({"age": 30}, {"name": "Bob"})}, "ann bob"),
    ({"$or": [{"age": 30}, {"name": "Bob"}], "active": True}, "ann"),
    ({"$or": [{"age": 30}]}, "ann"),
    ({"$and": [{}]}, "ann bob cyd dan eve fay gus hal"),
    ({"$not": {"age": {"$gt": 4}}}, "cyd dan eve fay gus"),
    ({"$not": {}}, ""),
    ({"age": {"$not": {"$gt": 4}}}, "cyd dan eve fay gus"),
    ({"age": {"$not": {"$not": {"$gt": 4}}}}, "ann bob hal"),
    ({"age": {"$not": 30}}, "bob cyd dan eve fay gus hal"),
    ({"age": {"$gt": 4, "$not": {"$gte": 30}}}, "bob hal"),
    # paths: the longest key that exists is used
    ({"address.city": "Oslo"}, "ann"),
    ({"address.city": "Rome"}, "bob"),
    ({"address.city": "Bonn"}, ""),
    ({"address.city": None}, "cyd dan eve fay gus hal"),
    ({"a.b.c.d": 1}, "gus"),
    ({"a.b.c.d": 2}, "hal"),
    ({"a.b.c.d": 3}, ""),
]


@pytest.mark.parametrize(("filters", "ids"), MATCHES, ids=repr)
def test_a_filter_matches_rows(filters, ids):
    """Each filter of the table matches these rows."""
    assert matching(filters, PEOPLE) == ids


TIMES = [
    {"id": "date", "at": date(2026, 1, 2)},
    {"id": "date-text", "at": "2026-01-02"},
    {"id": "naive", "at": datetime(2026, 1, 2, 9)},  # noqa: DTZ001  plugins' rows hold naive times
    {"id": "naive-text", "at": "2026-01-02T09:00"},
    {"id": "space-text", "at": "2026-01-02 09:00:00.000000"},
    {"id": "basic-text", "at": "20260102T0900"},
    {"id": "aware", "at": datetime(2026, 1, 2, 9, tzinfo=UTC)},
    {"id": "aware-text", "at": "2026-01-02T09:00Z"},
    {"id": "offset-text", "at": "2026-01-02T10:00:00+02:00"},
    {"id": "order-number", "at": "2026-01-02-10"},
    {"id": "week", "at": "2026-W01"},
    {"id": "week-number", "at": "2026W01-12"},
    {"id": "number", "at": 20260102},
    {"id": "none", "at": None},
]
AT_NINE = "naive naive-text space-text basic-text aware aware-text"
AT_NINE_IN_PARIS = "naive naive-text space-text basic-text offset-text"

TIME_MATCHES = [
    ({"at": "2026-01-02T09:00:00+00:00"}, UTC, AT_NINE),
    ({"at": datetime(2026, 1, 2, 9, tzinfo=UTC)}, UTC, AT_NINE),
    ({"at": {"$in": ["2026-01-02T09:00:00Z", "x"]}}, UTC, AT_NINE),
    ({"at": {"$in": [datetime(2026, 1, 2, 9, tzinfo=UTC), 20260102]}}, UTC, AT_NINE + " number"),
    ({"at": "2026-01-02T09:00"}, PARIS, AT_NINE_IN_PARIS),
    ({"at": datetime(2026, 1, 2, 8, tzinfo=UTC)}, PARIS, AT_NINE_IN_PARIS),
    ({"at": date(2026, 1, 2)}, UTC, "date date-text"),
    ({"at": "2026-01-02"}, UTC, "date date-text"),
    ({"at": "2026-01-02T01:00+01:00"}, UTC, "date date-text"),
    ({"at": "2026-01-01T23:00Z"}, PARIS, "date date-text"),
    ({"at": "2026-01-02-10"}, UTC, "order-number"),
    ({"at": "2026-W01"}, UTC, "week"),
    ({"at": "2025-12-29T12:00"}, UTC, ""),
    ({"at": {"$gt": datetime(2026, 1, 2, 8, tzinfo=UTC)}}, UTC, AT_NINE),
    ({"at": {"$gt": "2026-01-02T08:00Z"}}, UTC, AT_NINE + " week week-number"),
    ({"at": {"$gte": "2026-01-02T09:00"}}, PARIS, AT_NINE_IN_PARIS + " aware aware-text week week-number"),
    ({"at": {"$lt": date(2026, 1, 3)}}, UTC, f"date date-text {AT_NINE} offset-text"),
    ({"at": {"$lt": "2025-12-01"}}, UTC, ""),
    ({"at": {"$gt": "2025-12-01"}}, UTC, f"date date-text {AT_NINE} offset-text order-number week week-number"),
    ({"at": {"$lt": "20260103"}}, UTC, f"date date-text {AT_NINE} offset-text order-number week"),
    ({"at": {"$lt": "2026-01-02-2"}}, UTC, "date-text space-text order-number"),
]


@pytest.mark.parametrize(("filters", "tz", "ids"), TIME_MATCHES, ids=str)
def test_times_of_any_shape_compare_as_instants(filters, tz, ids):
    """Datetimes, dates and ISO text compare with each other; naive ones are in the zone."""
    assert sorted(matching(filters, TIMES, tz).split()) == sorted(ids.split())


CLOCK_CHANGES = [
    # March: 02:00 to 03:00 does not exist, and counts as an hour later
    ("2026-03-29T02:30", "2026-03-29T01:30Z", True),
    ("2026-03-29T03:00", "2026-03-29T01:00Z", True),
    ("2026-03-29T01:59", "2026-03-29T00:59Z", True),
    # summer, in another zone
    ("2026-07-01T12:30+05:30", "2026-07-01T07:00Z", True),
    # October: 02:00 to 03:00 happens twice, and text means the first
    ("2026-10-25T02:30", "2026-10-25T00:30Z", True),
    ("2026-10-25T02:30", "2026-10-25T01:30Z", False),
    (datetime(2026, 10, 25, 2, 30, fold=1), "2026-10-25T01:30Z", True),  # noqa: DTZ001  naive, as plugins write
    (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=PARIS), "2026-10-25T01:30Z", True),
    (datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=PARIS), "2026-10-25T00:30Z", False),
]


@pytest.mark.parametrize(("stored", "wanted", "same"), CLOCK_CHANGES, ids=str)
def test_naive_times_follow_the_zone_when_clocks_change(stored, wanted, same):
    """In the two nights when clocks change, some local times do not exist or occur twice."""
    row = {"id": "row", "at": stored}
    assert matching({"at": wanted}, [row], PARIS) == ("row" if same else "")
    assert matching({"at": {"$in": [wanted]}}, [row], PARIS) == ("row" if same else "")
    assert matching({"at": {"$gte": wanted, "$lte": wanted}}, [row], PARIS) == ("row" if same else "")


def test_the_two_halves_of_a_repeated_hour_are_ordered():
    """The first 02:30 of an October night is before the second."""
    first, second = (datetime(2026, 10, 25, 2, 30, fold=fold, tzinfo=PARIS) for fold in (0, 1))
    rows = [{"id": "first", "at": first}, {"id": "second", "at": second}]
    assert matching({"at": {"$gt": first}}, rows, PARIS) == "second"
    assert matching({"at": first}, rows, PARIS) == "first"
    assert matching({"at": {"$in": [first]}}, rows, PARIS) == "first"


@pytest.mark.parametrize("tz", [UTC, PARIS, timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))], ids=str)
def test_the_first_and_last_times_compare(tz):
    """The first and the last datetime of Python work in filters and rows, in any zone."""
    first, last = datetime.min, datetime.max  # noqa: DTZ901  naive on purpose
    rows = [{"id": n, "at": at} for n, at in enumerate([first, first.isoformat(), last, last.isoformat()])]
    assert matching({"at": {"$lte": first}}, rows, tz) == "0 1"
    assert matching({"at": {"$lte": first.isoformat()}}, rows, tz) == "0 1"
    assert matching({"at": {"$gte": last}}, rows, tz) == "2 3"
    assert matching({"at": {"$gte": last.isoformat()}}, rows, tz) == "2 3"
    assert matching({"at": {"$in": [first, last]}}, rows, tz) == "0 1 2 3"
    assert matching({"at": {"$gte": first.isoformat()}}, rows, tz) == "0 1 2 3"
    assert matching({"at": {"$gt": "9999-12-28"}}, rows, tz) == "2 3"


@pytest.mark.parametrize(
    ("value", "tz", "seconds"),
    [
        ("1970-01-01", UTC, 0),
        ("1970-01-01T01:00", PARIS, 0),
        (datetime(1970, 1, 1, 1, 0, 5, tzinfo=PARIS), PARIS, 5),
        (datetime(1970, 1, 1, 1, 0, 5, tzinfo=PARIS), UTC, 5),
        ("1970-W01", UTC, None),
    ],
    ids=str,
)
def test_times_are_counted_from_1970(value, tz, seconds):
    """Another compiler turns a value into its time since 1970; what is not a time has none."""
    assert instant_parser(tz)(value) == (None if seconds is None else timedelta(seconds=seconds))


class Offsetless(tzinfo):
    """A zone without an offset."""

    def utcoffset(self, _when: datetime | None) -> None:
        """Return nothing, as Python allows."""


@pytest.mark.parametrize("zone", [tzinfo(), Offsetless()], ids=["abstract", "offsetless"])
def test_a_time_of_a_broken_zone_matches_nothing(zone):
    """A time whose zone has no offset does not match, without an error, in a row or a filter."""
    broken = datetime(2026, 1, 2, tzinfo=zone)
    rows = [{"id": "broken", "at": broken}, {"id": "sound", "at": datetime(2026, 1, 2, tzinfo=UTC)}]
    assert matching({"at": {"$gte": "2026-01-02"}}, rows) == "sound"
    assert matching({"at": "2026-01-02"}, rows) == "sound"
    assert matching({"at": {"$in": ["2026-01-02"]}}, rows) == "sound"
    assert matching({"at": {"$gt": broken}}, rows) == ""
    assert matching({"at": broken}, rows[1:]) == ""


def test_a_subclass_of_datetime_is_a_time():
    """Rows of a DataFrame hold subclasses of datetime."""

    class Timestamp(datetime):
        """Like the one in pandas."""

    rows = [{"id": 1, "at": Timestamp(2026, 1, 2, 9)}, {"id": 2, "at": Timestamp(2026, 1, 2, 9, tzinfo=UTC)}]
    assert matching({"at": "2026-01-02T08:00Z"}, rows, PARIS) == "1"
    assert matching({"at": {"$gt": rows[0]["at"]}}, rows, PARIS) == "2"


def test_enumerations_are_text_and_rows_may_be_any_mapping():
    """A member of a StrEnum equals its text, and a row may be a read-only mapping."""

    class Status(StrEnum):
        DONE = "done"

    rows = [MappingProxyType({"id": 1, "s": MappingProxyType({"t": Status.DONE})})]
    for test in ("done", Status.DONE, {"$in": ["done"]}, {"$gt": "do"}, {"$regex": "^d"}):
        assert matching(MappingProxyType({"s.t": test}), rows) == "1"


class Like30:
    """An object that equals 30, and has no hash."""

    def __eq__(self, other: object) -> bool:
        """Whether the other is 30."""
        return other == 30

    def __repr__(self) -> str:
        """Be the same in every process."""
        return "Like30()"

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("filters", "value", "ids"),
    [
        ({"a": 30}, Like30(), "1"),
        ({"a": {"$in": [30, "x"]}}, Like30(), "1"),
        ({"a": {"$in": [31, "x"]}}, Like30(), ""),
        ({"a": "2026-01-02"}, UserString("2026-01-02"), ""),
        ({"a": {"$gt": "2026-01-02"}}, UserString("2026-01-03"), ""),
        ({"a": {"$gt": "x"}}, UserString("y"), ""),
        ({"a": {"$regex": "^y"}}, UserString("y"), ""),
    ],
    ids=repr,
)
def test_objects_equal_what_they_say_and_are_not_text(filters, value, ids):
    """An object of a row decides what it equals, but its order and its pattern count only if it is text."""
    assert matching(filters, [{"id": 1, "a": value}]) == ids


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"a": {"b": 1}}, 1),
        ({"a.b": 2, "a": {"b": 1}}, 2),
        ({"a": {"b": None}}, None),
        ({"a": {}}, MISSING),
        ({"a": 5}, MISSING),
    ],
)
def test_the_value_of_a_path(row, value):
    """A row has the value that the path names, or none."""
    assert value_of(row, "a.b") is value


ERRORS = [
    ([1], "filters: [1] is not a filter; use a dict such as {'status': 'active'}"),
    ({5: 1}, "filters: the field name 5 is not text; use a string such as '5'"),
    ({"created_at": {"$gt3": 1}}, "filters['created_at']: unknown operator '$gt3'; did you mean '$gt'?"),
    ({"a": {"$gte ": 1}}, "filters['a']: unknown operator '$gte '; did you mean '$gte'?"),
    ({"a": {"$GTE": 1}}, "filters['a']: unknown operator '$GTE'; did you mean '$gte'?"),
    (
        {"a": {"$where": 1}},
        "filters['a']: unknown operator '$where'; use one of $eq $ne $gt $gte $lt $lte $in $nin $exists $regex $not",
    ),
    *(
        ({"a": {name: "x"}}, f"filters['a']: unknown operator {name!r}; did you mean {meant!r}?")
        for meant, names in {
            "$regex": "$like $ilike $contains $icontains $startsWith $endswith $match $text $search $glob $rlike",
            "$eq": "$is $equals $equal $same $=",
            "$ne": "$not_equal $isnot $is_not $neq $!=",
            "$in": "$any $oneof $one_of $contained",
            "$nin": "$not_in $notin $none $none_of",
            "$gt": "$after $greater $above $>",
            "$gte": "$min $from $since $ge $>=",
            "$lt": "$before $less $below $<",
            "$lte": "$max $until $le $<=",
            "$exists": "$null $isNull $is_null $notnull $has",
        }.items()
        for name in names.split()
    ),
    ({"$nor": [{"a": 1}]}, "filters: unknown operator '$nor'; did you mean '$not'?"),
    ({"a": re.compile("^x")}, "filters['a']: a compiled pattern equals no value; use {'$regex': '^x'}"),
    ({"a": {"$ne": re.compile("x$")}}, "filters['a']['$ne']: a compiled pattern equals no value; use {'$regex': 'x$'}"),
    (
        {"a": {"$in": ["b", re.compile("x")]}},
        "filters['a']['$in']: a compiled pattern equals no value; use {'$regex': 'x'}",
    ),
    ({"a": {"$regex": re.compile("^x")}}, "filters['a']['$regex']: a compiled pattern is not text; use '^x'"),
    *(
        (
            {"a": {"$regex": pattern}},
            f"filters['a']['$regex']: {pattern!r} is not a regular expression: {why}; for plain text use re.escape()",
        )
        for pattern, why in {
            "a{99999999999999999999}": "the repetition number is too large",
            "[[a]": "Possible nested set at position 1",
            "[a--b]": "Possible set difference at position 2",
            "[a||b]": "Possible set union at position 2",
        }.items()
    ),
    ({"$adn": []}, "filters: unknown operator '$adn'; did you mean '$and'?"),
    ({"$where": "x"}, "filters: unknown operator '$where'; use one of $and $or $not"),
    ({"$gt": 3}, "filters: the operator '$gt' needs a field; use {'name': {'$gt': ...}}"),
    (
        {"a": {"$or": [1]}},
        "filters['a']: the operator '$or' cannot be inside a field; use {'$or': [{'name': ...}, {'name': ...}]}",
    ),
    (
        {"a": {"$gt": 1, "b": 2}},
        (
            "filters['a']: {'$gt': 1, 'b': 2} mixes operators with plain keys; "
            "for equality with this dict use {'$eq': ...}"
        ),
    ),
    ({"$and": []}, "filters['$and']: [] is not a list of filters; use a list such as [{'a': 1}, {'b': 2}]"),
    (
        {"$or": {"a": 1}},
        "filters['$or']: {'a': 1} is not a list of filters; use a list such as [{'a': 1}, {'b': 2}]",
    ),
    ({"$or": [{"a": 1}, 5]}, "filters['$or'][1]: 5 is not a filter; use a dict such as {'status': 'active'}"),
    ({"$not": None}, "filters['$not']: None is not a filter; use a dict such as {'status': 'active'}"),
    ({"a": {"$in": "abc"}}, "filters['a']['$in']: 'abc' is not a list, tuple or set; use ['abc']"),
    ({"a": {"$nin": 5}}, "filters['a']['$nin']: 5 is not a list, tuple or set; use [5]"),
    ({"a": {"$exists": 1}}, "filters['a']['$exists']: 1 is not a bool; use True or False"),
    ({"a": {"$regex": b"x"}}, "filters['a']['$regex']: b'x' is not text; use a regular expression such as '^a'"),
    (
        {"a": {"$regex": "("}},
        (
            "filters['a']['$regex']: '(' is not a regular expression: missing ), unterminated subpattern "
            "at position 0; for plain text use re.escape()"
        ),
    ),
    (
        {"$and": [{"$not": {"a": {"$not": {"$not": {"$foo": 1}}}}}]},
        (
            "filters['$and'][0]['$not']['a']['$not']['$not']: unknown operator '$foo'; "
            "use one of $eq $ne $gt $gte $lt $lte $in $nin $exists $regex $not"
        ),
    ),
]


@pytest.mark.filterwarnings("ignore::FutureWarning")  # Python's warnings about patterns count wherever they are hidden
@pytest.mark.parametrize(("filters", "message"), ERRORS, ids=repr)
def test_a_wrong_filter_is_explained(filters, message):
    """Each error is one sentence: the place in the filter, the value, and what to do."""
    with pytest.raises(FilterError) as error:
        parse(filters)
    assert str(error.value) == message


def test_the_caller_names_the_filter():
    """The path in an error begins with the name that the caller gives."""
    with pytest.raises(FilterError, match=re.escape("ctx.db.query('users')['a']['$exists']: 1 is not a bool")):
        parse({"a": {"$exists": 1}}, where="ctx.db.query('users')")


def test_a_filter_that_contains_itself_is_an_error():
    """Endless nesting is an error, in lists and in fields; a hundred levels are not."""
    message = "filters: the filter is nested more than 100 levels deep; make it flatter"
    joined: dict[str, Any] = {}
    joined["$and"] = [joined]
    negated: dict[str, Any] = {}
    negated["$not"] = negated
    deep: dict[str, Any] = {}
    for _ in range(99):
        deep = {"$not": deep}
    assert matching(deep, [{"id": 1}]) == ""
    for endless in (joined, negated, {"a": negated}, {"$not": deep}):
        with pytest.raises(FilterError) as error:
            parse(endless)
        assert str(error.value) == message


def test_a_filter_is_a_small_tree_for_other_compilers():
    """Negated operators become a `$not`, several conditions an `$and`, lists tuples."""
    names = Condition(field="name", operator="$in", operand=("a", "b"))
    age = Condition(field="age", operator="$gt", operand=3)
    negated = Group(operator="$not", parts=(names,))
    assert parse({"name": {"$nin": ["a", "b"]}, "age": {"$gt": 3}}) == Filter(
        root=Group(operator="$and", parts=(negated, age))
    )
    assert parse({"age": {"$gt": 3}}) == Filter(root=age)
    assert parse(None) == parse({}) == Filter(root=Group(operator="$and", parts=()))


def raising(*_: object) -> NoReturn:
    """Raise, as a comparison that is not possible."""
    raise ZeroDivisionError


class Hostile:
    """An object that raises in every comparison."""

    __eq__ = __ne__ = __lt__ = __gt__ = __le__ = __ge__ = raising
    __hash__ = raising


class Vague:
    """An object whose comparisons return, like those of arrays, a value without a truth value."""

    def __eq__(self, other: object) -> Any:
        """Return a value without a truth value."""
        return Vague()

    __hash__ = None  # type: ignore[assignment]
    __lt__ = __gt__ = __le__ = __ge__ = __eq__
    __bool__ = raising


ZONES = st.sampled_from([UTC, ZoneInfo("UTC"), PARIS, ZoneInfo("Asia/Kolkata"), timezone(timedelta(hours=-11))])
NAIVE = st.datetimes(datetime(1901, 1, 1), datetime(2099, 12, 31))  # noqa: DTZ001  naive on purpose
AWARE = st.datetimes(datetime(1901, 1, 1), datetime(2099, 12, 31), timezones=ZONES)  # noqa: DTZ001  bounds are naive
ISO = st.builds(lambda at, sep: at.isoformat(sep), NAIVE | AWARE, st.sampled_from("T "))
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
TIME = st.datetimes() | AWARE | st.dates() | ISO
ODD = (
    st.decimals()
    | st.complex_numbers()
    | st.binary(max_size=4)
    | st.timedeltas()
    | st.times()
    | st.builds(Hostile)
    | st.builds(Vague)
    | st.builds(lambda: datetime(2026, 1, 1, tzinfo=tzinfo()))
)
VALUE = st.recursive(
    PLAIN | TIME | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "a.b"]), inner, max_size=3),
    max_leaves=4,
)
ROW = st.dictionaries(st.sampled_from(["a", "b", "a.b"]), VALUE, max_size=3)
OPERAND = PLAIN | TIME | st.decimals(allow_nan=False) | st.lists(PLAIN, max_size=2) | st.timedeltas()
TEST = (
    OPERAND
    | st.dictionaries(st.sampled_from(["$eq", "$ne", *COMPARE]), OPERAND, max_size=2)
    | st.fixed_dictionaries({"$in": st.lists(OPERAND, max_size=3)})
    | st.fixed_dictionaries({"$nin": st.lists(OPERAND, max_size=3)})
    | st.fixed_dictionaries({"$exists": st.booleans()})
    | st.fixed_dictionaries({"$regex": st.sampled_from(["^a", "1", ".*"])})
)
FILTER = st.recursive(
    st.dictionaries(st.sampled_from(["a", "b", "a.b", "a.b.a"]), TEST, max_size=2),
    lambda inner: (
        st.fixed_dictionaries({"$and": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"$or": st.lists(inner, min_size=1, max_size=3)})
        | st.fixed_dictionaries({"$not": inner})
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=500)
@given(FILTER, ROW, ZONES)
def test_no_row_makes_a_filter_raise(filters, row, tz):
    """For any row, the result is True or False."""
    assert parse(filters).predicate(tz)(row) in {True, False}


@settings(deadline=None)
@given(FILTER, ROW, ZONES)
def test_not_is_negation(filters, row, tz):
    """A filter and its `$not` always have opposite results."""
    assert parse({"$not": filters}).predicate(tz)(row) is not parse(filters).predicate(tz)(row)


@settings(deadline=None)
@given(TEST, ROW, ZONES)
def test_not_in_a_field_is_not_around_it(test, row, tz):
    """`{field: {"$not": …}}` equals `{"$not": {field: …}}`."""
    assert parse({"a": {"$not": test}}).predicate(tz)(row) is parse({"$not": {"a": test}}).predicate(tz)(row)


@settings(deadline=None)
@given(st.lists(FILTER, min_size=1, max_size=4), ROW, ZONES)
def test_and_and_or_are_all_and_any(filters, row, tz):
    """`$and` and `$or` are Python's `all` and `any` of the single results."""
    answers = [parse(single).predicate(tz)(row) for single in filters]
    assert parse({"$and": filters}).predicate(tz)(row) is all(answers)
    assert parse({"$or": filters}).predicate(tz)(row) is any(answers)


@settings(deadline=None)
@given(st.lists(OPERAND, max_size=4), VALUE, ZONES)
def test_in_is_any_equality(operands, value, tz):
    """`$in` is `$eq` with any of the values; `$nin` and `$ne` are the negations."""
    row = {"a": value}
    equal = [parse({"a": {"$eq": operand}}).predicate(tz)(row) for operand in operands]
    differs = [parse({"a": {"$ne": operand}}).predicate(tz)(row) for operand in operands]
    assert parse({"a": {"$in": operands}}).predicate(tz)(row) is any(equal)
    assert parse({"a": {"$nin": operands}}).predicate(tz)(row) is all(differs)


def instant(value: Any, tz: tzinfo) -> datetime:
    """Return the time in UTC, by Python's own conversion."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    elif not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  the zone follows
    return (value if value.tzinfo else value.replace(tzinfo=tz)).astimezone(UTC)


NEAR = st.timedeltas(timedelta(days=-5), timedelta(days=5)) | st.just(timedelta())
SHAPES = [
    lambda at: at,
    lambda at: at.isoformat(),
    lambda at: at.isoformat(" ", "milliseconds"),
    lambda at: at.isoformat().replace("+00:00", "Z"),
    lambda at: at.strftime("%Y%m%dT%H%M%S%z"),
    lambda at: at.date(),
    lambda at: at.date().isoformat(),
]
SHAPED = st.tuples(NAIVE | AWARE, NEAR, NAIVE | AWARE | st.none(), st.sampled_from(SHAPES), st.sampled_from(SHAPES))


@settings(deadline=None, max_examples=500)
@given(SHAPED, ZONES, ZONES)
def test_times_order_as_their_instants(shaped, other_zone, tz):
    """Any two times, naive or aware, as objects or as text, compare as Python compares them in UTC."""
    first, distance, second, shape_first, shape_second = shaped
    stored = shape_first(first)
    wanted = shape_second(second or (first + distance).replace(tzinfo=first.tzinfo and other_zone))
    for name, compare in COMPARE.items():
        expected = compare(instant(stored, tz), instant(wanted, tz))
        assert parse({"at": {name: wanted}}).predicate(tz)({"at": stored}) is expected, name
    same = instant(stored, tz) == instant(wanted, tz)
    assert parse({"at": wanted}).predicate(tz)({"at": stored}) is same
    assert parse({"at": {"$in": [wanted, "x"]}}).predicate(tz)({"at": stored}) is same


def is_time(text: str) -> bool:
    """Whether text is an ISO 8601 calendar date, alone or with a time of day."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([T ].+)?|\d{8}(T.+)?", text, re.ASCII | re.DOTALL):
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


DAY = st.dates(date(1901, 1, 1), date(2099, 12, 31))


@st.composite
def nearly_iso(draw):
    """Draw text that is a time or looks like one."""
    text = draw(ISO | DAY.map(str) | DAY.map(lambda day: day.strftime("%Y%m%d")))
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(st.sampled_from(["", "-", "0", "9", "T", "W", " "])) + text[at + draw(st.integers(0, 1)) :]


@settings(deadline=None, max_examples=500)
@given(nearly_iso() | ISO, nearly_iso() | ISO, st.integers(0, 12), ZONES)
@example("20260102-10", "2026-01-02T10:00", 0, UTC)
def test_text_that_is_not_a_time_orders_as_text(stored, wanted, shared, tz):
    """Two texts compare as instants if both are times, and otherwise as text."""
    stored = wanted[:shared] + stored[shared:]
    both = is_time(stored) and is_time(wanted)
    left, right = (instant(stored, tz), instant(wanted, tz)) if both else (stored, wanted)
    for name, compare in COMPARE.items():
        assert parse({"at": {name: wanted}}).predicate(tz)({"at": stored}) is compare(left, right), name
    assert parse({"at": wanted}).predicate(tz)({"at": stored}) is (left == right)


ANYTHING = st.recursive(
    PLAIN | st.binary(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["a", "$and", "$or", "$not", "$gt", "$in", "$regex", "$x", 5]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(deadline=None)
@pytest.mark.filterwarnings("ignore::FutureWarning")  # from re, for patterns such as '[[a]'
@given(ANYTHING, ROW)
def test_any_value_is_a_filter_or_an_error(filters, row):
    """Any value works as a filter or raises a FilterError that names the place."""
    try:
        predicate = parse(filters).predicate(UTC)
    except FilterError as error:
        assert str(error).startswith("filters")  # noqa: PT017  both results are right
    else:
        assert predicate(row) in {True, False}
