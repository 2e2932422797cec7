"""Charge once for each half hour of parking."""

import json
from datetime import datetime

from src.ext.sdk import PluginContext, job


@job("charge", schedule="*/30 * * * *")
def charge(ctx: PluginContext):
    """Charge for the parked cars, unless this half hour was charged before."""
    half_hour = datetime.now().strftime("%Y-%m-%d %H:%M")
    receipt = f"receipts/{half_hour}.json"
    if ctx.files.get(receipt):
        raise RuntimeError(f"{half_hour} was charged already")
    cars = ctx.db.count("cars")
    ctx.files.upload(receipt, json.dumps({"cars": cars}), "application/json")
    ctx.emit("parking.charged", {"half_hour": half_hour, "cars": cars})
    return {"status": "success", "cars": cars}
