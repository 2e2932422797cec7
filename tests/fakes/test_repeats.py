"""A loop that waits by the clock for another answer, in a world whose answers take no time."""

import pytest

from sbh_jobkit.fakes.repeats import MOST
from sbh_jobkit.fakes.world import World
from sbh_jobkit.report.terminal.runs import run_lines

WAIT = "import time\nbegun = time.time()\nwhile time.time() - begun < 20:\n    {}\nreturn 'done'"
ROUTE = 'give the route a latency: .after("50ms")'
DB = 'set world.db.latency = "5ms" in world.py'
FILES = 'set world.files.latency = "20ms" in world.py'
LOOPS = {
    "ctx.http.get('https://queue.example.com/next')": ("GET https://queue.example.com/next", ROUTE),
    "ctx.http.post('https://queue.example.com/next', json={'n': 1})": ("POST https://queue.example.com/next", ROUTE),
    "ctx.http.get('https://queue.example.com/next'); ctx.emit('x', {})": ("GET https://queue.example.com/next", ROUTE),
    "ctx.db.query('jobs', {'state': 'ready'})": ("ctx.db.query('jobs')", DB),
    "ctx.db.count('jobs')": ("ctx.db.count('jobs')", DB),
    "ctx.db.get_by_id('jobs', 7)": ("ctx.db.get_by_id('jobs')", DB),
    "ctx.files.get('ready.txt')": ("ctx.files.get('ready.txt')", FILES),
    "ctx.files.list('ready/')": ("ctx.files.list('ready/')", FILES),
    "ctx.llm.run('Ready?')": ("ctx.llm.run", 'give the reply a latency: latency="2s"'),
}


@pytest.fixture
def world():
    """Make a world that answers at once, and always the same."""
    made = World()
    made.http.route(host="queue.example.com").respond(json={"id": 1})
    made.db.create("jobs")
    made.llm.reply("not yet")
    return made


@pytest.mark.parametrize("body", LOOPS)
def test_a_loop_that_waits_is_ended(ran, world, body):
    """After a bound on equal calls, with what gives the answer a latency; the platform would end it by the clock."""
    called, advice = LOOPS[body]
    run = ran(WAIT.format(body), world)
    why = f"{called} was asked {MOST:,} times while no virtual time passed; {advice}"
    assert (run.outcome, run.value) == ("timed_out", None)
    assert run.reason.startswith("timed out: the limit is 30 s, passed at main.py:8")
    assert why in run.reason


def test_the_advice_ends_the_loop(ran):
    """With a latency the loop ends by itself."""
    world = World()
    world.http.get("https://queue.example.com/next").after("50ms").respond(json={"id": 1})
    run = ran(WAIT.format("ctx.http.get('https://queue.example.com/next')"), world)
    assert (run.value, run.error, len(run.http_calls)) == ("done", None, 400)


BUSY = {
    "each with its own body": "[ctx.http.post('https://queue.example.com/next', json={'n': n}) for n in range(3_000)]",
    "each at its own address": "[ctx.http.get(f'https://queue.example.com/{n}') for n in range(3_000)]",
    "each of its own id": "[ctx.db.get_by_id('jobs', n) for n in range(5_000)]",
    "page after page": "[ctx.db.query('jobs', offset=n) for n in range(5_000)]",
    "mark after mark": "[ctx.files.get(f'mark/{n}') for n in range(5_000)]",
    "some equal ones": "[ctx.http.get('https://queue.example.com/next') for _ in range(2_000)]",
    "event after event": "[ctx.emit('x', {}) for n in range(5_000)]",
}


@pytest.mark.parametrize("body", BUSY.values(), ids=BUSY)
def test_a_job_that_has_much_to_do_is_not_ended(ran, world, body):
    """Calls that differ are work, however many there are."""
    assert ran(body, world).outcome == "ok"


def test_equal_calls_are_counted(ran, world):
    """The text of a run has one line for equal calls in a row, and not too many lines."""
    body = """
    for n in range(3):
        for _ in range(1_500):
            ctx.http.get("https://queue.example.com/next")
        ctx.emit("done", {"n": n})
    for n in range(100):
        ctx.files.upload(f"{n:03}.txt", "x")
    """
    lines = list(run_lines(ran(body.replace("range(3)", "range(1)"), world)))
    assert "  http: GET https://queue.example.com/next 200 (1,500 times)" in lines
    assert lines[-2:] == ["  file: uploaded 039.txt (1 byte)", "  … and 60 more"]
    assert len(lines) < 50
