"""The fake tenant as a whole."""

from datetime import date, datetime

import pytest

from sbh_jobkit.clock import is_virtual
from sbh_jobkit.errors import TimeFormatError, WorldError
from sbh_jobkit.fakes.world import World
from sbh_jobkit.simulation.once import run_job
from sbh_jobkit.simulation.simulator import simulate


def test_an_empty_world_is_enough(ran):
    """`World()` has every service, and a job that needs nothing runs in it."""
    run = ran("return ctx.tenant_id", World())
    assert (run.tenant, run.value, run.ok) == ("acme", "acme", True)
    assert repr(World()) == "<World 'acme': <db: no tables> <files: 0> <secrets: none> 0 events>"


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"tz": "Europe/Pariss"}, TimeFormatError, "unknown time zone 'Europe/Pariss'; did you mean 'Europe/Paris'?"),
        ({"permissions": ["db.raed"]}, WorldError, "unknown permission 'db.raed'; did you mean 'db.read'?"),
        (
            {"permissions": "everything"},
            WorldError,
            (
                "unknown permission 'everything'; use one of db.read, db.write, emit_webhook, files.read, files.write, "
                "llm.use, outbound_http, send_email"
            ),
        ),
        (
            {"allow": ["secret-mising"]},
            WorldError,
            "unknown kind of fault 'secret-mising'; did you mean 'secret-missing'?",
        ),
    ],
)
def test_what_is_no_world_is_refused(given, error, message):
    """A wrong zone, permission or kind of fault is answered with the right one."""
    with pytest.raises(error) as refused:
        World(**given)
    assert str(refused.value) == message


def test_a_world_takes_its_zone_until_it_begins():
    """By its name, too; afterwards files and rows have times in it."""
    world = World()
    world.tz = "Europe/Paris"
    world.begin("2026-01-05T09:00")
    assert f"{world.zone}" == "Europe/Paris"
    with pytest.raises(WorldError, match="the world has begun in the zone Europe/Paris; give another one before"):
        world.tz = "UTC"


@pytest.mark.parametrize("allow", ["secret-missing", ["secret-missing"], {"secret-missing", "table-unknown"}])
def test_one_name_or_several_will_do(ran, allow):
    """A kind of fault may be given alone."""
    assert ran("ctx.secrets.get('K')", World(allow=allow)).ok


def test_a_fault_that_is_not_allowed_fails_the_run(ran):
    """Allowing one kind allows no other."""
    run = ran("ctx.secrets.get('K')\nctx.http.get('https://a.example.com')", World(allow="secret-missing"))
    assert (run.ok, run.verdict) == (False, "faulty")
    assert (
        run.summary
        == "http-unmatched: GET https://a.example.com matches no route of the world; the world has no routes"
    )


@pytest.mark.parametrize(
    ("own", "manifest", "denied"),
    [
        (None, None, False),
        (None, [], True),
        (None, ["llm.use"], False),
        ([], None, True),
        (["llm.use"], [], False),
        ("llm.use", ["db.read"], False),
        (["db.read"], ["llm.use"], True),
    ],
)
def test_permissions_are_the_manifests_unless_the_world_has_its_own(ran, own, manifest, denied):
    """A manifest without the key has all; what the world says overrides it."""
    given = {} if manifest is None else {"permissions": manifest}
    run = ran("ctx.llm.run('p')", World(permissions=own), **given)
    assert (run.outcome, [fault.kind for fault in run.faults]) == (
        ("crashed", ["permission-denied"]) if denied else ("ok", [])
    )


def test_state_lives_on_from_run_to_run(ran):
    """What one run leaves, the next one finds: files, secrets, answers used up."""
    world = World()
    values = [
        ran("n = len(ctx.files.list()); ctx.files.upload(f'{n}.txt', b''); return n", world).value for _ in range(3)
    ]
    assert (values, list(world.files)) == ([0, 1, 2], ["0.txt", "1.txt", "2.txt"])


def test_events_of_all_runs_are_in_the_world(ran):
    """`world.events` has what every run emitted, oldest first."""
    world = World()
    ran("ctx.emit('first', {})", world)
    ran("ctx.emit('second', {})", world)
    assert [event.type for event in world.events] == ["first", "second"]
    assert repr(world).endswith("2 events>")


def test_forgetting_keeps_the_tenants_state(ran):
    """`forget` drops records of past runs, not files, tables or routes."""
    world = World()
    world.db.insert("users", {"name": "ann"})
    world.http.get("https://a.example.com").respond(200)
    ran("ctx.emit('e', {}); ctx.llm.run('p'); ctx.http.get('https://a.example.com'); ctx.files.upload('f', '')", world)
    assert (len(world.events), len(world.llm.calls), len(world.http.log)) == (1, 1, 1)
    world.forget()
    assert (len(world.events), len(world.llm.calls), len(world.http.log), len(world.http.calls)) == (0, 0, 0, 0)
    assert (world.db.count("users"), list(world.files), len(world.http.routes)) == (1, ["f"], 1)


def test_chance_is_repeatable():
    """Two worlds draw the same numbers, and other seeds draw others."""
    one, two, other = World(), World(), World()
    other.random.seed(1)
    drawn = [[world.random.random() for _ in range(3)] for world in (one, two, other)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("own", "manifest", "zone"),
    [
        (None, None, "UTC"),
        (None, "Asia/Tokyo", "Asia/Tokyo"),
        ("Europe/Paris", None, "Europe/Paris"),
        ("Europe/Paris", "Asia/Tokyo", "Europe/Paris"),
    ],
)
def test_the_zone_in_force(ran, own, manifest, zone):
    """It is the world's, else the manifest's, else UTC."""
    given = {} if manifest is None else {"timezone": manifest}
    world = World(tz=own)
    run = ran("return __import__('datetime').datetime.now().isoformat()", world, **given)
    assert (run.value, run.fire_time.tzinfo.key, world.zone.key) == ("2026-01-05T09:00:00", zone, zone)


def test_a_world_begins_in_virtual_time_and_leaves_none_behind():
    """A direct call of `begin` opens a virtual clock and closes it."""
    world = World()
    world.files.write("a.txt", "x")
    world.begin("2026-01-05T09:00", "Europe/Paris")
    assert not is_virtual()
    assert world.files.tree() == "a.txt          1  2026-01-05 09:00:00+01:00"


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (
            "2026-01-02",
            "2026-01-02",
            "expect_failure('work'): the end 2026-01-02 is not after the start 2026-01-02",
        ),
        (
            "2026-01-03",
            "2026-01-02",
            "expect_failure('work'): the end 2026-01-02 is not after the start 2026-01-03",
        ),
        ("soon", "2026-01-02", "'soon' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"),
    ],
)
def test_a_bad_window_is_refused(start, end, message):
    """What is expected must have a time in which to happen."""
    with pytest.raises((TimeFormatError, WorldError)) as refused:
        World().expect_failure("work", start, end, because="maintenance")
    assert str(refused.value) == message


def test_an_expectation_needs_a_reason():
    """An expectation needs a reason."""
    with pytest.raises(WorldError) as refused:
        World().expect_failure("work", "2026-01-01", "2026-01-02", because="")
    assert str(refused.value) == "expect_failure('work') needs a reason: because='…'"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-01-05", "2026-01-06"),
        (date(2026, 1, 5), date(2026, 1, 6)),
        ("2026-01-05T09:00", "2026-01-05T09:01"),
        ("2026-01-05T08:00Z", "2026-01-05T08:01Z"),
        (datetime.fromisoformat("2026-01-05T09:00+01:00"), datetime.fromisoformat("2026-01-05T10:00+01:00")),
    ],
)
def test_a_window_is_read_in_the_zone_in_force(ran, start, end):
    """A naive window is wall-clock time, [start, end)."""
    world = World(tz="Europe/Paris")
    world.expect_failure("work", start, end, because="maintenance")
    run = ran("raise ValueError", world)
    assert (run.verdict, run.expected, run.ok) == ("expected", "maintenance", True)
    assert ran("raise ValueError", world, at="2026-01-06T09:00").verdict == "crashed"


def test_a_context_by_hand_lists_the_plugins_jobs(loaded):
    """`world.context(plugin)` shows the installation as a job would see it."""
    world, plugin = World(), loaded("pass")
    assert [row["name"] for row in world.context(plugin).db.query("plugin_jobs")] == ["work"]


def test_simulating_twice_goes_on(loaded):
    """A second simulation on the same world continues it."""
    world, plugin = World(), loaded("n = len(ctx.files.list()); ctx.files.upload(str(n), b''); return n")
    first = simulate(plugin, world, start="2026-01-01", duration="3d")
    second = simulate(plugin, world, start="2026-01-04", duration="2d")
    assert [run.value for run in first.runs + second.runs] == [0, 1, 2, 3, 4]
    run = run_job(plugin.jobs["work"], world, at="2026-01-06")
    assert run.value == 5
    (row,) = world.db.rows("plugin_jobs")
    assert (row["runs"], row["last_run_at"]) == (6, "2026-01-06T00:00:00+00:00")
