"""A catalogue that pages, a post that takes letters, and wishes that come by day."""

import json
import re
from datetime import date

import httpx

from sbh_jobkit import every


def setup(world):
    world.repeatable_events = ["card.ending"]  # a second warning does no harm
    world.secrets["CATALOGUE_TOKEN"] = "cat-5544332211"
    world.http.get("https://catalogue.example.com/overdue").side_effect = overdue
    world.http.post("https://post.example.com/letters").respond(202, json={})
    world.db.create("loans", "wishes")
    cards = [("Europe/Madrid", "2026-01-20"), ("Asia/Tokyo", "2026-01-09"), ("America/Lima", "2026-02-03")]
    world.db.insert("cards", [{"tz": tz, "ends": ends} for tz, ends in cards])
    world.llm.reply(shelve, when="Name a shelf")


def overdue(request):
    page, size = int(request.url.params["page"]), int(request.url.params["size"])
    known = 90 + 2 * max(0, (date.today() - date(2026, 1, 1)).days)
    loans = [{"loan": f"L{n}", "reader": f"r{n % 30}@example.com"} for n in range(known)]
    return httpx.Response(200, json={"loans": loans[page * size : (page + 1) * size], "pages": -(-known // size)})


def shelve(prompt):
    return json.dumps(dict.fromkeys(re.findall(r"\d+", prompt), "poetry"))


@every("0 9-18 * * *")
def lend(world, now):
    world.db.insert("loans", {"at": now.isoformat()})


@every("10,50 9-18 * * *")
def wish(world, now):
    world.db.insert("wishes", {"at": now.isoformat()})
