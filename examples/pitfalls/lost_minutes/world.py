"""A shop with an order every four minutes."""

from sbh_jobkit import every


def setup(world):
    world.db.create("orders")


@every("*/4 * * * *")
def somebody_orders(world, now):
    world.db.insert("orders", {"at": now.isoformat(), "total": 20})
