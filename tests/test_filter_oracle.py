"""Any filter on any row, against an interpreter of the language in fifty lines that shares nothing with the kit's."""

from __future__ import annotations

import operator
import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from numbers import Number
from zoneinfo import ZoneInfo

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sbh_jobkit.filters import parse

NOTHING = object()
ORDERINGS = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
ISO = re.compile(r"\d{4}-\d\d-\d\d([T ].*)?|\d{8}(T.*)?", re.ASCII | re.DOTALL)


class Oracle:
    """What the manual says of filters, one method a sentence."""

    def __init__(self, tz):
        """Read naive times in this zone."""
        self.tz = tz

    def matches(self, filters, row):
        """Hold if every key holds."""
        return all(self.holds(key, wanted, row) for key, wanted in (filters or {}).items())

    def holds(self, key, wanted, row):
        """Decide one key: it joins filters, or it is a field."""
        if key == "$and":
            return all(self.matches(each, row) for each in wanted)
        if key == "$or":
            return any(self.matches(each, row) for each in wanted)
        if key == "$not":
            return not self.matches(wanted, row)
        return self.field(wanted, find(row, key))

    def field(self, wanted, value):
        """Decide a field: each operator of a dict is a condition, anything else is equality."""
        if isinstance(wanted, dict) and any(str(key).startswith("$") for key in wanted):
            return all(self.condition(name, operand, value) for name, operand in wanted.items())
        return self.equal(value, wanted)

    def condition(self, name, operand, value):
        """Decide one operator on one value."""
        known = None if value is NOTHING else value
        match name:
            case "$exists":
                return operand is (value is not NOTHING)
            case "$eq" | "$ne":
                return self.equal(value, operand) is (name == "$eq")
            case "$in" | "$nin":
                return any(self.equal(value, each) for each in operand) is (name == "$in")
            case "$regex":
                return isinstance(known, str) and bool(re.search(operand, known))
            case "$not":
                return not self.field(operand, value)
        return self.ordered(ORDERINGS[name], known, operand)

    def equal(self, value, operand):
        """Compare times as instants, everything else as Python does; a missing field is None."""
        value = None if value is NOTHING else value
        at = self.instant(operand)
        return at == self.instant(value) if at is not None else value == operand

    def ordered(self, compare, value, operand):
        """Order times as instants, numbers as numbers, text as text; True and False are no numbers here."""
        times = self.instant(value), self.instant(operand)
        if None not in times:
            return compare(*times)
        if isinstance(value, str) and isinstance(operand, str):
            return compare(value, operand)
        if isinstance(value, bool) or isinstance(operand, bool) or times[1] is not None:
            return False
        try:
            numbers = isinstance(value, Number) and isinstance(operand, (int, float, Decimal))
            return (numbers or isinstance(value, type(operand))) and bool(compare(value, operand))
        except (TypeError, ArithmeticError):
            return False

    def instant(self, value):
        """Return the time since 1970 of a datetime, a date or an ISO text; None for anything else."""
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value) if ISO.fullmatch(value) else None
            except ValueError:
                return None
        if isinstance(value, date) and not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  its midnight, in the zone
        if not isinstance(value, datetime):
            return None
        zoned = value if value.tzinfo else value.replace(tzinfo=self.tz)
        return (zoned.replace(tzinfo=None) - datetime(1970, 1, 1)) - zoned.utcoffset()  # noqa: DTZ001


def find(value, path):
    """Follow a dotted path: the longest key that is there."""
    if not isinstance(value, dict):
        return NOTHING
    dots = [number for number, letter in enumerate(path) if letter == "."]
    for end in [len(path), *reversed(dots)]:
        if path[:end] in value:
            return value[path[:end]] if end == len(path) else find(value[path[:end]], path[end + 1 :])
    return NOTHING


ZONES = [UTC, ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York"), timezone(timedelta(hours=14))]
HOURS = st.integers(-72, 72).map(lambda hours: datetime(2026, 3, 29, 1, 30) + timedelta(hours=hours))  # noqa: DTZ001
TIMES = st.one_of(
    HOURS,
    HOURS.map(lambda at: at.replace(tzinfo=UTC)),
    HOURS.map(lambda at: at.replace(tzinfo=ZONES[1], fold=1)),
    HOURS.map(datetime.date),
    HOURS.map(datetime.isoformat),
    HOURS.map(lambda at: f"{at.isoformat(' ')}+05:00"),
    HOURS.map(lambda at: at.date().isoformat()),
    HOURS.map(lambda at: at.strftime("%Y%m%d")),
    st.sampled_from(["2026-03-29x", "2026-13-01", "2026-W13", "20260329T", "2026-03-2"]),
)
NUMBERS = st.one_of(
    st.integers(-2, 3), st.sampled_from([0.5, 1.0, float("nan"), float("inf"), Decimal(1), Decimal("0.5")])
)
PLAIN = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "a", "ab", "b", "1"]) | TIMES
VALUES = st.one_of(PLAIN, st.lists(PLAIN, max_size=2))
ROWS = st.recursive(
    st.dictionaries(st.sampled_from(["a", "b", "a.b"]), VALUES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "a.b"]), VALUES | inner, max_size=3),
    max_leaves=4,
)
CONDITIONS = st.recursive(
    VALUES
    | st.dictionaries(st.sampled_from(["$eq", "$ne", *ORDERINGS]), VALUES, min_size=1, max_size=2)
    | st.dictionaries(st.sampled_from(["$in", "$nin"]), st.lists(VALUES, max_size=3), min_size=1)
    | st.fixed_dictionaries({"$exists": st.booleans()})
    | st.fixed_dictionaries({"$regex": st.sampled_from(["a", "^b?$", "1|-"])}),
    lambda inner: st.fixed_dictionaries({"$not": inner}),
    max_leaves=2,
)
FILTERS = st.recursive(
    st.dictionaries(st.sampled_from(["a", "b", "a.b", "a.b.a"]), CONDITIONS, max_size=2),
    lambda inner: (
        st.dictionaries(st.sampled_from(["$and", "$or"]), st.lists(inner, min_size=1, max_size=3), min_size=1)
        | st.fixed_dictionaries({"$not": inner})
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=300)
@given(FILTERS, st.lists(ROWS, min_size=1, max_size=5), st.sampled_from(ZONES))
@example({"a": {"$gt": "2026-03-29"}}, [{"a": "2026-03-27T23:00-10:00"}, {"a": "2026-04-01"}], UTC)
@example({"a": {"$lt": "9999-12-31"}}, [{"a": "9999-12-31"}, {"a": "9999-12-30T23:59"}, {"a": "0001-01-01"}], UTC)
@example({"a": {"$gt": "0001-01-01"}}, [{"a": "0001-01-01"}, {"a": "0001-01-02"}, {"a": "9999-12-31"}], ZONES[3])
@example({"a": {"$nin": [float("nan"), 1]}}, [{"a": float("nan")}, {"a": 1}, {"a": Decimal(1)}, {}], UTC)
def test_any_filter_on_any_row(filters, rows, tz):
    """The kit and the interpreter agree on every row."""
    predicate, oracle = parse(filters).predicate(tz), Oracle(tz)
    assert [predicate(row) for row in rows] == [oracle.matches(filters, row) for row in rows]
