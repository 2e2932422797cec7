"""The shapes of job that the platform's guide shows: clean up, report, synchronize, page, measure, notify."""

import json
from datetime import datetime, timedelta

from src.ext.sdk import PluginContext, job, route


@job("sweep", schedule="0 1 * * *")
def sweep(ctx: PluginContext):
    """Delete scans that are older than four weeks."""
    try:
        oldest = datetime.now() - timedelta(weeks=4)
        deleted = 0
        for scan in ctx.files.list("scans/"):
            if datetime.fromisoformat(scan["last_modified"]) < oldest and ctx.files.delete(scan["key"]):
                deleted += 1
        print(f"{deleted} scans deleted")
        ctx.emit("sweep.done", {"deleted": deleted, "oldest": oldest.isoformat()})
        return {"status": "success", "deleted": deleted}
    except Exception as error:
        print(f"the sweep failed: {error}")
        return {"status": "error", "error": str(error)}


@job("summarize", schedule="0 3 * * *")
def summarize(ctx: PluginContext):
    """Use everything that a job has: secrets, HTTP, a model, files, tables and events."""
    token = ctx.secrets.get("STOCK_TOKEN")
    prices = ctx.http.get("https://prices.example.com/today", headers={"Authorization": f"Bearer {token}"})
    if prices.get("status_code") != 200:
        return {"status": "error", "error": f"no prices: {prices.get('error')}"}
    answer = ctx.llm.run(f"Sum up: {prices['text']}")
    if answer.get("error"):
        return {"status": "error", "error": answer["error"]}
    staff = ctx.db.query("staff", {"active": True}, limit=1000)
    scans = ctx.files.list("scans/")
    ctx.emit("summary.done", {"job": "summarize", "staff": len(staff), "scans": len(scans), "text": answer["text"]})
    return {"status": "success"}


@job("visit_everyone", schedule="0 4 * * *")
def visit_everyone(ctx: PluginContext):
    """Go through all staff, fifty at a time, while there is memory."""
    try:
        size, seen = 50, 0
        while True:
            some = ctx.db.query("staff", limit=size, offset=seen)
            if not some:
                break
            seen += size
            if not ctx.check_memory_usage():
                print("memory is short")
                break
        return {"status": "success", "seen": seen}
    except Exception as error:
        return {"status": "error", "error": str(error)}


@job("measure", schedule="0 5 * * *")
def measure(ctx: PluginContext):
    """Say when it begins, and how long it took."""
    began = datetime.now()
    try:
        ctx.emit("measure.began", {"job": "measure", "began": began.isoformat()})
        rows = ctx.db.count("orders")
        seconds = (datetime.now() - began).total_seconds()
        ctx.emit("measure.done", {"job": "measure", "duration_seconds": seconds, "rows": rows})
        return {"status": "success", "duration_seconds": seconds, "rows": rows}
    except Exception as error:
        seconds = (datetime.now() - began).total_seconds()
        ctx.emit("measure.failed", {"job": "measure", "duration_seconds": seconds, "error": str(error)})
        return {"status": "error", "duration_seconds": seconds, "error": str(error)}


@job("orders_report", schedule="0 6 * * *")
def orders_report(ctx: PluginContext):
    """Write the numbers of yesterday to a file, and say where it is."""
    try:
        day = f"{datetime.now() - timedelta(days=1):%Y-%m-%d}"
        orders = ctx.db.query("orders", {"created_at": {"$gte": day}}, limit=1000)
        paid = [order for order in orders if order.get("status") == "paid"]
        report = {"day": day, "orders": len(orders), "paid": len(paid)}
        key = f"reports/{day}.json"
        if not ctx.files.upload(key, json.dumps(report, indent=2), "application/json"):
            return {"status": "error", "error": f"{key} could not be stored"}
        ctx.emit("report.done", {"kind": "daily", "day": day, "key": key})
        return {"status": "success", "report": report, "key": key}
    except Exception as error:
        print(f"no report: {error}")
        return {"status": "error", "error": str(error)}


@job("mirror_stock", schedule="*/30 * * * *")
def mirror_stock(ctx: PluginContext):
    """Fetch the stock from an API whose address is a secret, too."""
    try:
        url, token = ctx.secrets.get("STOCK_URL"), ctx.secrets.get("STOCK_TOKEN")
        if not url or not token:
            return {"status": "error", "error": "STOCK_URL and STOCK_TOKEN are needed"}
        answer = ctx.http.get(f"{url}/items", headers={"Authorization": f"Bearer {token}"})
        if answer.get("status_code") != 200:
            return {"status": "error", "error": f"the stock did not answer: {answer.get('error')}"}
        items = answer.get("json", [])
        number = 0
        for _item in items:
            number += 1
        ctx.emit("stock.done", {"items": number, "source": "stock"})
        return {"status": "success", "items": number}
    except Exception as error:
        print(f"no stock: {error}")
        return {"status": "error", "error": str(error)}


@job("monday_letter", schedule="0 9 * * 1")
def monday_letter(ctx: PluginContext):
    """Sum up the last week."""
    try:
        since = datetime.now() - timedelta(days=7)
        recent = {"created_at": {"$gte": since.isoformat()}}
        orders = ctx.db.query("orders", recent, limit=1000)
        letter = {"from": f"{since:%Y-%m-%d}", "to": f"{datetime.now():%Y-%m-%d}", "orders": len(orders)}
        if ctx.secrets.get("LETTER"):
            print(f"the letter: {letter}")
        ctx.emit("letter.done", {"kind": "weekly", "recipients": ["office@example.com"], "letter": letter})
        return {"status": "success", "letter": letter}
    except Exception as error:
        return {"status": "error", "error": str(error)}


@route("/jobs", methods=["GET"])
def jobs(_ctx: PluginContext):
    """List the jobs."""
    return {"jobs": [{"name": "sweep", "schedule": "0 1 * * *"}]}
