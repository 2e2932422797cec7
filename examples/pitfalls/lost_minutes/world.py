"""A shop with an order every four minutes, which keeps the orders of the last hour."""

from datetime import timedelta

from sbh_jobkit import every


def setup(world):
    world.db.create("orders")


@every("*/4 * * * *")
def somebody_orders(world, now):
    world.db.delete("orders", {"at": {"$lt": (now - timedelta(hours=1)).isoformat()}})
    world.db.insert("orders", {"at": now.isoformat(), "total": 20})
