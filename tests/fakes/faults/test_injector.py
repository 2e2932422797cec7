"""What a fault plan does to runs: what the job gets, and what the run records."""

from __future__ import annotations

import pickle
from datetime import timedelta
from statistics import quantiles

import pytest

from sbh_jobkit import FaultPlan, Outcome, Plugin, Simulator, World, run_job, simulate
from sbh_jobkit.errors import FaultPlanError, UnknownJobError
from sbh_jobkit.fakes.faults import plan as faultplan
from sbh_jobkit.fakes.faults.injector import ActivePlan
from sbh_jobkit.fakes.faults.kinds import Latency
from sbh_jobkit.plugin.sdk import job
from sbh_jobkit.schedule.times import zone

API, OTHER = "https://api.example.com", "https://other.example.com"
AT = "2026-01-05T09:00"
AROUND = "start=2026-01-05T08:00 end=2026-01-05T10:00"


def tenant():
    """Return a world in which everything works."""
    world = World()
    world.http.get(f"{OTHER}/moved").respond(302, headers={"location": API})
    for host in (API, OTHER):
        world.http.get(host).respond(json=host)
    world.llm.reply("yes")
    world.db.insert("users", {"name": "Ann"})
    world.files.write("a.txt", "a")
    return world


@pytest.fixture
def ran(loaded):
    """Run a job, whose body begins on line 5, at 09:00 on 2026-01-05 under a plan of lines."""

    def run(body, *lines, world=None, seed=0, at=AT):
        plan = FaultPlan(*map(faultplan.parse, lines), seed=seed)
        return run_job(loaded(body).jobs["work"], world or tenant(), at=at, faults=plan)

    return run


@pytest.fixture
def seen(ran):
    """Return an expression's value (or its error), its duration in seconds, and the injected faults."""

    def see(expression, *lines, **more):
        body = f"try: return {{'seen': {expression}}}\nexcept Exception as error: return {{'seen': repr(error)}}"
        run = ran(body, *lines, **more)
        assert (run.outcome, run.faults, run.ok) == ("ok", (), True)
        return run.value["seen"], run.duration.total_seconds(), run.troubles

    return see


DOWN = {"status_code": 0, "error": "ConnectError: api.example.com is down (fault plan)", "text": "", "json": None}
GET = f"ctx.http.get('{API}')"
BRIEF = f"{{name: {GET}[name] for name in ('status_code', 'text', 'json')}}"
STATUSES = f"[ctx.http.get('{API}')['status_code'] for _ in range(4)]"
WELL = {"status_code": 200, "text": f'"{API}"', "json": API}
PROMPT = "ctx.llm.run('Is it?')"
SILENT = {"text": "", "usage": None, "model": "fake-llm"}
FILES = ["ctx.files.list()", "ctx.files.get('a.txt')", "ctx.files.upload('b', b'')", "ctx.files.delete('a.txt')"]
QUERIES = ["ctx.db.query('users')", "ctx.db.get_by_id('users', 1)", "ctx.db.count('users')"]

HTTP = [
    (f"outage of=api.example.com {AROUND}", GET, DOWN, "outage"),
    (f"outage of=* {AROUND}", GET, DOWN, "outage"),
    (
        f"outage of=api.example.com {AROUND} status=502",
        BRIEF,
        {"status_code": 502, "text": "api.example.com is down (fault plan)", "json": None},
        "outage",
    ),
    (
        f"outage of=api.example.com {AROUND}",
        f"ctx.http.get('{OTHER}/moved')",
        DOWN,
        "outage",
    ),
    (f"outage of=other.example.com {AROUND}", BRIEF, WELL, None),
    (f"outage of=example.com {AROUND}", BRIEF, WELL, None),
    (f"outage of=db {AROUND}", BRIEF, WELL, None),
    ("outage of=* start=2026-01-05T08:00 end=2026-01-05T09:00", BRIEF, WELL, None),
    ("outage of=* start=2026-01-05T09:00:01 end=2026-01-05T10:00", BRIEF, WELL, None),
    (
        "errors of=API.example.com rate=1",
        BRIEF,
        {"status_code": 503, "text": "api.example.com failed (fault plan)", "json": None},
        "errors",
    ),
    ("errors of=* rate=1 status=500", f"{GET}['status_code']", 500, "errors"),
    ("errors of=* rate=0", BRIEF, WELL, None),
    ("errors of=* rate=1 end=2026-01-05T09:00", BRIEF, WELL, None),
]


@pytest.mark.parametrize(("line", "expression", "value", "does"), HTTP)
def test_a_host(seen, line, expression, value, does):
    """Inside its window, a host does not answer or answers with an error, as the contract says."""
    of = "every host" if "of=*" in line else "api.example.com"
    number = "3 requests" if expression is BRIEF else "1 request"
    told = (f"{does} of {of} ({number})",) if does else ()
    assert seen(expression, line) == (value, 0, told)


def test_a_host_that_is_named_like_a_service_is_a_host(seen):
    """`of=db` is the database, even if a host is named db; `of=*` includes that host."""
    world = tenant()
    world.http.get("http://db/").respond(200)
    asked = "ctx.http.get('http://db/')['status_code']"
    assert seen(asked, f"outage of=db {AROUND}", world=world) == (200, 0, ())
    assert seen(asked, f"outage of=* {AROUND}", world=world) == (0, 0, ("outage of every host (1 request)",))


def test_a_rate_limit_counts_by_the_minute(seen):
    """Requests over the limit get 429 and Retry-After; the count restarts in the next minute of the clock."""
    line = "rate_limit of=api.example.com per_minute=2"
    said = ("rate limit of api.example.com (2 requests)",)
    assert seen(STATUSES, line) == ([200, 200, 429, 429], 0, said)
    third = f"[{GET}, {GET}, __import__('time').sleep(12.5), {GET}][3]"
    answer, _, _ = seen(third, line)
    assert (answer["headers"]["retry-after"], answer["text"]) == (
        "48",
        "api.example.com is over its limit of 2 a minute (fault plan)",
    )
    waited = f"[{GET}['status_code'], __import__('time').sleep(20), {GET}['status_code']]"
    assert seen(waited, "rate_limit of=* per_minute=1", at="2026-01-05T09:00:45")[0] == [200, None, 200]
    hosts = f"[ctx.http.get(url)['status_code'] for url in ('{API}', '{OTHER}', '{API}')]"
    assert seen(hosts, "rate_limit of=* per_minute=1")[0] == [200, 200, 429]


def test_a_rate_limit_counts_over_runs():
    """Jobs of a plugin share the limit in any order; a stream of runs gives the same result."""
    jobs = {name: job(name, schedule="0 9 * * *")(lambda ctx: ctx.http.get(API)["status_code"]) for name in "ab"}
    plan = FaultPlan(faultplan.parse("rate_limit of=* per_minute=1"))
    one, two = (Simulator(Plugin.load(jobs), tenant(), duration="2d", faults=plan) for _ in range(2))
    assert [run.value for run in one.runs()] == [200, 429, 200, 429]
    assert [run.value for run in two.simulate().runs] == [200, 429, 200, 429]


SERVICES = [
    (f"outage of=llm {AROUND}", PROMPT, SILENT | {"error": "llm is down (fault plan)"}, "outage of llm (1 call)"),
    ("errors of=llm rate=1", PROMPT, SILENT | {"error": "llm failed (fault plan)"}, "errors of llm (1 call)"),
    (
        "rate_limit of=llm per_minute=1",
        f"[{PROMPT}, {PROMPT}][1]",
        SILENT | {"error": "llm is over its limit of 1 a minute (fault plan)"},
        "rate limit of llm (1 call)",
    ),
    *(
        (f"outage of=db {AROUND}", one, "TimeoutError('db is down (fault plan)')", "outage of db (1 call)")
        for one in QUERIES
    ),
    ("errors of=db rate=1", QUERIES[0], "TimeoutError('db failed (fault plan)')", "errors of db (1 call)"),
    *(
        (f"outage of=files {AROUND}", one, "ConnectionError('files is down (fault plan)')", "outage of files (1 call)")
        for one in FILES
    ),
    ("errors of=files rate=1", FILES[0], "ConnectionError('files failed (fault plan)')", "errors of files (1 call)"),
    (f"storage_full {AROUND}", FILES[2], False, "storage full (1 upload)"),
    (f"storage_full {AROUND}", "[ctx.files.upload(key, b'') for key in 'xyz'][2]", False, "storage full (3 uploads)"),
    (f"storage_full {AROUND}", FILES[3], True, None),
    ("storage_full start=2026-01-05T10:00 end=2026-01-05T11:00", FILES[2], True, None),
    (f"outage of=files {AROUND}", "ctx.files.get_presigned_url('a.txt')[:13]", "https://files", None),
    (f"outage of=* {AROUND}", "[ctx.db.count('users'), ctx.llm.run('Is it?')['text']]", [1, "yes"], None),
]


@pytest.mark.parametrize(("line", "expression", "value", "told"), SERVICES)
def test_a_service(seen, line, expression, value, told):
    """The language model answers an error, the database times out, files cannot be reached, or find no room."""
    assert seen(expression, line) == (value, 0, (told,) if told else ())


def test_nothing_is_uploaded_where_there_is_no_room(ran):
    """The tenant's files are as they were, and the run lists no upload."""
    world = tenant()
    run = ran("ctx.files.upload('b', b'')", f"storage_full {AROUND}", world=world)
    assert ("b" in world.files, run.files) == (False, ())


@pytest.mark.parametrize(
    ("of", "expression", "unit"),
    [
        ("api.example.com", GET, "request"),
        ("*", GET, "request"),
        ("llm", PROMPT, "call"),
        *(("db", query, "call") for query in QUERIES),
        *(("files", call, "call") for call in FILES),
    ],
)
def test_an_answer_takes_longer(seen, of, expression, unit):
    """It takes virtual time, which the run's calls record, too."""
    of_all = "every host" if of == "*" else of
    value, took, told = seen(expression, f"latency of={of} median=300ms")
    assert (value == seen(expression)[0], took, told) == (True, 0.3, (f"latency of {of_all} (1 {unit}, 0.3 s)",))
    assert seen(expression, f"latency of={of} median=300ms", f"latency of={of} median=2")[1] == 2.3


def test_a_slow_answer_is_one_of_a_slow_route(ran):
    """The latency of a plan comes on top of the route's, and both are the request's time."""
    world = tenant()
    world.http.get(API).after("200ms")
    run = ran(f"return {GET}['status_code']", "latency of=* median=300ms", world=world)
    assert ([call.seconds for call in run.http_calls], run.duration) == ([0.5], timedelta(seconds=0.5))


def test_a_long_tail_is_as_long_as_was_asked():
    """Of 10,000 draws half are over the median and one in a hundred is over p99."""
    plan = ActivePlan(FaultPlan(fault := Latency("llm", "800ms", "12s"), seed=3), zone("UTC"))
    chances = (plan.random_for(fault, "llm", number) for number in range(10_000))
    hundredths = quantiles((fault.draw(chance) for chance in chances), n=100)
    assert hundredths[49] == pytest.approx(0.8, rel=0.05)
    assert hundredths[98] == pytest.approx(12, rel=0.1)
    assert max(
        Latency("llm", 1e-300, "31d").draw(plan.random_for(fault, "llm", n)) for n in range(2000)
    ) == pytest.approx(31 * 86_400)


CALLS = [
    "ctx.secrets.get('K', '')",
    "ctx.secrets.set('K', 'v')",
    "ctx.secrets.has('K')",
    "ctx.secrets.list()",
    "ctx.secrets.delete('K')",
    GET,
    PROMPT,
    *QUERIES,
    *FILES,
    "ctx.files.get_presigned_url('a')",
    "ctx.emit('e', {})",
    "ctx.check_memory_usage()",
]


@pytest.mark.parametrize("call", CALLS)
def test_a_run_is_killed_at_any_call_of_its_context(ran, call):
    """Before the call does anything; the run says which call it was."""
    run = ran(f"print('so far')\n{call}\nprint('never')", "crash job=work")
    member = call.partition("(")[0]
    assert (run.outcome, run.stdout, run.error) == (Outcome.CRASHED, "so far\n", None)
    assert run.reason == f"crashed: the fault plan killed it at its 1st call, {member} (main.py:6)"
    assert (run.troubles, run.http_calls, run.files, run.events) == (("crash of work",), (), (), ())


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (12, "12th"), (22, "22nd")]
)
def test_a_run_is_killed_at_its_nth_call(ran, number, said):
    """What it had done by then stays done."""
    run = ran("for number in range(30): ctx.emit('e', number)", f"crash job=* call={number}")
    assert run.reason == f"crashed: the fault plan killed it at its {said} call, ctx.emit (main.py:5)"
    assert [event.payload for event in run.events] == [*range(number - 1)]


def test_a_run_with_fewer_calls_lives(ran):
    """A crash that was not reached is not an injected fault of the run."""
    run = ran("ctx.emit('e', 1)", "crash job=work call=2")
    assert (run.outcome, run.troubles) == ("ok", ())


SWALLOWING = {
    "except Exception": "try: ctx.emit('a', 1)\nexcept Exception: return 'swallowed'",
    "except BaseException": "try: ctx.emit('a', 1)\nexcept BaseException: return 'swallowed'",
    "a bare except around every call": (
        "for _ in range(3):\n    try: ctx.emit('a', 1)\n    except: pass\nreturn 'swallowed'"
    ),
    "finally": "try: ctx.emit('a', 1)\nfinally: return 'swallowed'",
    "a thread": (
        "from concurrent.futures import ThreadPoolExecutor\nwith ThreadPoolExecutor() as pool:\n"
        "    pool.submit(ctx.emit, 'a', 1)\nreturn 'swallowed'"
    ),
    "a coroutine": (
        "async def go():\n    try: ctx.emit('a', 1)\n    except BaseException: return 'swallowed'\nreturn go()"
    ),
    "a task of a coroutine": (
        "import asyncio\nasync def one(): ctx.emit('a', 1)\nasync def go():\n"
        "    await asyncio.wait([asyncio.create_task(one())])\n    return 'swallowed'\nreturn go()"
    ),
    "gather": (
        "import asyncio\nasync def one(): ctx.emit('a', 1)\nasync def all():\n"
        "    return await asyncio.gather(one(), one(), return_exceptions=True)\nasyncio.run(all())\nreturn 'swallowed'"
    ),
}


@pytest.mark.parametrize("body", SWALLOWING.values(), ids=SWALLOWING)
def test_a_crash_cannot_be_swallowed(ran, body):
    """A job that catches the exception has crashed all the same, and its further calls do nothing."""
    run = ran(body, "crash job=work")
    assert (run.outcome, run.value, run.events) == ("crashed", None, ())
    assert run.reason.startswith("crashed: the fault plan killed it at its 1st call, ctx.emit")


def test_one_run_is_killed_by_its_fire_time(loaded):
    """`at` is in the zone in force; the others live."""
    plan = FaultPlan(faultplan.parse("crash job=work at=2026-01-06T09:00"))
    runs = simulate(
        loaded("ctx.emit('e', 1)"), World(), start="2026-01-05", duration="3d", tz="Asia/Tokyo", faults=plan
    )
    assert [run.outcome for run in runs.runs] == ["ok", "crashed", "ok"]


def test_a_slow_run_takes_longer(ran):
    """At its end, by virtual time that counts for its limit; what it did stays done."""
    body = "import time; time.sleep(2); ctx.emit('e', 1); return 1"
    slow = ran(body, "slow job=work by=20s", "slow job=* by=5s")
    told = ("work was slow (20s longer)", "work was slow (5s longer)")
    assert (slow.outcome, slow.value, slow.duration, slow.troubles) == ("ok", 1, timedelta(seconds=27), told)
    over = ran(body, "slow job=work by=45m")
    assert (over.outcome, over.reason, over.duration) == (
        "timed_out",
        "timed out: the limit is 30 s",
        timedelta(seconds=30),
    )
    assert (over.troubles, len(over.events)) == (("work was slow (45m longer)",), 1)


def test_the_other_jobs_are_left_alone():
    """A fault for one job does not affect other jobs."""
    jobs = {name: job(name, schedule="0 9 * * *")(lambda ctx: ctx.emit("e", {})) for name in "ab"}
    plan = FaultPlan(faultplan.parse("slow job=a by=2s"), faultplan.parse("crash job=b"))
    runs = simulate(Plugin.load(jobs), World(), duration="1d", faults=plan).runs
    assert [run.troubles for run in runs] == [("a was slow (2s longer)",), ("crash of b",)]


def test_plans_travel_between_processes():
    """Faults and plans can be pickled, and copies are equal."""
    plan = FaultPlan(*map(faultplan.parse, SHAKY), seed=3)
    assert pickle.loads(pickle.dumps(plan)) == plan  # noqa: S301  our own


def test_a_latency_may_pass_the_limit(ran):
    """Then the run is timed out within the call, as by any slow service."""
    run = ran(f"try: {GET}\nexcept Exception: return 1", "latency of=* median=31s")
    assert (run.outcome, run.troubles) == ("timed_out", ("latency of every host (1 request, 31 s)",))


def test_injected_faults_are_not_faults_of_the_run(ran):
    """A run that handles an outage is ok; a mistake of the job is still a fault."""
    run = ran(f"{GET}\nctx.secrets.get('K')", f"outage of=* {AROUND}")
    assert ([fault.kind for fault in run.faults], run.ok) == (["secret-missing"], False)
    assert run.troubles == ("outage of every host (1 request)",)


BUSY = f"""
for _ in range(3):
    for url in ('{API}', '{OTHER}'):
        print(ctx.http.get(url)['status_code'])
    print(ctx.llm.run('Is it?')['text'])
    try: print(ctx.db.count('users'))
    except TimeoutError as error: print(error)
"""
SHAKY = [
    "errors of=api.example.com rate=0.3",
    "errors of=other.example.com rate=0.3 status=500",
    "errors of=llm rate=0.3",
    "errors of=db rate=0.3",
    "latency of=db median=100ms p99=900ms",
    "crash job=work rate=0.1 call=12",
]


def month(plugin, lines, seed=1):
    """Return what the plan did to each run of 60 days."""
    plan = FaultPlan(*map(faultplan.parse, lines), seed=seed)
    return [run.troubles for run in simulate(plugin, tenant(), duration="60d", faults=plan).runs]


@pytest.mark.parametrize("left_out", SHAKY[:-1])
def test_a_fault_less_moves_no_others_chances(loaded, left_out):
    """Without one of its faults, a plan injects the other faults into the same runs."""
    plugin = loaded(BUSY)
    name = left_out.split()[0] + " of " + left_out.split()[1].removeprefix("of=")
    fewer = month(plugin, [line for line in SHAKY if line != left_out])
    whole = month(plugin, SHAKY)
    assert [tuple(told for told in troubles if not told.startswith(f"{name} (")) for troubles in whole] == fewer
    assert len(set(whole)) > 20


def test_chance_is_of_seed_plugin_job_and_fire_time(loaded):
    """The same plan does the same again; another seed does something else."""
    plugin = loaded(BUSY)
    assert month(plugin, SHAKY) == month(plugin, SHAKY)
    assert month(plugin, SHAKY) != month(plugin, SHAKY, seed=2)


def test_chance_knows_no_zone(loaded):
    """The same instants get the same injected faults, in whatever zone they are given."""
    plugin = loaded(BUSY)
    plan = FaultPlan(*map(faultplan.parse, SHAKY))
    job = plugin.jobs["work"]
    there = run_job(job, tenant(), at="2026-01-05T09:00+09:00", tz="Asia/Tokyo", faults=plan)
    here = run_job(job, tenant(), at="2026-01-05T00:00Z", tz="UTC", faults=plan)
    assert (there.troubles, there.stdout, there.duration) == (here.troubles, here.stdout, here.duration)


def test_about_as_many_fail_as_was_asked(loaded):
    """A rate of 0.1 is one in ten."""
    plugin = loaded(f"return sum({GET}['status_code'] == 503 for _ in range(20))")
    plan = FaultPlan(faultplan.parse("errors of=api.example.com rate=0.1"))
    runs = simulate(plugin, tenant(), duration="100d", faults=plan).runs
    assert sum(run.value for run in runs) == pytest.approx(200, rel=0.2)


def test_unused_faults_are_listed(loaded):
    """Faults that were not injected into any run are listed."""
    lines = ["outage of=api.exmaple.com start=2026-01-05 end=2026-01-06", "errors of=api.example.com rate=1"]
    plan = FaultPlan(*map(faultplan.parse, lines))
    simulation = simulate(loaded(GET), tenant(), duration="2d", faults=plan)
    assert simulation.unused_faults == plan.faults[:1]


SKIPPED = (
    "2026-03-29T02:30:00 does not exist in Europe/Paris: clocks skip it; use 2026-03-29T03:00:00, when jobs due then "
    "fire, or add an offset"
)
WRONG = [
    ("crash job=wrok", UnknownJobError, "crash: there is no job 'wrok'; did you mean 'work'?"),
    ("slow job=rest by=2s", UnknownJobError, "slow: there is no job 'rest'; the plugin's jobs are work"),
    (
        "outage of=db start=2026-03-29T02:30 end=2026-03-29T04:00",
        FaultPlanError,
        f"outage: {SKIPPED}",
    ),
    (
        "crash job=work at=2026-03-29T02:30",
        FaultPlanError,
        f"crash: {SKIPPED}",
    ),
]


@pytest.mark.parametrize(("line", "kind", "message"), WRONG)
def test_what_fits_no_simulation_is_refused_before_it(loaded, line, kind, message):
    """An unknown job or a time that clocks skip is an error before anything runs."""
    plugin, plan = loaded("ctx.emit('e', 1)"), FaultPlan(faultplan.parse(line))
    for start in (
        lambda: simulate(plugin, World(tz="Europe/Paris"), duration="1d", faults=plan),
        lambda: run_job(plugin.jobs["work"], World(tz="Europe/Paris"), at=AT, faults=plan),
    ):
        with pytest.raises(kind) as refused:
            start()
        assert str(refused.value) == message


def test_what_is_no_plan_is_refused(loaded):
    """Something else than a FaultPlan, such as a path, is an error."""
    with pytest.raises(FaultPlanError) as refused:
        simulate(loaded("pass"), faults="plan.toml")
    assert str(refused.value) == (
        "faults must be a FaultPlan, got 'plan.toml'; FaultPlan.load('plan.toml') reads one from a file"
    )
