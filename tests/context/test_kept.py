"""A context that a plugin keeps from an earlier run, as lazy clients do: it belongs to the run that goes on."""

from __future__ import annotations

import pytest

from sbh_jobkit import Budget, FaultPlan, Outage, Plugin, World, run_job, simulate
from sbh_jobkit.errors import ContextEnded

TOP = """from src.ext.sdk import job
import contextvars, copy, functools, threading; from concurrent.futures import ThreadPoolExecutor
kept, pool, own, variable, CALL = [], ThreadPoolExecutor(1), threading.local(), contextvars.ContextVar("k"), {call}
using = lambda ctx: (ctx.secrets.get(k + ctx.http.get(u)['text']) or ctx.emit('a', {}) for k, u in [CALL] * 9)
class Client:
    def __init__(self, ctx):
        self.get, self.http, self.secrets = ctx.http.get, ctx.http, ctx.secrets

@job("work", schedule="@daily")
def work(ctx):
    if not kept:
        kept.append({kept})
    it = kept[0]
    {use}
"""
USES = {
    "the context": ("ctx", "it.emit('a', {{}}); it.http.get('https://nowhere.example/'); it.secrets.get('KEY')"),
    "a member": ("ctx.http", "it.get('https://nowhere.example/'); ctx.secrets.get('KEY'); ctx.emit('a', {{}})"),
    "a method": ("ctx.http.get", "it('https://nowhere.example/'); ctx.secrets.get('KEY'); ctx.emit('a', {{}})"),
    "a client": ("Client(ctx)", "it.get('https://nowhere.example/'); it.secrets.get('KEY'); ctx.emit('a', {{}})"),
    "a closure": (
        "lambda: ctx",
        "it().emit('a', {{}}); it().http.get('https://nowhere.example/'); it().secrets.get('KEY')",
    ),
    "a copy": ("copy.copy(ctx)", "it.emit('a', {{}}); it.http.get('https://nowhere.example/'); it.secrets.get('KEY')"),
    "a copy of a member": (
        "copy.deepcopy(ctx.http)",
        "it.get('https://nowhere.example/'); ctx.secrets.get('KEY'); ctx.emit('a', {{}})",
    ),
    "a partial call": (
        "functools.partial(ctx.http.get, 'https://nowhere.example/')",
        "it(); ctx.secrets.get('KEY'); ctx.emit('a', {{}})",
    ),
    "a generator": ("using(ctx)", "next(it)"),
    "a thread's own": (
        "pool.submit(lambda: vars(own).update(ctx=ctx) or own).result()",
        (
            "pool.submit(lambda: own.ctx.http.get('https://nowhere.example/')).result(); "
            "ctx.secrets.get('KEY'); ctx.emit('a', {{}})"
        ),
    ),
    "a context variable": (
        "(variable.set(ctx), variable)[1]",
        "ctx.emit('a', {{}}); it.get().http.get('https://nowhere.example/'); ctx.secrets.get('KEY')",
    ),
    "a method of the context": (
        "ctx.emit",
        "it('a', {{}}); ctx.http.get('https://nowhere.example/'); ctx.secrets.get('KEY')",
    ),
}


@pytest.fixture
def loaded(tmp_path):
    """Load a plugin that keeps something of its first run, and uses it in every run."""

    def load(kept, use):
        text = (
            TOP.replace("{call}", "('KEY', 'https://nowhere.example/')")
            .replace("{kept}", kept)
            .replace("{use}", use.replace("{{", "{").replace("}}", "}"))
        )
        (tmp_path / "main.py").write_text(text)
        (tmp_path / "plugin.json").write_text('{"slug": "shop", "name": "Shop"}')
        return Plugin.load(tmp_path)

    return load


@pytest.mark.parametrize(("kept", "use"), USES.values(), ids=USES)
@pytest.mark.parametrize("target", ["guide", "host"])
def test_what_it_does_belongs_to_the_run_that_goes_on(loaded, kept, use, target):
    """Every run has its own faults, calls and events, and from the second on the fault `context-kept`, once."""
    world = World(target=target)
    runs = simulate(loaded(kept, use), world, duration="3d").runs
    kinds = [[fault.kind for fault in run.faults if fault.kind[0] != "D"] for run in runs]
    usual = ["http-unmatched", "secret-missing"] if target == "guide" else ["secret-missing"]
    assert [sorted(set(each) - {"context-kept"}) for each in kinds] == [usual] * 3
    assert [each.count("context-kept") for each in kinds] == [0, 1, 1]
    assert [(len(run.events), len(run.http_calls)) for run in runs] == [(1, 1)] * 3
    (fault,) = [fault for fault in runs[1].faults if fault.kind == "context-kept"]
    assert fault.place == ("main.py:4" if kept == "using(ctx)" else "main.py:14")
    assert fault.advice == "make it in the job, from the ctx of this run, and not once at module level"


def test_permissions_budgets_and_fault_plans_are_those_of_the_run(loaded):
    """Nothing of what holds for a run is escaped by a member of an earlier one."""
    plugin = loaded("ctx.http", "return it.get('https://api.example.com/')['status_code']")
    world = World()
    world.http.get("https://api.example.com/").respond(200)
    plan = FaultPlan(Outage("api.example.com", "2026-01-02", "2026-01-03"))
    simulation = simulate(plugin, world, duration="3d", faults=plan)
    assert [run.value for run in simulation.runs] == [200, 0, 200]
    assert simulation.usage.http_calls == 3
    assert Budget.read(["http_calls=1"]).exceeded(simulation.usage)
    denied = World(permissions=[])
    run = run_job(plugin.jobs["work"], denied, at="2026-02-01")
    assert [fault.kind for fault in run.faults] == ["context-kept", "permission-denied"]


def test_in_another_world_it_is_of_that_world(loaded):
    """The second test of a process has the plugin's client of the first one, and its own world."""
    plugin = loaded("ctx", "return it.secrets.get('KEY')")
    first, second = World(), World("globex")
    first.secrets["KEY"], second.secrets["KEY"] = "of the first", "of the second"
    first.allow = second.allow = ["secret-leaked", "context-kept"]
    assert run_job(plugin.jobs["work"], first, at="2026-01-01").value == "‹secret:KEY›"
    assert run_job(plugin.jobs["work"], second, at="2026-01-01").value == "‹secret:KEY›"
    second.secrets["KEY"] = "none"
    again = run_job(plugin.jobs["work"], second, at="2026-01-01")
    assert again.faults[0].kind == "context-kept"


@pytest.mark.parametrize(
    ("kept", "call", "name"),
    [
        ("ctx", lambda it: it.secrets, "ctx"),
        ("ctx", lambda it: it.emit("a", {}), "ctx"),
        ("ctx.http", lambda it: it.get("https://api.example.com/"), "ctx.http"),
        ("ctx.files.list", lambda it: it(), "ctx.files"),
        ("ctx.db", lambda it: it.count("users"), "ctx.db"),
        ("ctx.llm", lambda it: it.run("hi"), "ctx.llm"),
        ("ctx.secrets", lambda it: it.get("KEY"), "ctx.secrets"),
    ],
)
def test_where_no_run_goes_on_it_is_refused(loaded, kept, call, name):
    """Between two runs there is nothing that it could belong to."""
    plugin = loaded(kept, "pass")
    run_job(plugin.jobs["work"], World(), at="2026-01-01")
    with pytest.raises(ContextEnded) as caught:
        call(plugin.jobs["work"].function.__globals__["kept"][0])
    assert str(caught.value) == (
        f"{name} was used when its run had ended, and no other run goes on; "
        "make it in the job, from the ctx of this run, and not once at module level"
    )


def test_a_double_made_past_copy_is_refused(loaded):
    """What has the state of an ended run does nothing more, and the run that goes on says so."""
    made = "(double := object.__new__(type(ctx)), vars(double).update(vars(ctx)))[0]"
    plugin = loaded(made, "try: it.emit('a', {{}})\n    except Exception as error: return str(error)")
    first, second = simulate(plugin, World(), duration="2d").runs
    assert (len(first.events), len(second.events)) == (1, 0)
    why = "make it in the job, from the ctx of this run, and not once at module level"
    assert second.value == f"ctx.emit was used when its run had ended; {why}"
    assert [fault.kind for fault in second.faults] == ["context-kept"]


def test_a_context_of_a_test_is_of_no_run():
    """`world.context()` and `PluginContext("t")` work for as long as the test does."""
    from sbh_jobkit.context.context import PluginContext

    ctx = PluginContext("acme")
    ctx.emit("a", {})
    assert (ctx.secrets.has("KEY"), World().context().files.list()) == (False, [])


@pytest.mark.parametrize("look", [dir, repr, lambda it: it.tenant_id, lambda it: it.__class__, lambda it: [*vars(it)]])
def test_to_look_at_it_is_no_use_of_it(loaded, look):
    """A debugger or a notebook lists the members of what is kept, in a later run and between runs."""
    plugin = loaded("ctx", "LOOK(it)")
    work = plugin.jobs["work"].function
    work.__globals__["LOOK"] = look
    assert [run.faults for run in simulate(plugin, World(), duration="3d").runs] == [(), (), ()]
    (it,) = work.__globals__["kept"]
    look(it)
    assert {"http", "files", "emit", "tenant_id"} <= {*dir(it)}
