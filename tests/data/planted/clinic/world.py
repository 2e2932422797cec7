"""A register that pages, letters that are accepted with 202, and visits that are booked by day."""

from datetime import date

import httpx

from sbh_jobkit import every

PER_PAGE = 8


def setup(world):
    world.secrets["REGISTER_TOKEN"] = "reg-1029384756"
    world.http.get("https://register.example.com/patients").side_effect = register
    world.http.post("https://letters.example.com/invites").respond(202, json={})
    world.db.insert("rooms", [{"number": n, "name": f"{world.tenant_id} room {n}"} for n in (1, 2, 3)])
    world.db.create("visits")


def register(request):
    page = int(request.url.params["page"])
    known = [{"number": f"P{n}"} for n in range(20 + date.today().timetuple().tm_yday)]
    shown = known[(page - 1) * PER_PAGE : page * PER_PAGE]
    return httpx.Response(200, json={"patients": shown, "total_pages": -(-len(known) // PER_PAGE)})


@every("5,35 9-16 * * *")
def book(world, now):
    price = world.random.choice([19.99, 35.5, 1.15])
    visit = {"room": world.random.randint(1, 3), "price": price, "at": now.isoformat()}
    if now.weekday() == 5:  # on Saturdays by phone
        del visit["room"]
    world.db.insert("visits", visit)
