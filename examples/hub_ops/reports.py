"""The jobs of Hub Ops that write reports."""

import json
from collections import Counter
from datetime import datetime, timedelta

from src.ext.sdk import PluginContext, job


def filter_yesterday():
    """Return yesterday's date, and a filter for rows that were created on it."""
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = today - timedelta(days=1)
    return f"{yesterday:%Y-%m-%d}", {"created_at": {"$gte": yesterday.isoformat(), "$lt": today.isoformat()}}


@job("daily_report", schedule="0 6 * * *")
def daily_report(ctx: PluginContext):
    """Write a report: the number of users and projects, and the results of yesterday's builds."""
    date, yesterday = filter_yesterday()
    try:
        builds = Counter(build["status"] for build in ctx.db.query("builds", yesterday, limit=1000))
        report = {
            "date": date,
            "users": ctx.db.count("users"),
            "projects": ctx.db.count("projects"),
            "builds": builds.total(),
            "failed_builds": builds["failed"],
        }
    except Exception as error:
        print(f"No report for {date}: {error}")
        return {"status": "error", "error": str(error)}

    filename = f"reports/daily_{date}.json"
    if not ctx.files.upload(filename, json.dumps(report, indent=2), "application/json"):
        return {"status": "error", "error": f"{filename} could not be stored"}
    ctx.emit("report.written", {"date": date, "filename": filename})
    return {"status": "success", "report": report, "filename": filename}


@job("explain_failures", schedule="0 7 * * *")
def explain_failures(ctx: PluginContext):
    """Ask the language model to explain why yesterday's builds failed."""
    date, yesterday = filter_yesterday()
    failed = ctx.db.query("builds", {**yesterday, "status": "failed"}, limit=1000)
    if not failed:
        print(f"No build failed on {date}")
        return {"status": "success", "failed_builds": 0}

    reasons = "\n".join(f"- {build['project']}: {build['reason']}" for build in failed)
    answer = ctx.llm.run(f"Explain these failed builds in one sentence:\n{reasons}")
    if answer.get("error"):
        return {"status": "error", "error": f"the language model did not answer: {answer['error']}"}

    filename = f"reports/failures_{date}.txt"
    if not ctx.files.upload(filename, answer["text"], "text/plain"):
        return {"status": "error", "error": f"{filename} could not be stored"}
    ctx.emit("failures.explained", {"date": date, "summary": answer["text"]})
    return {"status": "success", "failed_builds": len(failed), "summary": answer["text"]}


@job("weekly_digest", schedule="0 9 * * 1")
def weekly_digest(ctx: PluginContext):
    """Send the team a summary of the last seven days."""
    template = ctx.secrets.get("DIGEST_TEMPLATE")
    if not template:
        return {"status": "error", "error": "there is no DIGEST_TEMPLATE"}

    since = datetime.now() - timedelta(days=7)
    recent = {"created_at": {"$gte": since.isoformat()}}
    digest = {
        "since": f"{since:%Y-%m-%d}",
        "new_users": ctx.db.count("users", recent),
        "new_projects": ctx.db.count("projects", recent),
        "builds": ctx.db.count("builds", recent),
        "failed_builds": ctx.db.count("builds", {**recent, "status": "failed"}),
    }
    print(template.format(**digest))
    ctx.emit("digest.sent", {"recipients": ["team@hub.example"], "digest": digest})
    return {"status": "success", "digest": digest}
