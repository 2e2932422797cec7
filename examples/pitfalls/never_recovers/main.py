"""Fetch the stock of the warehouse every hour, but stop after too many failures."""

import json
from datetime import datetime

from src.ext.sdk import PluginContext, job

PATIENCE = 3


@job("sync_stock", schedule="0 * * * *")
def sync_stock(ctx: PluginContext):
    """Store the warehouse's stock as a file; after three failures, stop asking."""
    if len(ctx.files.list("failures/")) >= PATIENCE:
        return {"status": "error", "error": f"switched off after {PATIENCE} failures"}
    response = ctx.http.get("https://warehouse.example.com/stock")
    if response["status_code"] != 200:
        ctx.files.upload(f"failures/{datetime.now():%Y-%m-%dT%H%M}.txt", response["text"] or "no answer", "text/plain")
        return {"status": "error", "error": f"the warehouse did not answer: {response['status_code']}"}
    ctx.files.upload("stock.json", json.dumps(response["json"]), "application/json")
    return {"status": "success", "articles": len(response["json"])}
