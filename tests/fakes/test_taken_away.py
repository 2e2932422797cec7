"""A job of Hub Ops without something it needs fails and names it, although the jobs catch exceptions."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from sbh_jobkit import Plugin, World, run_job
from sbh_jobkit.run.run import Outcome

ROOT = Path(__file__).parents[2] / "examples" / "hub_ops"
AT = "2026-02-02T09:00"
PLUGIN = Plugin.load(ROOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What one run of a job cannot do without."""

    secrets: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()


JOBS = {
    "clean_temp_files": Needs(permissions=("files.read", "files.write", "emit_webhook")),
    "sync_runners": Needs(
        secrets=("FLEET_API_URL", "FLEET_API_KEY"),
        routes=("GET ‹secret:FLEET_API_URL›/runners",),  # the address is kept as a secret
        permissions=("outbound_http", "files.write", "emit_webhook"),
    ),
    "watch_queue": Needs(tables=("queue",), permissions=("db.read", "emit_webhook")),
    "end_trials": Needs(tables=("users",), permissions=("db.read", "emit_webhook")),
    "index_projects": Needs(tables=("projects",), permissions=("db.read", "files.write", "emit_webhook")),
    "count_seats": Needs(tables=("users",), permissions=("db.read", "emit_webhook")),
    "daily_report": Needs(
        tables=("builds", "users", "projects"), permissions=("db.read", "files.write", "emit_webhook")
    ),
    "explain_failures": Needs(tables=("builds",), permissions=("db.read", "llm.use", "files.write", "emit_webhook")),
    "weekly_digest": Needs(
        secrets=("DIGEST_TEMPLATE",),
        tables=("users", "projects", "builds"),
        permissions=("db.read", "emit_webhook"),
    ),
}


def begun():
    """Make the world of Hub Ops, on a day on which every job has something to do."""
    world = World.load(ROOT / "world.py")
    world.begin(at=AT)
    world.db.insert("queue", [{"project": "calm-otter", "created_at": "2026-02-02T08:59:00"}] * 6)
    world.db.insert("users", {"plan": "trial", "trial_ends": "2026-02-02", "created_at": "2026-01-19T09:00:00"})
    build = {"project": "calm-otter", "status": "failed", "reason": "lint", "created_at": "2026-02-01T12:00:00"}
    world.db.insert("builds", build)
    return world


def without_secret(world, name):
    """Unset a secret."""
    del world.secrets[name]


def without_route(world, name):
    """Take away the route, which is the only one."""
    assert (len(world.http.routes), name) == (1, "GET ‹secret:FLEET_API_URL›/runners")
    world.http.routes.clear()


def without_table(world, name):
    """Give the world a database that never had the table: one cannot be dropped."""
    fewer = World().db
    for table in world.db:
        if table not in {name, "plugin_jobs"}:
            fewer.create(table)
            fewer.insert(table, world.db.rows(table))
    world.db = fewer


def without_permission(world, name):
    """Permit all that the manifest does but one thing."""
    world.permissions = frozenset(PLUGIN.manifest.permissions) - {name}


TAKEN = {
    "secrets": (without_secret, "secret-missing"),
    "routes": (without_route, "http-unmatched"),
    "tables": (without_table, "table-unknown"),
    "permissions": (without_permission, "permission-denied"),
}
CASES = [
    pytest.param(job, what, name, id=f"{job} without {name}")
    for job, needs in JOBS.items()
    for what in TAKEN
    for name in getattr(needs, what)
]


@pytest.mark.parametrize("job", JOBS)
def test_with_everything_it_is_well(job):
    """A job that has all it needs ends without a fault, so that what fails below fails for what was taken."""
    run = run_job(PLUGIN.jobs[job], begun(), at=AT)
    assert (run.ok, run.outcome, run.faults, run.value["status"]) == (True, Outcome.OK, (), "success")


@pytest.mark.parametrize(("job", "what", "name"), CASES)
def test_what_is_taken_away_is_named(job, what, name):
    """A job without one thing that it needs fails, by one kind of fault that names the thing."""
    take, kind = TAKEN[what]
    world = begun()
    take(world, name)
    run = run_job(PLUGIN.jobs[job], world, at=AT)
    assert not run.ok
    assert {(fault.kind, fault.allowed) for fault in run.faults} == {(kind, False)}
    assert [fault.message for fault in run.faults if name not in fault.message] == []
    assert f"{kind}: " in run.summary
    assert name in run.summary


@pytest.mark.parametrize(("job", "what", "name"), CASES)
def test_a_world_may_allow_it(job, what, name):
    """The same fault, allowed, is recorded still, and no longer fails a run by itself."""
    take, kind = TAKEN[what]
    world = begun()
    world.allowed = frozenset({kind})
    take(world, name)
    run = run_job(PLUGIN.jobs[job], world, at=AT)
    assert {(fault.kind, fault.allowed) for fault in run.faults} == {(kind, True)}
    assert run.ok is (run.outcome is Outcome.OK)


def test_the_table_is_of_the_plugin():
    """Every job, every secret and every permission of the manifest stands in the table, and no other."""
    assert sorted(JOBS) == sorted(PLUGIN.jobs)
    assert {name for needs in JOBS.values() for name in needs.secrets} == set(PLUGIN.manifest.secrets)
    assert {name for needs in JOBS.values() for name in needs.permissions} == PLUGIN.manifest.permissions


@pytest.mark.parametrize("job", JOBS)
def test_nothing_else_is_needed(job):
    """A job that has what the table says and nothing more is well, so that the table is complete."""
    needs, world = JOBS[job], begun()
    for name in [name for name in world.secrets if name not in needs.secrets]:
        del world.secrets[name]
    if not needs.routes:
        world.http.routes.clear()
    for name in [name for name in world.db if name not in {*needs.tables, "plugin_jobs"}]:
        without_table(world, name)
    world.permissions = frozenset(needs.permissions)
    assert run_job(PLUGIN.jobs[job], world, at=AT).faults == ()
