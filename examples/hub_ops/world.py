"""A month at the hub: people join, builds succeed and fail, temp files pile up, and the fleet API has one bad hour."""

from datetime import datetime, timedelta

import httpx

from sbh_jobkit import every

BAD_HOUR = "2026-01-13T14:00", "2026-01-13T15:00"
MOODS, ANIMALS = ["amber", "brisk", "calm", "dapper", "eager"], ["otter", "finch", "lynx", "heron", "mole"]


def setup(world):
    world.allow = ["not-simulated"]  # tests call the route /jobs/status
    world.secrets["FLEET_API_URL"] = "https://fleet.example"
    world.secrets["FLEET_API_KEY"] = "fake-fleet-key"
    world.secrets["DIGEST_TEMPLATE"] = "Since {since}: {new_users} new users, {failed_builds} of {builds} builds failed"
    world.http.get("https://fleet.example/runners").side_effect = fleet
    world.expect_failure("sync_runners", *BAD_HOUR, because="the fleet API is down for maintenance")
    world.llm.reply("Most of them ran out of time in the browser tests.", when="failed builds")

    world.db.latency = "100ms"  # so that a job that never stops paging reaches the time limit
    world.db.create("queue", "builds")
    for days in range(60, 0, -1):
        then = datetime.now() - timedelta(days=days)
        join(world, then, people=2)
        if days % 5 == 0:
            start_project(world, then)
        world.files.write(f"temp/{then:%Y-%m-%d}.log", "a day's log", age=f"{days}d")


def fleet(_request):
    """Answer as the fleet API: fewer runners at night, and only 503 in the bad hour."""
    now = datetime.now()
    if BAD_HOUR[0] <= now.isoformat() < BAD_HOUR[1]:
        return httpx.Response(503)
    awake = 8 if 8 <= now.hour < 20 else 3
    return httpx.Response(200, json=[{"id": number, "busy": number % 2 == 0} for number in range(awake)])


@every("15 9-17 * * 1-5")
def people_join(world, now):
    join(world, now, people=world.random.randint(0, 2))


@every("0 11 * * 2,4")
def teams_start_projects(world, now):
    start_project(world, now)


@every("*/20 * * * *")
def builds_run(world, now):
    """Finish the waiting builds, then add new ones: many in working hours, few at night."""
    for build in world.db.rows("queue"):
        failed = world.random.random() < 0.1
        reason = world.random.choice(["timeout", "lint", "flaky test"]) if failed else None
        done = {"status": "failed" if failed else "success", "reason": reason}
        world.db.insert("builds", {"project": build["project"], "created_at": build["created_at"], **done})
    world.db.delete("queue")
    busy = now.weekday() < 5 and 9 <= now.hour < 18
    for _ in range(world.random.randint(0, 6 if busy else 1)):
        project = world.random.choice(world.db.rows("projects"))
        world.db.insert("queue", {"project": project["name"], "created_at": now.isoformat()})


@every("40 18 * * *")
def the_day_leaves_a_log(world, now):
    world.files.write(f"temp/{now:%Y-%m-%d}.log", "a day's log")


def join(world, now, people):
    for _ in range(people):
        plan = world.random.choice(["trial", "trial", "team"])
        ends = f"{now + timedelta(days=14):%Y-%m-%d}" if plan == "trial" else None
        world.db.insert("users", {"plan": plan, "trial_ends": ends, "created_at": now.isoformat()})


def start_project(world, now):
    name = f"{world.random.choice(MOODS)}-{world.random.choice(ANIMALS)}"
    world.db.insert("projects", {"name": name, "created_at": now.isoformat()})
