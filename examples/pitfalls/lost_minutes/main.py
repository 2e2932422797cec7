"""Add up the orders of each ten minutes."""

import json
from datetime import datetime, timedelta

from src.ext.sdk import PluginContext, job

TEN = timedelta(minutes=10)


@job("roll_up", schedule="*/10 * * * *")
def roll_up(ctx: PluginContext):
    """Store the sum of the last ten minutes' orders, and check that the ten minutes before have one."""
    now = datetime.now().replace(second=0, microsecond=0)
    orders = ctx.db.query("orders", {"at": {"$gte": (now - TEN).isoformat(), "$lt": now.isoformat()}}, limit=1000)
    if ctx.files.list(f"sums/{now - TEN:%Y-%m-%d}") and not ctx.files.get(key(now - TEN)):
        raise RuntimeError(f"nobody summed up the ten minutes before {now - TEN:%H:%M}")
    ctx.files.upload(key(now), json.dumps({"total": sum(order["total"] for order in orders)}), "application/json")
    return {"status": "success", "orders": len(orders)}


def key(end: datetime) -> str:
    return f"sums/{end:%Y-%m-%dT%H%M}.json"
