"""The speed of the fake services, compared with the libraries that authors would use."""

from __future__ import annotations

from statistics import median

import httpx
import mongomock
import respx
from measure import ROUNDS, drain, ratio, row, seconds

from sbh_jobkit import World


def fakes() -> None:
    """Compare the fake services with the libraries that authors would use."""
    rows = [{"id": number, "plan": ("trial", "team")[number % 2], "seats": number % 50} for number in range(100_000)]
    wanted = {"plan": "trial", "seats": {"$gte": 40}}
    world, collection = World(), mongomock.MongoClient().bench.users
    world.db.insert("users", rows)
    collection.insert_many([dict(row) for row in rows])
    ctx = world.context()
    found = len(ctx.db.query("users", wanted, limit=100_000))
    if found != collection.count_documents(wanted):
        msg = f"the two do not agree: {found}"
        raise AssertionError(msg)
    bounds = iter(range(39_001, 40_000))

    def ours() -> None:
        bound = next(bounds) / 1000  # a new filter each time: with the same one, the kit would continue its last query
        ctx.db.query("users", {"plan": "trial", "seats": {"$gte": bound}}, limit=100_000)

    faster, took = ratio(ours, lambda: list(collection.find(wanted)))
    row(f"a filtered query of {found:,} in 100,000 rows", f"{took * 1000:.0f} ms", f"{faster:.1f}x mongomock (5)")
    times = [seconds(world.snapshot) for _ in range(1000)]
    row("a snapshot of 100,000 rows", f"{median(times) * 1e6:.0f} µs", "under 1 ms")
    for number in range(10_000):
        world.files.write(f"logs/{number}.txt", b"x")
    listed = [seconds(lambda: ctx.files.list("logs/9")) for _ in range(ROUNDS)]
    row("a list of 1,111 among 10,000 files", f"{median(listed) * 1000:.1f} ms", "")
    paged = seconds(lambda: drain(ctx.db.query("users", {"plan": "team"}, offset=at) for at in range(0, 50_000, 100)))
    row("500 pages of 100 filtered rows", f"{paged * 1000:.0f} ms", "")


def requests() -> None:
    """Compare a fake request with the bare respx router behind an httpx client."""
    world, router = World(), respx.Router(assert_all_called=False)
    url = "https://api.example.com/data"
    world.http.get(url).respond(json={"a": 1})
    router.get(url).respond(json={"a": 1})
    client, ctx = httpx.Client(transport=httpx.MockTransport(router.handler)), world.context()

    def theirs() -> None:
        for _ in range(500):
            answer = client.get(url)
            answer.json()
        router.reset()

    def ours() -> None:
        for _ in range(500):
            ctx.http.get(url)
        world.forget()

    drain(work() for work in (theirs, ours))
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(5 * ROUNDS)]
    slower, took = median(a / b for a, b in pairs), median(a for a, _ in pairs)
    row("a fake HTTP request", f"{took / 500 * 1e6:.0f} µs", f"{slower:.2f} times a bare respx one (at most 1.3)")
