"""Ten jobs of a shop, as a careful author writes them."""

import json
import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from src.ext.sdk import job

CRM = "https://crm.example.com/contacts"
MAIL = "https://mail.example.com/send"
CHAT = "https://chat.example.com/hook"
TEAMS = ("billing", "tech", "sales")


def fetch(ctx, url, **params):
    """Fetch; wait and try again while the service says that it is too much."""
    for attempt in range(4):
        r = ctx.http.get(url, params=params, headers={"Authorization": "Bearer " + ctx.secrets.get("CRM_TOKEN")})
        if r["status_code"] not in (429, 503):
            break
        time.sleep(float(r["headers"].get("retry-after", 2**attempt)))
    return r


def orders_between(ctx, first, end):
    """Return the orders of the days from `first` to before `end`."""
    return ctx.db.query("orders", {"placed_at": {"$gte": f"{first}T00:00", "$lt": f"{end}T00:00"}}, limit=50_000)


@job("sync_contacts", schedule="0 */2 * * *")
def sync_contacts(ctx):
    """Copy new contacts by cursor."""
    contacts, cursor = [], ""
    while True:
        r = fetch(ctx, CRM, cursor=cursor, limit=25)
        if r["status_code"] != 200 or not isinstance(r["json"], dict):
            return {"status": "error", "error": f"crm {r['status_code']}"}
        contacts += r["json"]["data"]
        cursor = r["json"]["next_cursor"]
        if not cursor:
            break
    known = {f["key"] for f in ctx.files.list("contacts/")}
    new = 0
    for c in contacts:
        key = f"contacts/{c['id']}"
        if key in known:
            continue
        ctx.emit("contact.new", {"contact_id": c["id"], "email": c["email"]})
        ctx.files.upload(key, "")
        new += 1
    return {"status": "success", "new": new}


@job("purge", schedule="15 3 * * *")
def purge(ctx):
    """Delete backups that are older than 30 days."""
    oldest = date.today() - timedelta(days=30)
    gone = 0
    for f in ctx.files.list("backups/"):
        day = date.fromisoformat(f["key"].split("/")[1][:10])
        if day < oldest and ctx.files.delete(f["key"]):
            gone += 1
    return {"status": "success", "deleted": gone}


@job("dunning", schedule="0 10 * * 1-5")
def dunning(ctx):
    """Remind of each unpaid order at 7, 14 and 21 days."""
    today = date.today()
    sent = 0
    offset = 0
    while True:
        orders = ctx.db.query("orders", {"status": "unpaid"}, limit=50, offset=offset)
        for o in orders:
            age = (today - date.fromisoformat(o["placed_at"][:10])).days
            stage = min(age // 7, 3)
            mark = f"dunned/{o['id']}/{stage}"
            if stage < 1 or ctx.files.get(mark):
                continue
            r = ctx.http.post(MAIL, json={"to": o["email"], "template": f"dunning-{stage}", "order": o["id"]})
            if not 200 <= r["status_code"] < 300:
                return {"status": "error", "error": f"mail {r['status_code']}", "sent": sent}
            ctx.files.upload(mark, "")
            sent += 1
        if len(orders) < 50:
            break
        offset += 50
    return {"status": "success", "sent": sent}


@job("triage", schedule="*/20 * * * *")
def triage(ctx):
    """Let the model name a team for each new ticket."""
    done = {f["key"] for f in ctx.files.list("triaged/")}
    n = 0
    for t in ctx.db.query("tickets", {"state": "new"}, limit=5000):
        if f"triaged/{t['id']}" in done:
            continue
        a = ctx.llm.run(f"Team for: {t['text']}")
        if a.get("error"):
            return {"status": "error", "error": a["error"], "done": n}
        team = a["text"].strip().lower()
        if team not in TEAMS:
            print(f"ticket {t['id']}: {team!r} is no team")
            return {"status": "error", "error": "the model named no team", "done": n}
        ctx.emit("ticket.assigned", {"ticket": t["id"], "team": team})
        ctx.files.upload(f"triaged/{t['id']}", team)
        n += 1
    return {"status": "success", "done": n}


@job("digest", schedule="0 7 * * 1")
def digest(ctx):
    """Sum up the last week, once."""
    week = date.today() - timedelta(days=7)
    name = f"digests/{week:%G-W%V}.json"
    if ctx.files.get(name):
        return {"status": "success", "sent": 0}
    rows = orders_between(ctx, week, date.today())
    r = ctx.http.post(CHAT, json={"week": f"{week:%G-W%V}", "orders": len(rows)})
    if r["status_code"] >= 300 or r["status_code"] == 0:
        return {"status": "error", "error": "chat"}
    ctx.files.upload(name, json.dumps({"orders": len(rows)}))
    return {"status": "success"}


@job("renewals", schedule="30 * * * *")
def renewals(ctx):
    """Tell each subscriber a week before the end, once, from 9 in the morning of the subscriber."""
    sent = 0
    for s in ctx.db.query("subs", limit=2000):
        local = datetime.now(ZoneInfo("UTC")).astimezone(ZoneInfo(s["tz"]))
        left = (date.fromisoformat(s["ends"]) - local.date()).days
        mark = f"renewal/{s['id']}/{s['ends']}"
        if 0 <= left <= 7 and local.hour >= 9 and not ctx.files.get(mark):
            ctx.emit("renewal.due", {"subscription": s["id"], "ends": s["ends"]})
            ctx.files.upload(mark, "")
            sent += 1
    return {"status": "success", "sent": sent}


@job("stock", schedule="5 * * * *")
def stock(ctx):
    """Keep the stock list, and warn of low stock once a day."""
    items, offset = [], 0
    while page := ctx.db.query("items", limit=40, offset=offset):
        items += page
        offset += len(page)
    low = [i for i in items if i["left"] < 3]
    if not ctx.files.upload("stock/latest.json", json.dumps([[i["sku"], i["left"]] for i in items])):
        return {"status": "error", "error": "storage"}
    for i in low:
        mark = f"stock/low/{date.today()}/{i['sku']}"
        if not ctx.files.get(mark):
            ctx.emit("stock.low", {"sku": i["sku"], "date": date.today().isoformat()})
            ctx.files.upload(mark, "")
    return {"status": "success", "items": len(items), "low": len(low)}


@job("close_day", schedule="20 1 * * *")
def close_day(ctx):
    """Write the turnover of each day that has none yet, of the last ten days."""
    written = 0
    for back in range(10, 0, -1):
        day = date.today() - timedelta(days=back)
        key = f"turnover/{day}.csv"
        if ctx.files.get(key):
            continue
        rows = orders_between(ctx, day, day + timedelta(days=1))
        text = "\n".join(f"{r['id']},{r['total']}" for r in rows)
        if not ctx.files.upload(key, f"id,total\n{text}\n"):
            return {"status": "error", "error": "storage"}
        written += 1
    return {"status": "success", "days": written}


@job("outbox", schedule="*/10 * * * *")
def outbox(ctx):
    """Send what waits in the outbox, and delete it from there."""
    sent = 0
    for f in ctx.files.list("outbox/"):
        r = ctx.http.post(CHAT, json={"file": f["key"], "size": f["size"]})
        if not 200 <= r["status_code"] < 300:
            return {"status": "error", "error": f"chat {r['status_code']}", "sent": sent}
        ctx.files.delete(f["key"])
        sent += 1
    return {"status": "success", "sent": sent}


@job("month_close", schedule="0 5 1 * *")
def month_close(ctx):
    """Write the turnover of the last month."""
    last = date.today().replace(day=1) - timedelta(days=1)
    start = last.replace(day=1)
    rows = orders_between(ctx, start, last + timedelta(days=1))
    content = json.dumps({"orders": len(rows), "total": sum(r["total"] for r in rows)})
    if not ctx.files.upload(f"months/{last:%Y-%m}.json", content):
        return {"status": "error", "error": "storage"}
    return {"status": "success", "orders": len(rows)}
