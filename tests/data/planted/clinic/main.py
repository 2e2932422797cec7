"""Four jobs of a clinic, as a careful author writes them."""

import json
import time
from datetime import datetime, timedelta

from src.ext.sdk import job

REGISTER = "https://register.example.com/patients"
INVITES = "https://letters.example.com/invites"


def patients(ctx):
    """Return all patients who are due for a check, and None if the register fails."""
    headers = {"Authorization": f"Bearer {ctx.secrets.get('REGISTER_TOKEN')}"}
    found, page, pages = [], 1, 1
    while page <= pages:
        answer = ctx.http.get(REGISTER, params={"page": page}, headers=headers)
        if answer["status_code"] != 200 or not isinstance(answer["json"], dict):
            return None
        found += answer["json"]["patients"]
        page, pages = page + 1, answer["json"]["total_pages"]
    return found


def send(ctx, invite):
    """Send a letter; try again while the service is busy, and return whether it was accepted."""
    for attempt in range(3):
        answer = ctx.http.post(INVITES, json=invite)
        if answer["status_code"] in (200, 202):
            return True
        if answer["status_code"] != 429:
            break
        time.sleep(20 * 2**attempt)
    return False


@job("invite", schedule="15 8 * * *")
def invite(ctx):
    """Invite each patient to the check of this year, once."""
    today = datetime.now().date()
    due = patients(ctx)
    if due is None:
        return {"status": "error", "error": "the register did not answer"}
    sent = 0
    for patient in due:
        mark = f"invited/{today.year}/{patient['number']}"
        if ctx.files.get(mark):
            continue
        until = today + timedelta(days=365)
        if not send(ctx, {"to": patient["number"], "until": until.isoformat()}):
            return {"status": "error", "error": "a letter was not accepted", "sent": sent}
        ctx.files.upload(mark, "")
        sent += 1
    return {"status": "success", "sent": sent}


@job("confirm", schedule="*/20 * * * *")
def confirm(ctx):
    """Confirm each new visit, with its room and its price."""
    known = {file["key"] for file in ctx.files.list("confirmed/")}
    rooms = {room["number"]: room["name"] for room in ctx.db.query("rooms", limit=1000)}
    confirmed = 0
    for visit in ctx.db.query("visits", limit=50_000):
        mark = f"confirmed/{visit['id']}"
        if mark in known:
            continue
        room = rooms.get(visit.get("room"), "by phone")
        cents = round(visit["price"] * 100)
        ctx.emit(
            "visit.confirmed",
            {"id": visit["id"], "clinic": ctx.tenant_id, "room": room, "cents": cents},
        )
        ctx.files.upload(mark, "")
        confirmed += 1
    return {"status": "success", "confirmed": confirmed}


@job("day_list", schedule="10 5 * * *")
def day_list(ctx):
    """Write the number of visits that were booked until today."""
    today = datetime.now().date()
    content = json.dumps({"day": today.isoformat(), "visits": ctx.db.count("visits")})
    if not ctx.files.upload(f"lists/{today}.json", content):
        return {"status": "error", "error": "the list could not be written"}
    return {"status": "success"}


@job("week_list", schedule="40 5 * * *")
def week_list(ctx):
    """Keep the list of this week up to date."""
    today = datetime.now().date()
    content = json.dumps({"week": f"{today:%G-W%V}", "visits": ctx.db.count("visits"), "at": today.isoformat()})
    if not ctx.files.upload(f"lists/{today:%G-W%V}.json", content):
        return {"status": "error", "error": "the list could not be written"}
    return {"status": "success"}
