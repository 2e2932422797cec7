"""Several plugins at many tenants."""

from __future__ import annotations

import json
import pickle

import pytest

from sbh_jobkit import Fleet, Installation, Interrupted, Plugin, Policy, World, simulate
from sbh_jobkit.cli import main as cli
from sbh_jobkit.errors import JobkitError
from sbh_jobkit.simulation.fleet.fleet import plugins_in
from sbh_jobkit.simulation.fleet.installation import NotSimulated

TENANTS = ["acme", "globex"]


def counts_of(fleet, processes=1):
    """Return what each installation came to, in short."""
    return [(one.plugin, one.tenant, one.runs, one.failures) for one in fleet.results(processes)]


# --- what is in a fleet ---


def test_every_plugin_is_installed_at_every_tenant(platform):
    """In the order of plugins, then of tenants; each with a world of its own."""
    fleet = Fleet(platform, TENANTS, duration="1d")
    assert (repr(fleet), len(fleet)) == ("<Fleet: 2 plugins at 2 tenants>", 4)
    assert counts_of(fleet) == [
        ("loud", "acme", 4, 0),
        ("loud", "globex", 4, 4),
        ("quiet", "acme", 49, 0),
        ("quiet", "globex", 49, 0),
    ]


@pytest.mark.parametrize(
    ("tenants", "names"),
    [
        (1, ("acme",)),
        (3, ("tenant-1", "tenant-2", "tenant-3")),
        ("globex", ("globex",)),
        (["a", "b"], ("a", "b")),
    ],
)
def test_tenants_are_a_number_or_names(tenants, names):
    """One is the tenant that is meant where none is named."""
    assert Fleet("nowhere", tenants).tenants == names


def test_many_tenants_stand_in_their_order():
    """Names of equal length sort as they count."""
    assert Fleet("nowhere", 100).tenants[:2] == ("tenant-001", "tenant-002")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"tenants": 0}, "tenants are a number from 1, or names such as 'acme', got 0"),
        ({"tenants": True}, "tenants are a number from 1, or names such as 'acme', got True"),
        ({"tenants": []}, "tenants are a number from 1, or names such as 'acme', got []"),
        ({"tenants": ["a", ""]}, "tenants are a number from 1, or names such as 'acme', got ['a', '']"),
        ({"tenants": ["a", "b", "a"]}, "the tenant 'a' is named twice"),
        ({"plugins": [7]}, "a fleet loads its plugins itself, so it takes their paths, not 7"),
        ({"tz": "Mars/Base"}, "unknown time zone 'Mars/Base'; use a name such as 'UTC' or 'Europe/Paris'"),
        ({"start": "soon"}, "'soon' is not a time; use ISO 8601, such as '2026-01-31T02:00' or '2026-01-31T02:00Z'"),
        (
            {"duration": "long"},
            "'long' is not a duration; use a number and a unit (y, mo, w, d, h, m, s), such as '30d' or '12h'",
        ),
    ],
)
def test_what_is_no_fleet(given, message):
    """It is refused at once, with what was given."""
    with pytest.raises(JobkitError) as caught:
        Fleet(**{"plugins": "nowhere", **given})
    assert str(caught.value) == message


@pytest.mark.parametrize("processes", [0, True, "2"])
def test_processes_are_a_number(processes):
    """From 1."""
    with pytest.raises(JobkitError) as caught:
        next(Fleet("nowhere").results(processes))
    assert str(caught.value) == f"processes must be a whole number of at least 1, got {processes!r}"


def test_a_folder_stands_for_the_plugins_below_it(platform, write, here):
    """Also deep below; a plugin's own folders and hidden ones are not looked through."""
    write("plugins/more/deep", "")
    write("plugins/loud/tests/data/inner", "")
    write("plugins/.venv/hidden", "")
    (here / "empty").mkdir()
    assert plugins_in(platform) == ["plugins/loud", "plugins/more/deep", "plugins/quiet"]
    assert plugins_in("plugins/loud/main.py") == ["plugins/loud/main.py"]
    assert plugins_in("empty") == ["empty"]
    assert Fleet(["plugins/loud", platform]).paths == ("plugins/loud", "plugins/more/deep", "plugins/quiet")


# --- what an installation does ---


@pytest.mark.usefixtures("platform")
def test_an_installation_does_what_the_simulation_of_its_plugin_does():
    """Run by run: same counts, same failing runs."""
    (one,) = Fleet("plugins/loud", "globex", duration="2d").results()
    alone = simulate(Plugin.load("plugins/loud"), World("globex"), duration="2d")
    (bill,) = one.jobs
    assert (one.name, one.start, one.end, one.by_hand) == ("Loud", alone.start, alone.end, ("audit",))
    assert (bill.name, bill.schedule, bill.english) == (
        "bill",
        "0 */6 * * *",
        "at 00:00, 06:00, 12:00 and 18:00, every day (UTC)",
    )
    assert (bill.tally.runs, bill.tally.failures) == (len(alone.runs), len(alone.failures))
    assert [alike.first.to_dict() for alike in bill.tally.failure_groups] == [alone.runs[0].to_dict()]


def test_tenants_are_not_lucky_alike(write):
    """Chance follows from the seed and the tenant's name, and is the same each time."""
    write(
        "dice",
        """
        from src.ext.sdk import job

        @job("throw", schedule="@daily")
        def throw(ctx): return {"success": False, "thrown": ctx.db.query("dice")[0]["thrown"]}
        """,
        """
        def setup(world): world.db.insert("dice", {"thrown": world.random.random()})
        """,
    )

    def thrown(seed):
        results = Fleet("dice", ["acme", "a", "b"], duration="1d", seed=seed).results()
        return [one.jobs[0].tally.failure_groups[0].first.value["thrown"] for one in results]

    assert len({*thrown(0), *thrown(7)}) == 6
    assert thrown(0) == thrown(0)
    plain = simulate(Plugin.load("dice"), duration="1d").runs[0].value["thrown"]
    assert thrown(0)[0] == plain  # the tenant that is meant where none is named


def test_conditions_hold_everywhere(write):
    """Zone, jobs, policy and limits are those of every installation."""
    slow = """
        import time
        from src.ext.sdk import job

        @job("slow", schedule="* * * * *")
        def slow(ctx): time.sleep(90)

        @job("other", schedule="* * * * *")
        def other(ctx): pass
    """
    write("slow", slow)
    write("else", slow.replace('"slow"', '"apart"'))
    fleet = Fleet(
        ["slow", "else"],
        start="2026-01-01T10:00",
        duration="10m",
        tz="Asia/Tokyo",
        jobs="slow",
        policy=Policy(overlap="allow"),
        time_limit=120,
    )
    slow_one, other_one = fleet.results()
    assert [(job.name, dict(job.tally.verdicts)) for job in slow_one.jobs] == [("slow", {"ok": 10})]
    assert (slow_one.start.isoformat(), other_one.jobs) == ("2026-01-01T10:00:00+09:00", ())


def test_what_cannot_be_simulated_does_not_stop_the_others(platform, write):
    """A plugin that does not load and a world that fails are reported with the reason."""
    write("plugins/broken", "import nothing_of_the_kind")
    write("plugins/lost", QUIET_JOB, "def setup(world): world.db.rows('users')")
    results = list(Fleet(platform, duration="1d").results())
    assert [one for one in results if isinstance(one, NotSimulated)] == [
        NotSimulated(
            path="plugins/broken",
            tenant="acme",
            why="main.py:1: ModuleNotFoundError: No module named 'nothing_of_the_kind'; install it, or put "
            "nothing_of_the_kind.py beside the plugin's entry",
        ),
        NotSimulated(
            path="plugins/lost",
            tenant="acme",
            why="world.py failed: world.py:1: there is no table 'users'; "
            "the only one is plugin_jobs, which the kit fills",
        ),
    ]
    assert [one.plugin for one in results if isinstance(one, Installation)] == ["loud", "quiet"]


QUIET_JOB = """
    from src.ext.sdk import job

    @job("nothing", schedule="@daily")
    def nothing(ctx): pass
"""


# --- all of it ---


def test_a_fleet_is_counted_by_plugin(platform):
    """Tenants side by side, what failed alike as one kind, and the busiest minutes with those who are in them."""
    seen = []
    simulation = Fleet(platform, TENANTS, duration="1d").simulate(progress=seen.append)
    assert repr(simulation) == "<FleetSimulation: 4 of 4 installations, 106 runs, 4 failures, 0 not simulated>"
    assert seen == [1, 2, 3, 4]
    assert (simulation.ok, simulation.start.isoformat(), simulation.end.isoformat()) == (
        False,
        "2026-01-01T00:00:00+00:00",
        "2026-01-02T00:00:00+00:00",
    )
    loud = simulation.plugins["plugins/loud"]
    assert loud.tenants == {"acme": (4, 0), "globex": (4, 4)}
    (alike,) = loud.jobs[0].tally.failure_groups
    assert (alike.first.tenant, alike.count, alike.tenants) == ("globex", 4, 1)
    (peak,) = simulation.concurrency().peaks(1)
    assert (simulation.time_of(peak.minute).isoformat(), peak.who) == (
        "2026-01-01T06:00:00+00:00",
        ((("loud", "bill"), 2), (("quiet", "sync"), 2), (("quiet", "report"), 2)),
    )


def test_two_plugins_of_one_slug_are_told_apart(write):
    """By their paths."""
    for team in "ab":
        write(f"{team}/shop", QUIET_JOB)
    assert list(Fleet(["a/shop", "b/shop"], duration="1d").simulate().labels.values()) == [
        "shop (a/shop)",
        "shop (b/shop)",
    ]


@pytest.mark.parametrize(
    ("zones", "zone"), [(("Asia/Tokyo", "Asia/Tokyo"), "Asia/Tokyo"), (("Asia/Tokyo", "UTC"), "UTC")]
)
def test_the_zone_of_a_fleet(write, zones, zone):
    """That of all plugins, else UTC; the range spans that of each."""
    for number, name in enumerate(zones):
        write(f"p{number}", QUIET_JOB, timezone=name)
    simulation = Fleet(["p0", "p1"], start="2026-01-05", duration="1d").simulate()
    assert simulation.zone.key == zone
    assert simulation.start.timestamp() == min(plugin.start.timestamp() for plugin in simulation.plugins.values())


# --- several processes ---


def test_the_number_of_processes_changes_nothing(platform, write, capsys, here):
    """Values, order, JSON and report are the same, to the byte; also with a plugin that does not load."""
    write("plugins/broken", "import nothing_of_the_kind")
    fleet = Fleet(platform, TENANTS, duration="2d")
    one, two = (pickle.dumps(list(fleet.results(processes))) for processes in (1, 2))
    assert repr(pickle.loads(one)) == repr(pickle.loads(two))  # noqa: S301  our own
    written = []
    for jobs in "12":
        words = ["simulate", platform, "--tenants", "acme,globex", "--for", "2d", "--jobs", jobs, "--html", "r.html"]
        code = cli.main([*words, "--json"])
        printed = capsys.readouterr()
        written.append((code, printed.out, printed.err, (here / "r.html").read_bytes()))
    assert written[0] == written[1]
    assert json.loads(written[0][1])["plugins"][1]["tenants"] == {
        "acme": {"runs": 98, "failures": 0},
        "globex": {"runs": 98, "failures": 0},
    }


def test_a_value_of_the_plugins_own_kind_crosses_processes(write):
    """What a job returns stands in its failing run as JSON has it, on one process as on two."""
    write(
        "kinds",
        """
        from enum import Enum, IntEnum
        from src.ext.sdk import job

        class Colour(Enum):
            RED = "red"

        class Level(IntEnum):
            HIGH = 3

        class Name(str):
            pass

        @job("paint", schedule="@daily")
        def paint(ctx): return {"success": False, "colour": Colour.RED, "level": Level.HIGH, "name": Name("x")}
        """,
    )
    for processes in (1, 2):
        results = Fleet("kinds", 2, duration="1d").results(processes)
        values = [one.jobs[0].tally.failure_groups[0].first.value for one in results]
        assert values == [{"success": False, "colour": "Colour.RED", "level": 3, "name": "x"}] * 2
        assert [type(value["level"]) for value in values] == [int, int]


PRESS_CTRL_C = (
    "import os, subprocess, itertools; subprocess.run(['kill', '-INT', str(os.getpid())]);"
    " any(None for _ in itertools.count())"
)


def test_a_fleet_that_is_interrupted_tells_what_was_done(platform, write):
    """Those that were done, the one that was not, up to when, and nothing of the others."""
    write("plugins/mid", QUIET_JOB.replace("pass", PRESS_CTRL_C).replace("@daily", "0 12 * * *"))
    with pytest.raises(Interrupted) as caught:
        Fleet(platform, duration="1d").simulate()
    simulation = caught.value.so_far
    assert (simulation.interrupted, simulation.asked, simulation.done) == (True, 3, 1)
    assert [(one.plugin, one.reached.isoformat()) for one in simulation.partial] == [
        ("mid", "2026-01-01T12:00:00+00:00")
    ]
    assert list(simulation.plugins) == ["plugins/loud", "plugins/mid"]
