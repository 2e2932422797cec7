"""The fakes against a model of dicts and lists: whatever is done to them, in whatever order, the two agree."""

from __future__ import annotations

import json
import re
from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from sbh_jobkit.clock import VirtualClock
from sbh_jobkit.errors import UnknownTableError, WorldError
from sbh_jobkit.fakes.diff import diff
from sbh_jobkit.fakes.world import World
from sbh_jobkit.schedule import times

ZONE = times.zone("America/New_York")
START = datetime(2026, 1, 5, 9, tzinfo=ZONE)
ABSENT = object()

tables = st.sampled_from(["users", "orders", "builds"])
numbers = st.integers(-3, 3)
words = st.sampled_from(["", "a", "ab", "b", "ba", "B"])
moments = st.sampled_from(["2026-01-01", "2026-01-02T10:00:00", "2026-01-02T15:00:00Z", "2026-01-02T16:00:00+00:00"])
nested = st.fixed_dictionaries({}, optional={"n": numbers, "list": st.lists(numbers, max_size=2)})
changes = st.fixed_dictionaries(
    {}, optional={"n": numbers | st.none() | words, "word": words | st.none(), "at": moments, "in": nested}
)
new_rows = st.builds(lambda row, own_id: {**row, **own_id}, changes, st.just({}) | st.just({}) | st.just({"id": 2}))
paths = st.sampled_from(["n", "in.n", "in", "nowhere.n"])
orderings = st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"])
conditions = st.one_of(
    st.builds(lambda path, number: {path: number}, paths, numbers),
    st.builds(lambda path, name, number: {path: {name: number}}, paths, orderings, numbers),
    st.builds(lambda path, name, number: {path: {"$not": {name: number}}}, paths, orderings, numbers),
    st.builds(lambda path, low: {path: {"$gte": low, "$lt": low + 2}}, paths, numbers),
    st.builds(lambda path, name, few: {path: {name: few}}, paths, st.sampled_from(["$in", "$nin"]), st.lists(numbers)),
    st.builds(lambda path, there: {path: {"$exists": there}}, paths, st.booleans()),
    st.builds(lambda name, word: {"word": {name: word}}, orderings, words),
    st.builds(lambda word: {"word": {"$regex": f"^{word}."}}, words),
    st.builds(lambda name, moment: {"at": {name: moment}}, orderings, moments),
)
filters = st.one_of(
    st.none(),
    st.just({}),
    conditions,
    st.builds(lambda parts: {"$and": parts}, st.lists(conditions, min_size=1, max_size=2)),
    st.builds(lambda parts: {"$or": parts}, st.lists(conditions, min_size=1, max_size=2)),
    st.builds(lambda part: {"$not": part}, conditions),
)
keys = st.sampled_from(["a", "a/b.txt", "a/c.json", "ab", "ü 1.csv"])
contents = st.sampled_from(["", "text", "ü", b"", b"\x00\xff"])
names = st.sampled_from(["KEY", "TOKEN", "OTHER"])
values = st.sampled_from(["s3cret-one", "s3cret-two", "tok", ""])
payloads = st.recursive(
    st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
not_json = st.sampled_from([{"at": START}, {"tags": {1}}, {"raw": b"x"}, {"n": float("nan")}, [{"x": object()}], b"x"])


def look_up(row, path):
    """Follow a dotted path."""
    for name in path.split("."):
        if not isinstance(row, dict) or name not in row:
            return ABSENT
        row = row[name]
    return row


def sort_of(value):
    """Return what a value is compared as: its sort, and what stands for it."""
    if isinstance(value, int):
        return "number", value
    if isinstance(value, str) and value.startswith("2026"):
        moment = datetime.fromisoformat(value)
        return "time", (moment if moment.tzinfo else moment.replace(tzinfo=ZONE)).astimezone(UTC)
    return ("text", value) if isinstance(value, str) else ("other", repr(value))


def in_order(value, operand, *signs):
    """Whether a value stands to an operand of its sort as one of the signs says: -1 before, 0 equal, 1 after."""
    (sort, one), (other_sort, other) = sort_of(value), sort_of(operand)
    return sort == other_sort and (one > other) - (one < other) in signs


OPERATORS = {
    "$eq": lambda value, operand: in_order(value, operand, 0),
    "$ne": lambda value, operand: not in_order(value, operand, 0),
    "$gt": lambda value, operand: in_order(value, operand, 1),
    "$gte": lambda value, operand: in_order(value, operand, 0, 1),
    "$lt": lambda value, operand: in_order(value, operand, -1),
    "$lte": lambda value, operand: in_order(value, operand, -1, 0),
    "$in": lambda value, operand: value in operand,
    "$nin": lambda value, operand: value not in operand,
    "$exists": lambda value, operand: (value is not ABSENT) is operand,
    "$regex": lambda value, operand: isinstance(value, str) and re.search(operand, value) is not None,
    "$not": lambda value, operand: not all(OPERATORS[name](value, inner) for name, inner in operand.items()),
}


def meets(row, wanted):
    """Whether a row meets a filter."""
    for key, operand in (wanted or {}).items():
        if key in {"$and", "$or"}:
            met = (all if key == "$and" else any)(meets(row, part) for part in operand)
        elif key == "$not":
            met = not meets(row, operand)
        else:
            tests = operand if isinstance(operand, dict) else {"$eq": operand}
            met = all(OPERATORS[name](look_up(row, key), inner) for name, inner in tests.items())
        if not met:
            return False
    return True


def scribble(value):
    """Change everything that can be changed in a value: whoever gave it or keeps it must not notice."""
    if isinstance(value, dict):
        for inner in value.values():
            scribble(inner)
        value["scribbled"] = True
    elif isinstance(value, list):
        for inner in value:
            scribble(inner)
        value.append("scribbled")


def same_rows(some, others):
    """Whether two tables hold the same rows, in whatever order."""
    return sorted(map(repr, some or [])) == sorted(map(repr, others or []))


class Machine(RuleBasedStateMachine):
    """A tenant, and the same tenant in dicts and lists."""

    steps = 0

    def __init__(self):
        """Start both empty."""
        super().__init__()
        self.clock = VirtualClock(START, ZONE)
        self.clock.__enter__()
        self.world = World(tz=ZONE.key)
        self.world.begin(START)
        self.recorder = self.world.recorder()
        self.ctx = self.world.open(self.recorder, None, ZONE)
        self.tables, self.inserted = {}, Counter()
        self.files, self.secrets, self.held = {}, {}, {}
        self.events, self.faults = [], []
        self.pasts = []

    def teardown(self):
        """Close the virtual clock."""
        self.clock.__exit__(None, None, None)

    @rule(minutes=st.integers(1, 600))
    def wait(self, minutes):
        """Let time pass."""
        self.clock.advance(minutes * 60)

    # the world as a value

    def model(self):
        """Copy what the model holds."""
        return deepcopy([self.tables, self.inserted, self.files, self.secrets, self.events])

    @rule()
    def snapshot(self):
        """Take a snapshot of the world, and copy the model."""
        self.pasts.append((self.world.snapshot(), self.model()))

    @rule(number=st.integers(0, 3))
    def restore(self, number):
        """Restore a snapshot, earlier or later than the last restored one."""
        if self.pasts:
            past, model = self.pasts[number % len(self.pasts)]
            self.world.restore(past)
            self.tables, self.inserted, self.files, self.secrets, self.events = deepcopy(model)

    @rule(number=st.integers(0, 3))
    def look_back(self, number):
        """Change `snapshot.world()`; this world does not change."""
        if self.pasts:
            past, (rows, _, stored, secrets, events) = self.pasts[number % len(self.pasts)]
            other = past.world()
            assert {table: other.db.rows(table) for table in rows} == rows
            assert {key: other.files.read(key) for key in other.files} == {key: file[0] for key, file in stored.items()}
            assert (dict(other.secrets), len(other.events)) == (secrets, len(events))
            for table in rows:
                other.db.update(table, {}, {"n": 99})
                other.db.insert(table, {"n": 100})
            other.files.write("a", b"other")
            other.secrets["KEY"] = "other"

    @rule(number=st.integers(0, 3))
    def compare(self, number):
        """Compare a snapshot with now: `diff` finds what differs in the model, and nothing else."""
        if self.pasts:
            past, (rows, _, stored, secrets, events) = self.pasts[number % len(self.pasts)]
            found = diff(past, self.world)
            differing = {table for table in {*rows, *self.tables} if rows.get(table, []) != self.tables.get(table, [])}
            assert set(found.tables) <= differing
            assert {table for table in differing if not same_rows(rows.get(table), self.tables.get(table))} <= set(
                found.tables
            )
            assert bool(found.files) is (stored != self.files)
            assert bool(found.secrets) is (secrets != self.secrets)
            if self.events[: len(events)] == events:
                assert [event.payload for event in found.events] == [event[1] for event in self.events[len(events) :]]

    # db

    @rule(table=tables)
    def create(self, table):
        """Make a table; one that exists stays as it is."""
        self.world.db.create(table)
        self.tables.setdefault(table, [])

    @rule(table=tables, rows=st.lists(new_rows, max_size=3))
    def insert(self, table, rows):
        """Add rows; numbers are counted for every row, and never used again."""
        given = deepcopy(rows)
        self.world.db.insert(table, given)
        scribble(given)
        stored = self.tables.setdefault(table, [])
        for row in rows:
            self.inserted[table] += 1
            stored.append({"id": self.inserted[table], **row})

    @rule(table=tables, row=new_rows)
    def insert_one(self, table, row):
        """Add a row that is no list."""
        self.world.db.insert(table, row)
        self.inserted[table] += 1
        self.tables.setdefault(table, []).append({"id": self.inserted[table], **row})

    @rule(table=tables, rows=st.lists(new_rows, max_size=2), wrong=st.sampled_from([5, "row", None, {1: 2}]))
    def insert_wrong(self, table, rows, wrong):
        """Insert nothing if one row is wrong."""
        with pytest.raises(WorldError, match="a row is a dict"):
            self.world.db.insert(table, [*rows, wrong])

    @rule(table=tables, wanted=filters, change=changes)
    def update(self, table, wanted, change):
        """Change matching rows."""
        if table not in self.tables:
            with pytest.raises(UnknownTableError):
                self.world.db.update(table, wanted, change)
            return
        given, matching = deepcopy(change), [row for row in self.tables[table] if meets(row, wanted)]
        assert self.world.db.update(table, wanted, given) == len(matching)
        scribble(given)
        for row in matching:
            row.update(deepcopy(change))

    @rule(table=tables, wanted=filters)
    def delete(self, table, wanted):
        """Remove matching rows."""
        if table not in self.tables:
            with pytest.raises(UnknownTableError):
                self.world.db.delete(table, wanted)
            return
        kept = [row for row in self.tables[table] if not meets(row, wanted)]
        assert self.world.db.delete(table, wanted) == len(self.tables[table]) - len(kept)
        self.tables[table] = kept

    def asks(self, table, call):
        """Call, and return whether there was an answer; an unknown table is an error and a fault."""
        if table in self.tables:
            return True
        with pytest.raises(UnknownTableError):
            call()
        self.faults.append("table-unknown")
        return False

    @rule(table=tables, wanted=filters, limit=st.integers(0, 4), offset=st.integers(0, 4))
    def query(self, table, wanted, limit, offset):
        """Ask for a page of matching rows, which are the job's own."""
        if self.asks(table, lambda: self.ctx.db.query(table, wanted, limit, offset)):
            matching = [row for row in self.tables[table] if meets(row, wanted)]
            found = self.ctx.db.query(table, wanted, limit=limit, offset=offset)
            assert found == matching[offset:][:limit]
            scribble(found)

    @rule(table=tables, wanted=filters)
    def count(self, table, wanted):
        """Count matching rows."""
        if self.asks(table, lambda: self.ctx.db.count(table, wanted)):
            assert self.ctx.db.count(table, wanted) == sum(meets(row, wanted) for row in self.tables[table])

    @rule(table=tables, number=st.integers(0, 6))
    def get_by_id(self, table, number):
        """Ask for one row, which is the job's own."""
        if self.asks(table, lambda: self.ctx.db.get_by_id(table, number)):
            found = self.ctx.db.get_by_id(table, number)
            assert found == next((row for row in self.tables[table] if row["id"] == number), None)
            scribble(found)

    # files

    def keep(self, key, content, kind, age=0):
        """Write a file into the model."""
        data = content.encode() if isinstance(content, str) else content
        self.files[key] = (data, kind, self.clock.now.astimezone(UTC) - timedelta(hours=age))

    @rule(key=keys, content=contents, age=st.integers(1, 100))
    def write(self, key, content, age):
        """Write a file as the tenant, of any age, its type guessed."""
        self.world.files.write(key, content, age=f"{age}h")
        endings = {"txt": "text/plain", "json": "application/json", "csv": "text/csv"}
        self.keep(key, content, endings.get(key.rpartition(".")[2], "application/octet-stream"), age)

    @rule(key=keys, content=contents, kind=st.sampled_from(["application/octet-stream", "text/x"]))
    def upload(self, key, content, kind):
        """Write a file as a job."""
        assert self.ctx.files.upload(key, content, kind) is True
        self.keep(key, content, kind)

    @rule(key=keys, wrong=st.sampled_from([None, 5, {}, ["x"]]))
    def upload_wrong(self, key, wrong):
        """Try to store data that is neither bytes nor text: an error."""
        assert self.ctx.files.upload(key, wrong) is False
        self.faults.append("file-type")

    @rule(key=keys, of=st.sampled_from(["ctx", "world"]))
    def delete_file(self, key, of):
        """Remove a file, as either."""
        assert getattr(self, of).files.delete(key) is (self.files.pop(key, None) is not None)

    def entry(self, key):
        """Describe a file of the model, as a list does."""
        data, _, written = self.files[key]
        shown = written.astimezone(ZONE).replace(tzinfo=None).isoformat()
        return {"key": key, "size": len(data), "last_modified": shown}

    @rule(prefix=keys | st.sampled_from(["", "a/", "A", "*", "b", "txt"]))
    def list_files(self, prefix):
        """List what begins with a text."""
        found = self.ctx.files.list(prefix)
        assert found == [self.entry(key) for key in sorted(self.files) if key.startswith(prefix)]
        scribble(found)

    @rule(key=keys)
    def get_file(self, key):
        """Describe one file."""
        found = self.ctx.files.get(key)
        wanted = {**self.entry(key), "content_type": self.files[key][1]} if key in self.files else None
        assert found == wanted
        scribble(found)

    # secrets

    def hold(self, name, value):
        """Set a secret of the model, which remembers every name that a value had."""
        self.secrets[name] = value
        self.held.setdefault(value, set()).add(name)

    @rule(name=names, value=values)
    def set_secret(self, name, value):
        """Set a secret as a job."""
        assert self.ctx.secrets.set(name, value) is True
        self.hold(name, value)

    @rule(name=names, value=values)
    def put_secret(self, name, value):
        """Set a secret as the tenant."""
        self.world.secrets[name] = value
        self.hold(name, value)

    @rule(name=names, wrong=st.sampled_from([None, 5, b"bytes", ["s3cret"]]))
    def set_wrong_secret(self, name, wrong):
        """Try to set a secret that is not text: an error."""
        assert self.ctx.secrets.set(name, wrong) is False
        self.faults.append("secret-type")

    @rule(name=names)
    def delete_secret(self, name):
        """Remove a secret."""
        assert self.ctx.secrets.delete(name) is (self.secrets.pop(name, None) is not None)

    @rule(name=names)
    def get_secret(self, name):
        """Read a secret; an absent one is a fault."""
        assert self.ctx.secrets.get(name) == self.secrets.get(name)
        self.faults += [] if name in self.secrets else ["secret-missing"]

    @rule(name=names, default=st.none() | st.just("default"))
    def get_secret_or(self, name, default):
        """Read a secret or a default, which is no fault."""
        assert self.ctx.secrets.get(name, default) == self.secrets.get(name, default)

    @rule(name=names)
    def look_at_secrets(self, name):
        """Ask which secrets there are; what is returned is a copy."""
        assert self.ctx.secrets.has(name) is (name in self.secrets)
        shown = self.ctx.secrets.list()
        assert shown == self.secrets
        assert [*shown] == sorted(self.secrets)
        shown.clear()

    # events

    @rule(payload=payloads)
    def emit(self, payload):
        """Publish what is JSON; it is a copy."""
        given = deepcopy(payload)
        assert self.ctx.emit("happened", given) is None
        scribble(given)
        self.events.append(("happened", json.loads(json.dumps(payload)), self.clock.now))

    @rule(payload=not_json)
    def emit_not_json(self, payload):
        """Try to publish a payload that is not JSON: nothing is published."""
        assert self.ctx.emit("happened", payload) is None
        self.faults.append("payload-not-json")

    @rule(value=values)
    def emit_secret(self, value):
        """Show a secret's name for its value, if it is long enough to be one, by any name that it had."""
        self.ctx.emit("told", {"text": f"it is {value}."})
        text = self.world.events[-1].payload["text"]
        hidden = len(value) >= 4 and value in self.held
        assert text in ([f"it is ‹secret:{name}›." for name in self.held[value]] if hidden else [f"it is {value}."])
        self.events.append(("told", {"text": text}, self.clock.now))

    # what holds after every step

    @invariant()
    def tables_agree(self):
        """Compare the rows, however deep someone changed what they gave or got."""
        type(self).steps += 1
        assert {table: self.world.db.rows(table) for table in self.world.db if table != "plugin_jobs"} == self.tables

    @invariant()
    def files_agree(self):
        """Compare the files."""
        assert list(self.world.files) == sorted(self.files)
        assert {key: self.world.files.read(key) for key in self.files} == {
            key: file[0] for key, file in self.files.items()
        }

    @invariant()
    def secrets_agree(self):
        """Compare the secrets."""
        assert dict(self.world.secrets) == self.secrets

    @invariant()
    def events_agree(self):
        """Compare the tenant's events."""
        assert [(event.type, event.payload, event.at) for event in self.world.events] == self.events

    @invariant()
    def faults_agree(self):
        """Compare the kinds of faults; secrets that leak have tests of their own."""
        assert [fault.kind for fault in self.recorder.faults if fault.kind != "secret-leaked"] == self.faults


def test_the_fakes_agree_with_a_model():
    """Two thousand steps and more, in any order: tables, files, secrets and events are as in dicts and lists."""
    Machine.steps = 0
    run_state_machine_as_test(Machine, settings=settings(max_examples=50, stateful_step_count=60, deadline=None))
    assert Machine.steps >= 2000
