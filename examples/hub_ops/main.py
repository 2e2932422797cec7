"""Hub Ops: the jobs that keep a build hub tidy. The jobs that write reports are in reports.py."""

import json
import time
from collections import defaultdict
from datetime import datetime, timedelta

from reports import daily_report, explain_failures, weekly_digest
from src.ext.sdk import PluginContext, job, route

__all__ = ["daily_report", "explain_failures", "weekly_digest"]  # only jobs in the entry are found

PAGE = 100
PATIENCE = 5


@job("clean_temp_files", schedule="0 1 * * *")
def clean_temp_files(ctx: PluginContext):
    """Delete temp files that have not changed for 30 days."""
    cutoff = datetime.now() - timedelta(days=30)
    deleted = 0
    try:
        for file in ctx.files.list("temp/"):
            if datetime.fromisoformat(file["last_modified"]) < cutoff and ctx.files.delete(file["key"]):
                deleted += 1
    except Exception as error:
        print(f"Clean-up stopped after {deleted} files: {error}")
        return {"status": "error", "files_deleted": deleted, "error": str(error)}

    print(f"Deleted {deleted} files from before {cutoff:%Y-%m-%d}")
    ctx.emit("cleanup.completed", {"files_deleted": deleted, "cutoff": cutoff.isoformat()})
    return {"status": "success", "files_deleted": deleted}


@job("sync_runners", schedule="*/30 * * * *")
def sync_runners(ctx: PluginContext):
    """Fetch the state of the build runners and keep it as a file."""
    url, key = ctx.secrets.get("FLEET_API_URL"), ctx.secrets.get("FLEET_API_KEY")
    if not url or not key:
        return {"status": "error", "error": "the fleet API needs FLEET_API_URL and FLEET_API_KEY"}

    response = ctx.http.get(f"{url}/runners", headers={"Authorization": f"Bearer {key}"})
    if response["status_code"] != 200:
        reason = response.get("error") or f"HTTP {response['status_code']}"
        print(f"The fleet API did not answer: {reason}")
        return {"status": "error", "error": f"fleet API: {reason}"}

    runners = response["json"]
    if not isinstance(runners, list):  # such as a page of HTML that says "come back later"
        print(f"The fleet API sent no list of runners: {response['text'][:80]}")
        return {"status": "error", "error": "fleet API: no list of runners"}

    busy = sum(runner["busy"] for runner in runners)
    ctx.files.upload("fleet/runners.json", json.dumps(runners), "application/json")
    ctx.emit("fleet.synced", {"runners": len(runners), "busy": busy})
    return {"status": "success", "runners": len(runners), "busy": busy}


@job("watch_queue", schedule="0 * * * *")
def watch_queue(ctx: PluginContext):
    """Raise the alarm when too many builds wait for a runner."""
    waiting = ctx.db.count("queue")
    if waiting > PATIENCE:
        print(f"{waiting} builds are waiting")
        ctx.emit("queue.crowded", {"waiting": waiting})
    return {"status": "success", "waiting": waiting}


@job("end_trials", schedule="0 4 * * *")
def end_trials(ctx: PluginContext):
    """Notify everyone whose trial ends today, one page of users at a time."""
    today = datetime.now().strftime("%Y-%m-%d")
    seen, notified = 0, 0
    while users := ctx.db.query("users", limit=PAGE, offset=seen):
        for user in users:
            if user["plan"] == "trial" and user["trial_ends"] == today:
                ctx.emit("trial.ended", {"user_id": user["id"]})
                notified += 1
        seen += len(users)
        if not ctx.check_memory_usage():
            print(f"Memory is short, stopping after {seen} users")
            return {"status": "error", "users_seen": seen, "error": "memory is short"}

    print(f"{notified} of {seen} users have their trial end today")
    return {"status": "success", "users_seen": seen, "users_told": notified}


@job("index_projects", schedule="0 5 * * *")
def index_projects(ctx: PluginContext):
    """Index every project for the search, and report how long it took."""
    started = datetime.now()
    ctx.emit("index.started", {"at": started.isoformat()})
    index = defaultdict(list)
    try:
        for project in ctx.db.query("projects", limit=1000):
            for word in project["name"].split("-"):
                index[word].append(project["id"])
            time.sleep(0.2)  # the search indexes five projects a second
    except Exception as error:
        seconds = (datetime.now() - started).total_seconds()
        ctx.emit("index.failed", {"seconds": seconds, "error": repr(error)})
        return {"status": "error", "seconds": seconds, "error": repr(error)}

    seconds = (datetime.now() - started).total_seconds()
    print(f"Indexed {len(index)} words in {seconds:.1f} s")
    ctx.files.upload("search/index.json", json.dumps(index), "application/json")
    ctx.emit("index.completed", {"seconds": seconds, "words": len(index)})
    return {"status": "success", "seconds": seconds, "words": len(index)}


@job("count_seats", schedule="0 0 1 * *")
async def count_seats(ctx: PluginContext):
    """Count the seats of each plan for the invoice; a job may be a coroutine."""
    seats = {plan: await seats_of(ctx, plan) for plan in ("trial", "team")}
    ctx.emit("seats.counted", seats)
    return {"status": "success", "seats": seats}


async def seats_of(ctx: PluginContext, plan: str) -> int:
    return ctx.db.count("users", {"plan": plan})


@route("/jobs/status", methods=["GET"])
def job_status(ctx: PluginContext):
    """List every job: its schedule, its last run and its status."""
    jobs = ctx.db.query("plugin_jobs", {"plugin_installation_id": "hub-ops"})
    shown = ("name", "schedule_cron", "status", "last_run_at", "next_run_at", "last_error")
    return {"jobs": [{name: row[name] for name in shown} for row in jobs]}
