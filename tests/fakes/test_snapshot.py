"""Snapshots of a world: taken, restored, inspected and compared."""

from __future__ import annotations

import httpx
import pytest

from sbh_jobkit import Run, Snapshot, World, diff, hookimpl, run_job, simulate
from sbh_jobkit.errors import WorldError

ROUTE = "https://api.example.com/state"


def test_every_service_goes_back(ran):
    """After `restore`, jobs get the rows, files, secrets, answers, random numbers and memory of the snapshot."""
    world = World()
    world.db.insert("users", [{"name": "Ada"}])
    world.files.write("a.txt", "one")
    world.secrets["KEY"] = "first-value"
    world.llm.reply(["first", "second", "third"])
    world.http.get(ROUTE).mock(side_effect=[httpx.Response(200, json=number) for number in range(3)])
    world.http.get("https://slow.example/").respond(201).after("2s")
    body = """
    users = [user["name"] for user in ctx.db.query("users")]
    files = [(file["key"], file["size"]) for file in ctx.files.list()]
    ctx.files.upload("b.txt", "two")
    ctx.emit("seen", {"users": users})
    answers = [ctx.llm.run("x")["text"], ctx.http.get("https://api.example.com/state")["json"]]
    return [users, files, ctx.secrets.has("OTHER"), answers, ctx.check_memory_usage()]
    """
    ran("ctx.llm.run('x'); ctx.http.get('https://api.example.com/state')", world)
    moment = world.snapshot()
    chances = [world.random.random(), world.random.getrandbits(9), world.random.choice("abcdef")]
    first = ran(body, world)
    world.db.delete("users")
    world.db.create("others")
    world.secrets["OTHER"] = "other-value"
    world.http.get(ROUTE).respond(503).failing(1.0)
    world.http.get("https://new.example/").respond(200)
    world.llm.reply("changed")
    world.memory.use(99)
    world.allow = ["secret-missing"]
    world.time_limit = 1
    world.expect_failure("work", "2026-01-01", "2027-01-01", because="it is down")
    world.restore(moment)
    again = ran(body, world)
    assert first.value == again.value == [["Ada"], [("a.txt", 3)], False, ["second", 1], True]
    assert again.verdict == "ok"
    assert chances == [world.random.random(), world.random.getrandbits(9), world.random.choice("abcdef")]
    assert (list(world.db), len(world.events), len(world.http.log)) == (["users", "plugin_jobs"], 1, 2)
    assert ran("return ctx.http.get('https://slow.example/')['status_code']", world).duration.total_seconds() == 2
    assert [fault.kind for fault in ran("ctx.http.get('https://new.example/')", world).faults] == ["http-unmatched"]


def test_a_world_without_http_goes_back_to_having_none(ran):
    """Routes that came after the snapshot are gone."""
    world = World()
    moment = world.snapshot()
    world.http.get(ROUTE).respond(200)
    world.restore(moment)
    (fault,) = ran(f"ctx.http.get({ROUTE!r})", world).faults
    assert fault.message == f"GET {ROUTE} matches no route of the world; the world has no routes"


def test_a_world_of_its_own_leaves_no_trace(loaded):
    """What is done in `snapshot.world()` changes neither the world nor the snapshot."""
    world = World(permissions=["outbound_http"], user_id="u1", tz="Asia/Tokyo")
    world.http.get(ROUTE).mock(side_effect=[httpx.Response(200), httpx.Response(500)])
    moment = world.snapshot()
    job = loaded(f"return [ctx.user_id, ctx.http.get({ROUTE!r})['status_code']]").jobs["work"]
    worlds = [moment.world(), moment.world(), world]
    assert [run_job(job, one, at="2026-01-05T09:00").value for one in worlds] == [["u1", 200]] * 3
    worlds[0].http.get(ROUTE).respond(418)
    assert [run_job(job, one, at="2026-01-05T09:00").value[1] for one in worlds] == [418, 500, 500]
    assert {one.tz.key for one in worlds} == {"Asia/Tokyo"}
    assert repr(moment) == "<Snapshot: 0 rows, 0 files, 0 events>"


def test_a_secret_of_another_time_is_still_a_secret(loaded):
    """A value that was set after the snapshot is not shown by the world that stands there, nor by the one restored."""
    world = World()
    moment = world.snapshot()
    world.secrets["KEY"] = "later-value"
    run = run_job(loaded("print('later-value')").jobs["work"], moment.world(), at="2026-01-05T09:00")
    world.restore(moment)
    assert run.stdout == "‹secret:KEY›\n"
    assert run_job(loaded("print('later-value')").jobs["work"], world, at="2026-01-05T09:00").stdout == run.stdout


def test_runs_of_a_simulation_keep_their_world(loaded):
    """Each run has the world before and after it, and can be repeated there; runs of a stream have neither."""
    plugin = loaded("""
    number = len(ctx.files.list())
    ctx.files.upload(f"{number}.txt", "x" * number)
    return number
    """)
    world = World()
    month = simulate(plugin, world, duration="5d")
    third: Run = month.runs[2]
    assert isinstance(third.before, Snapshot)
    assert repr(third.before) == "<Snapshot at 2026-01-03 09:00:00 UTC: 0 rows, 2 files, 0 events>"
    assert str(diff(third.before, third.after)) == "files: 1 added\n  + 2.txt: 2 bytes, application/octet-stream"
    again = run_job(plugin.jobs["work"], third.before.world(), at=third.fire_time)
    assert (again.value, again) == (2, third)
    assert len(world.files) == 5


def test_equal_runs_do_not_ask_for_their_worlds(ran):
    """Two runs that did the same are equal, whichever moments they keep."""
    assert ran("return 1") == ran("return 1")


def test_changes_are_listed():
    """Rows by id, files by key, secrets by name, events: nothing else, and no secret's value."""
    world = World()
    world.db.insert("users", [{"name": "Ada", "plan": "trial"}, {"name": "Bob"}, {"name": "Eve"}])
    world.db.create("empty")
    world.files.write("old.txt", "abc", modified="2026-01-01")
    world.files.write("same.txt", "abc", modified="2026-01-01")
    world.files.write("gone.txt", "abc")
    world.secrets.update({"KEY": "first-value", "OTHER": "other-value"})
    before = world.snapshot()
    world.db.update("users", {"id": 1}, {"plan": "team", "key": "second-value"})
    world.db.update("users", {"id": 2}, {"name": "Bob"})
    world.db.delete("users", {"id": 3})
    world.db.insert("orders", [{"total": 1}, {"id": 1, "total": 2}])
    world.files.write("old.txt", "abcd", modified="2026-01-01")
    world.files.write("same.txt", "abc", modified="2026-01-02")
    world.files.write("new.json", "{}")
    world.files.delete("gone.txt")
    world.secrets["KEY"] = "second-value"
    del world.secrets["OTHER"]
    world.secrets["THIRD"] = "third-value"
    world.context().emit("user.left", {"id": 3})
    difference = diff(before, world)
    assert str(difference).splitlines() == [
        "table users: 1 changed, 1 removed",
        '  ~ id 1: plan "trial" → "team"; key nothing → "‹secret:KEY›"',
        '  - id 3: name "Eve"',
        "table orders: 2 added",
        "  + id 1: total 1",
        "  + id 1 (number 2): total 2",
        "files: 1 added, 2 changed, 1 removed",
        "  - gone.txt: 3 bytes, text/plain",
        "  + new.json: 2 bytes, application/json",
        "  ~ old.txt: 3 → 4 bytes",
        "  ~ same.txt: written again, same content",
        "secrets: 1 added, 1 changed, 1 removed",
        "  ~ KEY: its value",
        "  - OTHER",
        "  + THIRD",
        "events: 1 added",
        '  + user.left: {"id": 3}',
    ]
    assert bool(difference) is True
    assert [str(change) for change in diff(world, before).tables["users"]] == [
        '~ id 1: plan "team" → "trial"; key "‹secret:KEY›" → nothing',
        '+ id 3: name "Eve"',
    ]


def test_a_file_with_the_same_content_may_be_left_out():
    """`rewritten=False` skips files of which only the time changed."""
    world = World()
    world.files.write("same.txt", "abc", modified="2026-01-01")
    world.files.write("kind", "abc", modified="2026-01-01", content_type="text/plain")
    before = world.snapshot()
    world.files.write("same.txt", "abc", modified="2026-01-02")
    assert (bool(diff(before, world)), bool(diff(before, world, rewritten=False))) == (True, False)
    world.files.write("kind", "abc", modified="2026-01-02", content_type="text/html")
    assert str(diff(before, world, rewritten=False)) == "files: 1 changed\n  ~ kind: text/plain → text/html"


def test_records_of_requests_go_back(ran):
    """`restore` removes later requests from the log of the world and of each route."""
    world = World()
    route = world.http.get(ROUTE).respond(200)
    ran(f"ctx.http.get({ROUTE!r})", world)
    moment = world.snapshot()
    ran(f"ctx.http.get({ROUTE!r}); ctx.http.get('https://nowhere.example/')", world)
    assert (route.call_count, world.http.calls.call_count, len(world.http.log)) == (2, 2, 3)
    world.restore(moment)
    assert (route.call_count, world.http.calls.call_count, len(world.http.log)) == (1, 1, 1)


def test_nothing_changed():
    """Two equal snapshots have no difference, which is false."""
    world = World()
    world.db.insert("users", {"name": "Ada"})
    assert (bool(diff(world, world)), str(diff(world.snapshot(), world))) == (False, "no difference")


def test_a_long_difference_ends():
    """At most twenty changes of a table are listed."""
    world = World()
    before = world.snapshot()
    world.db.insert("users", [{"n": number} for number in range(1_500)])
    lines = str(diff(before, world)).splitlines()
    assert (len(lines), lines[0], lines[-1]) == (22, "table users: 1,500 added", "  and 1,480 more")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda world: diff(world, 5), "diff compares two worlds or snapshots, got 5"),
        (
            lambda world: world.restore("noon"),
            "world.restore takes what world.snapshot() returned, got 'noon'",
        ),
    ],
)
def test_what_is_no_moment_is_refused(wrong, message):
    """One sentence says what was expected."""
    with pytest.raises(WorldError) as refused:
        wrong(World())
    assert str(refused.value) == message


class Counted:
    """A service of an extension that counts what jobs did."""

    def __init__(self):
        """Start the count at 0."""
        self.count = 0

    def open(self, access):
        """Return the service itself."""
        del access
        return self

    def add(self):
        """Count."""
        self.count += 1
        return self.count

    def snapshot(self):
        """Keep the count."""
        return self.count

    def restore(self, state):
        """Count from there."""
        self.count = state


class Counting:
    """An extension that offers it."""

    @hookimpl
    def sbh_services(self, world):
        """Offer a new one to each world."""
        del world
        return {"counted": Counted()}


def test_services_of_extensions_go_back(loaded):
    """A service keeps its state and goes back to it, and a world of its own has its own."""
    world = World(extensions=[Counting()])
    job = loaded("return ctx.counted.add()").jobs["work"]
    first = run_job(job, world, at="2026-01-05T09:00")
    other = first.after.world()
    assert [run_job(job, one, at="2026-01-05T09:00").value for one in (world, other, other)] == [2, 2, 3]
    world.restore(first.before)
    assert (world.counted.count, other.counted.count) == (0, 3)
