"""Mistakes to plant into the library: the text of its main.py, and what stands there instead."""

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
    "another prefix": ('ctx.files.list("shelved/")', 'ctx.files.list("shelf/")'),
    "a growing file": (
        "    warned = 0\n",
        '    warned = 0\n    SEEN.append("x" * 100)\n    ctx.files.upload("cards/log.txt", "".join(SEEN))\n',
    ),
}


def plant(text, *names):
    """Return the text of main.py with some mistakes."""
    for name in names:
        old, new = BUGS[name]
        assert old in text, name
        text = text.replace(old, new)
    return text.replace("PAGE = 20\n", "PAGE = 20\nSEEN = []\n") if "a growing file" in names else text
