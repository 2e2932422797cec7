"""Four jobs of a library, as a careful author writes them."""

import json
import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from src.ext.sdk import job

CATALOGUE = "https://catalogue.example.com"
POST = "https://post.example.com/letters"
PAGE = 20


def ask(ctx, **params):
    """Fetch a page; wait and try again while the service says that it is too much."""
    headers = {"Authorization": f"Bearer {ctx.secrets.get('CATALOGUE_TOKEN')}"}
    for attempt in range(4):
        answer = ctx.http.get(f"{CATALOGUE}/overdue", params=params, headers=headers)
        if answer["status_code"] != 429:
            break
        time.sleep(float(answer["headers"].get("retry-after", 2**attempt)))
    return answer


@job("remind_readers", schedule="0 8 * * 1-5")
def remind_readers(ctx):
    """Write to the reader of each overdue loan, once."""
    loans, page = [], 0
    while True:
        answer = ask(ctx, page=page, size=PAGE)
        if answer["status_code"] != 200:
            return {"status": "error", "error": f"catalogue answered {answer['status_code']}"}
        loans += answer["json"]["loans"]
        page += 1
        if page >= answer["json"]["pages"]:
            break
    written = 0
    for loan in loans:
        mark = f"reminded/{loan['loan']}"
        if ctx.files.get(mark):
            continue
        answer = ctx.http.post(POST, json={"to": loan["reader"], "loan": loan["loan"], "text": "Please bring it back."})
        if answer["status_code"] != 202:
            return {"status": "error", "error": f"post answered {answer['status_code']}"}
        ctx.files.upload(mark, "")
        written += 1
    return {"status": "success", "written": written}


@job("export_loans", schedule="30 2 * * *")
def export_loans(ctx):
    """Write the loans of yesterday to a file with its date."""
    today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)
    start = today - timedelta(days=1)
    rows = ctx.db.query("loans", {"at": {"$gte": start.isoformat(), "$lt": today.isoformat()}}, limit=5000)
    if not ctx.files.upload(f"loans/{start:%Y-%m-%d}.csv", "\n".join(str(row["id"]) for row in rows)):
        return {"status": "error", "error": "the file could not be written"}
    return {"status": "success", "rows": len(rows)}


@job("sort_wishes", schedule="*/30 * * * *")
def sort_wishes(ctx):
    """Let the model name a shelf for each wish that has none yet."""
    done = {file["key"] for file in ctx.files.list("shelved/")}
    wishes = [wish for wish in ctx.db.query("wishes", limit=50_000) if f"shelved/{wish['id']}" not in done]
    if wishes:
        answer = ctx.llm.run("Name a shelf: " + " ".join(str(wish["id"]) for wish in wishes))
        if answer.get("error"):
            return {"status": "error", "error": answer["error"]}
        try:
            shelves = json.loads(answer["text"])
        except ValueError:
            return {"status": "error", "error": "the model's answer is not JSON"}
        for wish, shelf in shelves.items():
            ctx.emit("wish.shelved", {"id": int(wish), "shelf": shelf})
            ctx.files.upload(f"shelved/{wish}", shelf)
    return {"status": "success", "shelved": len(wishes)}


@job("card_ends", schedule="0 * * * *")
def card_ends(ctx):
    """Warn 14 days and 1 day before a card ends, at 9 in the reader's morning."""
    warned = 0
    for card in ctx.db.query("cards", limit=500):
        local = datetime.now(ZoneInfo("UTC")).astimezone(ZoneInfo(card["tz"]))
        if local.hour == 9 and (date.fromisoformat(card["ends"]) - local.date()).days in (14, 1):
            ctx.emit("card.ending", {"id": card["id"]})
            warned += 1
    return {"status": "success", "warned": warned}
