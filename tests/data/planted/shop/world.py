"""A shop with a CRM that pages by cursor, mails, a chat, tickets, backups, stock and subscriptions."""

from datetime import date, timedelta

import httpx

from sbh_jobkit import every


def setup(world):
    world.repeatable_events = ["stock.low"]
    world.secrets["CRM_TOKEN"] = "crm-9988776655"
    world.http.get("https://crm.example.com/contacts").side_effect = contacts
    world.http.post("https://mail.example.com/send").respond(202, json={})
    world.http.post("https://chat.example.com/hook").respond(200, json={})
    for n in range(20, 45):
        world.files.write(f"backups/{date.today() - timedelta(days=n)}.sql", b"x", age=f"{n}d")
    world.files.write("backlog/ideas.txt", b"x")
    world.db.insert("orders", [order(world, f"{date.today() - timedelta(days=n % 25)}T12:00") for n in range(130)])
    world.db.insert("items", [{"sku": f"S{n}", "left": n % 12} for n in range(95)])
    ends = [("Europe/Berlin", 9), ("America/New_York", 10), ("Asia/Tokyo", 8), ("Australia/Sydney", 11)]
    world.db.insert("subs", [{"tz": tz, "ends": f"{date.today() + timedelta(days=days)}"} for tz, days in ends])
    world.db.create("tickets")
    world.llm.reply(team, when="Team for")


def order(world, at):
    n = world.random.randint(1, 60)
    status, total = world.random.choice(["unpaid", "paid", "unpaid"]), world.random.randint(5, 90)
    return {"status": status, "email": f"c{n}@example.com", "total": total, "placed_at": at}


def contacts(request):
    known = 60 + (date.today() - date(2026, 1, 1)).days
    start = int(request.url.params.get("cursor") or 0)
    limit = int(request.url.params.get("limit", 10))
    data = [{"id": f"K{n}", "email": f"k{n}@example.com"} for n in range(start, min(start + limit, known))]
    more = start + limit < known
    return httpx.Response(
        200, json={"data": data, "next_cursor": str(start + limit) if more else None, "has_more": more}
    )


def team(prompt):
    return ["billing", "tech", "sales"][len(prompt) % 3]


@every("*/35 7-22 * * *")
def orders(world, now):
    world.db.insert("orders", order(world, now.strftime("%Y-%m-%dT%H:%M")))


@every("12,44 * * * *")
def tickets(world, now):
    text = "help " + "x" * world.random.randint(1, 5)
    world.db.insert("tickets", {"state": "new", "text": text, "at": now.isoformat()})


@every("3,33 9-17 * * *")
def mail(world, now):
    world.files.write(f"outbox/{now:%m%d%H%M}.json", b"{}")
