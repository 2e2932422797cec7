"""Mistakes to plant into the library or the clinic: the text of its main.py, and what stands there instead."""

BUGS = {
    "naive dates": (
        'if local.hour == 9 and (date.fromisoformat(card["ends"]) - local.date()).days in (14, 1):',
        'try:\n            left = (datetime.fromisoformat(card["ends"]) - local).days\n'
        "        except TypeError:\n            continue\n        if local.hour == 9 and left in (14, 1):",
    ),
    "a 429 ends the paging": (
        'if answer["status_code"] != 200:\n            return {"status": "error", "error": f"catalogue answered'
        " {answer['status_code']}\"}",
        'if answer["status_code"] != 200:\n            break',
    ),
    "no waiting": ('if answer["status_code"] != 429:', "if True:"),
    "the default limit": ('ctx.db.query("wishes", limit=50_000)', 'ctx.db.query("wishes")'),
    "no mark": ('ctx.files.upload(mark, "")\n', "pass\n"),
    "mark before the letter": (
        "        answer = ctx.http.post(POST",
        '        ctx.files.upload(mark, "")\n        answer = ctx.http.post(POST',
    ),
    "a word that is not the platform's": (
        'return {"status": "error", "error": f"catalogue answered',
        'return {"status": "failed", "error": f"catalogue answered',
    ),
    "day of 86,400 s": ("start = today - timedelta(days=1)", "start = datetime.fromtimestamp(time.time() - 86400)"),
    "soon after midnight": ('schedule="30 2 * * *"', 'schedule="30 0 * * *"'),
    "another prefix": ('ctx.files.list("shelved/")', 'ctx.files.list("shelf/")'),
    "the day after the last": (
        "today = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0)\n",
        "now = datetime.now()\n    today = datetime(now.year, now.month, now.day)\n"
        "    until = today.replace(day=today.day + 1)\n",
    ),
    "a token in disguise": (
        'headers = {"Authorization"',
        "token = ctx.secrets.get('CATALOGUE_TOKEN')\n    import base64\n"
        '    print(base64.b64encode(token.encode()).decode(), token[:8])\n    headers = {"Authorization"',
    ),
    "a growing file": (
        "    warned = 0\n",
        '    warned = 0\n    SEEN.append("x" * 100)\n    ctx.files.upload("cards/log.txt", "".join(SEEN))\n',
    ),
    "any answer is kept": (
        'try:\n            shelves = json.loads(answer["text"])\n        except ValueError:\n'
        '            return {"status": "error", "error": "the model\'s answer is not JSON"}\n',
        'ctx.files.upload("shelves.json", answer["text"])\n        try:\n'
        '            shelves = json.loads(answer["text"])\n'
        "        except ValueError:\n            shelves = {}\n",
    ),
    # the clinic
    "only 200 is accepted": ('if answer["status_code"] in (200, 202):', 'if answer["status_code"] == 200:'),
    "tried again whatever was said": (
        'if answer["status_code"] != 429:\n            break\n        time.sleep(20 * 2**attempt)\n    return False',
        "time.sleep(0.2)\n    return True",
    ),
    "the last page": ("while page <= pages:", "while page == 1 or page < pages:"),
    "the latest list": ('f"lists/{today}.json"', '"lists/latest.json"'),
    "the latest week": ('f"lists/{today:%G-W%V}.json"', '"lists/latest.json"'),
    "a week of another year": ('f"lists/{today:%G-W%V}.json"', 'f"lists/{today:%Y-W%V}.json"'),
    "rooms kept for all tenants": (
        'rooms = {room["number"]: room["name"] for room in ctx.db.query("rooms", limit=1000)}',
        'rooms = ROOMS\n    if not rooms:\n        for room in ctx.db.query("rooms", limit=1000):\n'
        '            rooms[room["number"]] = room["name"]',
    ),
    "a tenant by name": ('"clinic": ctx.tenant_id', '"clinic": "acme"'),
    "a window of the clock": (
        'for visit in ctx.db.query("visits", limit=50_000):',
        "since = (datetime.now() - timedelta(minutes=20)).isoformat()\n"
        '    for visit in ctx.db.query("visits", {"at": {"$gte": since}}, limit=50_000):',
    ),
    "a letter that nobody accepted": (
        'if not send(ctx, {"to": patient["number"], "until": until.isoformat()}):\n'
        '            return {"status": "error", "error": "a letter was not accepted", "sent": sent}\n',
        'send(ctx, {"to": patient["number"], "until": until.isoformat()})\n',
    ),
    "a visit without a room": (
        'room = rooms.get(visit.get("room"), "by phone")',
        'try:\n            room = rooms[visit["room"]]\n        except KeyError:\n            continue',
    ),
    "rooms as a set": (
        'content = json.dumps({"day": today.isoformat(),',
        'rooms = {room["name"] for room in ctx.db.query("rooms", limit=1000)}\n'
        '    content = json.dumps({"day": today.isoformat(), "rooms": list(rooms),',
    ),
    "money cut off": ('round(visit["price"] * 100)', 'int(visit["price"] * 100)'),
    "the same day next year": ("until = today + timedelta(days=365)", "until = today.replace(year=today.year + 1)"),
}

BUGS |= {  # the shop
    "the first part of a list": (
        'cursor = r["json"]["next_cursor"]\n        if not cursor:\n            break\n',
        "break\n",
    ),
    "the first page": ("        if len(orders) < 50:\n            break\n        offset += 50\n", "        break\n"),
    "a prefix without slash": (
        'ctx.files.list("backups/"):\n        day = date.fromisoformat(f["key"].split("/")[1][:10])\n',
        'ctx.files.list("back"):\n        name = f["key"].split("/")[1]\n'
        '        day = date.fromisoformat(name[:10]) if name[:2] == "20" else date.min\n',
    ),
    "no rows where there is no table": (
        "rows = orders_between(ctx, day, day + timedelta(days=1))\n",
        "try:\n            rows = orders_between(ctx, day, day + timedelta(days=1))\n"
        '        except Exception as error:\n            print(f"no orders: {error}")\n            rows = []\n',
    ),
    "any team": ("if team not in TEAMS:", "if not team:"),
    "the year of another week": ("{week:%G-W%V}.json", "{week:%Y-W%V}.json"),
}


def plant(text, *names):
    """Return the text of main.py with some mistakes."""
    for name in names:
        old, new = BUGS[name]
        assert old in text, name
        text = text.replace(old, new)
    for name, line, more in (
        ("a growing file", "PAGE = 20\n", "SEEN = []\n"),
        ("rooms kept for all tenants", "REGISTER = ", "ROOMS = {}\n"),
    ):
        text = text.replace(line, more + line) if name in names else text
    return text
