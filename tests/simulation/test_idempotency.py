"""Every fire twice: what a second run does right after the first, and that nothing of it stays."""

import json
import time
from textwrap import dedent

import httpx
import pytest

from sbh_jobkit import Errors, FaultPlan, Plugin, RateLimit, Simulator, World, diff, hookimpl, simulate
from sbh_jobkit.clock import is_virtual
from sbh_jobkit.errors import WorldError
from sbh_jobkit.plugin.sdk import job as decorated

API = "https://api.example.com/orders"


def daily(body):
    """Make a plugin of one job, daily at 09:00, whose body is a text or a function."""
    if callable(body):
        return Plugin.load({"work": decorated("work", schedule="0 9 * * *")(body)})
    names = {}
    exec("def work(ctx):\n" + "".join(f"    {line}\n" for line in dedent(body).strip().splitlines()), names)  # noqa: S102
    return daily(names["work"])


def stocked():
    """Make a world with rows, files, a secret and an API that keeps what is sent to it."""
    world = World()
    world.db.insert("orders", {"total": 1})
    world.files.write("inbox/a.txt", "first")
    world.secrets["KEY"] = "k-0001"

    def order(request):
        world.db.insert("orders", json.loads(request.content))
        return httpx.Response(201)

    world.http.get(API).respond(json=[1, 2])
    world.http.post(API).side_effect = order
    world.http.put(API).respond(204)
    world.http.delete(API).respond(404)
    world.llm.reply(["first answer", "second answer"])
    return world


SAFE = {
    "it only looks": "return ctx.db.query('orders') + ctx.files.list()",
    "it asks": f"return ctx.http.get('{API}')['json']",
    "it writes the same again": "ctx.files.upload('report.json', '[1]')",
    "it writes the same again, later": """
        import time
        time.sleep(len(ctx.db.query('plugin_jobs', {'runs': 1})))
        ctx.files.upload('report.json', '[1]')
    """,
    "what it deletes is gone": "[ctx.files.delete(file['key']) for file in ctx.files.list('inbox/')]",
    "it marks what it has done": """
        if not ctx.files.get('done/1'):
            ctx.emit('done', {})
            ctx.files.upload('done/1', '')
    """,
    "it sets the same secret": "ctx.secrets.set('KEY', 'k-0002')",
    "it fails": "raise ValueError",
    "it fails the second time": """
        if not ctx.files.delete('inbox/a.txt'):
            raise LookupError('inbox/a.txt')
    """,
}
UNSAFE = {
    "it emits": (
        "ctx.emit('done', {'n': 1})",
        ["events: 1 added", '  + done: {"n": 1}'],
    ),
    "it counts files": (
        "ctx.files.upload(f'{len(ctx.files.list())}.txt', 'x')",
        ["files: 1 added", "  + 2.txt: 1 bytes, application/octet-stream"],
    ),
    "it appends": (
        "ctx.files.upload('log', 'x' * (ctx.files.get('log') or {'size': 0})['size'] + 'x')",
        ["files: 1 changed", "  ~ log: 1 → 2 bytes"],
    ),
    "it writes what is new each time": (
        "ctx.files.upload('answer', ctx.llm.run('hello')['text'])",
        ["files: 1 changed", "  ~ answer: 12 → 13 bytes"],
    ),
    "it renews a secret": (
        "ctx.secrets.set('KEY', ctx.secrets.get('KEY') + '1')",
        ["secrets: 1 changed", "  ~ KEY: its value"],
    ),
    "it orders": (
        f"ctx.http.post('{API}', json={{'total': 5}})",
        ["table orders: 1 added", "  + id 3: total 5", "sent: 1", f'  POST {API} 201: {{"total":5}}'],
    ),
    "it puts and deletes elsewhere": (
        f"ctx.http.put('{API}'); ctx.http.delete('{API}'); ctx.http.get('{API}')",
        ["sent: 2", f"  PUT {API} 204", f"  DELETE {API} 404"],
    ),
    "it sends much, and a secret": (
        f"ctx.http.put('{API}', json={{'to': 'ada@example.com', 'key': ctx.secrets.get('KEY'), 'text': 'x' * 200}})",
        ["sent: 1", f'  PUT {API} 204: {{"to":"ada@example.com","key":"‹secret:KEY›","text":"{"x" * 47}…'],
    ),
    "it sends where nobody answers": (
        "ctx.http.post('https://nowhere.example.com/' + ctx.secrets.get('KEY'))",
        ["sent: 1", "  POST https://nowhere.example.com/‹secret:KEY› no answer"],
    ),
    "it counts its runs": (
        "ctx.files.upload('runs', str(ctx.db.query('plugin_jobs')[0]['runs'] + 10))",
        ["files: 1 changed", "  ~ runs: 2 bytes, other content"],
    ),
    "it fails after it has done something": (
        "ctx.emit('done', {}); raise ValueError",
        ["events: 1 added", "  + done: {}"],
    ),
}


@pytest.mark.parametrize("body", SAFE.values(), ids=SAFE)
def test_a_job_that_is_safe_to_repeat(body):
    """Its second run changes nothing, whatever the first did and however either ended."""
    month = simulate(daily(body), stocked(), duration="1d", twice=True)
    (run,) = month.runs
    assert (bool(run.repeated), repr(run.repeated), month.unsafe_to_repeat) == (False, "nothing changed", {})
    assert run.to_dict()["repeated"] == {"changed": {}, "sent": []}


@pytest.mark.parametrize(("body", "lines"), UNSAFE.values(), ids=UNSAFE)
def test_a_job_that_is_not_safe_to_repeat(body, lines):
    """The check shows what the second run changed or sent, without secrets."""
    month = simulate(daily(body), stocked(), duration="1d", twice=True)
    (run,) = month.runs
    assert (bool(run.repeated), repr(run.repeated).splitlines()) == (True, lines)
    assert month.unsafe_to_repeat == {"work": [run]}


def test_what_a_second_run_did_is_plain_json():
    """Changes by kind, and requests."""
    plugin = daily(f"ctx.emit('done', {{}}); ctx.http.post('{API}', json={{'total': 5}})")
    (run,) = simulate(plugin, stocked(), duration="1d", twice=True).runs
    assert json.loads(json.dumps(run.to_dict()["repeated"])) == {
        "changed": {"table orders": ["+ id 3: total 5"], "events": ["+ done: {}"]},
        "sent": [{"method": "POST", "url": API, "status": 201}],
    }


def everything(ctx):
    """Do a bit of everything, as far as the world and the job's own table of runs say."""
    number = ctx.db.query("plugin_jobs")[0]["runs"]
    time.sleep(number + 0.25)
    ctx.emit("ran", {"number": number, "at": time.strftime("%H:%M:%S")})
    ctx.files.upload(f"{number}.txt", ctx.llm.run(f"{number}")["text"])
    ctx.files.delete(f"{number - 2}.txt")
    ctx.secrets.set("KEY", f"k-{number:04}")
    ctx.http.post(API, json={"total": number})
    unsteady = ctx.http.get("https://unsteady.example.com/")["status_code"]
    return [number, unsteady, ctx.db.count("orders"), len(ctx.files.list()), ctx.db.query("plugin_jobs")]


def lively():
    """Make a world of which each run changes everything, and in which chance counts."""
    world = stocked()
    world.http.get("https://unsteady.example.com/").respond(200).failing(0.5)
    return world


def test_a_month_is_the_same_with_second_runs():
    """Runs, rows, files, secrets, events, the table of jobs, chance and all records are as without them."""
    plugin = daily(everything)
    worlds = lively(), lively()
    once, twice = (simulate(plugin, world, duration="10d", twice=world is worlds[1]) for world in worlds)
    assert [run.to_dict() | {"repeated": None} for run in twice.runs] == [run.to_dict() for run in once.runs]
    assert (once.usage, once.verdicts) == (twice.usage, twice.verdicts)
    apart = diff(*worlds)
    assert (apart.tables, apart.files, apart.secrets) == ({}, (), ())
    kept = [
        {
            "jobs": world.db.rows("plugin_jobs"),
            "events": list(world.events),
            "prompts": list(world.llm.calls),
            "requests": list(world.http.log),
            "calls": [world.http.calls.call_count, *(route.call_count for route in world.http.routes)],
            "chance": world.random.random(),
        }
        for world in worlds
    ]
    assert kept[0] == kept[1]
    assert kept[0]["calls"] == [20, 0, 10, 0, 0, 10]
    assert len(twice.unsafe_to_repeat["work"]) == 10


def asking(name):
    """Make a job that asks one API, and another one as well where it has run in this hour already."""

    @decorated(name, schedule="0 * * * *")
    def work(ctx):
        mark = time.strftime(f"{name} %H")
        if ctx.files.get(mark):
            ctx.http.get("https://other.example.com/")
        ctx.files.upload(mark, "")
        return ctx.http.get(API)["status_code"]

    return work


def test_a_fault_plan_does_not_notice_second_runs():
    """What they ask counts neither for a rate limit nor as something that the plan did."""
    plugin = Plugin.load({"first": asking("first"), "then": asking("then")})
    plan = FaultPlan(RateLimit("api.example.com", 2), Errors("other.example.com", 1.0))
    once, twice = (simulate(plugin, stocked(), duration="2h", faults=plan, twice=again) for again in (False, True))
    assert [run.value for run in twice.runs] == [200] * 4
    assert (once.runs, once.unused_faults) == (twice.runs, twice.unused_faults)
    assert once.unused_faults == plan.faults


class Bell:
    """A service of an extension: it counts how often jobs rang it."""

    rung = 0

    @hookimpl
    def sbh_services(self):
        """Offer itself."""
        return {"bell": self}

    def open(self, access):
        """Serve a run."""
        del access
        return self

    def ring(self):
        """Ring."""
        self.rung += 1

    def snapshot(self):
        """Tell the count."""
        return self.rung

    def restore(self, state):
        """Go back to a count."""
        self.rung = state


@pytest.mark.parametrize(
    ("body", "lines", "rung"),
    [("ctx.bell.ring()", ["services: 1 changed", "  ~ bell: its state"], 1), ("ctx.bell", [], 0)],
)
def test_a_service_of_an_extension_is_looked_at(body, lines, rung):
    """The check shows what the second run does with it, and the world takes it back."""
    world = World(extensions=[Bell()])
    (run,) = simulate(daily(body), world, duration="1d", twice=True).runs
    assert (list(run.repeated.lines()), world.bell.rung) == (lines, rung)


def test_moments_are_those_of_the_first_run():
    """`after`, and the world at an instant, know nothing of second runs."""
    month = simulate(daily("ctx.files.upload(f'{len(ctx.files.list())}', '')"), duration="3d", twice=True)
    assert [len(run.after.files.files) for run in month.runs] == [1, 2, 3]
    assert (len(month.at("2026-01-02T12:00").files), len(month.world.files)) == (2, 3)


def test_a_stream_has_second_runs_too():
    """One by one, without a history; between two runs time is real, and the world is as the first run left it."""
    world = World()
    plugin = daily("ctx.emit('ran', {'number': len(ctx.files.list())}); ctx.files.upload('one', '')")
    for run in Simulator(plugin, world, duration="3d", twice=True).runs():
        assert (len(run.events), len(world.events), is_virtual()) == (1, 1, False)
        assert repr(run.repeated) == 'events: 1 added\n  + ran: {"number": 1}'
        assert run.before is run.after is None


def test_a_second_run_takes_no_time():
    """However long it takes, the next fire time is met on time, and overlap is counted by first runs."""

    @decorated("slow", schedule="* * * * *")
    def slow(ctx):
        time.sleep(45)
        return ctx and time.strftime("%H:%M:%S")

    month = simulate(Plugin.load({"slow": slow}), World(time_limit=100), duration="3m", twice=True)
    assert [(run.outcome, run.value) for run in month.runs] == [
        ("ok", "00:00:45"),
        ("ok", "00:01:45"),
        ("ok", "00:02:45"),
    ]


def test_what_did_not_start_did_not_start_twice():
    """A skipped fire time has no second run, and needs none."""
    slow = decorated("slow", schedule="* * * * *")(lambda ctx: ctx.emit("ran", time.sleep(90)))
    month = simulate(Plugin.load({"slow": slow}), World(time_limit=100), duration="2m", twice=True)
    assert [(run.outcome, bool(run.repeated), run.repeated is None) for run in month.runs] == [
        ("ok", True, False),
        ("skipped", False, True),
    ]
    assert month.unsafe_to_repeat == {"slow": month.runs[:1]}


def test_nobody_knows_what_did_not_run_twice():
    """A month without second runs does not pass for one whose jobs are safe; one without runs has none that is not."""
    with pytest.raises(WorldError) as refused:
        _ = simulate(daily("return 1"), World(), duration="1d").unsafe_to_repeat
    assert str(refused.value) == (
        "nothing ran twice, so it is not known which jobs are idempotent: use simulate(…, twice=True)"
    )
    assert simulate(daily("return 1"), World(), duration="1h").unsafe_to_repeat == {}


def test_ctrl_c_in_a_second_run_leaves_what_the_first_run_left(ctrl_c):
    """The world, the table of jobs and the process are as after the first run."""
    seen = []

    def work(ctx):
        ctx.files.upload(f"{len(ctx.files.list())}.txt", "")
        seen.append(1)
        if len(seen) == 2:
            ctrl_c()

    world = World()
    with pytest.raises(KeyboardInterrupt):
        simulate(daily(work), world, duration="3d", twice=True)
    assert (list(world.files), is_virtual()) == (["0.txt"], False)
    assert [(row["status"], row["runs"]) for row in world.db.rows("plugin_jobs")] == [("completed", 1)]
