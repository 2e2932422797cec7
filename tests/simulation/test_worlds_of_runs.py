"""The worlds before and after each run, and whose output is whose, whether or not others' code runs in between."""

import os
from textwrap import dedent

import pytest

from sbh_jobkit import World, hookimpl, simulate
from sbh_jobkit.plugin.plugin import Plugin
from sbh_jobkit.plugin.sdk import job


@job("grow", schedule="0 6,18 * * *")
def grow(ctx):
    """Leave a file, an event, a secret and output, and take a minute each second time."""
    number = len(ctx.files.list())
    ctx.files.upload(f"{number}.txt", "text")
    ctx.emit("grown", {"number": number})
    ctx.secrets.set("POSITION", f"position-{number}")
    os.write(1, b"descriptor\n")
    print("printed", number)  # noqa: T201
    if number % 2:
        import time

        time.sleep(60)


class Onlooker:
    """An extension that changes the world when a run has ended, and prints."""

    world = None

    @hookimpl
    def sbh_configure_world(self, world):
        """Remember the world."""
        self.world = world

    @hookimpl
    def sbh_run(self, run):
        """Add a row."""
        self.world.db.insert("seen", {"job": run.job})
        os.write(1, b"looked\n")


def with_ticks(folder):
    """Make a world whose script adds a row each noon, and prints."""
    (folder / "world.py").write_text(
        dedent("""
            import os
            from sbh_jobkit import every

            def setup(world):
                world.db.create("seen")

            @every("0 12 * * *")
            def noon(world, now):
                world.db.insert("seen", {"at": now.isoformat()})
                os.write(1, b"ticked\\n")
        """)
    )
    return World.load(folder / "world.py")


def with_extension():
    """Make a world with an extension."""
    world = World(extensions=[Onlooker()])
    world.db.create("seen")
    return world


def plain():
    """Make a world that nobody changes but the jobs."""
    world = World()
    world.db.create("seen")
    return world


WAYS = {
    "nobody else": (lambda _: plain(), {}, 0, ""),
    "progress": (lambda _: plain(), {"progress": lambda _: os.write(1, b"going\n") and None}, 0, "going\n" * 6),
    "each run twice": (lambda _: plain(), {"twice": True}, 0, ""),
    "a script": (with_ticks, {}, 1, "ticked\n" * 3),
    "an extension": (lambda _: with_extension(), {}, 1, "looked\n" * 6),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_run_has_the_world_as_it_found_it_and_as_it_left_it(tmp_path, capfd, way):
    """The one before a run is taken at its start, and holds what came between; output of others stays outside."""
    make, given, rows, outside = WAYS[way]
    month = simulate(Plugin.load({"grow": grow}), make(tmp_path), start="2026-03-01", duration="3d", **given)
    found = capfd.readouterr().out
    assert found == outside
    assert len(month.runs) == 6
    for number, run in enumerate(month.runs):
        assert run.stdout == f"printed {number}\ndescriptor\n"
        assert (run.before.taken, run.after.taken) == (run.started_at, run.started_at + run.duration)
        assert (len(run.before.files.files), len(run.after.files.files)) == (number, number + 1)
        assert (len(run.before.events), len(run.after.events)) == (number, number + 1)
        secrets = [each.world().secrets.get("POSITION") for each in (run.before, run.after)]
        assert secrets == [f"position-{number - 1}" if number else None, f"position-{number}"]
        seen = {len(each.tables.rows["seen"]) for each in (run.before, run.after)}
        assert seen == {rows * number if way == "an extension" else rows * ((number + 1) // 2)}
        state = run.before.world().jobs.rows()[0]
        assert state["runs"] == number
