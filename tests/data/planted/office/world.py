"""An office with a stock API, scans of all ages, and orders by day."""

from sbh_jobkit import every


def setup(world):
    world.repeatable_events = ["*.began", "*.done"]  # they report on a run, so once more does no harm
    world.secrets["STOCK_URL"] = "https://stock.example.com"
    world.secrets["STOCK_TOKEN"] = "sto-1122334455"
    world.secrets["LETTER"] = "weekly letter"
    world.http.get("https://stock.example.com/items").respond(json=[{"id": 1}, {"id": 2}])
    world.http.get("https://prices.example.com/today").respond(json={"price": 3})
    world.llm.reply("It is calm.", when="Sum up")
    for days in range(1, 50):
        world.files.write(f"scans/{days}.png", b"scan", age=f"{days}d")
    world.db.insert("staff", [{"active": number % 3 > 0} for number in range(120)])
    world.db.create("orders")


@every("25,55 9-16 * * *")
def order(world, now):
    world.db.insert("orders", {"status": world.random.choice(["paid", "open"]), "created_at": now.isoformat()})
